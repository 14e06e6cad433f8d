"""Importance matrices: what is summed, and the file that llama.cpp's programs read and write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter

from bancada.core.errors import BancadaError, Canceled
from bancada.engines import imatrix_file
from bancada.engines.imatrix_file import ImportanceMatrix, Sums
from bancada.engines.llama_imatrix import chunks_of, collect
from bancada.engines.llama_native import NativeModel
from bancada.engines.llama_quantize import quantize
from tiny_gguf import TinyModel, write_tiny_gguf

TEXT = b"The archive waits for its shelves. O arquivo espera pelas estantes. " * 8
NAMES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = TinyModel(layers=2, width=64, hidden=96)
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "source.gguf", model)


@pytest.fixture(scope="module")
def model(source: Path) -> Iterator[NativeModel]:
    one = NativeModel(str(source))
    yield one
    one.close()


def collected(model: NativeModel, context: int = 64, limit: int | None = 3) -> ImportanceMatrix:
    tokens = model.tokenize(TEXT, parse_special=False)
    return collect(
        model,
        chunks_of(tokens, context, limit),
        threads=1,
        on_chunks=lambda _done, _total: None,
        should_stop=lambda: False,
    )


def test_every_matrix_of_every_layer_is_seen(model: NativeModel) -> None:
    found = collected(model)
    assert set(found.entries) == {f"blk.{layer}.{name}.weight" for layer in (0, 1) for name in NAMES}
    assert (found.chunks, found.chunk_size) == (3, 64)
    for name, one in found.entries.items():
        assert one.sums.shape == (1, 96 if "ffn_down" in name else 64)
        assert one.counts.tolist() == [3 * 64]
        assert (one.sums > 0).all()


def test_the_sums_are_those_of_the_squared_activations(source: Path, model: NativeModel) -> None:
    """What enters the first layer's attention is the normalized embedding: it can be computed by hand."""
    tensors = {one.name: one.data for one in GGUFReader(source).tensors}
    tokens = model.tokenize(TEXT, parse_special=False)[: 2 * 64]
    rows = np.asarray(tensors["token_embd.weight"], np.float64)[tokens]
    normal = rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + 1e-5)
    expected = ((normal * tensors["blk.0.attn_norm.weight"]) ** 2).sum(axis=0)
    found = collected(model, limit=2).entries
    for name in ("attn_q", "attn_k", "attn_v"):
        assert found[f"blk.0.{name}.weight"].sums[0] == pytest.approx(expected, rel=1e-4)
    assert (found["blk.0.ffn_up.weight"].sums == found["blk.0.ffn_gate.weight"].sums).all()


