"""The field to search a hub with, and the sign that an answer is awaited."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from bancada.gui.widgets.basics import Label, LinkButton, PrimaryButton

_LONGEST = 200


class SearchRow(QWidget):
    """``searched`` asks for what is typed, ``stopped`` to wait no longer."""

    searched = Signal()
    stopped = Signal()

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.field = QLineEdit(clearButtonEnabled=True)
        self.field.setPlaceholderText(self.tr("A model's name, such as SmolLM2 135M GGUF"))
        self.field.setAccessibleName(self.tr("Search for models on the hub"))
        self.field.setMaxLength(_LONGEST)
        self.field.returnPressed.connect(self.searched)
        self.button = PrimaryButton(self.tr("Search"))
        self.button.clicked.connect(self.searched)
        row.addWidget(self.field, 1)
        row.addWidget(self.button)
        column.addLayout(row)
        column.addWidget(self._make_busy())

    def focus(self) -> None:
        """Begin to type."""
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def _make_busy(self) -> QWidget:
        self.busy = QWidget()
        row = QHBoxLayout(self.busy)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(Label(self.tr("Asking the hub"), "note"))
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setAccessibleName(self.tr("Asking the hub"))
        row.addWidget(bar, 1)
        self.stop_button = LinkButton(self.tr("Stop"))
        self.stop_button.setAccessibleName(self.tr("Stop asking the hub"))
        self.stop_button.clicked.connect(self.stopped)
        row.addWidget(self.stop_button)
        self.busy.hide()
        return self.busy
