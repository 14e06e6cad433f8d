"""Hits in two lines: the repository, and below it what is known of it."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from bancada.catalog.hub.records import RepoSummary
from bancada.gui.models.hub import hit_words
from bancada.gui.models.records import ID_ROLE, RecordModel
from bancada.gui.theme.theme import Theme

Index = QModelIndex | QPersistentModelIndex
HEIGHT = 46
_MARGIN = 10


class HitDelegate(QStyledItemDelegate):
    """Draws the first column of the table of hits."""

    def __init__(self, theme: Theme, model: RecordModel[RepoSummary], parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._model = theme, model

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Two lines high."""
        return QSize(super().sizeHint(option, index).width(), self._theme.px(HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The style draws the ground; the lines are ours."""
        self.initStyleOption(option, index)
        name, option.text = option.text, ""
        style = option.widget.style() if option.widget is not None else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        hit = self._model.record(str(index.data(ID_ROLE)))
        if hit is None:
            return
        area = option.rect.adjusted(_MARGIN, 4, -_MARGIN, -4)
        half = area.height() // 2
        painter.save()
        self._line(painter, option, name, "text", QRect(area.left(), area.top(), area.width(), half))
        tone = "warn" if hit.gated else "muted"
        below = QRect(area.left(), area.top() + half, area.width(), half)
        self._line(painter, option, hit_words(hit), tone, below)
        painter.restore()

    def _line(
        self, painter: QPainter, option: QStyleOptionViewItem, text: str, token: str, area: QRect
    ) -> None:
        painter.setPen(self._theme.color(token))
        shown = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)
