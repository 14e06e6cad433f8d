"""How much memory a model will take, item by item, before it is loaded.

Counted is what the worker's resident memory will be at its peak: of a GGUF file the weights are mapped
and all of them are touched while loading, so they count whole. What the engine copies into an order for
faster multiplication would be there twice; where that is much, the file is read instead of mapped (see
:func:`is_read`), and every weight is there once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.hardware import Hardware
from bancada.storage.models import VersionRecord

#: bytes per element of the KV cache; block sizes as in ggml-common.h (q8_0: 34 bytes for 32, q4_0: 18 for 32)
CACHE_BYTES: Final[dict[str, float]] = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
#: names of the items, in their order
ITEMS: Final = ("weights", "repacked", "kv_cache", "compute", "runtime")
#: tokens that one evaluation of the prompt takes at once, as the engine of GGUF files is told
BATCH: Final = 256
#: cells of the cache come in such portions (llama.cpp pads to 256)
_CELLS: Final = 256
#: interpreter, our code, libraries and their threads, measured in workers with llama.cpp 0.3.36 on Linux
_RUNTIME_BYTES: Final = 49 * 1024 * 1024
#: the engine's vocabulary: texts, ids and merges in hash tables
_VOCABULARY_BYTES: Final = 350
#: onnxruntime and onnxruntime-genai are larger; from an idle worker
_ONNX_RUNTIME_BYTES: Final = 96 * 1024 * 1024

#: types of weights that the engine copies into another order, by kind of processor. Source: ggml 0.25.3,
#: ggml-cpu/repack.cpp (x86 seen here; ARM not run) and amx/amx.cpp (not run)
_REPACKED_X86: Final = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
_REPACKED_X86_512: Final = _REPACKED_X86 | {"Q2_K"}
_REPACKED_ARM: Final = frozenset({"Q4_0", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4"})
_REPACKED_AMX: Final = frozenset({"Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"})
#: share of the weights from which a second copy of them is avoided by reading the file. Below, it stays
#: mapped: that loads quicker, and processes share the pages. Measured with SmolLM2 135M as Q4_0 (92 MB):
#: read it takes 55 MiB less memory, and 0.05 s longer when the file is not in the cache
_READ_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class MemoryItem:
    """One part of a forecast, by its name in :data:`ITEMS`; ``parts`` say what it is made of, in bytes."""

    name: str
    bytes: int
    parts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryForecast:
    """The parts in main memory and their sum, in bytes.

    ``corrected_bytes`` is what earlier loads on this machine make of the sum. ``gpu_bytes`` are in the
    memory of graphics processors: by formula alone, never compared with a measurement.
    """

    items: tuple[MemoryItem, ...]
    total_bytes: int
    corrected_bytes: int
    gpu_bytes: int = 0

    def by_name(self) -> dict[str, int]:
        """Bytes of each part."""
        return {one.name: one.bytes for one in self.items}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the forecast needs to know of a model. ``kv_heads`` has one value per layer.

    ``weights`` are bytes by type of tensor, ``matrices`` those of the weight matrices that may be
    repacked; ``layer_bytes`` has one value per layer, ``output_bytes`` is the output matrix's. All of
    these are empty for what was imported before they were looked at.
    """

    embedding_length: int
    heads: int
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    vocabulary: int
    feed_forward: int = 0
    weights: tuple[tuple[str, int], ...] = ()
    matrices: tuple[tuple[str, int], ...] = ()
    layer_bytes: tuple[int, ...] = ()
    output_bytes: int = 0

    def to_metadata(self) -> dict[str, Any]:
        return {
            "embedding_length": self.embedding_length,
            "heads": self.heads,
            "kv_heads": list(self.kv_heads),
            "key_length": self.key_length,
            "value_length": self.value_length,
            "vocabulary": self.vocabulary,
            "feed_forward": self.feed_forward,
            "weights": dict(self.weights),
            "matrices": dict(self.matrices),
            "layer_bytes": list(self.layer_bytes),
            "output_bytes": self.output_bytes,
        }

    @classmethod
    def from_metadata(cls, facts: Mapping[str, Any]) -> ModelFacts:
        """From what :meth:`to_metadata` stored; whatever is missing counts as nothing."""
        return cls(
            embedding_length=int(facts.get("embedding_length", 0)),
            heads=int(facts.get("heads", 0)),
            kv_heads=tuple(int(one) for one in facts.get("kv_heads", ())),
            key_length=int(facts.get("key_length", 0)),
            value_length=int(facts.get("value_length", 0)),
            vocabulary=int(facts.get("vocabulary", 0)),
            feed_forward=int(facts.get("feed_forward", 0)),
            weights=tuple((str(name), int(size)) for name, size in facts.get("weights", {}).items()),
            matrices=tuple((str(name), int(size)) for name, size in facts.get("matrices", {}).items()),
            layer_bytes=tuple(int(one) for one in facts.get("layer_bytes", ())),
            output_bytes=int(facts.get("output_bytes", 0)),
        )


