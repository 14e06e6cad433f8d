"""Rows of the settings' cards: a name, a control, what it means, and room for its error."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bancada.core.errors import BancadaError, describe
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Label, NumberBox

_LONGEST = 2_000


def add_setting(card: Card, name: str, control: QWidget | QHBoxLayout, note: str = "") -> Label:
    """Add a row to a card; returns the label for its error."""
    box = QVBoxLayout()
    box.setSpacing(4)
    if isinstance(control, NumberBox):
        row = QHBoxLayout()
        row.addWidget(Label(name), 1)
        row.addWidget(control)
        box.addLayout(row)
    else:
        if name:
            box.addWidget(Label(name))
        if isinstance(control, QWidget):
            box.addWidget(control)
        else:
            box.addLayout(control)
    if note:
        box.addWidget(Label(note, "note", wrap=True))
    error = Label("", "note", wrap=True)
    error.setProperty("tone", "bad")
    error.hide()
    box.addWidget(error)
    card.body.addLayout(box)
    return error


def say_error(label: Label, error: BaseException | None) -> None:
    """Show an error under its setting; None: there is none any more."""
    if isinstance(error, BancadaError):
        words = describe(error.code, error.params)
        label.setText(f"{words.what} {words.remedy}")
    elif error is not None:
        label.setText(str(error))
    label.setVisible(error is not None)


class TextSetting(QLineEdit):
    """A text that is checked in the background and stored when it is good.

    What is wrong stays as it was typed, with ``refused`` saying why; nothing of it is stored.

    Args:
        check: returns the text as it is stored, or raises BancadaError; may read the disk.
    """

    refused = Signal(object)

    def __init__(self, shell: Shell, key: str, name: str, check: Callable[[str], str]) -> None:
        super().__init__()
        self.key = key
        self._shell = shell
        self._check = check
        self._asked = 0
        self.setAccessibleName(name)
        self.setMaxLength(_LONGEST)
        self.editingFinished.connect(self.store)

    def show_value(self, value: str) -> None:
        """Show what is stored, unless something else was typed meanwhile."""
        if not self.isModified() and self.text() != value:
            self.setText(value)
            self.setCursorPosition(0)

    def put(self, value: str) -> None:
        """Take a text as if it were typed."""
        self.setText(value)
        self.setModified(True)
        self.store()

    def store(self) -> None:
        """Check what was typed, and keep it if it is good."""
        if not self.isModified():
            return
        text = self.text()
        self._asked += 1
        asked = self._asked
        self._shell.background.run(
            lambda: self._check(text),
            lambda good: self._checked(asked, good),
            lambda error: self._refused(asked, error),
            owner=self,
        )

    def _checked(self, asked: int, good: str) -> None:
        if asked == self._asked:  # else something newer was typed
            self.setModified(False)
            self.setText(good)
            self._shell.settings.store(self.key, good)

    def _refused(self, asked: int, error: BaseException) -> None:
        if asked == self._asked:
            self.refused.emit(error)
