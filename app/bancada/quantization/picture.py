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
#: the width of a letter of the labels, and the letters of the longest
_LETTER: Final = 6.2
_LONGEST: Final = 28
_SMALLEST_KL: Final = 1e-5
#: circles for good ones, squares and triangles for the others: colours alone are not seen by all
_SHAPES: Final = {"green": "circle", "amber": "square", "red": "triangle", "source": "diamond"}


def variants_chart(found: Sequence[Variant], *, this: str = "") -> str:
    """The chart; ``this`` is the id of the version to stress. Colours come from the page's style."""
    span = _span([one.size_bytes / 1e6 for one in found])
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
        size = span[0] + (span[1] - span[0]) * number / 4
        parts.append(_words(_x(size, span), _HEIGHT - _BOTTOM + 18, f"{size:,.4g}", "middle", "figure"))
    line = " ".join(
        f"{'L' if number else 'M'}{_x(one.size_bytes / 1e6, span):.1f} {_y(one.kl_mean, low, high):.1f}"
        for number, one in enumerate(front(found))
    )
    if line:
        parts.append(f'<path class="front" d="{line}"/>')
    places = [(_x(one.size_bytes / 1e6, span), _y(one.kl_mean, low, high)) for one in found]
    for (x, y), one in zip(places, found, strict=True):
        parts.append(_mark(x, y, one.verdict, stressed=one.version_id == this))
    return "".join([*parts, *_labels(found, places), "</svg>"])


def _labels(found: Sequence[Variant], places: Sequence[tuple[float, float]]) -> list[str]:
    """Beside each mark its name and speed, on the side and at the height where it has room."""
    parts: list[str] = []
    taken = [(x - 8, x + 8, y + 4) for x, y in places]
    for words, (x, y) in sorted(zip(_names(found), places, strict=True), key=lambda one: one[1][1]):
        wide = len(words) * _LETTER
        spots = [
            (left, y + 4 + shift)
            for shift in (0, 12, -12, 24, -24)
            for left in (x + 12, x - 12 - wide)
            if _LEFT - 4 <= left <= _WIDTH - wide
        ]
        left, line = next((one for one in spots if _is_free(one, wide, taken)), spots[0] if spots else (x, y))
        taken.append((left, left + wide, line))
        parts.append(_words(left, line, words, "start", "label"))
    return parts


def _is_free(spot: tuple[float, float], wide: float, taken: Sequence[tuple[float, float, float]]) -> bool:
    left, line = spot
    return not any(
        abs(line - other) < 12 and left < end and begin < left + wide for begin, end, other in taken
    )


def _names(found: Sequence[Variant]) -> list[str]:
    """What tells the variants apart: their names without what all of them begin with, and their speed."""
    cut = 0
    for at, letters in enumerate(zip(*(one.name for one in found), strict=False)):
        if len(set(letters)) > 1:
            break
        if letters[0] in " -_.:":
            cut = at + 1
    return [
        one.name[cut:][:_LONGEST] + (f", {one.tokens_per_s:,.0f}/s" if one.tokens_per_s else "")
        for one in found
    ]


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


def _span(sizes: Sequence[float]) -> tuple[float, float]:
    """Round sizes around the values, four equal round steps apart."""
    low, high = min(sizes, default=0.0), max(sizes, default=1.0)
    power = 10.0 ** math.floor(math.log10(max(1e-6, (high - low) / 4, high / 40)))
    for step in (1, 2, 2.5, 3, 4, 5, 6, 8, 10, 20, 50, 100):
        begin = max(0.0, math.floor(low * 0.95 / (step * power)) * step * power)
        if begin + 4 * step * power >= high * 1.01:
            return begin, begin + 4 * step * power
    return 0.0, high * 1.1


def _x(size: float, span: tuple[float, float]) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (size - span[0]) / (span[1] - span[0])


def _y(value: float, low: int, high: int) -> float:
    """On a scale of powers of ten; what is 0 lies on its lowest line."""
    place = (math.log10(max(value, 10.0**low)) - low) / (high - low)
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * min(1.0, place)


def _words(x: float, y: float, words: str, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
