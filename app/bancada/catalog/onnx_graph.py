"""The few facts of an ONNX file that decide whether it may be loaded, read from the protobuf by hand.

Field numbers are those of onnx.proto (github.com/onnx/onnx). Every length is checked against the
message that holds it, nesting and counts are limited, and inline weights are passed over unread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from bancada.core.errors import BancadaError

#: protobuf's own limit
MAX_FILE_BYTES: Final = 2**31 - 1
MAX_NODES: Final = 200_000
MAX_TENSORS: Final = 100_000
_MAX_DEPTH: Final = 12
_MAX_TEXT: Final = 4_096
_WINDOW: Final = 1 << 18
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

#: bits of one element by TensorProto.DataType
ELEMENT_BITS: Final[dict[int, int]] = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128,
    16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Where a tensor's bytes lie outside the ONNX file; ``length`` None means: to the end."""

    location: str
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class GraphTensor:
    """A stored tensor; ``size_bytes`` is what its shape and type need."""

    name: str
    data_type: int
    dimensions: tuple[int, ...]
    external: ExternalData | None

    @property
    def elements(self) -> int:
        count = 1
        for one in self.dimensions:
            count *= one
        return count

    @property
    def size_bytes(self) -> int:
        return (self.elements * ELEMENT_BITS.get(self.data_type, 0) + 7) // 8


@dataclass(frozen=True, slots=True)
class Node:
    """One operation; ``numbers`` holds its integer attributes."""

    domain: str
    operator: str
    inputs: tuple[str, ...]
    numbers: dict[str, int]


@dataclass(slots=True)
class Graph:
    """All operations and stored tensors of a model, those of nested graphs and functions included."""

    producer: str = ""
    nodes: list[Node] = field(default_factory=list)
    tensors: list[GraphTensor] = field(default_factory=list)
    functions: set[tuple[str, str]] = field(default_factory=set)
    metadata: dict[str, str] = field(default_factory=dict)


def read_graph(path: Path) -> Graph:
    """Read the graph of an ONNX file.

    Raises:
        BancadaError: ``model.onnx_invalid`` with the cause, ``model.unreadable``.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size > MAX_FILE_BYTES:
                raise broken(
                    path.name, f"it is larger than {MAX_FILE_BYTES} bytes, the most that ONNX allows"
                )
            return _GraphReader(path.name, file, size).read()
    except OSError as error:
        raise BancadaError("model.unreadable", path=str(path), detail=error.strerror or str(error)) from error


def broken(name: str, detail: str) -> BancadaError:
    """The ONNX file says something that cannot be, or may not be."""
    return BancadaError("model.onnx_invalid", path=name, detail=detail)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message: a number, or the place of its bytes in the file."""

    number: int
    wire: int
    value: int
    start: int
    end: int


