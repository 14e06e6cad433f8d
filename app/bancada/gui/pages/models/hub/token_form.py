"""The form for the token of a hub or mirror: masked, into the keyring, and never shown again."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit

from bancada.catalog.hub import credentials
from bancada.core.errors import BancadaError, describe
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Label, PlainButton, PrimaryButton, set_look


class TokenForm(Card):
    """Opens above the results; ``stored`` says whether there is a token for the source now."""

    stored = Signal(bool)
    #: a token was just typed and kept
    kept = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__(self.tr("Token"))
        self._shell = shell
        self._endpoint = ""
        self.words = Label("", "muted", wrap=True)
        self.body.addWidget(self.words)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setMaxLength(credentials.MAX_TOKEN)
        self.field.setAccessibleName(self.tr("Token"))
        self.field.setPlaceholderText(self.tr("Paste the token"))
        self.field.textChanged.connect(self._check)
        self.field.returnPressed.connect(self.store)
        self.store_button = PrimaryButton(self.tr("Keep in the keyring"))
        self.store_button.clicked.connect(self.store)
        self.forget_button = PlainButton(self.tr("Forget the stored token"), "danger")
        self.forget_button.clicked.connect(self.forget)
        self.cancel_button = PlainButton(self.tr("Cancel"))
        self.cancel_button.clicked.connect(self.close_form)
        row.addWidget(self.field, 1)
        for button in (self.store_button, self.forget_button, self.cancel_button):
            row.addWidget(button)
        self.body.addLayout(row)
        self.problem = Label("", "note", wrap=True)
        set_look(self.problem, tone="bad")
        self.body.addWidget(self.problem)
        self.hide()

    def open_form(self, endpoint: str, *, known: bool) -> None:
        """Ask for the token of a source."""
        self._endpoint = endpoint
        self.words.setText(
            self.tr(
                "For %1. It is kept in the system's keyring, shown to this address alone, and never written"
                " into the workspace. For a gated model, accept its terms on the hub's page first; the token"
                " of an office mirror is shown where it is turned on."
            ).replace("%1", endpoint)
        )
        self.forget_button.setVisible(known)
        self.problem.hide()
        self.field.clear()
        self._check()
        self.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_form(self) -> None:
        """Close it and forget what was typed."""
        self.field.clear()
        self.hide()

    def look(self, endpoint: str) -> None:
        """Find out in the background whether there is a token."""
        self._shell.background.run(
            lambda: credentials.hub_token(endpoint) is not None,
            self.stored.emit,
            lambda _error: self.stored.emit(False),  # noqa: FBT003 - a signal's
            owner=self,
        )

    def store(self) -> None:
        """Keep what was typed."""
        token, endpoint = self.field.text().strip(), self._endpoint
        if not token:
            return
        self.store_button.setEnabled(False)
        self._shell.background.run(
            lambda: credentials.store_hub_token(endpoint, token), self._kept, self._failed, owner=self
        )

    def forget(self) -> None:
        """Remove the token from the keyring."""
        endpoint = self._endpoint
        self._shell.background.run(
            lambda: credentials.forget_hub_token(endpoint), self._forgotten, self._failed, owner=self
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc closes it."""
        if event.key() == Qt.Key.Key_Escape:
            self.close_form()
            return
        super().keyPressEvent(event)

    def _check(self) -> None:
        self.store_button.setEnabled(bool(self.field.text().strip()))

    def _kept(self, _none: object) -> None:
        self.close_form()
        self._shell.notify("success", self.tr("The token is in the keyring."))
        self.stored.emit(True)  # noqa: FBT003
        self.kept.emit()

    def _forgotten(self, _removed: object) -> None:
        self.close_form()
        self._shell.notify("info", self.tr("The token was forgotten."))
        self.look(self._endpoint)  # a variable of the environment may still give one

    def _failed(self, error: BaseException) -> None:
        self._check()
        words = describe(error.code, error.params) if isinstance(error, BancadaError) else None
        self.problem.setText(f"{words.what} {words.remedy}" if words else str(error))
        self.problem.show()
