"""Which conversions there are, what they are called and what they need."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bancada.core.errors import BancadaError
from bancada.quantization import conversion
from bancada.quantization.conversion import ConversionPlan, Source
from bancada.quantization.tools import converter_folder, find_tools, require_tools

GGUF = Source("Small", "gguf", 1_000_000_000)
LLAMA = Source("Small", "hf", 1_000_000_000, ("LlamaForCausalLM",))
VECTORS = Source("Vectors", "hf", 30_000_000, ("BertModel",))


def code(source: Source, target: str, kind: str = "", provider: str = "cpu") -> str:
    with pytest.raises(BancadaError) as caught:
        conversion.plan(source, target, kind, provider)
    return caught.value.code


@pytest.mark.parametrize(
    ("source", "target", "kind", "stages"),
    [
        (LLAMA, "gguf", "f16", ("gguf",)),
        (LLAMA, "onnx", "int4", ("generator",)),
        (GGUF, "hf", "f16", ("dequantize",)),
        (GGUF, "gguf", "f16", ("dequantize", "gguf")),
        (GGUF, "onnx", "int4", ("dequantize", "generator")),
        (VECTORS, "onnx", "fp32", ("encoder",)),
        (replace(VECTORS, architectures=("BertForSequenceClassification",)), "onnx", "fp32", ("encoder",)),
    ],
)
def test_the_way_from_each_source(source: Source, target: str, kind: str, stages: tuple[str, ...]) -> None:
    plan = conversion.plan(source, target)
    assert (plan.type, plan.stages) == (kind, stages)


def test_what_there_is_no_way_for() -> None:
    assert code(LLAMA, "hf") == "convert.same_format"
    assert code(LLAMA, "tflite") == "convert.target_unknown"
    assert code(LLAMA, "onnx", provider="qnn") == "convert.target_unknown"
    assert code(LLAMA, "gguf", "q4_k_m") == "convert.type_unknown"
    assert code(LLAMA, "onnx", "fp16") == "convert.type_unknown"
    assert code(VECTORS, "onnx", "int4") == "convert.type_unknown"
    assert code(replace(LLAMA, format="onnx"), "gguf") == "convert.source_unsupported"
    assert (
        code(replace(LLAMA, architectures=("MambaForCausalLM",)), "onnx")
        == "convert.architecture_unsupported"
    )
    assert conversion.plan(LLAMA, "onnx", "FP16", "cuda").provider == "cuda"


def test_forecasts_grow_with_the_type_and_with_what_lies_between() -> None:
    sizes = [conversion.plan(LLAMA, "gguf", one).result_bytes for one in ("q8_0", "f16", "f32")]
    assert sizes == sorted(sizes)
    assert 2.0e9 < sizes[1] < 2.1e9
    direct, around = conversion.plan(LLAMA, "gguf"), conversion.plan(GGUF, "gguf")
    assert direct.disk_bytes == direct.result_bytes
    assert around.disk_bytes > around.result_bytes + 4e9
    untied = conversion.plan(replace(LLAMA, embedding=100_000_000), "onnx", "int4")
    assert untied.result_bytes == conversion.plan(LLAMA, "onnx", "int4").result_bytes + 400_000_000
    tied = conversion.plan(replace(LLAMA, embedding=100_000_000, tied=True), "onnx", "int4")
    assert tied.result_bytes == untied.result_bytes - 400_000_000


@pytest.mark.parametrize(
    ("name", "target", "kind", "expected"),
    [
        ("Small", "gguf", "q8_0", "Small-Q8_0"),
        ("Small-HF-F32", "gguf", "f16", "Small-F16"),
        ("Small-F16", "hf", "bf16", "Small-HF-BF16"),
        ("Small-ONNX-int4", "gguf", "f16", "Small-F16"),
        ("Small", "onnx", "int4", "Small-ONNX-int4"),
    ],
)
def test_names_say_what_was_made(name: str, target: str, kind: str, expected: str) -> None:
    plan = ConversionPlan(target, kind, "cpu" if target == "onnx" else "", "text-generation", (), 0, 0, 0)
    assert conversion.result_name(name, plan) == expected


def test_another_device_is_in_the_name() -> None:
    plan = conversion.plan(LLAMA, "onnx", "fp16", "cuda")
    assert conversion.result_name("Small", plan) == "Small-ONNX-fp16-cuda"


def test_code_and_tokenizers() -> None:
    asking = {"config.json": {"auto_map": {"AutoModel": "own.Own"}, "model_type": "phi3"}}
    with pytest.raises(BancadaError) as caught:
        conversion.check_code(asking, ignore=False)
    assert (caught.value.code, caught.value.params["files"]) == ("convert.remote_code", "config.json")
    conversion.check_code(asking, ignore=True)
    assert conversion.without_code(asking["config.json"]) == {"model_type": "phi3"}
    conversion.check_tokenizer(["config.json", "vocab.json", "merges.txt"])
    with pytest.raises(BancadaError) as caught:
        conversion.check_tokenizer(["config.json", "vocab.json"])
    assert caught.value.code == "convert.tokenizer_missing"


def test_a_changed_converter_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not find_tools().ready:
        pytest.skip("the set-up was made without --convert")
    note = json.loads((converter_folder() / "origin.json").read_bytes())
    script = (converter_folder() / "convert_hf_to_gguf.py").read_bytes()
    assert note["files"]["convert_hf_to_gguf.py"] == hashlib.sha256(script).hexdigest()
    assert "LICENSE" in note["files"]
    copy = tmp_path / "share/bancada/llama_convert"
    shutil.copytree(converter_folder(), copy)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert require_tools("gguf").converter == copy
    (copy / "conversion" / "base.py").write_text("raise SystemExit", encoding="utf-8")
    with pytest.raises(BancadaError) as caught:
        require_tools("gguf")
    assert caught.value.code == "convert.tool_damaged"
    shutil.rmtree(copy)
    with pytest.raises(BancadaError) as caught:
        require_tools("gguf")
    assert (caught.value.code, find_tools().ready) == ("convert.not_installed", False)
