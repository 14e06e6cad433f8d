"""Two models side by side: what they are, what they need, what was measured, and where they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bancada.catalog.forecaster import Forecaster
from bancada.catalog.measured import Measured, measured
from bancada.storage import lifecycle
from bancada.storage.connection import Database
from bancada.storage.models import VersionRecord

#: columns of a version that are compared as they are
_PLAIN: Final = (
    "format", "architecture", "quantization", "parameters", "bits_per_weight", "layers", "context_length",
    "size_bytes", "license", "source",
)  # fmt: skip
_MEASURED: Final = ("decode_tokens_per_s", "prefill_tokens_per_s", "ttft_ms", "peak_memory_bytes")
#: measurements are never alike to the last digit
_ALIKE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Pair:
    """One fact of both; None is not known. ``differs`` is False where one of them is not known."""

    section: str
    key: str
    left: Any
    right: Any
    differs: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """``pairs`` by section: ``facts``, ``duty``, ``memory``, ``measured``, ``metadata``.

    ``shared_bytes`` are of files that both have.
    """

    left: VersionRecord
    right: VersionRecord
    pairs: tuple[Pair, ...]
    shared_bytes: int


def compare(
    database: Database, left: VersionRecord, right: VersionRecord, known: Forecaster, context: int
) -> Comparison:
    """Put two versions side by side.

    Args:
        database: the workspace's.
        left: the one version.
        right: the other.
        known: makes the memory forecasts.
        context: tokens for the forecasts, at most what each was made for.
    """
    pairs = (
        *_facts(left, right),
        *_duty(database, left, right),
        _forecasts(left, right, known, context),
        *_speeds(measured(database, left.id), measured(database, right.id)),
        *_metadata(left, right),
    )
    both = {one.sha256 for one in left.files}
    shared = sum(one.size_bytes for one in right.files if one.sha256 in both)
    return Comparison(left, right, pairs, shared)


def _facts(left: VersionRecord, right: VersionRecord) -> Iterator[Pair]:
    for name in _PLAIN:
        one, other = getattr(left, name), getattr(right, name)
        yield Pair("facts", name, one or None, other or None, one != other)
    one, other = left.chat_template, right.chat_template
    yield Pair("facts", "chat_template", one is not None, other is not None, one != other)
    yield Pair("facts", "sha256", left.sha256, right.sha256, left.sha256 != right.sha256)


def _duty(database: Database, left: VersionRecord, right: VersionRecord) -> Iterator[Pair]:
    first, second = (lifecycle.stage_of(database, one.id) for one in (left, right))
    yield Pair("duty", "stage", first, second, first != second)
    aliases = [
        ", ".join(one.name for one in lifecycle.aliases(database, side.model_id) if one.version_id == side.id)
        for side in (left, right)
    ]
    yield Pair("duty", "aliases", aliases[0] or None, aliases[1] or None, aliases[0] != aliases[1])
    tags = [", ".join(lifecycle.tags(database, side.model_id)) for side in (left, right)]
    yield Pair("duty", "tags", tags[0] or None, tags[1] or None, tags[0] != tags[1])


def _forecasts(left: VersionRecord, right: VersionRecord, known: Forecaster, context: int) -> Pair:
    one, other = (
        known.forecast(side, max(1, min(context, side.context_length))).corrected_bytes
        for side in (left, right)
    )
    return Pair("memory", "forecast_bytes", one, other, _apart(one, other))


def _speeds(left: Measured, right: Measured) -> Iterator[Pair]:
    for name in _MEASURED:
        one, other = getattr(left, name), getattr(right, name)
        yield Pair("measured", name, one, other, _apart(one, other))
    first, second = (one.quality.verdict if one.quality else None for one in (left, right))
    yield Pair("measured", "certificate", first, second, None not in (first, second) and first != second)


def _metadata(left: VersionRecord, right: VersionRecord) -> Iterator[Pair]:
    """Only what differs: two models of a family share most of their hundred keys."""
    sides = [_values(one) for one in (left, right)]
    for key in sorted(sides[0].keys() | sides[1].keys()):
        one, other = sides[0].get(key), sides[1].get(key)
        if one != other:
            yield Pair("metadata", key, one, other, differs=True)


def _values(version: VersionRecord) -> Mapping[str, Any]:
    values = version.metadata.get("values")
    return values if isinstance(values, dict) else {}


def _apart(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) > _ALIKE * max(abs(one), abs(other))


def document(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON values."""
    return {
        "left": f"{found.left.name}:{found.left.version}",
        "right": f"{found.right.name}:{found.right.version}",
        "shared_bytes": found.shared_bytes,
        "facts": [dataclasses.asdict(one) for one in found.pairs],
    }
