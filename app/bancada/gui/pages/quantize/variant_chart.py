"""Size against distance from the source: one mark for each variant, and the line that none beats."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QToolTip, QWidget

from bancada.core.sizes import bytes_text
from bancada.gui.models.quantize import ResultRow, verdict_words
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.format import number

_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 14, 16, 34
_MARK = 6.0
#: what is drawn for a divergence that cannot be told from none
_LEAST = 1e-5
#: verdict -> colour and shape, so that the colour is never the only sign
_LOOKS = {"green": ("good", "circle"), "amber": ("warn", "triangle"), "red": ("bad", "cross")}


class VariantChart(QWidget):
    """Draws rows with a divergence; ``chosen`` carries the version that was clicked."""

    chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._rows: list[ResultRow] = []
        self._selected = ""
        self._begin = 0
        self.setMinimumHeight(theme.px(170))
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Size against distance from the source"))
        self.setAccessibleDescription(self.tr("The table above has the same figures."))
        theme.changed.connect(self.update)

    def show_rows(self, rows: Sequence[ResultRow], selected: str) -> None:
        """Show those of the rows that were measured."""
        self._rows = [one for one in rows if one.kl_mean is not None and one.verdict in _LOOKS]
        self._begin = _shared_begin([one.name for one in rows])
        self._selected = selected
        self.update()

    @property
    def shown(self) -> list[str]:
        return [one.version_id for one in self._rows]

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Axes, the line of those that no other beats, the marks."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._theme.mono(10))
        painter.setPen(self._theme.color("muted"))
        if not self._rows:
            text = self.tr("Variants with a certificate appear here.")
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
            return
        area = self._area()
        self._draw_axes(painter, area)
        line = [one for one in self._rows if one.efficient]
        painter.setPen(QPen(self._theme.color("accent"), 1.4, Qt.PenStyle.DashLine))
        painter.drawPolyline(QPolygonF([self._place(one, area) for one in line]))
        for one in self._rows:
            self._draw_mark(painter, one, self._place(one, area))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say what a mark is."""
        row = self._at(event.position())
        if row is None:
            QToolTip.hideText()
            return
        text = (
            f"{row.name}: {bytes_text(row.size_bytes)}, KL {number(row.kl_mean or 0, 4)}, "
            f"{verdict_words(row.verdict)}"
        )
        QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the variant under the pointer."""
        row = self._at(event.position())
        if row is not None:
            self.chosen.emit(row.version_id)

    def _area(self) -> QRectF:
        px = self._theme.px
        return QRectF(self.rect()).adjusted(px(_LEFT), px(_TOP), -px(_RIGHT), -px(_BOTTOM))

    def _bounds(self) -> tuple[float, float, float, float]:
        sizes = [one.size_bytes for one in self._rows]
        far = [math.log10(max(one.kl_mean or 0.0, _LEAST)) for one in self._rows]
        room = (max(sizes) - min(sizes)) * 0.08 or max(sizes) * 0.1
        return min(sizes) - room, max(sizes) + room, math.floor(min(far)), math.ceil(max(far) + 1e-9)

    def _place(self, row: ResultRow, area: QRectF) -> QPointF:
        left, right, low, high = self._bounds()
        x = (row.size_bytes - left) / (right - left)
        y = (math.log10(max(row.kl_mean or 0.0, _LEAST)) - low) / max(high - low, 1e-9)
        return QPointF(area.left() + x * area.width(), area.bottom() - y * area.height())

    def _draw_axes(self, painter: QPainter, area: QRectF) -> None:
        left, right, low, high = self._bounds()
        for power in range(int(low), int(high) + 1):
            y = area.bottom() - (power - low) / max(high - low, 1e-9) * area.height()
            painter.setPen(self._theme.color("border"))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(self._theme.color("muted"))
            label = QRectF(0, y - 8, area.left() - 6, 16)
            painter.drawText(label, int(Qt.AlignmentFlag.AlignRight), f"{10.0**power:g}")
        for share in (0.0, 0.5, 1.0):
            size = left + share * (right - left)
            place = QRectF(area.left() + share * area.width() - 50, area.bottom() + 4, 100, 14)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignHCenter), bytes_text(size))
        title = self.tr("KL divergence over size of the file")
        below = QRectF(area.left(), area.bottom() + 18, area.width(), 16)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), title)

    def _draw_mark(self, painter: QPainter, row: ResultRow, at: QPointF) -> None:
        color, shape = _LOOKS[row.verdict]
        painter.setPen(QPen(self._theme.color(color), 2))
        painter.setBrush(self._theme.color(color) if row.efficient else Qt.BrushStyle.NoBrush)
        if shape == "circle":
            painter.drawEllipse(at, _MARK, _MARK)
        elif shape == "triangle":
            corners = (QPointF(0, -_MARK), QPointF(_MARK, _MARK), QPointF(-_MARK, _MARK))
            painter.drawPolygon(QPolygonF([at + one for one in corners]))
        else:
            for sign in (-1, 1):
                painter.drawLine(at + QPointF(-_MARK, -_MARK * sign), at + QPointF(_MARK, _MARK * sign))
        if row.version_id == self._selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("text"), 1.5))
            painter.drawEllipse(at, 2 * _MARK, 2 * _MARK)
        painter.setPen(self._theme.color("text"))
        label = row.name[self._begin :].removesuffix(":1")
        wide = painter.fontMetrics().horizontalAdvance(label)
        left = at.x() + _MARK + 4
        if left + wide > self.width():
            left = at.x() - _MARK - 4 - wide
        painter.drawText(QPointF(left, at.y() - _MARK), label)

    def _at(self, position: QPointF) -> ResultRow | None:
        area = self._area()
        near = [(QLineF(self._place(one, area), position).length(), one) for one in self._rows]
        distance, row = min(near, key=lambda pair: pair[0], default=(math.inf, None))
        return row if distance <= 2 * _MARK else None


def _shared_begin(names: Sequence[str]) -> int:
    """How many characters all names begin with, up to a dash: what need not be said at each mark."""
    shared = 0
    for letters in zip(*names, strict=False):
        if len(names) < 2 or len(set(letters)) > 1:
            break
        shared += 1
    return names[0][:shared].rfind("-") + 1 if names else 0
