"""The first tab of a model's card: who answers for it, its facts, and a person's notes."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QPlainTextEdit, QVBoxLayout, QWidget

from bancada.gui.models.library import ModelDetail, facts
from bancada.gui.pages.models.library.duty_part import DutyPart
from bancada.gui.widgets.basics import Label, SectionLabel

_NOTES_MS = 600


class AboutTab(QWidget):
    """``notes_changed`` carries the model's id and its notes, some time after the last key."""

    notes_changed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._detail: ModelDetail | None = None
        self._save = QTimer(self, singleShot=True, interval=_NOTES_MS)
        self._save.timeout.connect(self._emit_notes)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(12)
        self.duty = DutyPart()
        column.addWidget(self.duty)
        column.addWidget(SectionLabel(self.tr("Notes")))
        self.notes = QPlainTextEdit()
        self.notes.setPlaceholderText(self.tr("What you know about this model"))
        self.notes.setAccessibleName(self.tr("Notes"))
        self.notes.setTabChangesFocus(True)
        self.notes.setFixedHeight(64)
        self.notes.textChanged.connect(self._save.start)
        column.addWidget(self.notes)
        column.addWidget(SectionLabel(self.tr("Facts")))
        self._facts: list[Label] = []
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        column.addLayout(self._grid)
        column.addStretch(1)

    def show_detail(self, detail: ModelDetail) -> None:
        """Show a model; notes that were typed for another one are handed on before."""
        same = self._detail is not None and self._detail.row.version.id == detail.row.version.id
        if not same:
            self.save_notes()
        typed = same and self._save.isActive()
        self._detail = detail
        self.duty.show_detail(detail)
        shown = facts(detail.row.version)
        if not self._facts:
            self._make_facts([name for name, _ in shown])
        for label, (_, value) in zip(self._facts, shown, strict=True):
            label.setText(value)
        if not typed and self.notes.toPlainText() != detail.notes:
            self.notes.blockSignals(True)  # noqa: FBT003 - Qt's
            self.notes.setPlainText(detail.notes)
            self.notes.blockSignals(False)  # noqa: FBT003

    def save_notes(self) -> None:
        """Hand on what was typed and is not saved yet."""
        if self._save.isActive() and self._detail is not None:
            self._save.stop()
            self._emit_notes()

    def _emit_notes(self) -> None:
        if self._detail is not None:
            self.notes_changed.emit(self._detail.row.version.model_id, self.notes.toPlainText())

    def _make_facts(self, names: list[str]) -> None:
        for row, name in enumerate(names):
            label = Label("", wrap=True)
            label.setAccessibleName(name)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(Label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(label, row, 1)
            self._facts.append(label)
