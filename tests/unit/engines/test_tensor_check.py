"""Damage in the tensors of a file is found and named; sound files of every type pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from bancada.core.errors import BancadaError, Canceled
from bancada.engines.tensor_check import check_tensors
from bancada.quantization.certificate import TensorFindings
from damaged_gguf import FILE_TYPES, quantized, swapped, with_nans, zeroed
from tiny_gguf import TinyModel, write_tiny_gguf

NAME = "blk.1.ffn_up.weight"


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose rows are wide enough for every type."""
    model = TinyModel(layers=2, width=256, hidden=256)
    return write_tiny_gguf(tmp_path_factory.mktemp("wide") / "wide.gguf", model)


@pytest.fixture(scope="module")
def small(wide: Path) -> Path:
    return quantized(wide, wide.with_name("small.gguf"), "Q8_0")


def check(result: Path, source: Path | None) -> TensorFindings:
    return check_tensors(result, source, lambda _done, _total: None, lambda: False)


@pytest.mark.parametrize("kind", FILE_TYPES)
def test_a_sound_file_of_every_type_passes(wide: Path, tmp_path: Path, kind: str) -> None:
    found = check(quantized(wide, tmp_path / "q.gguf", kind), wide)
    assert found.faults == found.source_faults == ()
    assert found.compared == found.count == 3 + 2 * 9
    assert found.errors["F32"] == 0.0
    assert 0 < max(found.errors.values()) < 0.9


def test_a_scale_that_is_no_number_is_found(wide: Path, small: Path, tmp_path: Path) -> None:
    (fault,) = check(with_nans(small, tmp_path / "n.gguf", NAME), wide).faults
    assert (fault.name, fault.type, fault.fault, fault.count) == (NAME, "Q8_0", "not_finite", 32)


def test_one_bad_number_among_floats_is_found_without_a_source(wide: Path, tmp_path: Path) -> None:
    (fault,) = check(with_nans(wide, tmp_path / "n.gguf", "output_norm.weight"), None).faults
    assert (fault.name, fault.fault, fault.count) == ("output_norm.weight", "not_finite", 1)


def test_a_zeroed_tensor_is_found(wide: Path, small: Path, tmp_path: Path) -> None:
    (fault,) = check(zeroed(small, tmp_path / "z.gguf", NAME), wide).faults
    assert (fault.name, fault.fault) == (NAME, "zero")


def test_zeros_that_the_source_has_as_well_are_right(wide: Path, tmp_path: Path) -> None:
    source = zeroed(wide, tmp_path / "s.gguf", NAME)
    assert check(quantized(source, tmp_path / "z.gguf", "Q8_0"), source).faults == ()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q2_K"])
def test_swapped_tensors_name_each_other(wide: Path, tmp_path: Path, kind: str) -> None:
    other = "blk.0.ffn_gate.weight"
    result = quantized(wide, tmp_path / "q.gguf", kind)
    found = check(swapped(result, tmp_path / "s.gguf", NAME, other), wide).faults
    assert {(one.name, one.fault, one.holds) for one in found} == {
        (NAME, "swapped", other),
        (other, "swapped", NAME),
    }


def test_another_model_is_far_from_the_source(wide: Path, tmp_path: Path) -> None:
    other = write_tiny_gguf(tmp_path / "o.gguf", TinyModel(width=256, hidden=256, seed=1))
    found = check(other, wide).faults
    assert "different" in {one.fault for one in found}
    assert all(one.error is not None and one.error > 1 for one in found)


def test_a_missing_layer_and_a_damaged_source_are_said(wide: Path, tmp_path: Path) -> None:
    less = write_tiny_gguf(tmp_path / "l.gguf", TinyModel(layers=1, width=256, hidden=256))
    assert {"missing"} <= {one.fault for one in check(less, wide).faults}
    bad = with_nans(wide, tmp_path / "b.gguf", NAME)
    assert [one.name for one in check(wide, bad).source_faults] == [NAME]


def test_it_stops_and_refuses(wide: Path, tmp_path: Path) -> None:
    with pytest.raises(Canceled):
        check_tensors(wide, wide, lambda _done, _total: None, lambda: True)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(wide.read_bytes()[:-5000])
    with pytest.raises(BancadaError, match=r"."):
        check(cut, wide)
