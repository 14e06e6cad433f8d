"""Changing a version's stage and aliases: what, and why, with the rules said beside the form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from bancada.catalog import lifecycle
from bancada.core.account import account_name
from bancada.core.errors import BancadaError, describe
from bancada.gui.models.library import ModelDetail
from bancada.gui.models.model_card import stage_text
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import GRID, Label, LinkButton, PlainButton, PrimaryButton


class _DutyDialog(QDialog):
    """A title, a form, reason and override, a line for what went wrong, Cancel and one verb.

    ``changed`` is emitted when the change is stored.
    """

    changed = Signal()

    def __init__(self, parent: QWidget, shell: Shell, detail: ModelDetail, title: str, verb: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setMinimumWidth(480)
        self._shell, self._detail = shell, detail
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(12)
        column.addWidget(Label(title, "subtitle", wrap=True))
        self.body = QVBoxLayout()
        self.body.setSpacing(GRID)
        column.addLayout(self.body)
        self.reason = self._line(column, self.tr("Why"), self.tr("A sentence for those who come after you"))
        self.override: QLineEdit | None = None
        if detail.card.red:
            column.addWidget(
                Label(
                    self.tr(
                        "Its newest certificate is red: compared with its source it answers much worse. Say "
                        "why it is to be used all the same, or take another version."
                    ),
                    wrap=True,
                )
            )
            self.override = self._line(column, self.tr("Why in spite of it"), "")
        text = self.tr("It is recorded with your name, %1.").replace("%1", account_name())
        column.addWidget(Label(text, "note", wrap=True))
        self.problem = Label("", wrap=True)
        self.problem.setProperty("tone", "bad")
        self.problem.hide()
        column.addWidget(self.problem)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = PlainButton(self.tr("Cancel"))
        cancel.clicked.connect(self.close)
        self.go = PrimaryButton(verb)
        self.go.setDefault(True)
        row.addWidget(cancel)
        row.addWidget(self.go)
        column.addLayout(row)

    def run(self, work: Callable[[], object]) -> None:
        """Do it in the background; a refusal is said here, and the form stays."""
        self.go.setEnabled(False)
        self._shell.background.run(work, lambda _: self._done(), self._fail, owner=self)

    def reasons(self) -> dict[str, str]:
        """What was typed, as the rules take it."""
        override = self.override.text() if self.override is not None else ""
        return {"reason": self.reason.text(), "override": override}

    def _done(self) -> None:
        self.changed.emit()
        self.close()

    def _fail(self, error: BaseException) -> None:
        self.go.setEnabled(True)
        words = describe(error.code, error.params) if isinstance(error, BancadaError) else None
        self.problem.setText(f"{words.what} {words.remedy}" if words else str(error))
        self.problem.show()
        self.adjustSize()

    @staticmethod
    def _line(column: QVBoxLayout, name: str, placeholder: str) -> QLineEdit:
        field = QLineEdit(placeholderText=placeholder)
        field.setMaxLength(lifecycle.MAX_REASON)
        field.setAccessibleName(name)
        column.addWidget(Label(name))
        column.addWidget(field)
        return field


class StageDialog(_DutyDialog):
    """One of the four stages, and why."""

    def __init__(self, parent: QWidget, shell: Shell, detail: ModelDetail) -> None:
        version = detail.row.version
        title = parent.tr("Stage of %1:%2").replace("%2", str(version.version)).replace("%1", version.name)
        super().__init__(parent, shell, detail, title, parent.tr("Set the stage"))
        meanings = {
            "none": self.tr("Nobody has judged it."),
            "candidate": self.tr("It is being tried."),
            "approved": self.tr("It may be relied on. Needs a reason."),
            "retired": self.tr("It is out of use, and kept. Needs a reason."),
        }
        self._group = QButtonGroup(self)
        self.choices: dict[str, QRadioButton] = {}
        for stage in lifecycle.STAGES:
            choice = QRadioButton(f"{stage_text(stage).capitalize()}: {meanings[stage]}")
            choice.setChecked(stage == detail.row.duty.stage)
            self._group.addButton(choice)
            self.choices[stage] = choice
            self.body.addWidget(choice)
        self.go.clicked.connect(self._set)
        self.choices[detail.row.duty.stage].setFocus()

    def _set(self) -> None:
        stage = next(one for one, choice in self.choices.items() if choice.isChecked())
        database, version_id = self._shell.context.database, self._detail.row.version.id
        self.run(partial(lifecycle.set_stage, database, version_id, stage, **self.reasons()))


class AliasDialog(_DutyDialog):
    """The aliases of the model, each with Remove, and a new one for this version."""

    def __init__(self, parent: QWidget, shell: Shell, detail: ModelDetail) -> None:
        version = detail.row.version
        title = parent.tr("Aliases of %1").replace("%1", version.name)
        super().__init__(parent, shell, detail, title, parent.tr("Set the alias"))
        text = self.tr(
            "An alias is a name that stays while versions change: %1@production can be typed wherever a "
            "model is named."
        )
        self.body.addWidget(Label(text.replace("%1", version.name), "muted", wrap=True))
        self.removals: dict[str, LinkButton] = {}
        for alias in detail.card.aliases:
            self._add_row(alias.name, alias.version)
        self.alias = QLineEdit(placeholderText="production")
        self.alias.setAccessibleName(self.tr("Alias"))
        self.alias.setMaxLength(40)
        label = self.tr("Let this name lead to version %1")
        self.body.addWidget(Label(label.replace("%1", str(version.version))))
        self.body.addWidget(self.alias)
        self.go.clicked.connect(self._set)
        self.alias.setFocus()

    def _add_row(self, alias: str, version: int) -> None:
        row = QHBoxLayout()
        text = self.tr("@%1 leads to version %2").replace("%2", str(version)).replace("%1", alias)
        row.addWidget(Label(text))
        row.addStretch(1)
        button = LinkButton(self.tr("Remove"))
        button.setAccessibleName(self.tr("Remove the alias %1").replace("%1", alias))
        button.clicked.connect(partial(self._remove, alias))
        self.removals[alias] = button
        row.addWidget(button)
        self.body.addLayout(row)

    def _set(self) -> None:
        database, version_id = self._shell.context.database, self._detail.row.version.id
        self.run(partial(lifecycle.set_alias, database, version_id, self.alias.text(), **self.reasons()))

    def _remove(self, alias: str, _checked: object = None) -> None:
        database, model_id = self._shell.context.database, self._detail.row.version.model_id
        reason = self.reason.text()
        self.run(partial(lifecycle.remove_alias, database, model_id, alias, reason=reason))
