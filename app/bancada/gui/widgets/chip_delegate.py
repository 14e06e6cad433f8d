"""A cell of a table as a chip: its words on a ground in the soft shade of its tone."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from bancada.gui.models.records import TONE_ROLE
from bancada.gui.theme.theme import Theme

_HIGH = 20
_MARGIN = 6
_PADDING = 9


class ChipDelegate(QStyledItemDelegate):
    """Draws cells whose column has a ``tone`` of ``good``, ``warn`` or ``bad``; others as they are."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The style draws the ground of the row, the chip is ours."""
        tone = str(index.data(TONE_ROLE) or "")
        if tone not in ("good", "warn", "bad"):
            super().paint(painter, option, index)
            return
        self.initStyleOption(option, index)
        text, option.text = option.text, ""
        style = option.widget.style() if option.widget is not None else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        padding, high = self._theme.px(_PADDING), self._theme.px(_HIGH)
        room = option.rect.width() - 2 * _MARGIN - 2 * padding
        shown = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        wide = option.fontMetrics.horizontalAdvance(shown) + 2 * padding
        top = option.rect.top() + (option.rect.height() - high) / 2
        area = QRectF(option.rect.left() + _MARGIN, top, wide, high)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color(f"{tone}_soft"))
        painter.drawRoundedRect(area, high / 2, high / 2)
        painter.setPen(self._theme.color(tone))
        painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), shown)
        painter.restore()
