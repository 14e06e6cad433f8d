"""The forecast's formula: each item by what it depends on, and what goes to a GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bancada.catalog.forecast import (
    BATCH,
    ITEMS,
    Load,
    MemoryForecast,
    ModelFacts,
    compute_bytes,
    forecast,
    is_read,
    kv_cache_bytes,
    repacked_types,
)
from bancada.catalog.inspection import inspect_import
from bancada.catalog.library import Library
from bancada.core.errors import BancadaError
from bancada.core.hardware import Hardware
from bancada.engines.llama_native import BATCH as ENGINE_BATCH
from bancada.engines.llama_package import native
from bancada.storage.models import VersionRecord
from library_worker import Worker
from tiny_gguf import write_tiny_gguf

MIB = 1 << 20
#: SmolLM2-135M: 30 layers, 3 heads of 64 for keys and for values
SMOLLM2 = ModelFacts(576, 9, (3,) * 30, 64, 64, 49_152, 1_536)


@pytest.fixture
def version(worker: Worker, library: Library, tmp_path: Path) -> VersionRecord:
    return library.find(worker.take_in(write_tiny_gguf(tmp_path / "tiny.gguf"))["version_id"])


def test_the_formula_is_about_the_engine_that_is_used() -> None:
    assert BATCH == ENGINE_BATCH
    # whole caches also for layers with a sliding window; weights repacked where it is faster
    assert native.llama_context_default_params().swa_full
    assert native.llama_model_default_params().use_extra_bufts


@pytest.mark.parametrize(
    ("load", "reported"),
    [
        # what llama.cpp 0.3.36 reports as its compute buffer, in MiB
        (Load(512), 7.01),
        (Load(2_048), 7.76),
        (Load(8_192, "q8_0"), 10.22),
        # and the 16-bit scores of 9 heads in its work buffer
        (Load(2_048, flash_attention=False), 23.19 + 9.0),
    ],
)
def test_compute_buffers_are_as_the_engine_reports_them(load: Load, reported: float) -> None:
    assert compute_bytes(SMOLLM2, load) / MIB == pytest.approx(reported, rel=0.12)


def test_only_what_is_used_of_the_context_is_computed_with() -> None:
    full, part = Load(8_192, flash_attention=False), Load(8_192, flash_attention=False, filled=1_000)
    assert compute_bytes(SMOLLM2, part) < compute_bytes(SMOLLM2, full) / 4
    assert compute_bytes(SMOLLM2, replace(full, filled=99_999)) == compute_bytes(SMOLLM2, full)
    assert compute_bytes(SMOLLM2, Load(8_192, filled=1)) < MIB
    unknown = replace(SMOLLM2, feed_forward=0)
    assert compute_bytes(unknown, full) == pytest.approx(compute_bytes(SMOLLM2, full), rel=0.1)


def test_a_cache_may_differ_from_layer_to_layer() -> None:
    uneven = replace(SMOLLM2, kv_heads=(3, 0, 1), key_length=128, value_length=64)
    assert kv_cache_bytes(uneven, 512, "f16") == 512 * 4 * (128 + 64) * 2
    assert kv_cache_bytes(uneven, 512, "q8_0") == 512 * 4 * (128 + 64) * 34 // 32


def test_weights_are_told_by_type_and_few_that_are_copied_count_twice(version: VersionRecord) -> None:
    facts = ModelFacts.from_metadata(version.metadata["facts"])
    whole = forecast(version, Load(256, repacks=frozenset()))
    few = replace(version, metadata={"facts": {**version.metadata["facts"], "matrices": {"F32": 5_000}}})
    copied = forecast(few, Load(256, repacks=frozenset({"F32"})))
    assert tuple(one.name for one in whole.items) == ITEMS
    assert whole.by_name()["repacked"] == 0
    assert dict(whole.items[0].parts) == dict(facts.weights)
    assert 0.9 * version.size_bytes < whole.by_name()["weights"] <= version.size_bytes
    # the embedding is looked up and not multiplied with, so that it is never copied
    assert 0 < sum(size for _, size in facts.matrices) < whole.by_name()["weights"]
    assert copied.by_name()["repacked"] == 5_000
    assert copied.total_bytes == whole.total_bytes + 5_000
    assert len(facts.layer_bytes) == 2
    assert sum(facts.layer_bytes) < whole.by_name()["weights"]
    assert facts.feed_forward == 64
    assert ModelFacts.from_metadata(facts.to_metadata()) == facts


def test_what_was_imported_before_counts_by_its_main_type(version: VersionRecord) -> None:
    old = {key: value for key, value in version.metadata["facts"].items() if key in OLD_FACTS}
    found = forecast(replace(version, metadata={"facts": old}), Load(256, repacks=frozenset({"F32"})))
    assert found.by_name()["weights"] == version.size_bytes
    assert found.by_name()["repacked"] == 0


def test_a_file_whose_weights_are_copied_is_read_and_they_count_once(
    version: VersionRecord, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = frozenset({"F32"})
    assert is_read(version, copies)
    assert forecast(version, Load(256, repacks=copies)) == forecast(version, Load(256, repacks=frozenset()))
    # what goes to a GPU is taken out of the mapped file, and an ONNX model has its own reader
    assert not is_read(version, copies, 1)
    assert not is_read(replace(version, format="onnx"), copies)
    assert not is_read(version, frozenset({"Q4_K"}))
    # the engine is told the same
    assert library.load_spec(version.id, context=256).mapped
    monkeypatch.setattr("bancada.catalog.library.repacked_types", lambda machine: copies)
    assert not library.load_spec(version.id, context=256).mapped
    assert library.load_spec(version.id, context=256, gpu_layers=1).mapped


OLD_FACTS = ("embedding_length", "heads", "kv_heads", "key_length", "value_length", "vocabulary")


def test_an_onnx_model_is_neither_repacked_nor_split(version: VersionRecord) -> None:
    onnx = replace(version, format="onnx", quantization="fp16")
    found = forecast(onnx, Load(256, "q8_0", gpu_layers=3, repacks=frozenset({"F32", "fp16"})))
    assert found.gpu_bytes == found.by_name()["repacked"] == 0
    assert found.by_name()["kv_cache"] == forecast(version, Load(256)).by_name()["kv_cache"]


def test_an_unknown_cache_type_is_refused(version: VersionRecord) -> None:
    with pytest.raises(BancadaError) as caught:
        forecast(version, Load(256, "q9"))
    assert caught.value.code == "model.cache_type_unknown"


def test_layers_go_to_the_gpu_with_their_weights_and_caches(version: VersionRecord) -> None:
    def at(layers: int) -> MemoryForecast:
        return forecast(version, Load(256, gpu_layers=layers, repacks=frozenset({"F32"})))

    none, one, both, output = at(0), at(1), at(2), at(3)
    assert none.gpu_bytes == 0
    assert one.by_name()["kv_cache"] * 2 == none.by_name()["kv_cache"]
    assert both.by_name()["kv_cache"] == 0
    facts = ModelFacts.from_metadata(version.metadata["facts"])
    assert none.by_name()["weights"] - both.by_name()["weights"] == sum(facts.layer_bytes)
    assert both.by_name()["weights"] - output.by_name()["weights"] == facts.output_bytes
    assert none.gpu_bytes < one.gpu_bytes < both.gpu_bytes < output.gpu_bytes
    assert at(99) == output


def _machine(architecture: str, *features: str) -> Hardware:
    return Hardware("Linux", "a processor", architecture, features, 2, 2, 2, 8 << 30, ())


def test_what_is_repacked_depends_on_the_processor() -> None:
    plain = repacked_types(_machine("x86_64", "avx2"))
    assert "Q4_0" in plain
    assert not plain & {"Q8_0", "Q2_K", "Q6_K"}
    assert "Q2_K" in repacked_types(_machine("x86_64", "avx512f"))
    assert "Q6_K" in repacked_types(_machine("x86_64", "avx512f", "amx_int8"))
    assert "Q8_0" in repacked_types(_machine("aarch64"))


def test_the_plan_of_an_import_tells_the_tensors(tmp_path: Path) -> None:
    facts = inspect_import(write_tiny_gguf(tmp_path / "tiny.gguf")).metadata["facts"]
    assert set(facts["weights"]) == {"F32"}
    assert facts["output_bytes"] > 0
