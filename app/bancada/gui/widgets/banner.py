"""A line across the page that stays as long as what it says is so."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import IconLabel, Label


class Banner(QFrame):
    """``level`` is ``info``, ``warning`` or ``error``."""

    def __init__(self, theme: Theme, level: str, text: str) -> None:
        super().__init__()
        self.setProperty("role", "bar")
        self.setAccessibleName(text)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(10)
        color = {"info": "accent", "warning": "warn", "error": "bad"}[level]
        row.addWidget(IconLabel(theme, level, color))
        row.addWidget(Label(text, wrap=True), 1)
