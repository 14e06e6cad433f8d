"""The way back to Hugging Face's layout: numbers, configurations, tokenizers."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bancada.catalog.safetensors_header import check_safetensors
from bancada.core.errors import BancadaError
from bancada.core.paths import resources
from bancada.engines.conversion.compare import compare_tokenizers
from bancada.engines.conversion.failures import typed
from bancada.engines.conversion.hf_config import Metadata, llama3_factors, make_config
from bancada.engines.conversion.hf_family import family_of, hf_name
from bancada.engines.conversion.safetensors_writer import SafetensorsWriter, TensorEntry, encoded
from bancada.engines.llama_native import NativeModel

pytest.importorskip("sentencepiece")
gguf = pytest.importorskip("gguf")

from bancada.engines.conversion.hf_tokenizer import Vocabulary, write_tokenizer  # noqa: E402

FACTS: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.embedding_length": 64,
    "llama.feed_forward_length": 96,
    "llama.block_count": 2,
    "llama.context_length": 131_072,
    "llama.attention.layer_norm_rms_epsilon": float(np.float32(1e-5)),
    "llama.rope.freq_base": 500_000.0,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.padding_token_id": 0xFFFFFFFF,
}


def config(rope: dict[str, Any] | None = None, **facts: Any) -> dict[str, Any]:
    found = Metadata(FACTS | {f"llama.{key}": value for key, value in facts.items()})
    return make_config(
        family_of("llama"), found, rope or {}, dtype="F16", vocabulary=300, tied=True, biased=False
    )


def test_numbers_are_rounded_to_the_nearest_even() -> None:
    values = np.array([1.0, -2.5, 1.00390625, 1.01171875, 3.0e38, 0.1], dtype=np.float32)
    halves = np.frombuffer(encoded("x", values[[0, 1, 5]], "F16"), "<f2")
    assert halves.tolist() == [1.0, -2.5, 0.0999755859375]
    uppers = np.frombuffer(encoded("x", values, "BF16"), "<u2").astype("<u4") << 16
    assert uppers.view("<f4") == pytest.approx(
        [1.0, -2.5, 1.0, 1.015625, 3.00405527047391e38, 0.10009765625], rel=1e-12
    )
    assert encoded("x", values, "F32") == values.tobytes()


@pytest.mark.parametrize(("value", "dtype", "code"), [
    (float("nan"), "F32", "convert.bad_numbers"),
    (float("inf"), "F16", "convert.bad_numbers"),
    (70_000.0, "F16", "convert.overflow"),
])  # fmt: skip
def test_numbers_that_cannot_be_kept_name_their_tensor(value: float, dtype: str, code: str) -> None:
    with pytest.raises(BancadaError) as caught:
        encoded("the.tensor", np.array([value], dtype=np.float32), dtype)
    assert (caught.value.code, caught.value.params["tensor"]) == (code, "the.tensor")


def test_a_written_file_passes_our_own_check(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    entries = [TensorEntry("a", (2, 3)), TensorEntry("b", (4,))]
    with SafetensorsWriter(path, "F16", entries) as writer:
        writer.add("a", np.ones((2, 3), dtype=np.float32))
        with pytest.raises(ValueError, match="announced"):
            writer.add("c", np.ones(4, dtype=np.float32))
    with SafetensorsWriter(path, "F16", entries) as writer:
        for one in entries:
            writer.add(one.name, np.ones(one.shape, dtype=np.float32))
    assert check_safetensors(path) == 2


def test_what_the_configuration_says() -> None:
    found = config()
    assert (found["rms_norm_eps"], found["rope_theta"], found["head_dim"]) == (1e-05, 500_000.0, 16)
    assert (found["eos_token_id"], found["pad_token_id"], found["bos_token_id"]) == (2, None, None)
    assert (found["tie_word_embeddings"], found["rope_scaling"]) == (True, None)


def test_stretched_positions() -> None:
    four: dict[str, Any] = {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}
    linear = config(**four)
    assert linear["rope_scaling"] == {"type": "linear", "rope_type": "linear", "factor": 4.0}
    stored = llama3_factors(500_000.0, 16, factor=8.0, original=8_192)
    assert stored[0] == 1.0
    assert stored[-1] == 8.0
    scaling = config({"rope_freqs.weight": stored})["rope_scaling"]
    assert (scaling["factor"], scaling["original_max_position_embeddings"]) == (8.0, 8_192)
    for bad in ({"rope_freqs.weight": stored * 3}, None):
        other: dict[str, Any] = {"rope.scaling.type": "other", "rope.scaling.factor": 2.0}
        with pytest.raises(BancadaError) as caught:
            config(bad, **other)
        assert caught.value.code == "convert.rope_unknown"


def test_unknown_architectures_and_tensors() -> None:
    with pytest.raises(BancadaError) as caught:
        family_of("mamba")
    assert caught.value.code == "convert.architecture_unsupported"
    assert (
        hf_name(family_of("gemma2"), "blk.7.ffn_norm.weight")
        == "model.layers.7.pre_feedforward_layernorm.weight"
    )
    with pytest.raises(BancadaError) as caught:
        hf_name(family_of("llama"), "blk.0.ffn_gate_exps.weight")
    assert caught.value.code == "convert.tensor_unknown"


def test_the_starter_models_tokenizer_is_the_engines(smollm2: Path, tmp_path: Path) -> None:
    """Byte-level BPE with digits one by one: the very rule that other readers of GGUF lose."""
    reader = gguf.GGUFReader(smollm2)
    metadata = Metadata({name: one.contents() for name, one in reader.fields.items()})
    native = NativeModel(str(smollm2), vocabulary_only=True)
    try:
        vocabulary = Vocabulary.read(metadata, adds_bos=bool(native.adds_bos))
        write_tokenizer(tmp_path, vocabulary, metadata)
        text = (resources() / "conversion" / "tokenizer_check.txt").read_text("utf-8")
        assert compare_tokenizers(native, tmp_path / "tokenizer.json", text) > 2_000
        # with another rule it is not, and that is told
        write_tokenizer(tmp_path, replace(vocabulary, rule="gpt-2"), metadata)
        with pytest.raises(BancadaError) as caught:
            compare_tokenizers(native, tmp_path / "tokenizer.json", text)
        assert caught.value.code == "convert.tokenizer_differs"
        with pytest.raises(BancadaError) as caught:
            write_tokenizer(tmp_path, replace(vocabulary, rule="unheard-of"), metadata)
        assert caught.value.code == "convert.tokenizer_unsupported"
    finally:
        native.close()


@pytest.mark.parametrize(
    ("error", "code", "params"),
    [
        (
            ValueError("Can not map tensor 'model.odd.weight'"),
            "convert.tensor_unknown",
            {"tensor": "model.odd.weight"},
        ),
        (NotImplementedError("BPE pre-tokenizer was not recognized"), "convert.tokenizer_unsupported", {}),
        (
            NotImplementedError("Architecture 'X' not supported!"),
            "convert.architecture_unsupported",
            {"architecture": "X"},
        ),
        (MemoryError(), "convert.out_of_memory", {}),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "convert.out_of_memory", {}),
        (OSError(28, "No space left on device", "/x"), "worker.disk_full", {"path": "/x"}),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            "convert.not_installed",
            {"missing": "torch"},
        ),
        (KeyError("oops"), "convert.tool_failed", {"detail": "KeyError: 'oops'"}),
        (BancadaError("convert.no_answer", count=0), "convert.no_answer", {"count": 0}),
    ],
)
def test_what_others_raise_becomes_words(error: BaseException, code: str, params: dict[str, Any]) -> None:
    found = typed(error, "gguf")
    assert found.code == code
    assert found.params.items() >= params.items()
    assert "(" not in found.to_json()["code"]


def test_the_safetensors_header_is_little_endian(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    with SafetensorsWriter(path, "F32", [TensorEntry("a", (1,))]) as writer:
        writer.add("a", np.array([7.0], dtype=np.float32))
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    assert content[8 + length :] == struct.pack("<f", 7.0)
