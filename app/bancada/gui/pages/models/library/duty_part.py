"""Who answers for a model, on its card: stage, aliases and tags, each with the button that changes it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bancada.gui.models.library import ModelDetail
from bancada.gui.models.model_card import stage_text, stage_tone
from bancada.gui.widgets.basics import Chip, Label, LinkButton, SectionLabel


class DutyPart(QWidget):
    """Emits what a person wants to change; ``tags_edited`` carries the words of the field.

    Tags that are typed and not entered yet stay while the same model is read again.
    """

    change_stage = Signal()
    change_aliases = Signal()
    tags_edited = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self._model_id = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(SectionLabel(self.tr("Who answers for it")))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self.stage = Chip()
        self.stage_button = LinkButton(self.tr("Change\N{HORIZONTAL ELLIPSIS}"))
        self.stage_button.setAccessibleName(self.tr("Change the stage"))
        self.stage_button.clicked.connect(self.change_stage)
        self.aliases = Label("", wrap=True)
        self.aliases.setAccessibleName(self.tr("Aliases"))
        self.alias_button = LinkButton(self.tr("Change\N{HORIZONTAL ELLIPSIS}"))
        self.alias_button.setAccessibleName(self.tr("Change the aliases"))
        self.alias_button.clicked.connect(self.change_aliases)
        self.tags = QLineEdit(placeholderText=self.tr("Words to find it by, with commas between"))
        self.tags.setAccessibleName(self.tr("Tags"))
        self.tags.editingFinished.connect(self._tags_typed)
        for row, (name, value, button) in enumerate(
            (
                (self.tr("Stage"), _left(self.stage), self.stage_button),
                (self.tr("Aliases"), self.aliases, self.alias_button),
            )
        ):
            grid.addWidget(Label(name, "muted"), row, 0)
            grid.addWidget(value, row, 1)
            grid.addWidget(button, row, 2)
        grid.addWidget(Label(self.tr("Tags"), "muted"), 2, 0)
        grid.addWidget(self.tags, 2, 1, 1, 2)
        column.addLayout(grid)
        self.why = Label("", "note", wrap=True)
        column.addWidget(self.why)

    def show_detail(self, detail: ModelDetail) -> None:
        """Show a model's."""
        duty = detail.row.duty
        tone = stage_tone(duty.stage)
        self.stage.set(stage_text(duty.stage), "plain" if tone == "muted" else tone)
        self.aliases.setText(", ".join(f"@{one}" for one in duty.aliases) or self.tr("none"))
        model_id = detail.row.version.model_id
        # what is typed for one model is never another one's
        if model_id != self._model_id or not (self.tags.hasFocus() and self.tags.isModified()):
            self.tags.setText(", ".join(duty.tags))
            self.tags.setModified(False)
        self._model_id = model_id
        number = detail.row.version.version
        last = next(
            (one for one in detail.card.history if one.what == "stage" and one.version == number), None
        )
        said = last is not None and duty.stage != "none" and bool(last.reason)
        self.why.setVisible(said)
        if last is not None and said:
            self.why.setText(f"{last.actor}: {last.reason}")

    def _tags_typed(self) -> None:
        if self.tags.isModified():
            self.tags.setModified(False)
            self.tags_edited.emit([one for one in map(str.strip, self.tags.text().split(",")) if one])


def _left(widget: QWidget) -> QWidget:
    """``widget`` no wider than it needs, at the left."""
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(widget)
    row.addStretch(1)
    return box
