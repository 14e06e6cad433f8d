"""Writes a safetensors file tensor by tensor, so that no more than one of them is in memory.

Layout (github.com/huggingface/safetensors): 8 bytes with the length of a JSON object, the object
(name -> dtype, shape, data_offsets), then the data in the same order without gaps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from bancada.core.errors import BancadaError

#: name of the element type -> bytes of an element
ELEMENT_BYTES: Final = {"F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A tensor to come: its name and shape as PyTorch sees it (rows first)."""

    name: str
    shape: tuple[int, ...]


class SafetensorsWriter:
    """Open with all names and shapes, then :meth:`add` every tensor in this order."""

    def __init__(self, path: Path, dtype: str, entries: Sequence[TensorEntry]) -> None:
        self._dtype = dtype
        self._entries = list(entries)
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        at = 0
        for one in self._entries:
            size = prod(one.shape) * ELEMENT_BYTES[dtype]
            header[one.name] = {"dtype": dtype, "shape": list(one.shape), "data_offsets": [at, at + size]}
            at += size
        raw = json.dumps(header, ensure_ascii=False).encode()
        raw += b" " * (-len(raw) % 8)
        self.data_bytes = at
        self._file = path.open("wb")
        self._file.write(len(raw).to_bytes(8, "little") + raw)

    def add(self, name: str, values: NDArray[np.float32]) -> int:
        """Write the next tensor and return its bytes.

        Raises:
            ValueError: it is not the one that was announced.
            BancadaError: ``convert.bad_numbers`` (NaN or infinite), ``convert.overflow`` (too large for F16).
        """
        entry = self._entries.pop(0)
        if (entry.name, entry.shape) != (name, values.shape):
            raise ValueError(f"{entry} was announced and {name} {values.shape} came")
        content = encoded(name, values, self._dtype)
        self._file.write(content)
        return len(content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()


def encoded(name: str, values: NDArray[np.float32], dtype: str) -> bytes:
    """The little-endian bytes of ``values`` as ``dtype``, rounded to the nearest, ties to even.

    Raises:
        BancadaError: ``convert.bad_numbers``, ``convert.overflow``; both name the tensor.
    """
    if not np.isfinite(values).all():
        raise BancadaError("convert.bad_numbers", tensor=name)
    values = np.ascontiguousarray(values, dtype="<f4")
    if dtype == "F32":
        return values.tobytes()
    if dtype == "BF16":
        bits = values.view("<u4")
        # numpy has no bfloat16: the upper half of a float32, after adding what rounds it to even
        upper: NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
        return upper.tobytes()
    with np.errstate(over="ignore"):
        halves = values.astype("<f2")
    if not np.isfinite(halves).all():
        raise BancadaError("convert.overflow", tensor=name)
    return halves.tobytes()
