"""Honest numbers from few repetitions: percentiles with their count, and intervals of mean and median."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: two-sided 95 % quantiles of Student's t for 1 to 10 degrees of freedom (tables of the t distribution)
_STUDENT_95: Final = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
_NORMAL_95: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of a measure from ``n`` values, in the measure's unit.

    ``mean_low``/``mean_high``: 95 % interval of the mean (Student's t), None below two values.
    ``median_low``/``median_high``: interval of the median from order statistics with at least
    95 % coverage whatever the distribution, None below six values, where none exists.
    """

    n: int
    mean: float
    deviation: float
    minimum: float
    p50: float
    p90: float
    p95: float
    p99: float
    maximum: float
    mean_low: float | None
    mean_high: float | None
    median_low: float | None
    median_high: float | None


def summarize(values: Sequence[float]) -> Statistics:
    """The statistics of one measure.

    Raises:
        ValueError: there is no value at all.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(float(value) for value in values)
    n = len(ordered)
    mean = math.fsum(ordered) / n
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / (n - 1)) if n > 1 else 0.0
    half = student_95(n - 1) * deviation / math.sqrt(n) if n > 1 else None
    median = median_interval(ordered)
    return Statistics(
        n=n,
        mean=mean,
        deviation=deviation,
        minimum=ordered[0],
        p50=percentile(ordered, 50),
        p90=percentile(ordered, 90),
        p95=percentile(ordered, 95),
        p99=percentile(ordered, 99),
        maximum=ordered[-1],
        mean_low=None if half is None else mean - half,
        mean_high=None if half is None else mean + half,
        median_low=None if median is None else median[0],
        median_high=None if median is None else median[1],
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Linear interpolation between the closest ranks of sorted values (Hyndman and Fan, type 7)."""
    rank = (len(ordered) - 1) * percent / 100
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def student_95(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t.

    A table up to 10 degrees of freedom, then the Cornish-Fisher expansion around the normal
    quantile (Abramowitz and Stegun 26.7.5), which is right to four digits from there on.
    """
    if freedom <= len(_STUDENT_95):
        return _STUDENT_95[freedom - 1]
    z = _NORMAL_95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def median_interval(ordered: Sequence[float]) -> tuple[float, float] | None:
    """The narrowest symmetric pair of order statistics that covers the median with >= 95 %.

    The number of values below the median is binomial(n, 1/2), so the pair with ranks
    (k + 1, n - k) misses it with probability 2 P(B <= k).
    """
    n = len(ordered)
    chosen: int | None = None
    below = 0
    for k in range(n // 2):
        below += math.comb(n, k)
        if 2 * below > 0.05 * 2**n:
            break
        chosen = k
    return None if chosen is None else (ordered[chosen], ordered[n - 1 - chosen])
