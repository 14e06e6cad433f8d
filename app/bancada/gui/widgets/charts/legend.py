"""The names of a chart's lines; each is a switch that hides its line."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts.style import Style, pen

_SAMPLE: Final = QSize(22, 12)
#: the outlines of markers, one unit in size
_CORNERS: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "s": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "t": ((0, 1.2), (-1.2, -1), (1.2, -1)),
    "d": ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),
}


class Legend(QWidget):
    """One switch for each line, with a sample of its colour, dashes and marker."""

    toggled = Signal(str, bool)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._entries: dict[str, tuple[QToolButton, Style]] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self._row.addStretch(1)
        # names are cut to what there is: they must not widen the chart
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def add(self, name: str, style: Style) -> None:
        """Name a line; naming it again changes its style."""
        known = self._entries.get(name)
        button = known[0] if known else self._make(name)
        self._entries[name] = (button, style)
        self._dress(button, style)
        self._share()

    def remove(self, name: str) -> None:
        button, _ = self._entries.pop(name)
        self._row.removeWidget(button)
        button.hide()
        button.deleteLater()
        self._share()

    def button(self, name: str) -> QToolButton:
        """The switch of a line."""
        return self._entries[name][0]

    def apply_theme(self) -> None:
        """Draw the samples in the theme's colours."""
        muted, hover, accent = (self._theme.color(one).name() for one in ("muted", "hover", "accent"))
        self.setStyleSheet(
            f"QToolButton#legendToggle {{ padding: 1px 6px; font-size: {self._theme.px(11)}px; }}"
            "QToolButton#legendToggle:checked { background: transparent; }"
            f"QToolButton#legendToggle:!checked {{ color: {muted}; }}"
            f"QToolButton#legendToggle:hover {{ background: {hover}; }}"
            f"QToolButton#legendToggle:focus {{ border: 2px solid {accent}; padding: 0 5px; }}"
        )
        for button, style in self._entries.values():
            self._dress(button, style)

    def _make(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setChecked(True)
        button.setObjectName("legendToggle")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(_SAMPLE)
        button.setAccessibleName(name)
        button.setToolTip(self.tr("Show or hide %1").replace("%1", name))
        button.toggled.connect(lambda shown: self._toggle(name, shown=shown))
        self._row.insertWidget(self._row.count() - 1, button)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give each name an equal share of the width."""
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        room = self.width() // max(len(self._entries), 1) - _SAMPLE.width() - 24
        for name, (button, _) in self._entries.items():
            button.ensurePolished()  # else it measures with the application's font
            text = button.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, max(room, 24))
            button.setText(text.replace("&", "&&"))

    def _toggle(self, name: str, *, shown: bool) -> None:
        self._dress(*self._entries[name])
        self.toggled.emit(name, shown)

    def _dress(self, button: QToolButton, style: Style) -> None:
        button.setIcon(
            QIcon(sample(self._theme, style, on=button.isChecked(), ratio=button.devicePixelRatioF()))
        )


def sample(theme: Theme, style: Style, *, on: bool, ratio: float = 1.0) -> QPixmap:
    """A short piece of a line with its marker; greyed and without the marker when it is off."""
    pixmap = QPixmap(_SAMPLE * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_sample(painter, theme, style, QRectF(0, 0, _SAMPLE.width(), _SAMPLE.height()), on=on)
    painter.end()
    return pixmap


def paint_sample(painter: QPainter, theme: Theme, style: Style, area: QRectF, *, on: bool = True) -> None:
    """Draw :func:`sample` into ``area`` of a painter."""
    painter.save()
    line = pen(theme, style, ratio=1.25)
    color = QColor(theme.color(style.token if on else "disabled"))
    line.setColor(color)
    painter.setPen(line)
    middle = area.center()
    painter.drawLine(QPointF(area.left() + 1, middle.y()), QPointF(area.right() - 1, middle.y()))
    if on and style.marker:
        painter.setPen(QPen(color, 1.5))
        painter.setBrush(color)
        size = 3.5
        corners = _CORNERS.get(style.marker)
        if style.marker == "+":
            painter.drawLine(QPointF(middle.x(), middle.y() - size), QPointF(middle.x(), middle.y() + size))
        elif corners:
            painter.drawPolygon(
                QPolygonF([QPointF(middle.x() + size * x, middle.y() + size * y) for x, y in corners])
            )
        else:
            painter.drawEllipse(middle, size, size)
    painter.restore()
