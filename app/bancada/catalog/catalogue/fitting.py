"""Whether a model of the catalogue would run on this machine, by the same forecast as for the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bancada.catalog.catalogue.records import GENERATOR, Entry, Shape
from bancada.catalog.catalogue.sizing import LADDER, Sized, size_of
from bancada.catalog.forecast import ModelFacts
from bancada.catalog.forecaster import Forecaster, this_machine
from bancada.catalog.hub.needs import unseen_version, verdict
from bancada.core.hardware import Gpu, available_memory

FITS: Final = "fits"
TIGHT: Final = "tight"
LARGE: Final = "large"
VERDICTS: Final = (FITS, TIGHT, LARGE)
#: not proposed as the best although they fit: as good as eight bits, and twice the size
_NOT_PROPOSED: Final = frozenset({"F32", "F16", "BF16"})
#: proposed only where nothing finer runs at all: below four bits answers get noticeably worse
_COARSE: Final = frozenset({"Q3_K_M", "Q2_K"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model would run: memory in bytes, free and in all, and the largest graphics processor."""

    free_bytes: int
    total_bytes: int
    gpu: str = ""
    gpu_bytes: int = 0

    @classmethod
    def here(cls) -> Place:
        """Of the machine that this runs on, at the moment."""
        machine = this_machine()
        return cls(available_memory(), machine.memory_bytes, *_largest(machine.gpus))


@dataclass(frozen=True, slots=True)
class QuantizationFit:
    """One quantization: its file, the memory it needs at the context, and the verdict.

    ``gpu_bytes`` is what all of it would take on the graphics processor, 0 where there is none.
    """

    quantization: str
    file_bytes: int
    exact: bool
    bits_per_weight: float
    need_bytes: int
    verdict: str
    gpu_bytes: int = 0
    on_gpu: bool = False
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """A model on this machine: the finest quantization that fits, or fits tightly, else the smallest.

    ``context`` is in tokens. Without the model's measures its need is its size and the program's alone:
    not ``whole``, so at least so much.
    """

    verdict: str
    best: QuantizationFit
    quantizations: tuple[QuantizationFit, ...]
    context: int
    whole: bool


def fit(entry: Entry, place: Place, known: Forecaster, context: int) -> Fit:
    """The verdicts for a model at ``context`` tokens, or at its own context where that is shorter."""
    tokens = min(context, entry.context)
    names = sorted(entry.quantizations, key=LADDER.index)
    rows = tuple(_row(entry, size_of(entry, one), place, known, tokens) for one in names)
    return Fit(_best(rows).verdict, _best(rows), rows, tokens, entry.shape is not None)


def _best(rows: Sequence[QuantizationFit]) -> QuantizationFit:
    proposed = [one for one in rows if one.quantization not in _NOT_PROPOSED] or list(rows)
    fine = [one for one in proposed if one.quantization not in _COARSE]
    for some in (fine, proposed):
        for wanted in (FITS, TIGHT):
            found = next((one for one in some if one.verdict == wanted), None)
            if found is not None:
                return found
    return min(proposed, key=lambda one: one.need_bytes)


def _row(entry: Entry, size: Sized, place: Place, known: Forecaster, tokens: int) -> QuantizationFit:
    version = unseen_version("gguf", size.quantization, size.file_bytes, _facts(entry, size))
    need = known.forecast(version, tokens).corrected_bytes
    on_gpu = 0
    if place.gpu_bytes and entry.shape is not None:
        # all layers and the output
        on_gpu = known.forecast(version, tokens, gpu_layers=entry.shape.layers + 1).gpu_bytes
    file = next((one for one in entry.files if one.quantization == size.quantization), None)
    return QuantizationFit(
        size.quantization,
        size.file_bytes,
        size.exact,
        size.bits_per_weight,
        need,
        verdict(need, place.free_bytes),
        on_gpu,
        0 < on_gpu <= place.gpu_bytes,
        "" if file is None else file.path,
        "" if file is None else file.sha256,
    )


def _facts(entry: Entry, size: Sized) -> dict[str, Any]:
    shape = entry.shape or Shape(0, 0, 0, 0, 0, 0, 0, tied=True)
    # an embedder or reranker reads a text once and keeps nothing of it
    kept = shape.kv_heads if entry.kind == GENERATOR else 0
    return ModelFacts(
        embedding_length=shape.width,
        heads=shape.heads,
        kv_heads=(kept,) * shape.layers,
        key_length=shape.head_size,
        value_length=shape.head_size,
        vocabulary=shape.vocabulary,
        feed_forward=shape.feed_forward,
        weights=size.weights,
        matrices=size.matrices,
    ).to_metadata()


def _largest(gpus: Sequence[Gpu]) -> tuple[str, int]:
    found = max(gpus, key=lambda one: one.memory_bytes or 0, default=None)
    return (found.name, found.memory_bytes or 0) if found is not None else ("", 0)
