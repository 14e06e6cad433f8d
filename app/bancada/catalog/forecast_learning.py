"""Correcting forecasts by what earlier loads on this machine really took.

The measured peak of a load is modelled as the forecast's parts, each off by a small factor of its own, and
a constant that belongs to this machine (libraries, threads, allocator)::

    measured = sum((1 + f[part]) * part) + constant + noise

The factors and the constant are the most probable ones under a normal prior around zero (ridge regression
with a width for each: how wrong that part of the formula can plausibly be), so that a single load moves
them no further than the prior allows, and what no load tells apart stays at the formula. Loads far off
(another process's memory in the way, a load that was cut short) weigh less by Huber's rule; repeated loads
of one configuration count together as one, so that the model used daily does not drown the others. The
corrected sum is kept within 0.7 and 1.5 of the formula's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bancada.catalog.forecast import MemoryForecast
from bancada.storage.memory import MemoryMeasurement

_MIB: Final = 1 << 20
#: how wrong each part of the formula can plausibly be (one standard deviation, as a share of the part):
#: weights and cache are counted exactly, buffers and copies follow the build of the engine
WIDTHS: Final[Mapping[str, float]] = {"weights": 0.02, "repacked": 0.3, "kv_cache": 0.02, "compute": 0.4}
#: and of the constant, in MiB
_CONSTANT_MIB: Final = 32.0
_NOISE_SHARE: Final = 0.01
_NOISE_MIB: Final = 1.0
#: noises beyond which a load weighs less (Huber, 1964: 95 % efficient for normal errors)
_HUBER: Final = 1.345
_ROUNDS: Final = 10
_LEAST, _MOST = 0.7, 1.5


@dataclass(frozen=True, slots=True)
class Correction:
    """What was learned: ``factors`` by part (0: as forecast), ``constant_bytes``, from ``loads`` loads."""

    factors: Mapping[str, float] = field(default_factory=dict)
    constant_bytes: float = 0.0
    loads: int = 0

    def bytes_of(self, items: Mapping[str, int]) -> int:
        """The corrected sum of a forecast's parts."""
        total = sum(items.values())
        moved = sum(self.factors.get(name, 0.0) * size for name, size in items.items())
        return int(min(_MOST * total, max(_LEAST * total, total + moved + self.constant_bytes)))

    def apply(self, forecast: MemoryForecast) -> MemoryForecast:
        """The same forecast with its corrected sum."""
        return replace(forecast, corrected_bytes=self.bytes_of(forecast.by_name()))


def learn(measurements: Sequence[MemoryMeasurement]) -> Correction:
    """The most probable correction after these loads of one machine and engine."""
    if not measurements:
        return Correction()
    names = tuple(WIDTHS)
    alike = Counter(_configuration(one) for one in measurements)
    shares = [1.0 / alike[_configuration(one)] for one in measurements]
    rows = [[one.items.get(name, 0) / _MIB for name in names] + [1.0] for one in measurements]
    missed = [(one.measured_bytes - one.forecast_bytes) / _MIB for one in measurements]
    noises = [_NOISE_MIB + _NOISE_SHARE * one.measured_bytes / _MIB for one in measurements]
    precisions = [width**-2 for width in WIDTHS.values()] + [_CONSTANT_MIB**-2]
    found = [0.0] * len(precisions)
    trust = [1.0] * len(rows)
    for _ in range(_ROUNDS):
        weights = [a * b / noise**2 for a, b, noise in zip(shares, trust, noises, strict=True)]
        found = _ridge(rows, missed, weights, precisions)
        distances = [
            abs(miss - sum(a * b for a, b in zip(row, found, strict=True))) / noise
            for row, miss, noise in zip(rows, missed, noises, strict=True)
        ]
        trust = [min(1.0, _HUBER / max(distance, 1e-9)) for distance in distances]
    return Correction(dict(zip(names, found, strict=False)), found[-1] * _MIB, len(measurements))


def _configuration(one: MemoryMeasurement) -> tuple[str, int, str, bool]:
    return (one.model_sha256, one.context, one.cache_type, one.flash_attention)


def _ridge(
    rows: Sequence[Sequence[float]],
    values: Sequence[float],
    weights: Sequence[float],
    precisions: Sequence[float],
) -> list[float]:
    """Minimise ``sum(weight * (value - row . x)^2) + sum(precision * x^2)``: the normal equations."""
    size = len(precisions)
    matrix = [
        [
            sum(w * row[a] * row[b] for w, row in zip(weights, rows, strict=True))
            + (precisions[a] if a == b else 0.0)
            for b in range(size)
        ]
        + [sum(w * row[a] * value for w, row, value in zip(weights, rows, values, strict=True))]
        for a in range(size)
    ]
    # positive definite through the prior, so elimination needs no pivoting
    for pivot in range(size):
        for other in range(size):
            if other != pivot:
                ratio = matrix[other][pivot] / matrix[pivot][pivot]
                matrix[other] = [x - ratio * y for x, y in zip(matrix[other], matrix[pivot], strict=True)]
    return [matrix[at][-1] / matrix[at][at] for at in range(size)]
