"""The numbers behind a line: nothing of what is seen is lost by drawing few points."""

from __future__ import annotations

import numpy as np
import pytest

from bancada.gui.widgets.charts.dashes import cut
from bancada.gui.widgets.charts.numbers import number_text, place_text, tick_text
from bancada.gui.widgets.charts.series import Series


def test_few_points_come_back_as_they_are() -> None:
    series = Series([1, 2, 3], [5.0, 4.0, 6.0])
    xs, ys = series.window(0, 10, 100)
    assert xs.tolist() == [1, 2, 3]
    assert ys.tolist() == [5.0, 4.0, 6.0]


def test_every_peak_stays_visible_in_few_points() -> None:
    random = np.random.default_rng(1)
    ys = random.normal(0, 1, 100_003)
    ys[54_321] = 90.0
    ys[100_001] = -70.0
    series = Series(np.arange(100_003, dtype=np.float64), ys)
    drawn = series.window(-1, 2e5, 400)[1]
    assert drawn.size <= 4 * 400
    assert drawn.max() == 90.0
    assert drawn.min() == -70.0


def test_appending_in_pieces_equals_making_it_whole() -> None:
    random = np.random.default_rng(2)
    ys = random.normal(0, 1, 5_000)
    whole, grown = Series(np.arange(5_000, dtype=np.float64), ys), Series()
    start = 0
    for size in (1, 2, 3, 700, 1_000, 3_294):
        grown.extend(np.arange(start, start + size, dtype=np.float64), ys[start : start + size])
        start += size
    for one, other in zip(whole.window(0, 5_000, 64), grown.window(0, 5_000, 64), strict=True):
        assert one.tolist() == other.tolist()


def test_a_window_has_one_point_beyond_each_edge() -> None:
    xs, _ = Series(range(10), range(10)).window(3.5, 5.5, 100)
    assert xs.tolist() == [3, 4, 5, 6]


def test_points_out_of_order_are_sorted_in() -> None:
    series = Series([5, 1], [50, 10])
    series.extend([3], [30])
    assert series.x.tolist() == [1, 3, 5]
    assert series.y.tolist() == [10, 30, 50]


def test_gaps_and_places_that_are_no_number() -> None:
    series = Series([1, 2, float("nan"), 3], [1.0, float("nan"), 9.0, 3.0])
    assert len(series) == 3
    assert series.extremes(0, 10) == (1.0, 3.0)
    assert Series([1], [float("nan")]).extremes(0, 10) is None


def test_a_limit_hides_what_came_later() -> None:
    series = Series(range(100), range(100))
    assert series.window(0, 100, 500, 10)[0].size == 10
    assert series.extremes(0, 100, 10) == (0.0, 9.0)
    assert series.nearest(80, 10) == 9


def test_the_nearest_point() -> None:
    series = Series([0, 10, 20], [1, 2, 3])
    assert series.nearest(4) == 0
    assert series.nearest(6) == 1
    assert series.nearest(float("inf")) is not None
    assert Series().nearest(1) is None


def test_x_and_y_must_be_equally_long() -> None:
    with pytest.raises(ValueError, match="as many"):
        Series([1, 2], [1])


def test_dashes_are_cut_by_length_on_the_screen() -> None:
    xs, ys = cut(np.array([0.0, 10.0]), np.array([0.0, 0.0]), (10.0, 10.0), (30.0, 20.0))
    assert xs.tolist() == [0.0, 3.0, 5.0, 8.0]
    assert ys.tolist() == [0.0, 0.0, 0.0, 0.0]


def test_dashes_leave_gaps_and_bend_with_the_line() -> None:
    xs, ys = cut(np.array([0.0, 1.0, 2.0]), np.array([0.0, float("nan"), 1.0]), (1.0, 1.0), (1.0, 1.0))
    assert xs.size == ys.size == 0
    xs, ys = cut(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0]), (1.0, 1.0), (4.0, 1.0))
    assert list(zip(xs.tolist(), ys.tolist(), strict=True)) == [(0, 0), (1, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (355.4, "355"),
        (12.34, "12.3"),
        (1.0, "1.00"),
        (0.01234, "0.0123"),
        (float("nan"), "\N{EN DASH}"),
    ],
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert number_text(value) == text


def test_places_and_ticks() -> None:
    assert place_text(18.0) == "18"
    assert place_text(0.25) == "0.250"
    assert tick_text(0.5, 0.5) == "0.5"
    assert tick_text(1e-17, 0.1) == "0"
    assert tick_text(2e9, 1e9) == "2e+09"
