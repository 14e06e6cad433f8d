"""The header of a safetensors file, checked: what a broken one is broken by.

Layout (github.com/huggingface/safetensors): 8 bytes with the length of a JSON object, the object
(name -> dtype, shape, data_offsets), then the data without gaps.
"""

from __future__ import annotations

import json
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, Final

from bancada.catalog.file_kind import read_head
from bancada.core.errors import BancadaError

MAX_HEADER_BYTES: Final = 100_000_000
_BITS: Final = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16,
    "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


def check_safetensors(path: Path) -> int:
    """Check the header of a safetensors file against the file's size.

    Returns:
        The number of tensors.

    Raises:
        BancadaError: ``model.safetensors_invalid`` with the cause; ``model.incomplete`` (have/need);
            ``model.file_missing``, ``model.unreadable``, ``model.empty_file``.
    """
    read_head(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= MAX_HEADER_BYTES:
                raise _broken(f"its header declares a length of {length} bytes")
            if 8 + length > size:
                raise BancadaError("model.incomplete", have=size, need=8 + length)
            raw = file.read(length)
    except OSError as error:
        raise BancadaError("model.unreadable", path=str(path), detail=error.strerror or str(error)) from error
    spans = _spans(raw)
    _check_spans(spans, 8 + length, size)
    return len(spans)


def _spans(raw: bytes) -> list[tuple[int, int]]:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        raise _broken("its header is no JSON") from None
    if not isinstance(header, dict):
        raise _broken("its header is no JSON object")
    return sorted(_span(name, entry) for name, entry in header.items() if name != "__metadata__")


def _span(name: str, entry: Any) -> tuple[int, int]:
    fields = entry if isinstance(entry, dict) else {}
    bits, shape = _BITS.get(str(fields.get("dtype"))), _sizes(fields.get("shape"))
    offsets = _sizes(fields.get("data_offsets"))
    if bits is None or shape is None or offsets is None or len(offsets) != 2:
        raise _broken(f"the entry of '{name[:60]}' is malformed")
    start, end = offsets
    if (end - start) * 8 != prod(shape) * bits:
        raise _broken(f"'{name[:60]}' has {end - start} bytes for the shape {str(shape)[:60]}")
    return start, end


def _sizes(value: Any) -> list[int] | None:
    if not isinstance(value, list) or len(value) > 16:
        return None
    return value if all(type(one) is int and 0 <= one < 1 << 63 for one in value) else None


def _check_spans(spans: list[tuple[int, int]], data_start: int, size: int) -> None:
    if not spans:
        raise BancadaError("model.no_weights")
    if spans[0][0] != 0 or any(first[1] != second[0] for first, second in pairwise(spans)):
        raise _broken("its tensors overlap or leave gaps")
    need = data_start + spans[-1][1]
    if need > size:
        raise BancadaError("model.incomplete", have=size, need=need)
    if need < size:
        raise _broken(f"it has {size - need} bytes after its last tensor")


def _broken(detail: str) -> BancadaError:
    return BancadaError("model.safetensors_invalid", detail=detail)