def test_a_chunk_in_parts_is_the_same(model: NativeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = collected(model)
    monkeypatch.setattr("bancada.engines.llama_imatrix._STEP_TOKENS", 48)  # parts of 32, none too short
    parts = collected(model)
    for name, one in whole.entries.items():
        assert parts.entries[name].counts.tolist() == one.counts.tolist()
        assert parts.entries[name].sums == pytest.approx(one.sums, rel=5e-3)


def test_chunks() -> None:
    assert chunks_of(range(130), 64, None).shape == (2, 64)
    assert chunks_of(range(130), 64, 1).tolist() == [list(range(64))]
    with pytest.raises(BancadaError) as caught:
        chunks_of(range(63), 64, None)
    assert (caught.value.code, caught.value.params) == ("imatrix.text_short", {"have": 63, "need": 64})


def test_cancel(model: NativeModel) -> None:
    done: list[int] = []
    with pytest.raises(Canceled):
        collect(
            model,
            chunks_of(model.tokenize(TEXT, parse_special=False), 64, None),
            threads=1,
            on_chunks=lambda count, _total: done.append(count),
            should_stop=lambda: len(done) == 1,
        )
    assert done == [1]


def test_a_model_that_computes_no_numbers_is_named(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "broken.gguf", TinyModel(layers=1, width=64, hidden=96))
    reader = GGUFReader(path, "r+")
    (norm,) = (one for one in reader.tensors if one.name == "blk.0.ffn_norm.weight")
    norm.data[:] = np.nan
    reader.data.flush()
    broken = NativeModel(str(path))
    try:
        with pytest.raises(BancadaError) as caught:
            collected(broken)
    finally:
        broken.close()
    assert caught.value.code == "imatrix.not_finite"
    assert str(caught.value.params["tensor"]).startswith("blk.0.ffn_")


def test_the_file_goes_round(model: NativeModel, tmp_path: Path) -> None:
    found = collected(model)
    path = tmp_path / "matrix.gguf"
    imatrix_file.write(path, ImportanceMatrix(found.entries, found.chunks, found.chunk_size, ("A text",)))
    again = imatrix_file.read(path)
    assert (again.chunks, again.chunk_size) == (3, 64)
    assert again.entries.keys() == found.entries.keys()
    for name, one in found.entries.items():
        assert (again.entries[name].sums == one.sums).all()
        assert (again.entries[name].counts == one.counts).all()
    # and another program's reader agrees
    reader = GGUFReader(path)
    assert bytes(reader.fields["general.type"].parts[-1]) == b"imatrix"
    assert bytes(reader.fields["imatrix.datasets"].parts[-1]) == b"A text"
    (sums,) = (one for one in reader.tensors if one.name == "blk.1.ffn_down.weight.in_sum2")
    assert np.asarray(sums.data).ravel() == pytest.approx(found.entries["blk.1.ffn_down.weight"].sums[0])


def test_means_and_experts_that_were_never_reached() -> None:
    sums = np.array([[8, 4], [0, 0]], np.float32)
    matrix = ImportanceMatrix({"blk.0.ffn_up_exps.weight": Sums(sums, np.array([4, 0], np.float32))}, 1, 32)
    assert matrix.means()["blk.0.ffn_up_exps.weight"].tolist() == [2, 1, 1, 1]


def test_a_matrix_lessens_the_error_where_it_matters(tmp_path: Path) -> None:
    """Of weights times activations, the part that counts: the columns that the text lights up."""
    wide = write_tiny_gguf(tmp_path / "wide.gguf", TinyModel(layers=1, width=256, hidden=256))
    skewed = np.geomspace(100, 0.01, 256, dtype=np.float32)
    name = "blk.0.ffn_down.weight"
    matrix = {
        one.name: np.resize(skewed, int(one.shape[0]))
        for one in GGUFReader(wide).tensors
        if len(one.shape) == 2
    }
    errors = []
    for weighed in (None, matrix):
        target = tmp_path / f"{weighed is None}.gguf"
        quantize(
            wide, target, "Q4_0", matrix=weighed, threads=1,
            on_tensors=lambda _done, _total: None, should_stop=lambda: False,
        )  # fmt: skip
        errors.append(float(((_values(target, name) - _values(wide, name)) ** 2 @ skewed).sum()))
    assert errors[1] < 0.9 * errors[0]


def _values(path: Path, name: str) -> np.ndarray:
    from gguf.quants import dequantize

    (found,) = (one for one in GGUFReader(path).tensors if one.name == name)
    return dequantize(found.data, found.tensor_type)


def _written(path: Path, **over: object) -> bytes:
    """A matrix file of another writer, with one thing wrong."""
    writer = GGUFWriter(path, "")
    writer.add_string("general.type", str(over.get("kind", "imatrix")))
    values = np.full((1, 8), over.get("value", 1), np.float32)
    writer.add_tensor("blk.0.ffn_up.weight.in_sum2", values)
    if over.get("counts", True):
        writer.add_tensor("blk.0.ffn_up.weight.counts", np.ones((int(over.get("rows", 1)), 1), np.float32))  # type: ignore[call-overload]
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def test_a_file_of_another_writer_is_read(tmp_path: Path) -> None:
    path = tmp_path / "matrix.gguf"
    _written(path)
    assert imatrix_file.read(path).entries["blk.0.ffn_up.weight"].sums.tolist() == [[1.0] * 8]


Damage = Callable[[Path], bytes]
HUGE = b"GGUF" + struct.pack("<IQQ", 3, 2**40, 2**40)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _path: b"",
        lambda _path: b"GGUF",
        lambda _path: b"PK\x03\x04" + bytes(100),
        lambda _path: HUGE,
        lambda path: _written(path)[:-40],
        lambda path: _written(path)[:60],
        lambda path: _written(path, kind="model"),
        lambda path: _written(path, value=np.nan),
        lambda path: _written(path, value=-1),
        lambda path: _written(path, counts=False),
        lambda path: _written(path, rows=3),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, damage: Damage) -> None:
    path = tmp_path / "matrix.gguf"
    path.write_bytes(damage(path))
    with pytest.raises(BancadaError) as caught:
        imatrix_file.read(path)
    assert caught.value.code.startswith(("imatrix.invalid", "model."))
