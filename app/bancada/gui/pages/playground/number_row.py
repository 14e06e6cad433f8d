"""A number with its name, a field to type it and a slider to feel it."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from bancada.gui.pages.playground.parameters import Range
from bancada.gui.widgets.basics import DecimalBox, Label

_STEPS = 200


class NumberRow(QWidget):
    """``value_changed`` follows the user alone. A ``power`` over 1 gives small values more of the slider."""

    value_changed = Signal()

    def __init__(
        self, name: str, tip: str, bounds: Range, *, slider_high: float = 0.0, power: float = 1.0
    ) -> None:
        super().__init__()
        self._bounds = bounds
        self._high = slider_high or bounds.high
        self._power = power
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QHBoxLayout()
        label = Label(name)
        label.setToolTip(tip)
        row.addWidget(label, 1)
        self.field = DecimalBox(bounds.low, bounds.high, bounds.decimals)
        self.field.setProperty("kind", "figure")
        self.field.setSingleStep(bounds.step)
        self.field.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.field.setFixedWidth(72)
        self.field.setAccessibleName(name)
        self.field.setToolTip(tip)
        label.setBuddy(self.field)
        row.addWidget(self.field)
        column.addLayout(row)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setFixedHeight(20)
        self.slider.setAccessibleName(self.tr("%1, slider").replace("%1", name))
        self.slider.setToolTip(tip)
        column.addWidget(self.slider)
        self.field.valueChanged.connect(self._field_changed)
        self.slider.valueChanged.connect(self._slider_changed)

    @property
    def value(self) -> float:
        return self.field.value()

    def set_value(self, value: float) -> None:
        """Show a value; nothing is emitted."""
        with QSignalBlocker(self.field):
            self.field.setValue(value)
        self._place_slider()

    def _place_slider(self) -> None:
        share = (self.field.value() - self._bounds.low) / (self._high - self._bounds.low)
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(_STEPS * min(max(share, 0.0), 1.0) ** (1 / self._power)))

    def _field_changed(self) -> None:
        self._place_slider()
        self.value_changed.emit()

    def _slider_changed(self, place: int) -> None:
        raw = self._bounds.low + (self._high - self._bounds.low) * (place / _STEPS) ** self._power
        with QSignalBlocker(self.field):
            self.field.setValue(round(raw / self._bounds.step) * self._bounds.step)
        self.value_changed.emit()


class NamedField(QWidget):
    """A name above any field."""

    def __init__(self, name: str, field: QWidget, note: QLabel | None = None) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        label = Label(name)
        label.setBuddy(field)
        column.addWidget(label)
        column.addWidget(field)
        if note is not None:
            column.addWidget(note)
        field.setAccessibleName(name)
