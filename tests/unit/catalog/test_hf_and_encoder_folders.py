"""Folders in Hugging Face's layout and folders with ONNX encoders, as an import meets them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import onnx_bytes as ob
from bancada.catalog import onnx_encoder
from bancada.catalog.inspection import inspect_import
from bancada.core.errors import BancadaError

TENSOR = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


def hf(folder: Path, *shards: str) -> Path:
    folder.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 3}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    for index, name in enumerate(shards):
        raw = json.dumps({f"t{index}": TENSOR}).encode()
        (folder / name).write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(16))
    return folder


def refused(folder: Path) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        inspect_import(folder)
    return caught.value


def test_what_is_taken_and_what_stays_outside(tmp_path: Path) -> None:
    folder = hf(tmp_path / "Small", "model.safetensors")
    for name in ("modeling_own.py", "pytorch_model.bin", "picture.png"):
        (folder / name).write_bytes(b"x")
    (folder / "onnx").mkdir()
    plan = inspect_import(folder)
    assert set(plan.files) == {"config.json", "tokenizer.json", "model.safetensors"}
    assert (plan.name, plan.format, plan.architecture, plan.layers) == ("Small", "hf", "llama", 3)
    assert (plan.parameters, plan.bits_per_weight, plan.path) == (4, 32.0, folder)
    assert "modeling_own.py" in plan.warnings[-1]
    assert "pytorch_model.bin" in plan.warnings[-1]


def test_of_two_copies_of_the_weights_one_counts(tmp_path: Path) -> None:
    plan = inspect_import(hf(tmp_path / "a", "model.safetensors", "consolidated.safetensors"))
    assert [one for one in plan.files if one.endswith(".safetensors")] == ["model.safetensors"]
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    folder = hf(tmp_path / "b", *names, "consolidated.safetensors")
    index = {"weight_map": {"t0": names[0], "t1": names[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert inspect_import(folder).parameters == 8
    (folder / names[1]).unlink()
    assert refused(folder).code == "model.hf_config"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_links_are_refused(tmp_path: Path, name: str) -> None:
    folder = hf(tmp_path / "a", "model.safetensors")
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    assert refused(folder).code == "model.unsafe_path"


def encoder(folder: Path, location: str = "model.onnx.data", **entries: str) -> Path:
    outside = {"location": location, "offset": "0", "length": "4096", **entries}
    tensor = ob.stored("w", (32, 32), external=outside)
    ob.write_folder(folder, ob.model(ob.graph((ob.node("MatMul"),), (tensor,))))
    (folder / "genai_config.json").unlink()
    config = {"model_type": "bert", "num_hidden_layers": 2, "max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_an_encoder_is_no_generator(tmp_path: Path) -> None:
    plan = inspect_import(encoder(tmp_path / "Vectors"))
    assert (plan.format, plan.architecture, plan.quantization) == (onnx_encoder.FORMAT, "bert", "fp32")
    assert (plan.parameters, plan.layers, plan.context_length) == (1024, 2, 512)
    assert set(plan.files) == {"model.onnx", "model.onnx.data", "config.json", "tokenizer.json"}


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/../../secret", "C:\\secret", ""])
def test_external_data_outside_the_folder(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(4096))
    assert refused(encoder(tmp_path / "m", location)).code == "model.unsafe_path"


@pytest.mark.parametrize("kind", ["symlink", "hard link", "folder link"])
def test_external_data_that_is_a_link(tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(4096))
    folder = encoder(tmp_path / "m", "weights")
    if kind == "symlink":
        (folder / "weights").symlink_to(tmp_path / "secret")
    elif kind == "hard link":
        os.link(tmp_path / "secret", folder / "weights")
    else:
        (folder / "weights").symlink_to(tmp_path, target_is_directory=True)
    assert refused(folder).code == "model.unsafe_path"


def test_encoders_that_lack_something(tmp_path: Path) -> None:
    assert refused(encoder(tmp_path / "a", length="8192")).code == "model.incomplete"
    for name in ("config.json", "tokenizer.json"):
        folder = encoder(tmp_path / name)
        (folder / name).unlink()
        assert refused(folder).code == "model.onnx_config"
    folder = encoder(tmp_path / "b")
    (folder / "model.onnx").write_bytes(
        ob.model(ob.graph((ob.node("Run", "com.evil"),), (ob.stored("w", (2,)),)))
    )
    assert refused(folder).code == "model.custom_operators"
