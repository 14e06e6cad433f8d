"""Small charts as inline SVG: lines, and bars with intervals. Colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH: Final = 640
_HEIGHT: Final = 260
_LEFT: Final = 64
_RIGHT: Final = 16
_TOP: Final = 12
_BOTTOM: Final = 40
_SERIES: Final = 5
_MAX_POINTS: Final = 600
#: mean width of a letter of the labels
_LETTER: Final = 5.8
#: line styles besides colour, for those who do not see the colours apart
_DASHES: Final = ("", "6 3", "2 3", "8 3 2 3", "1 4")

Format = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a line chart; points are sorted by x."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with an optional interval around its value."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def line_chart(lines: Sequence[Line], *, label: str, x_name: str, y_name: str, y_format: Format) -> str:
    """Lines over a common x axis that starts at 0, y from 0; the legend names them when there are several."""
    shown = [Line(one.name, _thinned(one.points)) for one in lines if one.points]
    xs = [x for one in shown for x, _y in one.points] or [1.0]
    ys = [y for one in shown for _x, y in one.points] or [1.0]
    x_ticks, y_ticks = ticks(max(xs)), ticks(max(ys))
    parts = [_frame(label), _y_axis(y_ticks, y_name, y_format), _x_axis(x_ticks, x_name)]
    for index, one in enumerate(shown):
        path = " ".join(
            f"{'M' if number == 0 else 'L'}{_x(x, x_ticks[-1]):.1f} {_y(y, y_ticks[-1]):.1f}"
            for number, (x, y) in enumerate(one.points)
        )
        parts.append(_path(index, path))
    if len(shown) > 1:
        parts += _legend([one.name for one in shown])
    return "".join([*parts, "</svg>"])


def bar_chart(bars: Sequence[Bar], *, label: str, y_name: str, y_format: Format) -> str:
    """Bars from 0 with whiskers where an interval is known."""
    top = max((max(one.value, one.high or 0.0) for one in bars), default=1.0)
    y_ticks = ticks(top)
    parts = [_frame(label), _y_axis(y_ticks, y_name, y_format)]
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(bars))
    for index, one in enumerate(bars):
        wide = min(72.0, step * 0.5)
        middle = _LEFT + step * (index + 0.5)
        y = _y(one.value, y_ticks[-1])
        base = _y(0.0, y_ticks[-1])
        parts.append(
            f'<rect class="bar s{index % _SERIES + 1}" x="{middle - wide / 2:.1f}" y="{y:.1f}" '
            f'width="{wide:.1f}" height="{max(0.5, base - y):.1f}" rx="2"/>'
        )
        if one.low is not None and one.high is not None:
            high, low = _y(one.high, y_ticks[-1]), _y(max(0.0, one.low), y_ticks[-1])
            parts.append(
                f'<path class="whisker" d="M{middle:.1f} {high:.1f}V{low:.1f}M{middle - 6:.1f} {high:.1f}h12'
                f'M{middle - 6:.1f} {low:.1f}h12"/>'
            )
        parts.append(_words(middle, _HEIGHT - _BOTTOM + 16, one.name, "middle"))
        parts.append(_words(middle + wide / 2 + 4, y + 4, y_format(one.value), "start", "figure"))
    return "".join([*parts, "</svg>"])


def ticks(top: float) -> list[float]:
    """About five round numbers from 0 to at least ``top``."""
    if not math.isfinite(top) or top <= 0:
        return [0.0, 1.0]
    raw = top / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= raw * 0.999)
    count = math.ceil(top / step * 0.999)
    return [step * number for number in range(count + 1)]


def _thinned(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """At most ``_MAX_POINTS``; of each stretch its largest value, so that no peak is lost."""
    if len(points) <= _MAX_POINTS:
        return points
    size = math.ceil(len(points) / _MAX_POINTS)
    return tuple(max(points[at : at + size], key=lambda one: one[1]) for at in range(0, len(points), size))


def _frame(label: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'


def _y_axis(values: Sequence[float], name: str, y_format: Format) -> str:
    parts = [_words(_LEFT, _TOP - 2, name, "start", "axis")]
    for value in values:
        y = _y(value, values[-1])
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(_words(_LEFT - 8, y + 4, y_format(value), "end", "figure"))
    return "".join(parts)


def _x_axis(values: Sequence[float], name: str) -> str:
    y = _HEIGHT - _BOTTOM + 16
    figures = [
        _words(_x(value, values[-1]), y, f"{value:g}", "end" if value == values[-1] else "middle", "figure")
        for value in values
    ]
    return "".join([_words(_WIDTH - _RIGHT, _HEIGHT - 6, name, "end", "axis"), *figures])


def _legend(names: Sequence[str]) -> list[str]:
    parts, x, y = [], _LEFT, _HEIGHT - 8
    for index, name in enumerate(names):
        parts += [_path(index, f"M{x} {y - 4}h24"), _words(x + 30, y, name, "start")]
        x += 54 + round(len(name) * _LETTER)
    return parts


def _path(index: int, path: str) -> str:
    number = index % _SERIES
    return f'<path class="line s{number + 1}" stroke-dasharray="{_DASHES[number]}" d="{path}"/>'


def _words(x: float, y: float, words: str, anchor: str, kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _x(value: float, top: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / top


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP - 8) * value / top
