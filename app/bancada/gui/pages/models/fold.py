"""A part of a panel that folds away under its title."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from bancada.gui.theme.theme import Theme


class Fold(QWidget):
    """A title that opens and closes ``content``; ``opened`` is emitted when it is opened."""

    opened = Signal()

    def __init__(self, theme: Theme, title: str, content: QWidget) -> None:
        super().__init__()
        self._theme, self.content = theme, content
        self.button = QToolButton()
        self.button.setCheckable(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setObjectName("fold")
        self.set_title(title)
        self.button.toggled.connect(self._toggle)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.button)
        column.addWidget(content)
        content.hide()
        theme.changed.connect(self._tint)
        self._tint()

    def set_title(self, title: str) -> None:
        self.button.setText(title)
        self.button.setAccessibleName(title)

    def _toggle(self, shown: bool) -> None:
        self.content.setVisible(shown)
        self._tint()
        if shown:
            self.opened.emit()

    def _tint(self) -> None:
        shown = self.button.isChecked()
        self.button.setIcon(self._theme.icon("chevron-down" if shown else "chevron-right", "muted"))
        self.button.setStyleSheet(
            "QToolButton#fold:checked { background: transparent; }"
            "QToolButton#fold { padding: 2px 6px 2px 0; font-weight: 600; }"
        )
