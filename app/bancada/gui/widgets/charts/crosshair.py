"""The vertical line that reads a chart's values, by mouse or by keyboard."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts.style import thin


@dataclass(frozen=True, slots=True)
class Reading:
    """One line's value under the crosshair."""

    name: str
    text: str
    x: float
    y: float
    color: QColor


class Crosshair:
    """The line, the marked points and the box with their values.

    ``read`` gives the visible lines' values nearest to an x, ``title`` an x in words.
    """

    def __init__(
        self, view: pg.PlotWidget, read: Callable[[float], list[Reading]], title: Callable[[float], str]
    ) -> None:
        self._view, self._read, self._title = view, read, title
        self.x: float | None = None
        self.text = ""
        self._line = pg.InfiniteLine(angle=90, movable=False)
        self._marks = pg.ScatterPlotItem(size=10, antialias=True)
        self._box = QLabel(view)
        self._box.setTextFormat(Qt.TextFormat.RichText)
        self._box.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._box.setObjectName("chartReadout")
        for item in (self._line, self._marks):
            item.setZValue(10)
            view.plotItem.addItem(item, ignoreBounds=True)
        self.move(None)

    def apply(self, theme: Theme, ratio: float) -> None:
        """Take over the theme's colours."""
        line = thin(theme.color("muted"), ratio)
        line.setStyle(Qt.PenStyle.DashLine)
        self._line.setPen(line)
        self._marks.setPen(thin(theme.color("text"), 1.5 * ratio))
        self._box.setStyleSheet(
            f"QLabel#chartReadout {{ background: {theme.color('raised').name()};"
            f" color: {theme.color('text').name()}; border: 1px solid {theme.color('border').name()};"
            f" border-radius: 6px; padding: 4px 8px; font-size: {theme.px(11)}px; }}"
        )
        self.refresh()

    def move(self, x: float | None) -> None:
        """Snap to the point nearest to ``x``; None, or no point, takes the crosshair away."""
        readings = self._read(x) if x is not None else []
        for item in (self._line, self._marks):
            item.setVisible(bool(readings))
        self._box.setVisible(bool(readings))
        if x is None or not readings:
            self.x, self.text = None, ""
            return
        self.x = min((one.x for one in readings), key=lambda at: abs(at - x))
        self._draw(self.x, self._read(self.x))

    def refresh(self) -> None:
        """Read again after the data, the range or the theme changed."""
        if self.x is not None:
            self.move(self.x)

    def _draw(self, x: float, readings: list[Reading]) -> None:
        heading = self._title(x)
        self.text = "; ".join((heading, *(f"{one.name}: {one.text}" for one in readings)))
        self._line.setPos(x)
        self._marks.setData(
            x=[one.x for one in readings],
            y=[one.y for one in readings],
            brush=[one.color for one in readings],
        )
        rows = "".join(
            f"<tr><td style='color:{one.color.name()}'>&#9632;&nbsp;</td>"
            f"<td>{html.escape(one.name)}&nbsp;&nbsp;</td>"
            f"<td align='right'><b>{html.escape(one.text)}</b></td></tr>"
            for one in readings
        )
        self._box.setText(f"{html.escape(heading)}<table cellspacing='0'>{rows}</table>")
        self._box.adjustSize()
        at = self._view.mapFromScene(self._view.plotItem.vb.mapViewToScene(QPointF(x, 0.0))).x()
        width, room = self._box.width(), self._view.width()
        left = at + 10 if at + 10 + width <= room else at - 10 - width
        self._box.move(max(0, min(left, room - width)), 4)
