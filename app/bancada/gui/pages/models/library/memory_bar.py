"""What a model will take of the memory, part by part, at a context chosen with a slider."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from bancada.catalog.forecast import MemoryForecast
from bancada.gui.models.library import ModelRow, memory_at
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import Label, SectionLabel, set_look
from bancada.gui.widgets.format import memory_text, number
from bancada.storage.memory import MemoryMeasurement

_PARTS: Final = ("weights", "repacked", "kv_cache", "compute", "runtime")
#: the slider moves in 64ths of a doubling: evenly spaced for the hand, fine enough for any context
_STEPS: Final = 64
_SMALLEST: Final = 256


class MemoryBar(QWidget):
    """The parts of a forecast side by side."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._forecast: MemoryForecast | None = None
        self._free = 0
        self.setFixedHeight(16)
        theme.changed.connect(self.update)

    def show_forecast(self, forecast: MemoryForecast, free: int) -> None:
        self._forecast, self._free = forecast, free
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the parts to the scale of the whole need, and a mark where free memory ends within it."""
        if self._forecast is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = max(self._forecast.total_bytes, 1)
        width = self.width()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("border"))
        painter.drawRoundedRect(QRectF(0, 4, width, 8), 4, 4)
        left = 0.0
        for at, item in enumerate(self._forecast.items):
            if not item.bytes:
                continue
            part = width * item.bytes / whole
            painter.setBrush(self._theme.color(f"series{at + 1}"))
            painter.drawRect(QRectF(left, 4, max(part - 1, 1), 8))
            left += part
        if self._free < whole:
            painter.setBrush(self._theme.color("text"))
            painter.drawRect(QRectF(width * self._free / whole, 0, 2, 16))
        painter.end()


class MemoryPanel(QWidget):
    """Slider, bar, legend and verdict for one model."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._row: ModelRow | None = None
        self._theme = theme
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        head = QHBoxLayout()
        head.addWidget(SectionLabel(self.tr("Memory forecast")))
        head.addStretch(1)
        self.total = Label("", "figure")
        head.addWidget(self.total)
        column.addLayout(head)
        self.bar = MemoryBar(theme)
        column.addWidget(self.bar)
        column.addLayout(self._make_legend(theme))
        context = QHBoxLayout()
        context.addWidget(Label(self.tr("Context")))
        context.addStretch(1)
        self.tokens = Label("", "mono")
        context.addWidget(self.tokens)
        column.addLayout(context)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(self.tr("Context in tokens"))
        self.slider.setPageStep(_STEPS)
        self.slider.setSingleStep(_STEPS // 4)
        self.slider.valueChanged.connect(self._show)
        column.addWidget(self.slider)
        self.verdict = Label("", "note", wrap=True)
        column.addWidget(self.verdict)
        self.errors = Label("", "note", wrap=True)
        column.addWidget(self.errors)

    @property
    def context(self) -> int:
        """The chosen context in tokens."""
        limit = self._row.version.context_length if self._row else _SMALLEST
        if self.slider.value() == self.slider.maximum():
            return limit
        chosen = 2 ** (self.slider.value() / _STEPS)
        return max(1, min(limit, round(chosen / _SMALLEST) * _SMALLEST or _SMALLEST))

    def show_model(self, row: ModelRow, usual: int, loads: Sequence[MemoryMeasurement] = ()) -> None:
        """Begin at the usual context; the same model keeps what was chosen. ``loads``: newest first."""
        self._show_errors(loads)
        same = self._row is not None and self._row.version.id == row.version.id
        self._row = row
        limit = max(row.version.context_length, 1)
        self.slider.blockSignals(True)  # noqa: FBT003 - Qt's
        self.slider.setRange(
            math.floor(math.log2(min(_SMALLEST, limit)) * _STEPS), math.ceil(math.log2(limit) * _STEPS)
        )
        if not same:
            self.slider.setValue(round(math.log2(max(1, min(usual, limit))) * _STEPS))
        self.slider.blockSignals(False)  # noqa: FBT003
        self._show()

    def _show_errors(self, loads: Sequence[MemoryMeasurement]) -> None:
        """How far the forecasts of the last loads were off what was measured."""
        self.errors.setVisible(bool(loads))
        if not loads:
            return
        worst = number(100 * max(abs(one.corrected_error) for one in loads), 1)
        text = (
            self.tr("Last load: within %2 % of the forecast")
            if len(loads) == 1
            else self.tr("Last %1 loads: within %2 % of the forecast").replace("%1", number(len(loads)))
        )
        self.errors.setText(text.replace("%2", worst))
        lines = [
            self.tr("%1 tokens: forecast %2, measured %3")
            .replace("%1", number(one.context))
            .replace("%2", memory_text(one.corrected_bytes))
            .replace("%3", memory_text(one.measured_bytes))
            for one in loads
        ]
        self.errors.setToolTip("\n".join(lines))

    def _make_legend(self, theme: Theme) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        names = (
            self.tr("Weights"),
            self.tr("Weights rearranged"),
            self.tr("Context cache"),
            self.tr("Computation"),
            self.tr("Engine"),
        )
        self._values: dict[str, Label] = {}
        self._lines: dict[str, tuple[QWidget, ...]] = {}
        for at, (part, name) in enumerate(zip(_PARTS, names, strict=True)):
            swatch, label = _Swatch(theme, f"series{at + 1}"), Label(name, "note")
            self._values[part] = Label("", "mono")
            grid.addWidget(swatch, at, 0)
            grid.addWidget(label, at, 1)
            grid.addWidget(self._values[part], at, 2, Qt.AlignmentFlag.AlignRight)
            self._lines[part] = (swatch, label, self._values[part])
        return grid

    def _show(self) -> None:
        if self._row is None:
            return
        forecast = memory_at(self._row, self.context)
        need = forecast.corrected_bytes
        for item in forecast.items:
            self._values[item.name].setText(memory_text(item.bytes))
            for widget in self._lines[item.name]:
                widget.setVisible(item.bytes > 0)
        self.total.setText(memory_text(need))
        tokens = number(self.context)
        self.tokens.setText(tokens)
        self.slider.setAccessibleDescription(f"{tokens}, {memory_text(need)}")
        self.bar.show_forecast(forecast, self._row.free)
        fits = need <= self._row.free
        text = (
            self.tr("Fits: %1 are free now.")
            if fits
            else self.tr("Too large: %1 are free now. Choose a smaller context, or close other programs.")
        )
        self.verdict.setText(text.replace("%1", memory_text(self._row.free)))
        set_look(self.verdict, tone="good" if fits else "bad")


class _Swatch(QWidget):
    def __init__(self, theme: Theme, token: str) -> None:
        super().__init__()
        self._theme, self._token = theme, token
        self.setFixedSize(10, 10)
        theme.changed.connect(self.update)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.color(self._token))
        painter.end()
