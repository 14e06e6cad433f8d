"""A row of buttons of which exactly one is chosen: the views of a page, the unit of a figure."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton


class Segments(QFrame):
    """Emits ``chosen`` with the id that a person chose; the left and right arrow keys move.

    The row is one stop of the Tab key, at the chosen button.
    """

    chosen = Signal(str)

    def __init__(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setProperty("role", "segments")
        self.setAccessibleName(name)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        for choice, text in choices:
            button = QPushButton(text)
            button.setProperty("kind", "segment")
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setAccessibleName(text)
            button.setAccessibleDescription(name)
            self._group.addButton(button)
            self.buttons[choice] = button
            row.addWidget(button)
        # the arrow keys check a button without clicking it
        self._group.buttonToggled.connect(self._toggled)

    @property
    def current(self) -> str:
        """The chosen id, empty before the first."""
        return next((choice for choice, button in self.buttons.items() if button.isChecked()), "")

    def show_choice(self, choice: str) -> None:
        """Mark a choice without emitting; raises KeyError for one that is not there."""
        self._group.blockSignals(True)  # noqa: FBT003 - Qt's
        self.buttons[choice].setChecked(True)
        self._group.blockSignals(False)  # noqa: FBT003

    def _toggled(self, button: QPushButton, checked: bool) -> None:
        if checked:
            self.chosen.emit(next(choice for choice, one in self.buttons.items() if one is button))
