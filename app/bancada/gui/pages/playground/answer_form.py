"""The form that an answer must have: free text, JSON by a schema, or a grammar; checked while it is typed."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QVBoxLayout, QWidget

from bancada.gui.pages.playground.number_row import NamedField
from bancada.gui.pages.playground.parameters import GRAMMAR, SCHEMA, TEXT, check_schema
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import Label, set_look

_SCHEMA_EXAMPLE: Final = """{
  "type": "object",
  "properties": {
    "answer": {"type": "string"}
  },
  "required": ["answer"]
}"""
_GRAMMAR_EXAMPLE: Final = 'root ::= "yes" | "no"'


class AnswerForm(QWidget):
    """A choice, the editor of the chosen form, and a line that says whether its text can be used."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._texts = {SCHEMA: "", GRAMMAR: ""}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self._choice = QComboBox()
        self._choice.addItem(self.tr("Free text"), TEXT)
        self._choice.addItem(self.tr("JSON by a schema"), SCHEMA)
        self._choice.addItem(self.tr("By a grammar (GBNF)"), GRAMMAR)
        self._choice.activated.connect(self._chosen)
        column.addWidget(NamedField(self.tr("Form of the answer"), self._choice))
        self._editor = QPlainTextEdit()
        self._editor.setProperty("role", "mono")
        self._editor.setTabChangesFocus(True)
        self._editor.setFixedHeight(116)
        self._editor.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._editor.setFont(theme.mono(12))
        self._editor.textChanged.connect(self._typed)
        column.addWidget(self._editor)
        self._verdict = Label("", "note", wrap=True)
        column.addWidget(self._verdict)
        self._show()

    @property
    def form(self) -> str:
        """``text``, ``schema`` or ``grammar``."""
        return str(self._choice.currentData())

    @property
    def schema(self) -> str:
        return self._texts[SCHEMA]

    @property
    def grammar(self) -> str:
        return self._texts[GRAMMAR]

    @property
    def verdict(self) -> str:
        """What is said of the text."""
        return self._verdict.text()

    def set_values(self, form: str, schema: str, grammar: str) -> None:
        """Show other values; nothing is emitted."""
        self._texts = {SCHEMA: schema, GRAMMAR: grammar}
        self._choice.setCurrentIndex(max(self._choice.findData(form), 0))
        self._show()

    def _chosen(self) -> None:
        form = self.form
        if form in self._texts and not self._texts[form].strip():
            self._texts[form] = _SCHEMA_EXAMPLE if form == SCHEMA else _GRAMMAR_EXAMPLE
        self._show()
        self.changed.emit()

    def _typed(self) -> None:
        self._texts[self.form] = self._editor.toPlainText()
        self._check()
        self.changed.emit()

    def _show(self) -> None:
        edited = self.form in self._texts
        self._editor.setVisible(edited)
        self._verdict.setVisible(edited)
        name = self.tr("JSON schema") if self.form == SCHEMA else self.tr("Grammar")
        self._editor.setAccessibleName(name)
        if edited:
            with QSignalBlocker(self._editor):
                self._editor.setPlainText(self._texts[self.form])
            self._check()

    def _check(self) -> None:
        tone, words = "good", self.tr("Valid JSON; the engine checks the schema before it answers.")
        if self.form == GRAMMAR:
            tone, words = "", self.tr("The engine checks the grammar before it answers.")
            if "root" not in self.grammar:
                tone, words = "bad", self.tr("A grammar needs a rule named root.")
        elif problem := check_schema(self.schema):
            tone = "bad"
            if problem.kind == "object":
                words = self.tr("A schema is a JSON object: it begins with {.")
            else:
                place = self.tr("Line %1, column %2: ").replace("%1", str(problem.line))
                words = place.replace("%2", str(problem.column)) + problem.detail
        self._verdict.setText(words)
        set_look(self._verdict, tone=tone)
