"""What a GGUF file is: read from its header alone, before any native library sees it.

Everything is checked against the file's size; the checks mirror those of llama.cpp's own loader
(ggml/src/gguf.cpp) and add those whose absence there was seen to abort the process.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from bancada.catalog.file_kind import read_head, recognise
from bancada.catalog.gguf_file_types import file_type
from bancada.catalog.gguf_reader import (
    MAX_METADATA,
    MAX_TENSORS,
    UINT32,
    ArrayValue,
    Entry,
    HeaderReader,
    invalid,
)
from bancada.core.errors import BancadaError

_VERSIONS: Final = (2, 3)
_MAGIC: Final = b"GGUF"
_MAX_DIMENSIONS: Final = 4
_MAX_TENSOR_NAME: Final = 63
_MAX_LAYERS: Final = 4_096
_MAX_COUNT: Final = 2**31 - 1
_MAX_ALIGNMENT: Final = 1 << 20
_INT64_MAX: Final = 2**63 - 1
_LAYER: Final = re.compile(r"(?:enc\.|dec\.)?blk\.(\d{1,9})\.")
_NO_TOKEN: Final = (2**32 - 1, -1)


class TensorType(NamedTuple):
    """How a tensor's elements are stored: ``block_bytes`` for every ``block`` elements of a row."""

    name: str
    block: int
    block_bytes: int


#: source: ggml.h and the block structures of ggml-common.h, ggml 0.25.3
TENSOR_TYPES: Final[dict[int, TensorType]] = {
    code: TensorType(name, block, size)
    for code, name, block, size in (
        (0, "F32", 1, 4), (1, "F16", 1, 2), (2, "Q4_0", 32, 18), (3, "Q4_1", 32, 20), (6, "Q5_0", 32, 22),
        (7, "Q5_1", 32, 24), (8, "Q8_0", 32, 34), (9, "Q8_1", 32, 36), (10, "Q2_K", 256, 84),
        (11, "Q3_K", 256, 110), (12, "Q4_K", 256, 144), (13, "Q5_K", 256, 176), (14, "Q6_K", 256, 210),
        (15, "Q8_K", 256, 292), (16, "IQ2_XXS", 256, 66), (17, "IQ2_XS", 256, 74), (18, "IQ3_XXS", 256, 98),
        (19, "IQ1_S", 256, 50), (20, "IQ4_NL", 32, 18), (21, "IQ3_S", 256, 110), (22, "IQ2_S", 256, 82),
        (23, "IQ4_XS", 256, 136), (24, "I8", 1, 1), (25, "I16", 1, 2), (26, "I32", 1, 4), (27, "I64", 1, 8),
        (28, "F64", 1, 8), (29, "IQ1_M", 256, 56), (30, "BF16", 1, 2), (34, "TQ1_0", 256, 54),
        (35, "TQ2_0", 256, 66), (39, "MXFP4", 32, 17), (40, "NVFP4", 64, 36), (41, "Q1_0", 128, 18),
        (42, "Q2_0", 64, 18),
    )
}  # fmt: skip