class _GraphReader:
    def __init__(self, name: str, file: BinaryIO, size: int) -> None:
        self._name = name
        self._file = file
        self._size = size
        self._base = 0
        self._buffer = b""
        self._graph = Graph()

    def read(self) -> Graph:
        seen = False
        for one in self._fields(0, self._size):
            if one.number == 2:
                self._graph.producer = self._text(one)
            elif one.number == 7:
                seen = True
                self._read_graph(one, 0)
            elif one.number == 14:
                key, value = self._pair(one)
                self._graph.metadata[key] = value
            elif one.number == 25:
                self._read_function(one)
        if not seen:
            raise broken(self._name, "it holds no graph")
        return self._graph

    # -- messages

    def _read_graph(self, message: _Field, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise broken(self._name, f"its graphs are nested deeper than {_MAX_DEPTH}")
        for one in self._message(message):
            if one.number == 1:
                self._read_node(one, depth)
            elif one.number == 5:
                self._read_tensor(one)
            elif one.number == 15:
                self._read_sparse(one)

    def _read_function(self, message: _Field) -> None:
        name = domain = ""
        for one in self._message(message):
            if one.number == 1:
                name = self._text(one)
            elif one.number == 10:
                domain = self._text(one)
            elif one.number == 7:
                self._read_node(one, 0)
        self._graph.functions.add((domain, name))

    def _read_node(self, message: _Field, depth: int) -> None:
        if len(self._graph.nodes) >= MAX_NODES:
            raise broken(self._name, f"it has more than {MAX_NODES} operations")
        operator = domain = ""
        inputs: list[str] = []
        numbers: dict[str, int] = {}
        for one in self._message(message):
            if one.number == 1:
                inputs.append(self._text(one))
            elif one.number == 4:
                operator = self._text(one)
            elif one.number == 7:
                domain = self._text(one)
            elif one.number == 5:
                self._read_attribute(one, numbers, depth)
        self._graph.nodes.append(Node(domain, operator, tuple(inputs), numbers))

    def _read_attribute(self, message: _Field, numbers: dict[str, int], depth: int) -> None:
        name, number = "", None
        for one in self._message(message):
            if one.number == 1:
                name = self._text(one)
            elif one.number == 3 and one.wire == _VARINT:
                number = one.value
            elif one.number in (5, 10):
                self._read_tensor(one)
            elif one.number in (6, 11):
                self._read_graph(one, depth + 1)
            elif one.number in (22, 23):
                self._read_sparse(one)
        if number is not None:
            numbers[name] = number

    def _read_sparse(self, message: _Field) -> None:
        for one in self._message(message):
            if one.number in (1, 2):
                self._read_tensor(one)

    def _read_tensor(self, message: _Field) -> None:
        if len(self._graph.tensors) >= MAX_TENSORS:
            raise broken(self._name, f"it has more than {MAX_TENSORS} tensors")
        name, data_type, outside = "", 0, False
        dimensions: list[int] = []
        entries: dict[str, str] = {}
        for one in self._message(message):
            if one.number == 1:
                dimensions += [one.value] if one.wire == _VARINT else self._packed(one)
            elif one.number == 2:
                data_type = one.value
            elif one.number == 8:
                name = self._text(one)
            elif one.number == 13:
                key, value = self._pair(one)
                if key in entries:
                    raise broken(self._name, f"'{name[:60]}' names its external {key[:20]} twice")
                entries[key] = value
            elif one.number == 14:
                outside = one.value == 1
        if len(dimensions) > 32 or any(one >= 1 << 40 for one in dimensions):
            raise broken(self._name, f"the tensor '{name[:60]}' has an impossible shape")
        external = self._external(name, entries) if outside or entries else None
        tensor = GraphTensor(name, data_type, tuple(dimensions), external)
        if tensor.elements >= 1 << 48:
            raise broken(self._name, f"the tensor '{name[:60]}' has an impossible shape")
        self._graph.tensors.append(tensor)

    def _external(self, name: str, entries: dict[str, str]) -> ExternalData:
        numbers = {}
        for key in ("offset", "length"):
            value = entries.get(key, "")
            if value and not (value.isascii() and value.isdigit() and len(value) < 19):
                raise broken(self._name, f"the external {key} of '{name[:60]}' is {value[:20]!r}")
            numbers[key] = int(value) if value else None
        return ExternalData(entries.get("location", ""), numbers["offset"] or 0, numbers["length"])

    def _pair(self, message: _Field) -> tuple[str, str]:
        key = value = ""
        for one in self._message(message):
            if one.number == 1:
                key = self._text(one)
            elif one.number == 2:
                value = self._text(one)
        return key, value

    # -- wire format

    def _message(self, message: _Field) -> Iterator[_Field]:
        if message.wire != _BYTES:
            raise broken(self._name, f"field {message.number} is no message")
        return self._fields(message.start, message.end)

    def _fields(self, start: int, end: int) -> Iterator[_Field]:
        at = start
        while at < end:
            tag, at = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            value, begin = 0, at
            if wire == _VARINT:
                value, at = self._varint(at, end)
            elif wire == _BYTES:
                length, begin = self._varint(at, end)
                at = begin + length
            elif wire in (_FIXED64, _FIXED32):
                at += 8 if wire == _FIXED64 else 4
            else:
                raise broken(self._name, f"unknown wire type {wire} at byte {at}")
            if at > end or not number:
                raise broken(self._name, f"it is cut off or damaged at byte {begin} of {self._size}")
            yield _Field(number, wire, value, begin, at)

    def _packed(self, message: _Field) -> list[int]:
        found: list[int] = []
        at = message.start
        while at < message.end:
            if len(found) > 32:
                raise broken(self._name, "a tensor has more than 32 dimensions")
            value, at = self._varint(at, message.end)
            found.append(value)
        return found

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self._byte(at)
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (1 << 64) - 1, at
            shift += 7
        raise broken(self._name, f"it is cut off or damaged at byte {at} of {self._size}")

    def _text(self, one: _Field) -> str:
        if one.wire != _BYTES or one.end - one.start > _MAX_TEXT:
            raise broken(self._name, f"a name at byte {one.start} is too long or no text")
        return self._bytes(one.start, one.end).decode("utf-8", errors="replace")

    def _byte(self, at: int) -> int:
        index = at - self._base
        if not 0 <= index < len(self._buffer):
            self._load(at)
            index = 0
        return self._buffer[index]

    def _bytes(self, start: int, end: int) -> bytes:
        if start < self._base or end > self._base + len(self._buffer):
            self._load(start)
        return self._buffer[start - self._base : end - self._base]

    def _load(self, at: int) -> None:
        self._file.seek(at)
        self._base, self._buffer = at, self._file.read(_WINDOW)
        if not self._buffer:
            raise broken(self._name, "it shrank while it was read")
