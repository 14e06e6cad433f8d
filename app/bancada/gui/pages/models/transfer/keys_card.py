"""The card of keys: one's own and the trusted ones, the fingerprint to read out, and what can be done."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from bancada.catalog.bundles import keys
from bancada.catalog.bundles.keys import PublicKey
from bancada.catalog.names import clean_name
from bancada.gui.models.records import Column, RecordModel
from bancada.gui.models.transfer import KeyRow
from bancada.gui.pages.models.transfer.key_dialogs import NewKeyDialog, TrustDialog
from bancada.gui.pages.models.transfer.words import fingerprint_lines, standing_text, standing_tone
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.basics import Card, Label, LinkButton, PlainButton
from bancada.gui.widgets.states import EmptyState
from bancada.gui.widgets.table import Table
from bancada.storage import signing_keys
from bancada.storage.signing_keys import KeyRecord


class KeysCard(Card):
    """Shows :class:`KeyRow` records. ``changed`` asks to read again, ``failed`` carries an error."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.title.set_title(self.tr("Keys"))
        self.title.show()
        self._shell = shell
        self.new_button = PlainButton(self.tr("New key\N{HORIZONTAL ELLIPSIS}"))
        self.new_button.setToolTip(self.tr("A key of your own, to sign with"))
        self.new_button.clicked.connect(self.make_new)
        self.trust_button = PlainButton(self.tr("Trust a key\N{HORIZONTAL ELLIPSIS}"))
        self.trust_button.setToolTip(self.tr("The public half of somebody else's key, from a file"))
        self.trust_button.clicked.connect(self.choose_public)
        self.header.addWidget(self.new_button)
        self.header.addWidget(self.trust_button)
        self.model = RecordModel[KeyRow](shell.theme, self._columns(), lambda one: one.record.id, self)
        self.table = Table(shell.theme, self.model, self.tr("Keys"), filter_row=False)
        self.table.sort_by("name")
        self.table.selected.connect(self._selected)
        self._empty = EmptyState(
            shell.theme,
            "lock",
            self.tr("No key yet"),
            hint=self.tr("A key of your own signs what you carry out; trusted keys of others may come in."),
        )
        self._empty.sentence.setMinimumWidth(200)
        self._empty.hint.setMinimumWidth(260)
        self.body.addWidget(self._empty, 1)
        self.body.addWidget(self.table, 1)
        self._detail = QWidget()
        self._build_detail()
        self.body.addWidget(self._detail)
        for widget in (self._empty, self.table, self._detail):
            widget.hide()  # until something is known

    def show_keys(self, rows: tuple[KeyRow, ...]) -> None:
        """Show these; the selection stays."""
        self.model.set_records(rows)
        self._empty.setVisible(not rows)
        self.table.setVisible(bool(rows))
        if rows and not self.table.selected_ids():
            self.table.select(rows[0].record.id)
        self._selected(self.table.selected_ids())

    def make_new(self) -> None:
        """Open the dialog for a key of one's own."""
        dialog = NewKeyDialog(self.window(), self._shell)
        dialog.done_with.connect(self._made)
        dialog.open()

    def choose_public(self) -> None:
        """Ask for the file of a public key."""
        dialog = QFileDialog(self, self.tr("Open the public half of a key"))
        dialog.setNameFilters([self.tr("Keys (*.json)"), self.tr("All files (*)")])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.open_public(Path(path)))
        dialog.open()

    def open_public(self, path: Path) -> None:
        """Read a public key and show its fingerprint to compare."""
        self._shell.background.run(
            lambda: keys.read_public(path), self._offer_trust, self.failed.emit, owner=self
        )

    def current(self) -> KeyRow | None:
        """The key that is selected."""
        ids = self.table.selected_ids()
        return self.model.record(ids[0]) if ids else None

    # -- parts

    def _columns(self) -> list[Column[KeyRow]]:
        return [
            Column("name", self.tr("Name"), lambda one: one.record.name, stretch=True),
            Column(
                "standing",
                self.tr("Signatures"),
                self._standing,
                tone=lambda one: standing_tone(one.standing),
                width=120,
            ),
        ]

    def _standing(self, row: KeyRow) -> str:
        """Whose key it is, and whether its signatures count."""
        if not row.record.own:
            return standing_text(row.standing)
        own = self.tr("own")
        return own if row.standing == "trusted" else f"{own}, {standing_text(row.standing)}"

    def _build_detail(self) -> None:
        column = QVBoxLayout(self._detail)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._about = Label("", "note", wrap=True)
        self.fingerprint = Label("", "mono")
        self.fingerprint.setStyleSheet(f"font-size: {self._shell.theme.px(15)}px;")
        self.fingerprint.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.fingerprint.setToolTip(self.tr("Read it to each other by telephone before you trust a key"))
        row = QHBoxLayout()
        row.setSpacing(16)
        self.export_button = LinkButton(self.tr("Export public key\N{HORIZONTAL ELLIPSIS}"))
        self.export_button.setToolTip(self.tr("A small file that others need to trust this key"))
        self.export_button.clicked.connect(self.choose_export)
        self.revoke_button = LinkButton(self.tr("Revoke\N{HORIZONTAL ELLIPSIS}"))
        self.revoke_button.clicked.connect(self.ask_revocation)
        self.restore_button = LinkButton(self.tr("Trust again\N{HORIZONTAL ELLIPSIS}"))
        self.restore_button.clicked.connect(self.trust_again)
        for button in (self.export_button, self.revoke_button, self.restore_button):
            row.addWidget(button)
        row.addStretch(1)
        for widget in (self._about, self.fingerprint):
            column.addWidget(widget)
        column.addLayout(row)

    def _selected(self, _ids: list[str]) -> None:
        row = self.current()
        self._detail.setVisible(row is not None)
        if row is None:
            return
        record = row.record
        self.fingerprint.setText(fingerprint_lines(record.id))
        self.fingerprint.setAccessibleName(
            self.tr("Fingerprint of %1: %2")
            .replace("%1", record.name)
            .replace("%2", fingerprint_lines(record.id))
        )
        expiry = (
            self.tr("expires %1").replace("%1", record.expires_at[:10])
            if record.expires_at
            else self.tr("does not expire")
        )
        last = record.last_made if record.own else record.last_admitted
        text = self.tr("last made: number %1") if record.own else self.tr("last admitted: number %1")
        if not last:
            text = self.tr("no bundle made yet") if record.own else self.tr("no bundle admitted yet")
        parts = [record.name, expiry, text.replace("%1", str(last))]
        self._about.setText(" \N{MIDDLE DOT} ".join(parts))
        self.revoke_button.setVisible(row.standing != "revoked")
        self.restore_button.setVisible(row.standing == "revoked")

    # -- what is done

    def _made(self, record: KeyRecord) -> None:
        self.changed.emit()
        self._shell.notify("success", self.tr("The key %1 is made.").replace("%1", record.name))

    def _offer_trust(self, key: PublicKey) -> None:
        dialog = TrustDialog(self.window(), self._shell, key)
        dialog.done_with.connect(self._trusted)
        dialog.open()

    def _trusted(self, record: KeyRecord) -> None:
        self.changed.emit()
        text = self.tr("The signatures of %1 count from now on.").replace("%1", record.name)
        self._shell.notify("success", text)

    def choose_export(self) -> None:
        """Ask where the public half is to be written."""
        row = self.current()
        if row is None:
            return
        dialog = QFileDialog(self, self.tr("Export the public half"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([self.tr("Keys (*.json)")])
        dialog.setDefaultSuffix("json")
        dialog.selectFile(f"{clean_name(row.record.name) or 'key'}.json")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.export(row.record, Path(path)))
        dialog.open()

    def export(self, record: KeyRecord, path: Path) -> None:
        """Write the public half of a key."""
        text = self.tr("The public half of %1 is in %2.").replace("%1", record.name).replace("%2", str(path))
        self._shell.background.run(
            lambda: keys.export_public(record, path),
            lambda _: self._shell.notify("success", text),
            self.failed.emit,
            owner=self,
        )

    def ask_revocation(self) -> None:
        """Ask before signatures count no more."""
        row = self.current()
        if row is None:
            return
        record = row.record
        words = self.tr(
            "Bundles that are signed with it are refused from now on, also those that wait. What was admitted"
            " stays in the library. You can trust it again later."
        )
        ask(
            self,
            self.tr("Revoke the key %1?").replace("%1", record.name),
            words,
            (
                Answer(
                    self.tr("Revoke %1").replace("%1", record.name),
                    partial(self._revoke, record.id),
                    "danger",
                ),
                Answer(self.tr("Keep it"), lambda: None),
            ),
        )

    def trust_again(self) -> None:
        """Compare the fingerprint of a revoked key once more, then trust it."""
        row = self.current()
        if row is not None:
            record = row.record
            self._offer_trust(PublicKey(record.id, record.name, record.public_key, record.expires_at))

    def _revoke(self, key_id: str) -> None:
        database = self._shell.context.database
        self._shell.background.run(
            lambda: signing_keys.revoke(database, key_id),
            lambda _: self.changed.emit(),
            self.failed.emit,
            owner=self,
        )
