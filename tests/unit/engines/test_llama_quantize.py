"""Quantization by the engine itself: exact sizes beforehand, real files, refusals in words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bancada.catalog.gguf_header import read_header
from bancada.core.errors import BancadaError, Canceled
from bancada.engines.llama_native import NativeModel
from bancada.engines.llama_quantize import Matrix, dry_run, quantize
from bancada.quantization.types import TYPES
from tiny_gguf import TinyModel, write_tiny_gguf

#: they take seconds even of so small a model; what they store is also in the other types
SLOW = {"IQ1_M", "IQ1_S", "IQ3_XXS"}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of 256, wide enough for every type."""
    model = TinyModel(layers=1, width=256, hidden=256)
    return write_tiny_gguf(tmp_path_factory.mktemp("wide") / "wide.gguf", model)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of 32: types with blocks of 256 fall back."""
    return write_tiny_gguf(tmp_path_factory.mktemp("narrow") / "narrow.gguf", TinyModel(layers=1))


def make(source: Path, target: Path, kind: str, **options: object) -> Path:
    settings = {
        "threads": 1,
        "on_tensors": lambda _done, _total: None,
        "should_stop": lambda: False,
        **options,
    }
    quantize(source, target, kind, **settings)  # type: ignore[arg-type]
    return target


def weights(path: Path) -> Matrix:
    """A matrix that fits the model: more weight on the first columns."""
    return {
        one.name: np.linspace(2, 0.1, one.dimensions[0], dtype=np.float32)
        for one in read_header(path).tensors
        if len(one.dimensions) > 1
    }


@pytest.mark.parametrize("kind", [one.name for one in TYPES if one.name not in SLOW])
def test_every_type_has_the_size_that_was_forecast(wide: Path, tmp_path: Path, kind: str) -> None:
    matrix = weights(wide)
    forecast = dry_run(wide, kind, matrix=True)
    made = make(wide, tmp_path / "made.gguf", kind, matrix=matrix)
    header = read_header(made)
    assert made.stat().st_size == forecast.size_bytes
    assert header.bits_per_weight == pytest.approx(forecast.bits_per_weight)
    counted: dict[str, int] = {}
    for one in header.tensors:
        counted[one.type] = counted.get(one.type, 0) + 1
    assert counted == forecast.tensor_types
    model = NativeModel(str(made))
    model.close()


def test_types_that_fall_back_say_where(narrow: Path, tmp_path: Path) -> None:
    forecast = dry_run(narrow, "Q4_K_M")
    made = make(narrow, tmp_path / "made.gguf", "Q4_K_M")
    stored = {one.name: one.type for one in read_header(made).tensors}
    assert forecast.fallbacks
    assert {name: stored[name] for name in forecast.fallbacks} == forecast.fallbacks
    assert "Q4_K" not in stored.values()
    assert made.stat().st_size == forecast.size_bytes
    assert forecast.bits_per_weight > dry_run(narrow, "Q4_0").bits_per_weight


def test_overrides_reach_the_tensors(wide: Path, tmp_path: Path) -> None:
    given = ("ffn_down=Q8_0", r"blk\.0\.attn_[qk]=F16")
    forecast = dry_run(wide, "Q4_K_M", overrides=given)
    made = make(wide, tmp_path / "made.gguf", "Q4_K_M", overrides=given)
    stored = {one.name: one.type for one in read_header(made).tensors}
    assert stored["blk.0.ffn_down.weight"] == "Q8_0"
    assert stored["blk.0.attn_q.weight"] == stored["blk.0.attn_k.weight"] == "F16"
    assert stored["blk.0.ffn_up.weight"] == "Q4_K"
    assert made.stat().st_size == forecast.size_bytes > dry_run(wide, "Q4_K_M").size_bytes


def test_an_override_that_a_tensor_is_too_narrow_for(narrow: Path, tmp_path: Path) -> None:
    """Whatever the engine does with it, the forecast is what comes out."""
    given = ("attn_q=Q4_K",)
    forecast = dry_run(narrow, "Q8_0", overrides=given)
    made = make(narrow, tmp_path / "made.gguf", "Q8_0", overrides=given)
    assert made.stat().st_size == forecast.size_bytes
    assert "Q4_K" not in {one.type for one in read_header(made).tensors}


def test_twice_the_same_bytes(wide: Path, tmp_path: Path) -> None:
    files = [make(wide, tmp_path / f"{threads}.gguf", "Q3_K_M", threads=threads) for threads in (1, 2)]
    assert len({hashlib.sha256(one.read_bytes()).hexdigest() for one in files}) == 1


def test_a_matrix_changes_the_weights_and_not_the_size(wide: Path, tmp_path: Path) -> None:
    plain = make(wide, tmp_path / "plain.gguf", "Q2_K")
    weighed = make(wide, tmp_path / "weighed.gguf", "Q2_K", matrix=weights(wide))
    assert plain.stat().st_size == dry_run(wide, "Q2_K").size_bytes
    assert weighed.stat().st_size == dry_run(wide, "Q2_K", matrix=True).size_bytes
    assert plain.read_bytes() != weighed.read_bytes()


def test_what_needs_a_matrix_is_known_beforehand(wide: Path, tmp_path: Path) -> None:
    found = {one.name for one in TYPES if dry_run(wide, one.name).needs_matrix}
    assert {"IQ2_XXS", "IQ1_S", "IQ1_M"} <= found
    assert not found & {"Q2_K", "IQ3_S", "IQ4_XS", "Q3_K_S"}
    for kind in ("Q2_K", "IQ4_XS", "Q3_K_S"):
        make(wide, tmp_path / "made.gguf", kind)
    for kind in sorted(found):
        with pytest.raises(BancadaError) as caught:
            make(wide, tmp_path / "made.gguf", kind)
        assert caught.value.code == "quantize.matrix_needed", kind


def test_a_matrix_of_another_shape_is_refused(wide: Path, narrow: Path, tmp_path: Path) -> None:
    with pytest.raises(BancadaError) as caught:
        make(wide, tmp_path / "made.gguf", "Q2_K", matrix=weights(narrow))
    assert caught.value.code == "quantize.matrix_of_another"


def test_a_quantized_source_is_refused_unless_it_is_wanted(wide: Path, tmp_path: Path) -> None:
    first = make(wide, tmp_path / "first.gguf", "Q4_K_M")
    with pytest.raises(BancadaError) as caught:
        make(first, tmp_path / "second.gguf", "Q2_K")
    assert caught.value.code == "quantize.already_quantized"
    make(first, tmp_path / "third.gguf", "Q2_K", requantize=True)
    assert read_header(tmp_path / "third.gguf").quantization in ("Q2_K", "Q3_K")


def test_progress_and_cancel(wide: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def stop_after_two() -> bool:
        return len(seen) >= 1

    with pytest.raises(Canceled):
        make(
            wide,
            tmp_path / "made.gguf",
            "IQ3_S",
            on_tensors=lambda done, total: seen.append((done, total)),
            should_stop=stop_after_two,
        )
    count = len(read_header(wide).tensors)
    assert seen
    assert all(total == count and 1 <= done <= count for done, total in seen)


def test_a_target_that_cannot_be_written(wide: Path, tmp_path: Path) -> None:
    with pytest.raises(BancadaError) as caught:
        make(wide, tmp_path / "no folder" / "made.gguf", "Q8_0")
    assert caught.value.code == "quantize.failed"


Cut = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda content: content[: len(content) // 2], "model.incomplete"),
        (lambda _content: b"", "model.empty_file"),
        (lambda content: b"PK" + content[2:], "model.not_gguf"),
    ],
)
def test_a_bad_source_never_reaches_the_engine(wide: Path, tmp_path: Path, damage: Cut, code: str) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(damage(wide.read_bytes()))
    for attempt in (lambda: dry_run(bad, "Q8_0"), lambda: make(bad, tmp_path / "made.gguf", "Q8_0")):
        with pytest.raises(BancadaError) as caught:
            attempt()
        assert caught.value.code == code
    assert not (tmp_path / "made.gguf").exists()
