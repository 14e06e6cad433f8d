"""An axis that names itself with its unit, never scales by itself, and writes numbers as the reader does."""

from __future__ import annotations

import html

import pyqtgraph as pg
from PySide6.QtGui import QColor, QFont, QPen

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts.numbers import tick_text


class NumberAxis(pg.AxisItem):
    """The left or bottom axis of a chart."""

    def __init__(self, orientation: str, title: str, *, whole: bool = False) -> None:
        super().__init__(orientation, maxTickLength=4)
        self._whole = whole  # things that are counted have no halves
        # pyqtgraph would turn 0.02 s into 20 ms and rename the unit while data come in
        self.enableAutoSIPrefix(enable=False)
        self._title = title

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [tick_text(value * scale, spacing * scale) for value in values]

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        levels = super().tickSpacing(low, high, size)
        return [one for one in levels if one[0] >= 1] or [(1.0, 0.0)] if self._whole else levels

    def places(self, low: float, high: float) -> list[float]:
        """Where the labelled ticks are."""
        levels = self.tickValues(low, high, self.height())
        return next((values for _, values in levels if len(values) > 1), [])

    def apply(self, theme: Theme, font: QFont) -> None:
        """Take over colours and type."""
        muted, line = QColor(theme.color("muted")), QColor(theme.color("border"))
        self.setTickFont(font)
        if self.orientation == "bottom":
            self.setHeight(3 * font.pixelSize() + 2)
        self.setPen(QPen(line, 1))
        self.setTickPen(QPen(line, 1))
        self.setTextPen(QPen(muted))
        style = {"color": muted.name(), "font-size": f"{font.pixelSize()}px"}
        # the label is rich text: a title must not be read as markup
        self.setLabel(html.escape(self._title), **style)