@dataclass(frozen=True, slots=True)
class Load:
    """A way of loading: what the forecast depends on beside the model.

    ``filled`` is how many tokens of the context are in use (None: all of them), ``repacks`` the types of
    weights that the engine copies here.
    """

    context: int
    cache_type: str = "f16"
    flash_attention: bool = True
    gpu_layers: int = 0
    repacks: frozenset[str] = _REPACKED_X86
    filled: int | None = None


def repacked_types(machine: Hardware) -> frozenset[str]:
    """The types of weights that the engine keeps a second time, in an order for this processor."""
    if machine.architecture.lower() in ("arm64", "aarch64"):
        return _REPACKED_ARM
    if "amx_int8" in machine.features:
        return _REPACKED_AMX | _REPACKED_X86_512
    return _REPACKED_X86_512 if "avx512f" in machine.features else _REPACKED_X86


def is_read(version: VersionRecord, repacks: frozenset[str], gpu_layers: int | None = 0) -> bool:
    """Whether the engine reads the file instead of mapping it, so that copied weights are there once.

    Layers on a GPU come out of the mapped file without a copy in main memory.
    """
    if version.format != "gguf" or gpu_layers:
        return False
    weights, matrices = _tensors(version, ModelFacts.from_metadata(version.metadata.get("facts", {})))
    copied = sum(size for name, size in matrices if name in repacks)
    return copied >= _READ_SHARE * max(1, sum(size for _, size in weights))


def check_cache_type(cache_type: str) -> float:
    """Bytes per element; raises BancadaError ``model.cache_type_unknown``."""
    if cache_type not in CACHE_BYTES:
        raise BancadaError("model.cache_type_unknown", value=cache_type[:40], choices=", ".join(CACHE_BYTES))
    return CACHE_BYTES[cache_type]


def kv_cache_bytes(facts: ModelFacts, context: int, cache_type: str) -> int:
    """Keys and values of all layers: ``context x sum(kv_heads) x (key + value length) x bytes``.

    The whole of it is in memory from the start, as the engine clears it. Layers with a sliding window
    count like the others: the engine is asked to keep all of their positions (``swa_full``), because
    otherwise no prefix of a conversation could be used again.

    Source: llama.cpp, src/llama-kv-cache.cpp (one K and one V tensor per layer of
    ``n_embd_k_gqa``/``n_embd_v_gqa`` x cells; cells are padded to 256).
    """
    per_cell = sum(facts.kv_heads) * (facts.key_length + facts.value_length)
    return int(_padded(context) * per_cell * check_cache_type(cache_type))


def compute_bytes(facts: ModelFacts, load: Load) -> int:
    """Buffers of one evaluation of a batch: the larger of what the two halves of a layer keep at once.

    Feed-forward: gate and up (``2 x feed-forward``), some five rows of the embedding and the new query,
    key and value; attention without flash attention: the scores of all heads, ``batch x cells x heads``,
    and once more in 16 bits while the values are multiplied with them (the processor's work buffer).
    Both with the mask (2 bytes a cell with flash attention, else 4), and twice the logits of one row.
    Source: the buffers that llama.cpp's scheduler reports for the llama architecture, met within 10 %.
    """
    filled = load.context if load.filled is None else min(load.filled, load.context)
    batch, cells = min(BATCH, filled), _padded(filled)
    kv_heads = max(facts.kv_heads, default=0)
    attended = facts.heads * facts.key_length + kv_heads * (facts.key_length + facts.value_length)
    feed_forward = facts.feed_forward or facts.embedding_length * 8 // 3
    rows = 4 * batch * (2 * feed_forward + 5 * facts.embedding_length + attended)
    logits = 2 * 4 * facts.vocabulary
    if load.flash_attention:
        return rows + 2 * batch * cells + logits
    scores = 4 * batch * (facts.heads * cells + 4 * facts.embedding_length + attended)
    halves = 2 * batch * facts.heads * cells
    return max(rows, scores) + halves + 4 * batch * cells + logits


