"""The bytes of a GGUF header, read with every count and length checked before it is believed.

The layout is that of the GGUF specification (github.com/ggml-org/ggml/blob/master/docs/gguf.md),
versions 2 and 3, little-endian. Nothing of a declared size is allocated: values beyond what is
kept are skipped in the file, so that memory stays bounded for any input.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from bancada.core.errors import BancadaError

#: a declared length above these is nonsense, below them a file that ends earlier was cut off
MAX_KEY_BYTES: Final = 65_535
MAX_STRING_BYTES: Final = 64 * 1024 * 1024
MAX_ARRAY_ITEMS: Final = 1 << 28
#: texts in all arrays together: the largest vocabularies have some 500,000 with their merges
MAX_STRINGS: Final = 3_000_000
MAX_HEADER_BYTES: Final = 256 * 1024 * 1024
MAX_METADATA: Final = 16_384
MAX_TENSORS: Final = 65_536
#: text kept of one string, and of all of them together; the rest is skipped
KEPT_STRING_BYTES: Final = 4 * 1024 * 1024
KEPT_TOTAL_BYTES: Final = 12 * 1024 * 1024
#: numbers kept of an array (enough for one value per layer), and strings
KEPT_NUMBERS: Final = 2_048
KEPT_STRINGS: Final = 8

_WINDOW: Final = 1 << 20
_U64: Final = struct.Struct("<Q")
_STRING, _ARRAY = 8, 9
_SCALARS: Final[dict[int, struct.Struct]] = {
    code: struct.Struct("<" + form)
    for code, form in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIifBQqd", strict=True)
}
UINT32: Final = 4
BOOL: Final = 7
_INTEGERS: Final = frozenset({0, 1, 2, 3, 4, 5, 10, 11})

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class ArrayValue:
    """An array of the metadata: how many items it has, and the first of them."""

    item_type: int
    count: int
    items: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One metadata value with its GGUF type code. ``length`` is a string's full length in bytes."""

    type: int
    value: Scalar | ArrayValue
    length: int = 0

    @property
    def integer(self) -> int | None:
        """The value where it is of an integer type."""
        return self.value if self.type in _INTEGERS and isinstance(self.value, int) else None

    @property
    def text(self) -> str | None:
        """The value where it is a string."""
        return self.value if isinstance(self.value, str) else None


class HeaderReader:
    """Reads forward through a file of a known size, through one window of a megabyte."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self._base = 0
        self._buffer = b""
        self._at = 0
        self._kept = 0
        self._strings = 0

    @property
    def position(self) -> int:
        """Offset in the file of the next byte."""
        return self._base + self._at

    @property
    def remaining(self) -> int:
        return self.size - self.position

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes (at most a few megabytes). Raises ``model.incomplete`` at the end."""
        if self._at + count > len(self._buffer):
            self._fill(count)
        start = self._at
        self._at += count
        return self._buffer[start : self._at]

    def skip(self, count: int) -> None:
        """Move on by ``count`` bytes without reading them."""
        if self._at + count <= len(self._buffer):
            self._at += count
            return
        if count > self.remaining:
            raise self._cut(count)
        self._move(self.position + count)

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def key(self, what: str, limit: int) -> str:
        """A name: not empty, short, valid UTF-8 and without control characters."""
        length = self.u64()
        if not 0 < length <= limit:
            raise invalid(f"{what} has a length of {length} bytes")
        raw = self.take(length)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise invalid(f"{what} is not valid text: {raw[:40]!r}") from None
        if not text.isprintable():
            raise invalid(f"{what} has control characters: {text[:40]!r}")
        return text

    def entry(self) -> tuple[str, Entry]:
        """One key and its value."""
        key = self.key("a metadata key", MAX_KEY_BYTES)
        code = self.u32()
        if code == _STRING:
            return key, self._string_entry(key)
        if code == _ARRAY:
            return key, Entry(code, self._array(key))
        return key, Entry(code, self._scalar(key, code))

    def _scalar(self, key: str, code: int) -> Scalar:
        form = _SCALARS.get(code)
        if form is None:
            raise invalid(f"'{key}' has the unknown type {code}")
        value: int | float = form.unpack(self.take(form.size))[0]
        return bool(value) if code == BOOL else value

    def _string_entry(self, key: str) -> Entry:
        length = self._string_length(key)
        return Entry(_STRING, self._string(length), length)

    def _string_length(self, key: str) -> int:
        length = self.u64()
        if length > MAX_STRING_BYTES:
            raise invalid(f"'{key}' has a text of {length} bytes")
        return length

    def _string(self, length: int) -> str:
        keep = min(length, KEPT_STRING_BYTES, KEPT_TOTAL_BYTES - self._kept)
        if length > self.remaining:
            raise self._cut(length)
        self._kept += keep
        text = self.take(keep).decode("utf-8", errors="replace")
        self.skip(length - keep)
        return text

    def _array(self, key: str) -> ArrayValue:
        code, count = self.u32(), self.u64()
        if count > MAX_ARRAY_ITEMS:
            raise invalid(f"'{key}' has {count} items")
        if code == _STRING:
            return ArrayValue(code, count, self._string_array(key, count))
        form = _SCALARS.get(code)
        if form is None:
            raise invalid(f"'{key}' is an array of the unknown or nested type {code}")
        if count * form.size > self.remaining:
            raise self._cut(count * form.size)
        kept = min(count, KEPT_NUMBERS)
        numbers = struct.unpack(f"<{kept}{form.format[1:]}", self.take(kept * form.size))
        self.skip((count - kept) * form.size)
        return ArrayValue(code, count, tuple(bool(one) for one in numbers) if code == BOOL else numbers)

    def _string_array(self, key: str, count: int) -> tuple[str, ...]:
        self._strings += count
        if self._strings > MAX_STRINGS:
            raise invalid(f"'{key}' has {count} texts")
        if count * 8 > self.remaining:
            raise self._cut(count * 8)
        kept = tuple(self._string(self._string_length(key)) for _ in range(min(count, KEPT_STRINGS)))
        left = count - len(kept)
        while left:
            walked = self._walk_strings(left)
            left -= walked
            if left and not walked:  # the next one reaches beyond the window
                self.skip(self._string_length(key))
                left -= 1
        return kept

    def _walk_strings(self, limit: int) -> int:
        """Pass over up to ``limit`` strings that lie whole in the window (this is the hot loop)."""
        buffer, at, end = self._buffer, self._at, len(self._buffer)
        length_at = _U64.unpack_from
        walked = 0
        while walked < limit and at + 8 <= end:
            after = at + 8 + length_at(buffer, at)[0]
            if after > end:
                break
            at = after
            walked += 1
        self._at = at
        return walked

    def _fill(self, count: int) -> None:
        position = self.position
        if count > self.size - position:
            raise self._cut(count)
        self._move(position)
        self._file.seek(position)
        self._buffer = self._file.read(max(_WINDOW, count))
        if len(self._buffer) < count:  # it shrank while it was read
            raise self._cut(count)

    def _move(self, position: int) -> None:
        if position > MAX_HEADER_BYTES:
            raise invalid(f"its header is longer than {MAX_HEADER_BYTES >> 20} MB")
        self._base, self._buffer, self._at = position, b"", 0

    def _cut(self, count: int) -> BancadaError:
        if count > MAX_STRING_BYTES:
            return invalid(f"it declares {count} bytes at position {self.position}, beyond the file's end")
        return BancadaError("model.cut_in_header", have=self.size, need=self.position + count)


def invalid(detail: str) -> BancadaError:
    """The header says something that cannot be."""
    return BancadaError("model.header_invalid", detail=detail)
