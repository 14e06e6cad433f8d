"""The two dialogs of keys: making one's own, and trusting somebody else's after a telephone call."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from bancada.catalog.bundles import keys
from bancada.catalog.bundles.keys import LEAST_PASSPHRASE, PublicKey
from bancada.core.errors import BancadaError, describe
from bancada.gui.pages.models.transfer.words import fingerprint_lines
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import GRID, Label, NumberBox, PlainButton, PrimaryButton
from bancada.storage.signing_keys import KeyRecord

_LONGEST_NAME = 120
_MOST_DAYS = 36_500


def _tr(text: str) -> str:
    return QCoreApplication.translate("Transfer", text)


class _KeyDialog(QDialog):
    """A title, an explanation, a form, a line for what went wrong, Cancel and one verb.

    ``done_with`` carries the stored key.
    """

    done_with = Signal(object)

    def __init__(self, parent: QWidget, shell: Shell, title: str, words: str, verb: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setMinimumWidth(520)
        self._shell = shell
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(12)
        column.addWidget(Label(title, "subtitle", wrap=True))
        column.addWidget(Label(words, "muted", wrap=True))
        self.body = QVBoxLayout()
        self.body.setSpacing(12)
        column.addLayout(self.body)
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

    def say(self, error: BaseException) -> None:
        """Say beside the form why it did not work."""
        words = describe(error.code, error.params) if isinstance(error, BancadaError) else None
        self.problem.setText(f"{words.what} {words.remedy}" if words else str(error))
        self.problem.show()
        self.adjustSize()

    def _finish(self, record: KeyRecord) -> None:
        self.done_with.emit(record)
        self.close()


class NewKeyDialog(_KeyDialog):
    """Makes a pair of keys: its passphrase goes to the keyring, or stays in its owner's head."""

    def __init__(self, parent: QWidget, shell: Shell) -> None:
        super().__init__(
            parent,
            shell,
            _tr("Make a key of your own"),
            _tr(
                "With it you sign what you carry out and approve what comes in. It stays on this machine; "
                "others get its public half. Give each person a key of their own."
            ),
            _tr("Make the key"),
        )
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.name = QLineEdit()
        self.name.setMaxLength(_LONGEST_NAME)
        self.name.setPlaceholderText(self.tr("For example your name and office"))
        self.name.setAccessibleName(self.tr("Name"))
        form.addRow(Label(self.tr("Name")), self.name)
        self.days = NumberBox(0, _MOST_DAYS, self.tr(" days"))
        self.days.setSpecialValueText(self.tr("never"))
        self.days.setAccessibleName(self.tr("Its signatures count no more after"))
        form.addRow(Label(self.tr("Expires after")), self.days)
        self.keyring = QRadioButton(self.tr("The system's keyring keeps a random one"))
        self.typed = QRadioButton(self.tr("I choose one and type it for each signature"))
        group = QButtonGroup(self)
        ways = QVBoxLayout()
        ways.setSpacing(4)
        for button in (self.keyring, self.typed):
            group.addButton(button)
            ways.addWidget(button)
        form.addRow(Label(self.tr("Passphrase")), ways)
        self.first, self.second = QLineEdit(), QLineEdit()
        for field, words in ((self.first, self.tr("Passphrase")), (self.second, self.tr("The same again"))):
            field.setEchoMode(QLineEdit.EchoMode.Password)
            field.setAccessibleName(words)
            field.setPlaceholderText(words)
            form.addRow(Label(""), field)
            field.textChanged.connect(self._check)
        self.body.addLayout(form)
        self.typed.toggled.connect(self._show_fields)
        self.name.textChanged.connect(self._check)
        self.go.clicked.connect(self._make)
        self.keyring.setChecked(True)
        self._show_fields(shown=False)
        self.name.setFocus()

    def _show_fields(self, shown: bool) -> None:
        for field in (self.first, self.second):
            field.setEnabled(shown)
        self._check()

    def _check(self) -> None:
        self.problem.hide()
        typed = self.typed.isChecked()
        good = not typed or (
            len(self.first.text()) >= LEAST_PASSPHRASE and self.first.text() == self.second.text()
        )
        if typed and self.first.text():
            short = len(self.first.text()) < LEAST_PASSPHRASE
            words = self.tr("At least %1 characters, for example four words.")
            if short:
                self.problem.setText(words.replace("%1", str(LEAST_PASSPHRASE)))
            elif self.second.text() and not good:
                self.problem.setText(self.tr("The two are not the same yet."))
            self.problem.setVisible(short or bool(self.second.text() and not good))
        self.go.setEnabled(good and bool(self.name.text().strip()))

    def _make(self) -> None:
        self.go.setEnabled(False)
        context, name = self._shell.context, self.name.text()
        days, passphrase = self.days.value() or None, self.first.text()
        typed = self.typed.isChecked()

        def work() -> KeyRecord:
            if typed:
                return keys.make_key(context.home, context.database, name, passphrase, days=days)
            return keys.make_remembered_key(context.home, context.database, name, days=days)

        self._shell.background.run(work, self._finish, self._refused, owner=self)

    def _refused(self, error: BaseException) -> None:
        self._check()
        if isinstance(error, BancadaError) and error.code == "keys.no_passphrase":
            self.typed.setChecked(True)
            self.first.setFocus()
            self.problem.setText(
                self.tr("This system has no keyring that could keep it: choose a passphrase.")
            )
            self.problem.show()
            return
        self.say(error)


class TrustDialog(_KeyDialog):
    """Shows the fingerprint of a public key large, to be compared by voice, and then trusts it."""

    def __init__(self, parent: QWidget, shell: Shell, key: PublicKey) -> None:
        super().__init__(
            parent,
            shell,
            _tr("Trust this key?"),
            _tr(
                "Call the person it belongs to, on a number you knew before, and read these groups to each "
                "other. Who trusts a wrong key lets a stranger's models in."
            ),
            _tr("Trust this key"),
        )
        self._key = key
        code = Label(fingerprint_lines(key.id), "mono")
        code.setStyleSheet(f"font-size: {shell.theme.px(20)}px; padding: 8px 0;")
        code.setAccessibleName(self.tr("Fingerprint: %1").replace("%1", fingerprint_lines(key.id)))
        code.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        code.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.body.addWidget(code)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.name = QLineEdit(key.name)
        self.name.setMaxLength(_LONGEST_NAME)
        self.name.setAccessibleName(self.tr("What to call it here"))
        form.addRow(Label(self.tr("What to call it here")), self.name)
        expires = key.expires_at[:10] if key.expires_at else self.tr("never")
        form.addRow(Label(self.tr("Expires")), Label(expires))
        self.body.addLayout(form)
        self.compared = QCheckBox(self.tr("I compared the fingerprint with its owner"))
        row = QHBoxLayout()
        row.setContentsMargins(4, 0, 0, 0)
        row.addWidget(self.compared)
        row.addStretch(1)
        self.body.addLayout(row)
        self.compared.toggled.connect(self._check)
        self.name.textChanged.connect(self._check)
        self.go.clicked.connect(self._trust)
        self._check()
        self.compared.setFocus()

    def _check(self) -> None:
        self.go.setEnabled(self.compared.isChecked() and bool(self.name.text().strip()))

    def _trust(self) -> None:
        self.go.setEnabled(False)
        database, key, name = self._shell.context.database, self._key, self.name.text()

        def refused(error: BaseException) -> None:
            self._check()
            self.say(error)

        self._shell.background.run(lambda: keys.trust(database, key, name), self._finish, refused, owner=self)
