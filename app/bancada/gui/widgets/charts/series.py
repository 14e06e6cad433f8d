"""The numbers behind one line of a chart, kept so that a million of them draw as fast as a thousand.

Beside the values lies a pyramid: for every 4, 16, 64 ... neighbours their least and greatest value.
Appending touches only the new end of each level; drawing reads the level that has a few values for
each pixel. Every peak stays visible, which plain sub-sampling does not give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = Sequence[float] | Values

#: how many values of one level make one of the next
_FACTOR: Final = 4


class _Growing:
    """An array that grows at its end in amortized constant time."""

    __slots__ = ("_room", "count")

    def __init__(self) -> None:
        self._room: Values = np.empty(64)
        self.count = 0

    def append(self, values: Values) -> None:
        needed = self.count + values.size
        if needed > self._room.size:
            room = np.empty(max(needed, 2 * self._room.size))
            room[: self.count] = self._room[: self.count]
            self._room = room
        self._room[self.count : needed] = values
        self.count = needed

    @property
    def values(self) -> Values:
        return self._room[: self.count]


class _Level:
    """Least and greatest of each ``size`` neighbouring values; incomplete groups are left out."""

    __slots__ = ("high", "low", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.low = _Growing()
        self.high = _Growing()


class Series:
    """Values over a rising ``x``. Values without a finite x are dropped; a NaN in ``y`` is a gap."""

    def __init__(self, xs: Numbers = (), ys: Numbers = ()) -> None:
        self._x = _Growing()
        self._y = _Growing()
        self._levels: list[_Level] = []
        self.extend(xs, ys)

    def __len__(self) -> int:
        return self._x.count

    @property
    def x(self) -> Values:
        return self._x.values

    @property
    def y(self) -> Values:
        return self._y.values

    def extend(self, xs: Numbers, ys: Numbers) -> None:
        """Add points. Points before the last x are sorted in, which costs as much as starting anew.

        Raises:
            ValueError: the two are not equally long.
        """
        new_x, new_y = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
        if new_x.shape != new_y.shape or new_x.ndim != 1:
            raise ValueError(f"a series needs as many x as y: {new_x.shape} and {new_y.shape}")
        finite = np.isfinite(new_x)
        if not finite.all():
            new_x, new_y = new_x[finite], new_y[finite]
        if not new_x.size:
            return
        last = self.x[-1] if len(self) else -np.inf
        if new_x[0] < last or bool((np.diff(new_x) < 0).any()):
            new_x, new_y = np.concatenate((self.x, new_x)), np.concatenate((self.y, new_y))
            order = np.argsort(new_x, kind="stable")
            new_x, new_y = new_x[order], new_y[order]
            self._x, self._y, self._levels = _Growing(), _Growing(), []
        self._x.append(new_x)
        self._y.append(new_y)
        self._summarize()

    def _summarize(self) -> None:
        """Bring the levels up to date with what was appended."""
        low, high = self._y, self._y
        depth = 0
        while low.count >= _FACTOR:
            if depth == len(self._levels):
                self._levels.append(_Level(_FACTOR ** (depth + 1)))
            level = self._levels[depth]
            done, complete = level.low.count, low.count // _FACTOR
            if complete > done:
                span = slice(done * _FACTOR, complete * _FACTOR)
                level.low.append(np.fmin.reduce(low.values[span].reshape(-1, _FACTOR), axis=1))
                level.high.append(np.fmax.reduce(high.values[span].reshape(-1, _FACTOR), axis=1))
            low, high = level.low, level.high
            depth += 1

    def window(
        self, start: float, end: float, pixels: int, count: int | None = None
    ) -> tuple[Values, Values]:
        """Points that draw the part from ``start`` to ``end`` in ``pixels`` columns like all points would.

        One point beyond each edge is included, so that the line leaves the picture. ``count`` limits
        the series to its first points. At most about four points for each pixel come back.
        """
        total = len(self) if count is None else min(count, len(self))
        x = self.x[:total]
        first = max(0, int(np.searchsorted(x, start, "left")) - 1)
        last = min(total, int(np.searchsorted(x, end, "right")) + 1)
        points = last - first
        pixels = max(pixels, 16)
        if points <= 4 * pixels:
            return x[first:last], self.y[first:last]
        level = max((one for one in self._levels if points // one.size >= pixels), key=lambda one: one.size)
        return self._reduced(level, first, last, pixels)

    def _reduced(self, level: _Level, first: int, last: int, pixels: int) -> tuple[Values, Values]:
        start, stop = first // level.size, min(last // level.size, level.low.count)
        step = max(1, -(-(stop - start) // pixels))
        edges = np.arange(start, stop, step)
        low = np.fmin.reduceat(level.low.values[:stop], edges)
        high = np.fmax.reduceat(level.high.values[:stop], edges)
        tail = self.y[stop * level.size : last]
        if tail.size:
            edges = np.append(edges, stop)
            low = np.append(low, np.fmin.reduce(tail))
            high = np.append(high, np.fmax.reduce(tail))
        xs = np.repeat(self.x[edges * level.size], 2)
        ys = np.empty(2 * low.size)
        ys[0::2], ys[1::2] = low, high
        return xs, ys

    def extremes(self, start: float, end: float, count: int | None = None) -> tuple[float, float] | None:
        """The least and the greatest finite y between two x, or None where there is none."""
        _, ys = self.window(start, end, 512, count)
        finite = ys[np.isfinite(ys)]
        return (float(finite.min()), float(finite.max())) if finite.size else None

    def nearest(self, x: float, count: int | None = None) -> int | None:
        """The index of the point whose x is nearest, or None when there are no points."""
        xs = self.x if count is None else self.x[:count]
        if not xs.size:
            return None
        right = min(int(np.searchsorted(xs, x)), xs.size - 1)
        left = max(right - 1, 0)
        return left if x - xs[left] <= xs[right] - x else right
