"""Figures of charts in the reader's number format, with as many digits as a chart can mean."""

from __future__ import annotations

import math

from PySide6.QtCore import QLocale

from bancada.gui.widgets.format import UNKNOWN, number


def number_text(value: float) -> str:
    """``value`` with about three significant digits."""
    if not math.isfinite(value):
        return UNKNOWN
    size = abs(value)
    if size == 0 or size >= 100:
        return number(value)
    if size < 0.001:
        return QLocale().toString(value, "g", 3)
    return number(value, max(0, 2 - math.floor(math.log10(size))))


def place_text(value: float) -> str:
    """A place on the x axis: counted things without decimals."""
    return number(value) if float(value).is_integer() else number_text(value)


def tick_text(value: float, spacing: float) -> str:
    """The text of a tick, with the decimals that tell it from its neighbour."""
    if abs(value) < spacing * 1e-6:
        return number(0)
    if abs(value) >= 1e9 or abs(value) < 1e-6:
        return QLocale().toString(value, "g", 3)
    return number(value, max(0, math.ceil(-math.log10(spacing) - 1e-9)))
