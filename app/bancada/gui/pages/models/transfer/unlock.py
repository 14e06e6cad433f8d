"""How a key of our own is opened: by the passphrase that the keyring keeps, or by one that is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bancada.catalog.bundles import keys, signing
from bancada.core.errors import BancadaError, describe
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import GRID, Label, PlainButton, PrimaryButton
from bancada.storage.signing_keys import KeyRecord


class PassphraseDialog(QDialog):
    """Asks for one passphrase; ``typed`` carries it. It stays open until it is closed from outside."""

    typed = Signal(str)

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        title = self.tr("Passphrase of the key %1").replace("%1", name)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setMinimumWidth(440)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(12)
        column.addWidget(Label(title, "subtitle", wrap=True))
        words = self.tr("It opens the key for this one signature and is kept nowhere.")
        column.addWidget(Label(words, "muted", wrap=True))
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName(self.tr("Passphrase"))
        column.addWidget(self.field)
        self.problem = Label("", wrap=True)
        self.problem.setProperty("tone", "bad")
        self.problem.hide()
        self.field.textChanged.connect(self.problem.hide)
        column.addWidget(self.problem)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = PlainButton(self.tr("Cancel"))
        cancel.clicked.connect(self.close)
        self.go = PrimaryButton(self.tr("Sign"))
        self.go.setDefault(True)
        self.go.clicked.connect(self._send)
        row.addWidget(cancel)
        row.addWidget(self.go)
        column.addLayout(row)
        self.field.setFocus()

    def refuse(self, error: BaseException) -> None:
        """Say that it was wrong and let it be typed again."""
        text = describe(error.code, error.params) if isinstance(error, BancadaError) else None
        self.problem.setText(f"{text.what} {text.remedy}" if text else str(error))
        self.problem.show()
        self.go.setEnabled(True)
        self.field.selectAll()
        self.field.setFocus()

    def _send(self) -> None:
        self.go.setEnabled(False)
        self.typed.emit(self.field.text())


class KeyChoiceDialog(QDialog):
    """Asks with which of several keys to sign; ``chosen`` carries it."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget, records: Sequence[KeyRecord]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        title = self.tr("Which of your keys signs?")
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setMinimumWidth(440)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(12)
        column.addWidget(Label(title, "subtitle", wrap=True))
        words = self.tr("Each person signs with a key of their own: two signatures by one key count once.")
        column.addWidget(Label(words, "muted", wrap=True))
        self.choice = QComboBox()
        self.choice.setAccessibleName(self.tr("Key"))
        for one in records:
            self.choice.addItem(one.name)
        column.addWidget(self.choice)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = PlainButton(self.tr("Cancel"))
        cancel.clicked.connect(self.close)
        self.go = PrimaryButton(self.tr("Sign with this key"))
        self.go.setDefault(True)
        self.go.clicked.connect(lambda: self._choose(records[self.choice.currentIndex()]))
        row.addWidget(cancel)
        row.addWidget(self.go)
        column.addLayout(row)
        self.choice.setFocus()

    def _choose(self, record: KeyRecord) -> None:
        self.close()
        self.chosen.emit(record)


@dataclass(frozen=True, slots=True)
class _Tried:
    """What the keyring had: a passphrase that opens the key, or none."""

    passphrase: str | None


class Unlock(QObject):
    """Gets the passphrase of a key and proves it before anything long begins. ``failed`` carries an error."""

    failed = Signal(object)

    def __init__(self, parent: QWidget, shell: Shell) -> None:
        super().__init__(parent)
        self._parent, self._shell = parent, shell
        self.dialog: PassphraseDialog | None = None

    def choose(self, records: Sequence[KeyRecord], then: Callable[[KeyRecord, str], object]) -> None:
        """Let one choose among several keys, open it, and call ``then`` with it and its passphrase."""

        def opened(record: KeyRecord) -> None:
            self.open(record, lambda passphrase: then(record, passphrase))

        if len(records) == 1:
            opened(records[0])
            return
        dialog = KeyChoiceDialog(self._parent.window(), records)
        dialog.chosen.connect(opened)
        dialog.open()

    def open(self, record: KeyRecord, then: Callable[[str], object]) -> None:
        """Call ``then`` with the right passphrase; nothing is called when the person gives up."""
        home = self._shell.context.home

        def ask_keyring() -> _Tried:
            known = keys.remembered(record.id)
            if known is None:
                return _Tried(None)
            try:
                signing.check_passphrase(home, record, known)
            except BancadaError as error:
                if error.code == "keys.wrong_passphrase":
                    return _Tried(None)
                raise
            return _Tried(known)

        def answered(tried: _Tried) -> None:
            if tried.passphrase is None:
                self._ask(record, then)
            else:
                then(tried.passphrase)

        self._shell.background.run(ask_keyring, answered, self.failed.emit, owner=self)

    def _ask(self, record: KeyRecord, then: Callable[[str], object]) -> None:
        dialog = PassphraseDialog(self._parent.window(), record.name)
        self.dialog = dialog
        home = self._shell.context.home

        def right(passphrase: str) -> None:
            if dialog.isVisible():  # who closed it meanwhile has changed their mind
                dialog.close()
                then(passphrase)

        def check(passphrase: str) -> None:
            def work() -> str:
                signing.check_passphrase(home, record, passphrase)
                return passphrase

            self._shell.background.run(work, right, dialog.refuse, owner=dialog)

        dialog.typed.connect(check)
        dialog.open()
