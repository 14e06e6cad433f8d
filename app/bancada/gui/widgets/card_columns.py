"""A page of cards: two columns where there is room, one where there is not."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QScrollArea, QVBoxLayout, QWidget

from bancada.gui.widgets.basics import GRID


class CardColumns(QScrollArea):
    """Scrolls ``top`` and, below it, two columns of cards. They stand one below the other when narrow.

    Args:
        top: widgets over the whole width.
        left: cards of the first column.
        right: cards of the second column.
        stretch: shares of the width.
    """

    def __init__(
        self,
        top: Sequence[QWidget],
        left: Sequence[QWidget],
        right: Sequence[QWidget],
        stretch: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inner = QWidget()
        inner.setProperty("role", "scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 3 * GRID)
        column.setSpacing(12)
        for widget in top:
            column.addWidget(widget)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(12)
        self._sides: list[QWidget] = []
        for cards, share in ((left, stretch[0]), (right, stretch[1])):
            side = QWidget()
            rows = QVBoxLayout(side)
            rows.setContentsMargins(0, 0, 0, 0)
            rows.setSpacing(12)
            for card in cards:
                rows.addWidget(card)
            rows.addStretch(1)
            self._sides.append(side)
            self._columns.addWidget(side, share)
        column.addLayout(self._columns)
        column.addStretch(1)
        self.setWidget(inner)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose one or two columns by what the cards need at least."""
        need = sum(side.minimumSizeHint().width() for side in self._sides) + 12 + 6 * GRID
        narrow = self.viewport().width() < need
        direction = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if direction != self._columns.direction():
            self._columns.setDirection(direction)
        super().resizeEvent(event)
