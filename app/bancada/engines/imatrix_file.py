"""Importance matrices as files: the GGUF layout that llama.cpp's programs write and read."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bancada.catalog.gguf_reader import HeaderReader
from bancada.core.errors import BancadaError

Floats = npt.NDArray[np.float32]

_SUMS, _COUNTS = ".in_sum2", ".counts"
_STRING, _ARRAY, _UINT32, _F32 = 8, 9, 4, 0
_ALIGNMENT: Final = 32
_MAX_BYTES: Final = 1 << 30
_MAX_TENSORS: Final = 65_536


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one tensor: squared activations summed over rows [experts, columns], and rows counted [experts]."""

    sums: Floats
    counts: Floats


@dataclass(frozen=True, slots=True)
class ImportanceMatrix:
    """What was collected, by the name of the tensor; ``chunk_size`` in tokens."""

    entries: dict[str, Sums]
    chunks: int
    chunk_size: int
    texts: tuple[str, ...] = ()

    def means(self) -> dict[str, Floats]:
        """Mean squared activation by tensor, flat; 1 where an expert was never reached.

        Source: ``load_imatrix`` of llama.cpp's quantize program.
        """
        found = {}
        for name, one in self.entries.items():
            counts = one.counts[:, None]
            means = np.where(counts > 0, one.sums / np.maximum(counts, 1), np.float32(1))
            found[name] = means.astype(np.float32).ravel()
        return found


def write(path: Path, matrix: ImportanceMatrix) -> None:
    """Write the file; raises OSError."""
    tensors: list[tuple[str, Floats]] = []
    for name, one in sorted(matrix.entries.items()):
        tensors += [(name + _SUMS, one.sums), (name + _COUNTS, one.counts[:, None])]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 4)
    head += _key("general.type", _STRING) + _text("imatrix")
    head += _key("imatrix.datasets", _ARRAY) + struct.pack("<IQ", _STRING, len(matrix.texts))
    head += b"".join(map(_text, matrix.texts))
    head += _key("imatrix.chunk_count", _UINT32) + struct.pack("<I", matrix.chunks)
    head += _key("imatrix.chunk_size", _UINT32) + struct.pack("<I", matrix.chunk_size)
    offset = 0
    for name, values in tensors:
        rows, columns = values.shape
        head += _text(name) + struct.pack("<IQQIQ", 2, columns, rows, _F32, offset)
        offset += _padded(values.nbytes)
    with path.open("wb") as file:
        file.write(head.ljust(_padded(len(head)), b"\0"))
        for _, values in tensors:
            file.write(
                np.ascontiguousarray(values, np.float32).tobytes().ljust(_padded(values.nbytes), b"\0")
            )


def read(path: Path) -> ImportanceMatrix:
    """Read and check a file.

    Raises:
        BancadaError: ``imatrix.invalid`` saying what is wrong with it; ``model.*`` for a cut header.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size > _MAX_BYTES:
            raise _invalid(f"it has {size} bytes")
        reader = HeaderReader(file, size)
        if size < 24 or reader.take(4) != b"GGUF" or reader.u32() != 3:
            raise _invalid("it is no GGUF file of version 3")
        tensor_count, entry_count = reader.u64(), reader.u64()
        if tensor_count > _MAX_TENSORS or entry_count > 64:
            raise _invalid(f"it declares {tensor_count} tensors and {entry_count} values")
        metadata = dict(reader.entry() for _ in range(entry_count))
        kind = metadata.get("general.type")
        if kind is None or kind.value != "imatrix":
            raise _invalid("it is a GGUF file of another kind")
        shapes = [_shape(reader) for _ in range(tensor_count)]
        start = _padded(reader.position)
        arrays = {name: _values(file, start, size, rest) for name, *rest in shapes}
    chunks, width = (metadata.get(f"imatrix.{one}") for one in ("chunk_count", "chunk_size"))
    return ImportanceMatrix(
        _entries(arrays),
        (chunks.integer if chunks else None) or 0,
        (width.integer if width else None) or 0,
    )


def _shape(reader: HeaderReader) -> tuple[str, int, int, int]:
    """Name, rows, columns and offset of one tensor."""
    name = reader.key("a tensor's name", 200)
    rank = reader.u32()
    if not 1 <= rank <= 2:
        raise _invalid(f"'{name}' has {rank} dimensions")
    dimensions = [reader.u64() for _ in range(rank)]
    kind, offset = reader.u32(), reader.u64()
    columns, rows = dimensions[0], dimensions[1] if rank == 2 else 1
    if kind != _F32 or not 0 < columns * rows <= _MAX_BYTES // 4:
        raise _invalid(f"'{name}' is of type {kind} with {columns} x {rows} values")
    return name, rows, columns, offset


def _values(file: Any, start: int, size: int, place: Sequence[int]) -> Floats:
    rows, columns, offset = place
    count = 4 * rows * columns
    if start + offset + count > size:
        raise _invalid("it was cut off")
    file.seek(start + offset)
    values = np.frombuffer(file.read(count), dtype="<f4").reshape(rows, columns)
    if not np.isfinite(values).all() or (values < 0).any():
        raise _invalid("it holds values that are no sums of squares")
    return values


def _entries(arrays: Mapping[str, Floats]) -> dict[str, Sums]:
    entries = {}
    for name, sums in arrays.items():
        if not name.endswith(_SUMS):
            continue
        tensor = name.removesuffix(_SUMS)
        counts = arrays.get(tensor + _COUNTS)
        if counts is None or counts.size != sums.shape[0]:
            raise _invalid(f"'{tensor}' has no counts that fit")
        entries[tensor] = Sums(sums, counts.reshape(-1))
    if not entries:
        raise _invalid("it holds no sums")
    return entries


def _key(name: str, kind: int) -> bytes:
    return _text(name) + struct.pack("<I", kind)


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "replace")
    return struct.pack("<Q", len(data)) + data


def _padded(count: int) -> int:
    return (count + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT


def _invalid(detail: str) -> BancadaError:
    return BancadaError("imatrix.invalid", detail=detail)