class TensorInfo(NamedTuple):
    """One tensor. ``offset`` counts from the start of the data, ``size_bytes`` has no padding."""

    name: str
    type: str
    dimensions: tuple[int, ...]
    elements: int
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The facts of a GGUF file.

    ``parameters`` is the sum of all tensors' elements, ``bits_per_weight`` is
    ``8 * tensor bytes / parameters``: the real ones, whatever the file's name says.
    ``quantization`` is the recipe that the file names (``Q4_K_M``), or else the tensor type that holds most
    parameters. ``key_length`` and ``value_length`` are the sizes of one head; ``kv_heads`` has one value per
    layer. ``feed_forward`` is the widest layer's, 0 where it is not said. ``data_start`` is
    ``header_bytes``, padded.
    """

    version: int
    architecture: str
    name: str
    parameters: int
    bits_per_weight: float
    quantization: str
    layers: int
    context_length: int
    embedding_length: int
    heads: int
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    vocabulary: int
    feed_forward: int
    chat_template: str | None
    template_bytes: int
    license: str
    file_size: int
    data_start: int
    tensor_bytes: int
    metadata: dict[str, Entry]
    tensors: tuple[TensorInfo, ...]
    header_bytes: int = 0


def read_header(path: Path) -> GgufHeader:
    """Read and check the header of a GGUF file; the tensors' data is not touched.

    Takes well under a second and 50 MB for any input.

    Raises:
        BancadaError: ``model.file_missing``, ``model.unreadable``, ``model.empty_file``,
            ``model.not_gguf`` (with what it really is), ``model.big_endian``,
            ``model.gguf_version``, ``model.cut_in_header``, ``model.incomplete`` (have/need),
            ``model.header_invalid``, ``model.metadata_missing``, ``model.no_weights`` or
            ``model.split_file``.
    """
    kind = recognise(read_head(path))
    if kind != "gguf":
        raise BancadaError("model.not_gguf", path=path.name, kind=kind)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            return _read(HeaderReader(file, size))
    except OSError as error:
        raise BancadaError("model.unreadable", path=str(path), detail=error.strerror or str(error)) from error


def read_remote_header(file: BinaryIO, size: int) -> GgufHeader:
    """The same from whatever can be read forward, such as the beginning of a file on a server.

    Args:
        file: read forward; sought within what was read, or ahead.
        size: of the whole file, in bytes.

    Raises:
        BancadaError: ``model.*`` as :func:`read_header`; whatever ``file`` raises.
    """
    reader = HeaderReader(file, size)
    if size < len(_MAGIC) or reader.take(len(_MAGIC)) != _MAGIC:
        raise BancadaError("model.not_gguf", path="", kind="a file of another kind")
    return _read(HeaderReader(file, size))


def _read(reader: HeaderReader) -> GgufHeader:
    reader.skip(4)
    version = reader.u32()
    if version & 0xFFFF == 0:
        raise BancadaError("model.big_endian")
    if version not in _VERSIONS:
        raise BancadaError("model.gguf_version", version=version)
    tensor_count, entry_count = reader.u64(), reader.u64()
    if tensor_count > MAX_TENSORS or entry_count > MAX_METADATA:
        raise invalid(f"it declares {entry_count} metadata entries and {tensor_count} tensors")
    metadata = _read_metadata(reader, entry_count)
    alignment = _alignment(metadata)
    tensors = _read_tensors(reader, tensor_count, alignment)
    header_bytes = reader.position
    data_start = _padded(header_bytes, alignment)
    _check_extent(tensors, data_start, reader.size)
    found = _interpret(version, metadata, tensors, data_start, reader.size)
    return replace(found, header_bytes=header_bytes)


def _read_metadata(reader: HeaderReader, count: int) -> dict[str, Entry]:
    metadata: dict[str, Entry] = {}
    for _ in range(count):
        key, entry = reader.entry()
        if key in metadata:
            raise invalid(f"the metadata key '{key}' appears twice")
        metadata[key] = entry
    return metadata


def _alignment(metadata: dict[str, Entry]) -> int:
    entry = metadata.get("general.alignment")
    if entry is None:
        return 32
    value = entry.integer
    if entry.type != UINT32 or not value or value & (value - 1) or value > _MAX_ALIGNMENT:
        raise invalid(f"general.alignment is {entry.value} (type {entry.type}), not a power of two of type 4")
    return value


def _read_tensors(reader: HeaderReader, count: int, alignment: int) -> tuple[TensorInfo, ...]:
    tensors: dict[str, TensorInfo] = {}
    expected = 0
    for _ in range(count):
        tensor = _read_tensor(reader)
        if tensor.name in tensors:
            raise invalid(f"the tensor '{tensor.name}' appears twice")
        if tensor.offset != expected:
            raise invalid(f"the tensor '{tensor.name}' starts at {tensor.offset} and not at {expected}")
        expected = _padded(tensor.offset + tensor.size_bytes, alignment)
        tensors[tensor.name] = tensor
    return tuple(tensors.values())


def _read_tensor(reader: HeaderReader) -> TensorInfo:
    name = reader.key("a tensor's name", _MAX_TENSOR_NAME)
    rank = reader.u32()
    if not 1 <= rank <= _MAX_DIMENSIONS:
        raise invalid(f"the tensor '{name}' has {rank} dimensions")
    dimensions = tuple(reader.u64() for _ in range(rank))
    elements = 1
    for one in dimensions:
        elements *= one
    if not 0 < elements <= _INT64_MAX:
        raise invalid(f"the tensor '{name}' has the impossible shape {dimensions}")
    code = reader.u32()
    kind = TENSOR_TYPES.get(code)
    if kind is None:
        raise invalid(f"the tensor '{name}' has the unknown type {code}")
    if dimensions[0] % kind.block:
        raise invalid(f"the rows of '{name}' ({dimensions[0]}) are no multiple of {kind.name}'s {kind.block}")
    size = elements // kind.block * kind.block_bytes
    return TensorInfo(name, kind.name, dimensions, elements, reader.u64(), size)


def _padded(position: int, alignment: int) -> int:
    return (position + alignment - 1) // alignment * alignment


def _check_extent(tensors: tuple[TensorInfo, ...], data_start: int, size: int) -> None:
    if not tensors:
        raise BancadaError("model.no_weights")
    need = data_start + tensors[-1].offset + tensors[-1].size_bytes
    largest = max(tensors, key=lambda one: one.size_bytes)
    if largest.size_bytes > 1 << 44 or need > 1 << 46:
        raise invalid(
            f"its tensors would take {need} bytes ('{largest.name}' has the shape {largest.dimensions})"
        )
    if need > size:
        raise BancadaError("model.incomplete", have=size, need=need)


def _interpret(
    version: int, metadata: dict[str, Entry], tensors: tuple[TensorInfo, ...], data_start: int, size: int
) -> GgufHeader:
    facts = _Facts(metadata)
    architecture = facts.architecture()
    parameters = sum(one.elements for one in tensors)
    tensor_bytes = sum(one.size_bytes for one in tensors)
    splits = metadata.get("split.count")
    if splits is not None and (splits.integer or 0) > 1:
        raise BancadaError("model.split_file", count=splits.integer)
    layers = facts.count("block_count", _MAX_LAYERS)
    _check_layers(layers, tensors)
    embedding = facts.count("embedding_length", _MAX_COUNT)
    heads = max(facts.per_layer("attention.head_count", layers, 1))
    kv_heads = facts.per_layer("attention.head_count_kv", layers, heads)
    head_size = embedding // heads if heads else 0
    vocabulary = facts.vocabulary(tensors)
    facts.check_tokens(vocabulary)
    template = metadata.get("tokenizer.chat_template")
    template_bytes = template.length if template else 0
    text = template.text if template else None
    return GgufHeader(
        version=version,
        architecture=architecture,
        name=facts.text("general.name"),
        parameters=parameters,
        bits_per_weight=8 * tensor_bytes / parameters,
        quantization=file_type(facts.number("general.file_type"), _dominant(tensors)),
        layers=layers,
        context_length=facts.count("context_length", _MAX_COUNT),
        embedding_length=embedding,
        heads=heads,
        kv_heads=kv_heads,
        key_length=facts.optional("attention.key_length", head_size),
        value_length=facts.optional("attention.value_length", head_size),
        vocabulary=vocabulary,
        feed_forward=max(facts.per_layer("feed_forward_length", layers, 0)),
        # a template that was not kept whole would be a different template
        chat_template=text if text and len(text.encode()) >= template_bytes else None,
        template_bytes=template_bytes,
        license=facts.text("general.license"),
        file_size=size,
        data_start=data_start,
        tensor_bytes=tensor_bytes,
        metadata=metadata,
        tensors=tensors,
    )


def _check_layers(layers: int, tensors: tuple[TensorInfo, ...]) -> None:
    """Refuse a count of layers that the tensors do not bear out (2^31-1 aborts the engine)."""
    seen = {
        int(found[1]) for one in tensors if (found := re.match(r"(?:enc\.|dec\.)?blk\.(\d{1,9})\.", one.name))
    }
    if not layers <= len(seen) or (seen and max(seen) >= layers):
        raise invalid(f"it declares {layers} layers and holds tensors of {len(seen)}")


def _dominant(tensors: tuple[TensorInfo, ...]) -> str:
    weight: defaultdict[str, int] = defaultdict(int)
    for one in tensors:
        weight[one.type] += one.elements
    return max(weight, key=lambda name: (weight[name], name))


class _Facts:
    """Typed, bounded look-ups of metadata under the architecture's own prefix."""

    def __init__(self, metadata: dict[str, Entry]) -> None:
        self._metadata = metadata
        self._prefix = ""

    def architecture(self) -> str:
        name = self.text("general.architecture")
        if not name:
            raise BancadaError("model.metadata_missing", key="general.architecture")
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
            raise invalid(f"general.architecture is {name[:40]!r}")
        self._prefix = name + "."
        return name

    def number(self, key: str) -> int | None:
        """An integer that may be missing, or be something else."""
        entry = self._metadata.get(key)
        return entry.integer if entry is not None else None

    def text(self, key: str) -> str:
        entry = self._metadata.get(key)
        if entry is None:
            return ""
        if entry.text is None:
            raise invalid(f"{key} is of type {entry.type} and not a text")
        return entry.text

    def count(self, key: str, limit: int) -> int:
        """A required number from 1 to ``limit``."""
        full = self._prefix + key
        if full not in self._metadata:
            raise BancadaError("model.metadata_missing", key=full)
        return self._bounded(full, self._metadata[full].integer, 1, limit)

    def optional(self, key: str, default: int) -> int:
        entry = self._metadata.get(self._prefix + key)
        return default if entry is None else self._bounded(self._prefix + key, entry.integer, 0, _MAX_COUNT)

    def per_layer(self, key: str, layers: int, default: int) -> tuple[int, ...]:
        """A number for each layer, given once for all of them or as an array."""
        full = self._prefix + key
        entry = self._metadata.get(full)
        if entry is None:
            return (default,) * layers
        if not isinstance(entry.value, ArrayValue):
            return (self._bounded(full, entry.integer, 0, 1 << 20),) * layers
        if entry.value.count < layers or len(entry.value.items) < layers:
            raise invalid(f"{full} has {entry.value.count} values for {layers} layers")
        values = (one if isinstance(one, int) else None for one in entry.value.items[:layers])
        return tuple(self._bounded(full, one, 0, 1 << 20) for one in values)

    def vocabulary(self, tensors: tuple[TensorInfo, ...]) -> int:
        """How many tokens there are: the tokenizer's list, else the rows of the embedding."""
        entry = self._metadata.get("tokenizer.ggml.tokens")
        if entry is not None:
            if not isinstance(entry.value, ArrayValue):
                raise invalid("tokenizer.ggml.tokens is not a list")
            return entry.value.count
        embedding = next((one for one in tensors if one.name == "token_embd.weight"), None)
        return embedding.dimensions[-1] if embedding else 0

    def check_tokens(self, vocabulary: int) -> None:
        """Refuse a begin or end token outside the vocabulary: such a model never stops."""
        for name in ("bos", "eos"):
            key = f"tokenizer.ggml.{name}_token_id"
            entry = self._metadata.get(key)
            if entry is None or entry.integer in _NO_TOKEN:
                continue
            if vocabulary:
                self._bounded(key, entry.integer, 0, vocabulary - 1)

    def _bounded(self, key: str, value: int | None, low: int, high: int) -> int:
        if value is None or not low <= value <= high:
            found = self._metadata[key].value
            shown = found if not isinstance(found, ArrayValue) else "a list"
            raise invalid(f"{key} is {str(shown)[:60]}, outside {low} to {high}")
        return value
