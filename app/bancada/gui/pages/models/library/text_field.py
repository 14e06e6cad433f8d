"""A field that shows foreign text as the characters that it is."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QPlainTextEdit

#: characters of hostile texts that are shown at most
_LIMIT = 200_000


class TextField(QPlainTextEdit):
    """Read-only; Tab leaves it. ``mono`` for what is code."""

    def __init__(self, name: str, *, mono: bool = True) -> None:
        super().__init__()
        self.setReadOnly(True)
        if mono:
            self.setProperty("role", "mono")
        self.setTabChangesFocus(True)
        self.setAccessibleName(name)

    def sizeHint(self) -> QSize:
        """Low, so that a tab of the card needs no scroll bar beside the field's own."""
        return QSize(240, 96)

    def fill(self, text: str) -> None:
        """Show a text; the same one again keeps the place."""
        clipped = text[:_LIMIT] + ("\N{HORIZONTAL ELLIPSIS}" if len(text) > _LIMIT else "")
        if self.toPlainText() != clipped:
            self.setPlainText(clipped)
