"""The tensors of a GGUF file as 32-bit floats, a piece at a time: no tensor is ever whole in memory.

Quantized blocks are turned into floats by ggml's own functions, so that scales are looked at as well.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bancada.catalog.gguf_header import TENSOR_TYPES, GgufHeader, TensorInfo, read_header
from bancada.core.errors import BancadaError
from bancada.engines.llama_package import library

Floats = npt.NDArray[np.float32]

#: elements of a piece: 16 MB of floats
PIECE: Final = 1 << 22
_PLAIN: Final[dict[str, str]] = {
    "F32": "<f4", "F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
}  # fmt: skip
_CODES: Final = {kind.name: code for code, kind in TENSOR_TYPES.items()}


class _TypeTraits(ctypes.Structure):
    """``struct ggml_type_traits`` of ggml 0.25.3 (ggml.h)."""

    _fields_ = (
        ("type_name", ctypes.c_char_p),
        ("blck_size", ctypes.c_int64),
        ("blck_size_interleave", ctypes.c_int64),
        ("type_size", ctypes.c_size_t),
        ("is_quantized", ctypes.c_bool),
        ("to_float", ctypes.c_void_p),
        ("from_float_ref", ctypes.c_void_p),
    )


_TO_FLOAT: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


class TensorFile:
    """One GGUF file, opened; ``close`` it. Its header is checked before anything else is read."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            BancadaError: as :func:`bancada.catalog.gguf_header.read_header`.
        """
        self.header: GgufHeader = read_header(path)
        self.tensors: dict[str, TensorInfo] = {one.name: one for one in self.header.tensors}
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise _unreadable(path, error) from error
        self._bytes = bytearray()
        self._functions: dict[str, Any] = {}

    def pieces(self, tensor: TensorInfo) -> Iterator[Floats]:
        """The values of a tensor in order, in pieces of at most PIECE; each is good until the next.

        Raises:
            BancadaError: ``model.unreadable`` when the file is cut or cannot be read any more.
        """
        kind = TENSOR_TYPES[_CODES[tensor.type]]
        step = PIECE // kind.block * kind.block
        room = np.empty(min(step, tensor.elements), dtype=np.float32)
        self._seek(self.header.data_start + tensor.offset)
        for start in range(0, tensor.elements, step):
            count = min(step, tensor.elements - start)
            raw = self._read(count // kind.block * kind.block_bytes)
            values = room[:count]
            if tensor.type in _PLAIN:
                with np.errstate(over="ignore"):
                    values[:] = np.frombuffer(raw, dtype=_PLAIN[tensor.type])
            else:
                where = ctypes.addressof(ctypes.c_char.from_buffer(raw))
                self._function(tensor.type)(where, values.ctypes.data, count)
            yield values

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _seek(self, position: int) -> None:
        try:
            self._file.seek(position)
        except OSError as error:
            raise _unreadable(self._path, error) from error

    def _read(self, count: int) -> bytearray:
        if len(self._bytes) != count:
            self._bytes = bytearray(count)
        try:
            have = self._file.readinto(self._bytes)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        if have != count:
            raise BancadaError("model.unreadable", path=str(self._path), detail="it ends too early")
        return self._bytes

    def _function(self, type_name: str) -> Any:
        if type_name not in self._functions:
            self._functions[type_name] = _to_float(type_name)
        return self._functions[type_name]


def _to_float(type_name: str) -> Any:
    """The library's function ``(const void * blocks, float * values, int64 count)`` for a type."""
    get = library.ggml_get_type_traits
    get.restype, get.argtypes = ctypes.POINTER(_TypeTraits), [ctypes.c_int]
    code = _CODES[type_name]
    traits, kind = get(code).contents, TENSOR_TYPES[code]
    # a library with another layout would be called at a wrong address
    if (traits.blck_size, traits.type_size) != (kind.block, kind.block_bytes) or not traits.to_float:
        raise BancadaError("engine.missing", detail=f"the engine cannot read tensors of the type {type_name}")
    return _TO_FLOAT(traits.to_float)


def _unreadable(path: Path, error: OSError) -> BancadaError:
    return BancadaError("model.unreadable", path=str(path), detail=error.strerror or str(error))
