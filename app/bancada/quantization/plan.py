"""What a quantization would give: exact sizes, which type fits a target, and what to mind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.quantization.types import FOR_TRAINED, rank, type_named

RUN_KIND: Final = "quantize"
MATRIX_RUN_KIND: Final = "imatrix"
#: the session kind that answers with :class:`QuantizationPlan` as its report
PLAN: Final = "quantize.plan"
MAX_OVERRIDES: Final = 64
#: one tensor in so many falls back: a few odd ones say nothing of the rest
_NARROW: Final = 10
#: what can be asked for as bits per weight
LEAST_BITS: Final = 0.5
MOST_BITS: Final = 32.0
_MAX_PATTERN: Final = 120
#: of the size that the type's name promises: beyond it the name misleads
_LARGER_THAN_NAMED: Final = 1.08
_UNITS: Final = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_SIZE: Final = re.compile(r"(\d{1,12}(?:[.,]\d{1,6})?)\s*([a-z]{0,3})", re.IGNORECASE)
#: repetition of a repetition is what makes a pattern run for ever
_NESTED: Final = re.compile(r"[*+}]\s*\)?\s*[*+{]|\([^)]*[*+][^)]*\)\s*[*+{]")
#: what Python's regular expressions have and the engine's (ECMAScript) do not
_FOREIGN: Final = re.compile(r"\(\?(?![:=!])|\\[AZ]")


@dataclass(frozen=True, slots=True)
class Variant:
    """What a type would give for one model, before it is made.

    ``size_bytes`` is the exact size of the file, ``bits_per_weight`` the real one; ``tensor_types`` counts
    the tensors of each stored type, ``fallbacks`` names those that the type could not take because of their
    width, with what they get. ``needs_matrix``: the engine refuses without an importance matrix.
    """

    type: str
    size_bytes: int
    bits_per_weight: float
    tensor_types: dict[str, int] = field(default_factory=dict)
    fallbacks: dict[str, str] = field(default_factory=dict)
    needs_matrix: bool = False


@dataclass(frozen=True, slots=True)
class PlanParams:
    """What is asked of a worker: what each of ``types`` (none: all) would give for a version."""

    version_id: str
    types: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    matrix: bool = False


@dataclass(frozen=True, slots=True)
class QuantizationPlan:
    """The answer: what can be made, and the type of a source that is already quantized (else empty)."""

    variants: tuple[Variant, ...]
    quantized: str


def size_of(text: str) -> int:
    """Bytes of ``600MB``, ``1.5 GiB`` or ``98000000``; raises BancadaError ``quantize.size_invalid``."""
    found = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise BancadaError("quantize.size_invalid", size=text[:40])
    size = int(float(found[1].replace(",", ".")) * unit)
    if size <= 0:
        raise BancadaError("quantize.size_invalid", size=text[:40])
    return size


def choose(
    variants: Sequence[Variant], target_bytes: int | None, *, matrix: bool, target_bits: float | None = None
) -> Variant:
    """The best type whose file is no larger than ``target_bytes``, or than ``target_bits`` a weight.

    Types that need an importance matrix count only with one, those for specially trained models never.
    Best is the order of :data:`bancada.quantization.types.TYPES`, unless tensors fall back: then more real
    bits are better (SmolLM2: Q3_K_M with 5.46 bits has a KL divergence of 0.22, IQ4_XS with
    5.32 one of 0.29, Q4_0 with 5.35 one of 0.44).

    Raises:
        BancadaError: ``quantize.nothing_fits`` with the smallest size there is, ``quantize.bits_invalid``.
    """
    if target_bits is not None and not LEAST_BITS <= target_bits <= MOST_BITS:
        raise BancadaError("quantize.bits_invalid", bits=target_bits)
    usable = [one for one in variants if one.type not in FOR_TRAINED and (matrix or not one.needs_matrix)]
    fitting = [
        one
        for one in usable
        if (target_bytes is None or one.size_bytes <= target_bytes)
        and (target_bits is None or one.bits_per_weight <= target_bits)
    ]
    if not fitting:
        least = min(usable, key=lambda one: one.size_bytes, default=None)
        wanted = bytes_text(target_bytes) if target_bytes is not None else f"{target_bits:g} bits per weight"
        raise BancadaError(
            "quantize.nothing_fits",
            target=wanted,
            least=bytes_text(least.size_bytes) if least else "",
            type=f"{least.type}, {least.bits_per_weight:.2f} bits per weight" if least else "",
        )
    if any(_falls_back(one) for one in fitting):
        return min(fitting, key=lambda one: (-one.bits_per_weight, rank(one.type)))
    return min(fitting, key=lambda one: (rank(one.type), one.size_bytes))


def advice(variant: Variant, others: Iterable[Variant], *, matrix: bool, requantizes: str = "") -> list[str]:
    """What to mind about a variant, in sentences: sizes that betray the name, losses on top of losses.

    Args:
        variant: what would be made.
        others: what other types would give for the same model.
        matrix: an importance matrix is used.
        requantizes: the type of a source that is already quantized, else empty.
    """
    said = []
    kind = type_named(variant.type)
    if requantizes:
        said.append(
            f"The source is already quantized ({requantizes}): its losses stay, and new ones come on top. "
            "Take the original in 16 bits where there is one."
        )
    if variant.fallbacks:
        frequent = Counter(variant.fallbacks.values()).most_common()
        into = ", ".join(f"{count} as {name}" for name, count in frequent)
        count = len(variant.fallbacks)
        which = "1 tensor is" if count == 1 else f"{count} tensors are"
        said.append(f"{which} too narrow for {variant.type} and stored otherwise: {into}.")
    if variant.bits_per_weight > kind.bits * _LARGER_THAN_NAMED:
        said.append(
            f"{variant.type} promises {kind.bits:.2f} bits per weight; this file has "
            f"{variant.bits_per_weight:.2f}."
        )
    said += _smaller(variant, others)
    if variant.type in FOR_TRAINED:
        said.append(f"{variant.type} is for models that were trained for it; others answer nonsense.")
    elif kind.family == "low" and not matrix:
        said.append("Below three bits an importance matrix makes the difference: use one.")
    return said


def _falls_back(variant: Variant) -> bool:
    return _NARROW * len(variant.fallbacks) > sum(variant.tensor_types.values())


def _smaller(variant: Variant, others: Iterable[Variant]) -> list[str]:
    """A type that promises at least as much and takes no more room.

    Where tensors fall back, names say nothing of quality any more: only sizes are compared then.
    """
    whole = [
        one
        for one in others
        if not _falls_back(one) and one.size_bytes <= variant.size_bytes and one.type != variant.type
    ]
    if _falls_back(variant):
        bits = type_named(variant.type).bits
        simpler = [one for one in whole if type_named(one.type).bits >= bits and one.type not in FOR_TRAINED]
        if not simpler:
            return []
        best = max(simpler, key=lambda one: one.size_bytes)
        return [f"{best.type}, which promises more, takes no more room here ({bytes_text(best.size_bytes)})."]
    better = [one for one in whole if rank(one.type) < rank(variant.type)]
    if not better:
        return []
    best = min(better, key=lambda one: rank(one.type))
    return [f"{best.type} is of better quality and not larger ({bytes_text(best.size_bytes)})."]


def check_overrides(
    overrides: Sequence[str], tensors: Iterable[str], types: Iterable[str]
) -> list[tuple[str, str]]:
    """Split ``PATTERN=TYPE`` into pairs; a pattern is a regular expression over tensor names.

    Raises:
        BancadaError: ``quantize.override_invalid`` naming the override and what is wrong with it.
    """
    names, known = list(tensors), {one.upper() for one in types}
    if len(overrides) > MAX_OVERRIDES:
        raise BancadaError(
            "quantize.override_invalid", override=str(len(overrides)), detail="there are too many"
        )
    pairs = []
    for one in overrides:
        pattern, equals, kind = one.rpartition("=")
        kind = kind.strip().upper()
        if not equals or not pattern:
            raise _wrong(one, "it is not PATTERN=TYPE")
        if kind not in known:
            raise _wrong(one, f"{kind[:20]} is no type of a tensor")
        if len(pattern) > _MAX_PATTERN or not pattern.isascii() or _NESTED.search(pattern):
            raise _wrong(one, "the pattern is too long, not ASCII, or repeats a repetition")
        if _FOREIGN.search(pattern):
            raise _wrong(one, "the pattern uses what the engine's grammar of patterns does not have")
        try:
            matcher = re.compile(pattern)
        except re.error as error:
            raise _wrong(one, f"the pattern is no regular expression ({error})") from error
        if not any(matcher.search(name) for name in names):
            raise _wrong(one, "no tensor has such a name")
        pairs.append((pattern, kind))
    return pairs


def result_name(source: str, kind: str, *, matrix: bool) -> str:
    """The name to propose: the source's without an older type, and the new one."""
    base = re.sub(
        r"[-._ ](?:i1-)?(?:I?Q\d_\w{1,6}|B?F16|F32|TQ\d_0)(?:-imat)?$", "", source, flags=re.IGNORECASE
    )
    return f"{base}-{kind}{'-imat' if matrix else ''}"


def counts(types: Mapping[str, str]) -> dict[str, int]:
    """How many tensors have each type, the most frequent first."""
    return dict(Counter(types.values()).most_common())


def _wrong(override: str, detail: str) -> BancadaError:
    return BancadaError("quantize.override_invalid", override=override[:200], detail=detail)
