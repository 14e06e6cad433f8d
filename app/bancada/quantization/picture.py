"""The chart of a source's variants as inline SVG: size across, distance from the source upwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from bancada.quantization.variants import Variant, front

_WIDTH: Final = 720
_HEIGHT: Final = 330
_LEFT: Final = 70
_RIGHT: Final = 24
_TOP: Final = 26
_BOTTOM: Final = 46
#: half the width of a letter, for labels that would run out of the picture
_LETTER: Final = 6.2
_SMALLEST_KL: Final = 1e-5
#: circles for good ones, squares and triangles for the others: colours alone are not seen by all
_SHAPES: Final = {"green": "circle", "amber": "square", "red": "triangle", "source": "diamond"}


def variants_chart(found: Sequence[Variant], *, this: str = "") -> str:
    """The chart; ``this`` is the id of the version to stress. Colours come from the page's style."""
    top = _round_up(max((one.size_bytes for one in found), default=1) / 1e6)
    low, high = _powers([one.kl_mean for one in found if one.kl_mean > 0])
    label = "Size and divergence of all variants"
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">',
        _words(_LEFT, _TOP - 12, "mean KL divergence from the source, lower is better", "start", "axis"),
        _words(_WIDTH - _RIGHT, _HEIGHT - 8, "size in MB", "end", "axis"),
    ]
    for power in range(low, high + 1):
        y = _y(10.0**power, low, high)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(_words(_LEFT - 8, y + 4, f"{10.0**power:g}", "end", "figure"))
    for number in range(5):
        size = top * number / 4
        parts.append(_words(_x(size, top), _HEIGHT - _BOTTOM + 18, f"{size:,.0f}", "middle", "figure"))
    line = " ".join(
        f"{'L' if number else 'M'}{_x(one.size_bytes / 1e6, top):.1f} {_y(one.kl_mean, low, high):.1f}"
        for number, one in enumerate(front(found))
    )
    if line:
        parts.append(f'<path class="front" d="{line}"/>')
    taken: list[tuple[float, float]] = []
    for one in found:
        x, y = _x(one.size_bytes / 1e6, top), _y(one.kl_mean, low, high)
        parts.append(_mark(x, y, one.verdict, stressed=one.version_id == this))
        parts.append(_label(x, y, one, taken))
    return "".join([*parts, "</svg>"])


def _label(x: float, y: float, one: Variant, taken: list[tuple[float, float]]) -> str:
    speed = f", {one.tokens_per_s:,.0f}/s" if one.tokens_per_s else ""
    words = f"{one.quantization}{speed}"
    place = y - 11
    # labels that would lie on another one move up
    while any(abs(place - other) < 12 and abs(x - at) < _LETTER * 18 for at, other in taken):
        place -= 12
    taken.append((x, place))
    half = len(words) * _LETTER / 2
    middle = min(max(x, _LEFT + half), _WIDTH - _RIGHT - half)
    return _words(middle, place, words, "middle", "label")


def _mark(x: float, y: float, verdict: str, *, stressed: bool) -> str:
    size = 8.0 if stressed else 5.5
    kind = f"mark {verdict}{' this' if stressed else ''}"
    shape = _SHAPES.get(verdict, "circle")
    if shape == "circle":
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>'
    outlines: dict[str, tuple[tuple[float, float], ...]] = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
        "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    }
    points = " ".join(f"{x + a * size:.1f},{y + b * size:.1f}" for a, b in outlines[shape])
    return f'<polygon class="{kind}" points="{points}"/>'


def _powers(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around the values."""
    low = math.floor(math.log10(max(_SMALLEST_KL, min(values, default=0.01))))
    high = math.ceil(math.log10(max(values, default=1.0)) + 0.05)
    return low, max(high, low + 1)


def _round_up(value: float) -> float:
    """A round number of four equal steps from 0."""
    power = 10.0 ** math.floor(math.log10(max(1e-9, value / 4)))
    return next(4 * step * power for step in (1, 2, 2.5, 5, 10) if 4 * step * power >= value * 1.02)


def _x(size: float, top: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * size / top


def _y(value: float, low: int, high: int) -> float:
    """On a scale of powers of ten; what is 0 lies on its lowest line."""
    place = (math.log10(max(value, 10.0**low)) - low) / (high - low)
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * min(1.0, place)


def _words(x: float, y: float, words: str, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
