"""GGUF files quantized by the engine, and copies with one thing wrong: what certificates must find."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bancada.catalog.gguf_header import TensorInfo, read_header
from bancada.engines.llama_native import open_library
from bancada.engines.llama_package import native

#: names of quantizations -> the engine's numbers (enum llama_ftype)
FILE_TYPES: Final = {
    "F16": 1,
    "Q4_0": 2,
    "Q8_0": 7,
    "Q2_K": 10,
    "Q3_K_M": 12,
    "Q4_K_M": 15,
    "Q5_K_M": 17,
    "Q6_K": 18,
    "IQ4_NL": 25,
    "IQ4_XS": 30,
    "BF16": 32,
    "TQ2_0": 37,
}
_HALF_NAN: Final = b"\x00\x7e"


def quantized(source: Path, target: Path, kind: str) -> Path:
    """A file that the engine made of ``source``."""
    open_library()
    params = native.llama_model_quantize_default_params()
    params.ftype, params.nthread = FILE_TYPES[kind], 1
    assert native.llama_model_quantize(str(source).encode(), str(target).encode(), params) == 0
    return target


def tensor(path: Path, name: str) -> tuple[TensorInfo, int]:
    """A tensor, and where its data begin in the file."""
    header = read_header(path)
    (found,) = (one for one in header.tensors if one.name == name)
    return found, header.data_start + found.offset


def zeroed(source: Path, target: Path, name: str) -> Path:
    """A copy whose tensor holds zeros only."""
    found, start = tensor(source, name)
    content = bytearray(source.read_bytes())
    content[start : start + found.size_bytes] = bytes(found.size_bytes)
    target.write_bytes(content)
    return target


def with_nans(source: Path, target: Path, name: str) -> Path:
    """A copy whose tensor begins with a value that is no number: a block's scale, where there are blocks."""
    found, start = tensor(source, name)
    content = bytearray(source.read_bytes())
    content[start : start + 4] = (
        b"\x00\x00\xc0\x7f" if found.type == "F32" else _HALF_NAN + content[start + 2 : start + 4]
    )
    target.write_bytes(content)
    return target


def swapped(source: Path, target: Path, first: str, second: str) -> Path:
    """A copy in which two tensors of one type and shape have changed places."""
    (one, at), (other, there) = tensor(source, first), tensor(source, second)
    assert (one.type, one.size_bytes) == (other.type, other.size_bytes)
    content = bytearray(source.read_bytes())
    size = one.size_bytes
    content[at : at + size], content[there : there + size] = (
        content[there : there + size],
        content[at : at + size],
    )
    target.write_bytes(content)
    return target