def forecast(version: VersionRecord, load: Load) -> MemoryForecast:
    """The memory that a worker with this model will hold at its peak, in bytes; not corrected.

    The cache of an ONNX model is of the type that was built into its graph: that of its activations,
    whatever ``load.cache_type`` says.

    Raises:
        BancadaError: ``model.cache_type_unknown``.
    """
    check_cache_type(load.cache_type)
    facts = ModelFacts.from_metadata(version.metadata.get("facts", {}))
    if version.format == "onnx":
        cache_type = "f16" if version.quantization in ("fp16", "bf16") else "f32"
        load = replace(load, cache_type=cache_type, repacks=frozenset(), gpu_layers=0)
    weights, matrices = _tensors(version, facts)
    copied = frozenset() if is_read(version, load.repacks, load.gpu_layers) else load.repacks
    repacked = tuple((name, size) for name, size in matrices if name in copied)
    runtime = (
        ("program", _ONNX_RUNTIME_BYTES if version.format == "onnx" else _RUNTIME_BYTES),
        ("vocabulary", facts.vocabulary * _VOCABULARY_BYTES),
    )
    cache = kv_cache_bytes(facts, load.context, load.cache_type)
    items = (
        _item("weights", weights),
        _item("repacked", repacked),
        MemoryItem("kv_cache", cache),
        MemoryItem("compute", compute_bytes(facts, load)),
        _item("runtime", runtime),
    )
    if load.gpu_layers:
        return _split(facts, items, load)
    total = sum(one.bytes for one in items)
    return MemoryForecast(items, total, total)


def _split(facts: ModelFacts, items: tuple[MemoryItem, ...], load: Load) -> MemoryForecast:
    """Move the last ``gpu_layers`` layers to the GPU, and with one more the output, as llama.cpp does.

    By formula alone: nobody compared it with a GPU. The GPU needs buffers for computing as well, and what
    is computed there is not repacked; the embedding stays in main memory.
    """
    layers = len(facts.kv_heads)
    moved = min(load.gpu_layers, layers)
    share = moved / max(1, layers)
    weights = items[0].bytes
    inner = sum(facts.layer_bytes) or weights
    gone = sum(facts.layer_bytes[layers - moved :]) if facts.layer_bytes else int(weights * share)
    if load.gpu_layers > layers:
        gone += facts.output_bytes
    heads = sum(facts.kv_heads)
    cache_gone = int(items[2].bytes * sum(facts.kv_heads[layers - moved :]) / max(1, heads))
    less = {
        "weights": min(weights, gone),
        "repacked": int(items[1].bytes * min(1.0, gone / max(1, inner))),
        "kv_cache": cache_gone,
    }
    kept = tuple(
        MemoryItem(one.name, one.bytes - less.get(one.name, 0), () if one.name in less else one.parts)
        for one in items
    )
    total = sum(one.bytes for one in kept)
    return MemoryForecast(kept, total, total, less["weights"] + cache_gone + items[3].bytes)


def _tensors(version: VersionRecord, facts: ModelFacts) -> tuple[tuple[tuple[str, int], ...], ...]:
    """The bytes of all weights and of the matrices among them, by type.

    Older imports do not say their tensors: all of them then count as the type of most.
    """
    weights = facts.weights or ((version.quantization, version.size_bytes),)
    return weights, facts.matrices or weights


def _item(name: str, parts: tuple[tuple[str, int], ...]) -> MemoryItem:
    ordered = tuple(sorted(parts, key=lambda one: -one[1]))
    return MemoryItem(name, sum(size for _, size in parts), ordered)


def _padded(tokens: int) -> int:
    return (tokens + _CELLS - 1) // _CELLS * _CELLS
