"""What stands in the window when the workspace cannot be opened: never silently an empty one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.gui.background import Background
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import GRID, Card, Label, PlainButton, PrimaryButton
from bancada.gui.widgets.format import bytes_text, number, when_text
from bancada.gui.widgets.states import ErrorPanel
from bancada.storage.backup import BackupRecord, list_backups, restore
from bancada.storage.database import start_empty
from bancada.storage.salvage import SalvageReport, salvage

#: errors of a database that is there but no good: its copies and what can be read of it are offered
_BROKEN: Final = frozenset(("database.damaged", "database.missing", "database.tampered"))
_LOCKED: Final = frozenset(("database.locked", "database.no_keyring"))
_MOST_COPIES: Final = 12


class RecoveryView(QWidget):
    """Says what is wrong with the workspace and offers every way out of it.

    ``retry`` carries a passphrase or None; ``other_folder`` a path.
    """

    retry = Signal(object)
    other_folder = Signal(object)
    quit = Signal()

    def __init__(self, theme: Theme, home: Path, error: BaseException, background: Background) -> None:
        super().__init__()
        self._home = Home(home)
        self._background = background
        self._code = error.code if isinstance(error, BancadaError) else ""
        self.choices: list[tuple[QRadioButton, BackupRecord]] = []
        self._column = self._scrolled_column()
        self._column.addWidget(Label(self.tr("The workspace could not be opened"), "title"))
        self._column.addWidget(Label(str(home), "mono", wrap=True))
        self.panel = ErrorPanel(theme)
        self.panel.show_error(error)
        self._column.addWidget(self.panel)
        self.result = Label("", "strong", wrap=True)
        self.result.hide()
        if self._code in _LOCKED:
            self._add_passphrase()
        if self._code in _BROKEN:
            self._add_backups()
            self._add_salvage()
        if self._code == "database.missing":
            self._add_empty()
        self._add_ways_out()
        self._column.addStretch(1)

    def _scrolled_column(self) -> QVBoxLayout:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        area = QScrollArea(widgetResizable=True)
        inner = QWidget()
        inner.setProperty("role", "scrolled")
        row = QHBoxLayout(inner)
        row.setContentsMargins(4 * GRID, 4 * GRID, 4 * GRID, 4 * GRID)
        column = QVBoxLayout()
        column.setSpacing(2 * GRID)
        box = QWidget()
        box.setMaximumWidth(720)
        box.setLayout(column)
        row.addWidget(box, 1, Qt.AlignmentFlag.AlignTop)
        row.addStretch(0)
        area.setWidget(inner)
        outer.addWidget(area)
        return column

    def _add_passphrase(self) -> None:
        card = Card(self.tr("Passphrase"))
        row = QHBoxLayout()
        self.passphrase = QLineEdit(echoMode=QLineEdit.EchoMode.Password)
        self.passphrase.setAccessibleName(self.tr("Passphrase of the workspace"))
        button = PrimaryButton(self.tr("Open"))
        for signal in (button.clicked, self.passphrase.returnPressed):
            signal.connect(lambda *_: self.retry.emit(self.passphrase.text()))
        row.addWidget(self.passphrase, 1)
        row.addWidget(button)
        card.body.addLayout(row)
        self._column.addWidget(card)

    def _add_backups(self) -> None:
        card = Card(self.tr("Restore a copy"))
        text = self.tr(
            "The copy takes the place of the database. What is there now is kept in the workspace's folder"
            " named aside."
        )
        self._no_copies = Label(self.tr("There is no copy of this workspace."), "muted", wrap=True)
        card.body.addWidget(Label(text, "muted", wrap=True))
        card.body.addWidget(self._no_copies)
        self._copies = QVBoxLayout()
        card.body.addLayout(self._copies)
        self.restore_button = PrimaryButton(self.tr("Restore the chosen copy"))
        self.restore_button.clicked.connect(self._restore)
        card.body.addWidget(self.restore_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addWidget(card)
        self._list_backups()

    def _list_backups(self) -> None:
        for button, _ in self.choices:
            self._copies.removeWidget(button)
            button.deleteLater()
        self.choices = []
        for record in list_backups(self._home)[:_MOST_COPIES]:
            choice = QRadioButton(self._words(record))
            choice.setChecked(not self.choices)
            self.choices.append((choice, record))
            self._copies.addWidget(choice)
        self._no_copies.setVisible(not self.choices)
        self.restore_button.setEnabled(bool(self.choices))

    def _add_salvage(self) -> None:
        card = Card(self.tr("Save what can be read"))
        text = self.tr(
            "Every row that can still be read goes into a new copy, to be restored above. The damaged file is"
            " not touched."
        )
        card.body.addWidget(Label(text, "muted", wrap=True))
        self.salvage_button = PlainButton(self.tr("Save what can be read"))
        self.salvage_button.clicked.connect(self._salvage)
        self.salvage_button.setEnabled(self._home.database.exists())
        card.body.addWidget(self.salvage_button, 0, Qt.AlignmentFlag.AlignLeft)
        card.body.addWidget(self.result)
        self._column.addWidget(card)

    def _add_empty(self) -> None:
        card = Card(self.tr("Begin anew"))
        text = self.tr("An empty workspace in this folder. The copies stay where they are.")
        card.body.addWidget(Label(text, "muted", wrap=True))
        button = PlainButton(self.tr("Begin with an empty workspace"))
        button.clicked.connect(lambda: self._do(lambda: start_empty(self._home).close()))
        card.body.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addWidget(card)

    def _add_ways_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        again = PlainButton(self.tr("Try again"))
        again.clicked.connect(lambda: self.retry.emit(None))
        other = PlainButton(self.tr("Open another folder\N{HORIZONTAL ELLIPSIS}"))
        other.clicked.connect(self._ask_folder)
        leave = PlainButton(self.tr("Quit"))
        leave.clicked.connect(self.quit)
        for button in (again, other, leave):
            row.addWidget(button)
        row.addStretch(1)
        self._column.addLayout(row)

    def _words(self, record: BackupRecord) -> str:
        when = when_text(record.made_at.isoformat())
        reasons = {
            "daily": self.tr("daily copy"),
            "migration": self.tr("before an update"),
            "restore": self.tr("before a restore"),
            "manual": self.tr("made by hand"),
            "salvage": self.tr("what could be read of the damaged one"),
        }
        reason = reasons.get(record.reason, record.reason)
        return f"{when} \N{MIDDLE DOT} {reason} \N{MIDDLE DOT} {bytes_text(record.size_bytes)}"

    def _restore(self) -> None:
        chosen = next(record for button, record in self.choices if button.isChecked())
        self._do(lambda: restore(self._home, chosen.path))

    def _salvage(self) -> None:
        self.setEnabled(False)
        self._background.run(lambda: salvage(self._home), self._salvaged, self._did_not, owner=self)

    def _salvaged(self, report: SalvageReport) -> None:
        """The result is one more copy, the newest: the user looks at what it holds and restores it."""
        self.setEnabled(True)
        text = self.tr("Rows that could be read: %1.").replace("%1", number(sum(report.rows.values())))
        if report.incomplete:
            lost = self.tr("Parts are missing of: %1.").replace("%1", ", ".join(report.incomplete))
            text = f"{text} {lost}"
        self.result.setText(text)
        self.result.show()
        self._list_backups()

    def _do(self, work: Callable[[], object]) -> None:
        self.setEnabled(False)
        self._background.run(work, lambda _: self.retry.emit(None), self._did_not, owner=self)

    def _did_not(self, error: BaseException) -> None:
        self.setEnabled(True)
        self.panel.show_error(error)

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Open another workspace"))
        if chosen:
            self.other_folder.emit(Path(chosen))
