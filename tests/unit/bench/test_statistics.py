from __future__ import annotations

import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bancada.bench.statistics import median_interval, percentile, student_95, summarize

#: two-sided 95 % quantiles from printed tables of the t distribution
TABLE = {1: 12.706, 4: 2.776, 10: 2.228, 11: 2.201, 20: 2.086, 30: 2.042, 60: 2.000, 120: 1.980}


@pytest.mark.parametrize(("freedom", "expected"), TABLE.items())
def test_student_agrees_with_tables(freedom: int, expected: float) -> None:
    assert student_95(freedom) == pytest.approx(expected, abs=6e-4)


def test_known_sample() -> None:
    one = summarize([4.0, 1.0, 3.0, 2.0])
    assert (one.n, one.mean, one.minimum, one.maximum, one.p50) == (4, 2.5, 1.0, 4.0, 2.5)
    assert one.deviation == pytest.approx(statistics.stdev([1, 2, 3, 4]))
    assert one.mean_low == pytest.approx(2.5 - 3.1824 * one.deviation / 2)
    assert one.mean_high == pytest.approx(2.5 + 3.1824 * one.deviation / 2)
    assert one.median_low is None


def test_one_value_has_no_interval() -> None:
    one = summarize([7])
    assert (one.mean, one.p50, one.p99, one.deviation) == (7, 7, 7, 0)
    assert one.mean_low is one.mean_high is one.median_low is None


def test_no_value_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        summarize([])


def test_percentiles_interpolate_like_type_7() -> None:
    values = [10.0, 20.0, 30.0, 40.0, 50.0]
    assert percentile(values, 90) == pytest.approx(46.0)
    assert percentile(values, 0) == 10
    assert percentile(values, 100) == 50


@pytest.mark.parametrize(
    ("n", "ranks"), [(5, None), (6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (50, (18, 33))]
)
def test_median_interval_has_the_ranks_of_the_binomial_tables(n: int, ranks: tuple[int, int] | None) -> None:
    ordered = [float(value) for value in range(1, n + 1)]
    assert median_interval(ordered) == ranks


def test_median_interval_covers_the_median() -> None:
    chance = random.Random(1)
    covered = 0
    for _ in range(400):
        interval = median_interval(sorted(chance.expovariate(1.0) for _ in range(12)))
        assert interval is not None
        covered += interval[0] <= 0.693147 <= interval[1]
    assert covered >= 0.93 * 400


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60))
def test_order_of_the_figures(values: list[float]) -> None:
    one = summarize(values)
    figures = [one.minimum, one.p50, one.p90, one.p95, one.p99, one.maximum]
    assert all(a <= b + 1e-6 * (1 + abs(b)) for a, b in pairwise(figures))
    assert one.minimum - 1e-3 <= one.mean <= one.maximum + 1e-3
