"""Labelled horizontal lines of a chart: a forecast, a requirement, a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtGui import QFont

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts.style import REFERENCE, Style, pen


@dataclass(frozen=True, slots=True)
class _Reference:
    value: float
    style: Style
    line: pg.InfiniteLine
    text: pg.TextItem


class References:
    """The reference lines of one plot, by label."""

    def __init__(self, item: pg.PlotItem) -> None:
        self._item = item
        self._by_label: dict[str, _Reference] = {}

    @property
    def values(self) -> dict[str, float]:
        return {label: one.value for label, one in self._by_label.items()}

    def set(self, label: str, value: float | None, style: Style = REFERENCE) -> None:
        """Draw or move a line; None removes it."""
        old = self._by_label.get(label)
        if old is not None and old.value == value and old.style == style:
            return
        if old is not None:
            del self._by_label[label]
            self._item.removeItem(old.line)
            self._item.removeItem(old.text)
        if value is None or not math.isfinite(value):
            return
        made = _Reference(
            value,
            style,
            pg.InfiniteLine(pos=value, angle=0, movable=False),
            pg.TextItem(label, anchor=(1, 1)),
        )
        for drawn in (made.line, made.text):
            self._item.addItem(drawn, ignoreBounds=True)
        self._by_label[label] = made

    def apply(self, theme: Theme, font: QFont, ratio: float) -> None:
        """Take over colours and type."""
        for one in self._by_label.values():
            one.line.setPen(pen(theme, one.style, ratio=ratio))
            one.text.setColor(theme.color(one.style.token))
            one.text.setFont(font)

    def place(self, right: float) -> None:
        """Put the labels above their lines, at the right edge of the picture."""
        for one in self._by_label.values():
            one.text.setPos(right, one.value)
