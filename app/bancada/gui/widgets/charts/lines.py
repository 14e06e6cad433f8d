"""The lines of a plot: what each shows, how it is dressed, and how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pyqtgraph as pg

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts.crosshair import Reading
from bancada.gui.widgets.charts.dashes import cut
from bancada.gui.widgets.charts.series import Series
from bancada.gui.widgets.charts.style import Style, pen, thin

#: markers are drawn up to this many points; above it they would hide the line
_MARKED: Final = 48
#: smooth edges and dashes cost time; above this many points nobody sees them
_SMOOTH: Final = 600


@dataclass(slots=True)
class _Line:
    series: Series
    style: Style
    curve: pg.PlotCurveItem
    markers: pg.ScatterPlotItem
    shown: bool = True
    frozen: tuple[Series, int] | None = None  # what is drawn while the chart is paused

    @property
    def drawn(self) -> tuple[Series, int]:
        return self.frozen or (self.series, len(self.series))


class Lines:
    """The lines of one plot by name. A line may be hidden, and all of them frozen."""

    def __init__(self, item: pg.PlotItem, theme: Theme, format_y: Callable[[float], str]) -> None:
        self._item, self._theme, self._format_y = item, theme, format_y
        self._by_name: dict[str, _Line] = {}
        self._frozen = False
        self._ratio = 1.0

    @property
    def shown(self) -> dict[str, tuple[Series, Style]]:
        """The visible lines by name."""
        return {name: (one.drawn[0], one.style) for name, one in self._by_name.items() if one.shown}

    def drawn(self) -> Iterator[tuple[Series, int]]:
        """Series and number of points of each visible line that has any."""
        return (one.drawn for one in self._by_name.values() if one.shown and one.drawn[1])

    def set(self, name: str, series: Series, style: Style) -> None:
        """Add a line or replace its data."""
        line = self._by_name.get(name)
        if line is None:
            line = _Line(series, style, pg.PlotCurveItem(), pg.ScatterPlotItem(size=7, antialias=True))
            line.frozen = (Series(), 0) if self._frozen else None
            line.curve.setSegmentedLineMode("on")  # see bancada.gui.widgets.charts.dashes
            self._by_name[name] = line
            for item in (line.curve, line.markers):
                self._item.addItem(item, ignoreBounds=True)
        line.series, line.style = series, style
        self._dress(line)

    def remove(self, name: str) -> None:
        line = self._by_name.pop(name)
        self._item.removeItem(line.curve)
        self._item.removeItem(line.markers)

    def show(self, name: str, *, shown: bool) -> None:
        line = self._by_name[name]
        line.shown = shown
        line.curve.setVisible(shown)
        line.markers.setVisible(shown)

    def freeze(self, *, frozen: bool) -> None:
        """While frozen the picture stands still; what comes in meanwhile is kept and shown after."""
        self._frozen = frozen
        for line in self._by_name.values():
            line.frozen = (line.series, len(line.series)) if frozen else None

    def apply(self, ratio: float) -> None:
        """Take over the theme's colours; ``ratio`` is pixels per pixel of the window."""
        self._ratio = ratio
        for line in self._by_name.values():
            self._dress(line)

    def draw(self, area: pg.ViewBox) -> None:
        """Hand each visible line as many points as the area's width in pixels can show."""
        (start, end), (low, high) = area.viewRange()
        scale = area.width() / (end - start), area.height() / (high - low)
        for line in self._by_name.values():
            if line.shown:
                series, count = line.drawn
                xs, ys = series.window(start, end, max(64, int(area.width())), count)
                few, smooth = xs.size <= _MARKED, xs.size <= _SMOOTH
                line.markers.setData(x=xs if few else [], y=ys if few else [])
                connect = "finite"
                if line.style.dashes and smooth:
                    xs, ys = cut(xs, ys, scale, line.style.dashes)
                    connect = "pairs"
                line.curve.setData(x=xs, y=ys, antialias=smooth, connect=connect)

    def readings(self, x: float) -> list[Reading]:
        """Each visible line's value nearest to ``x``."""
        found = []
        for name, line in self._by_name.items():
            series, count = line.drawn
            index = series.nearest(x, count) if line.shown else None
            if index is not None and math.isfinite(series.y[index]):
                y = float(series.y[index])
                color = self._theme.color(line.style.token)
                found.append(Reading(name, self._format_y(y), float(series.x[index]), y, color))
        return found

    def step(self, x: float | None, points: int) -> float | None:
        """The x that many points right of ``x`` on the line that has a point nearest to it.

        None for ``x`` means: past the last point, where a single step ends at the last one.
        """
        near: list[tuple[float, Series, int, int]] = []
        for series, count in self.drawn():
            index = series.nearest(math.inf if x is None else x, count)
            if index is not None:
                near.append((0.0 if x is None else abs(float(series.x[index]) - x), series, count, index))
        if not near:
            return None
        _, series, count, index = min(near, key=lambda one: one[0])
        by = 0 if x is None and abs(points) == 1 else points
        return float(series.x[max(0, min(count - 1, index + by))])

    def _dress(self, line: _Line) -> None:
        line.curve.setPen(pen(self._theme, line.style, ratio=self._ratio, dashed=False))
        line.markers.setSymbol(line.style.marker)
        line.markers.setBrush(self._theme.color(line.style.token))
        line.markers.setPen(thin(self._theme.color(line.style.token)))
