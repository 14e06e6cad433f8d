"""A question that must be answered: buttons are verbs, and the safe one is the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from bancada.gui.widgets.basics import GRID, Label, PlainButton


@dataclass(frozen=True, slots=True)
class Answer:
    """A button and what it does. ``kind`` is ``plain``, ``primary`` or ``danger``."""

    text: str
    action: Callable[[], object]
    kind: str = "plain"


class Question(QDialog):
    """Window-modal; closing it is the last answer, which must be the one that changes nothing."""

    def __init__(self, parent: QWidget, text: str, explanation: str, answers: Sequence[Answer]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setWindowTitle("Bancada")
        self.setAccessibleName(text)
        self.setAccessibleDescription(explanation)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(12)
        self.setMinimumWidth(420)
        column.addWidget(Label(text, "subtitle", wrap=True))
        column.addWidget(Label(explanation, "muted", wrap=True))
        column.addSpacing(GRID)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addStretch(1)
        self.buttons: list[PlainButton] = []
        for answer in answers:
            button = PlainButton(answer.text, answer.kind)
            button.clicked.connect(self._chooser(answer))
            self.buttons.append(button)
            row.addWidget(button)
        column.addLayout(row)
        self.buttons[-1].setDefault(True)
        self.buttons[-1].setFocus()

    def _chooser(self, answer: Answer) -> Callable[[], None]:
        def choose() -> None:
            self.close()
            answer.action()

        return choose


def ask(parent: QWidget, text: str, explanation: str, answers: Sequence[Answer]) -> Question:
    """Open a question over the parent's window. The last answer is the safe one."""
    question = Question(parent.window(), text, explanation, answers)
    question.open()
    return question
