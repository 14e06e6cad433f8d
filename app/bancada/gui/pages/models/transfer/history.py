"""The list of bundles that came in and went out, and what can be done with the selected one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QUrl, Signal, SignalInstance
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QWidget

from bancada.core.errors import BancadaError
from bancada.gui.models.records import Column, RecordModel
from bancada.gui.models.transfer import HistoryRow
from bancada.gui.pages.models.transfer.words import state_text, state_tone
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Label, LinkButton
from bancada.gui.widgets.format import bytes_text, when_text
from bancada.gui.widgets.states import EmptyState
from bancada.gui.widgets.table import Table


class HistoryCard(Card):
    """Shows :class:`HistoryRow` records; the signals carry the selected one."""

    receipt = Signal(object)
    look = Signal(object)
    sign = Signal(object)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.title.set_title(self.tr("What came and went"))
        self.title.show()
        self._shell = shell
        self.model = RecordModel[HistoryRow](shell.theme, self._columns(), lambda one: one.id, self)
        self.table = Table(shell.theme, self.model, self.tr("What came and went"))
        self.table.sort_by("at", descending=True)
        self.table.selected.connect(self._selected)
        self.table.opened.connect(lambda _id: self.open_selected())
        self._empty = EmptyState(
            shell.theme,
            "archive",
            self.tr("No bundle yet"),
            hint=self.tr("Every bundle that came in, went out or was refused is listed here."),
        )
        self._reason = Label("", wrap=True)
        self._empty.sentence.setMinimumWidth(200)
        self._empty.hint.setMinimumWidth(440)
        self.body.addWidget(self._empty, 1)
        self.body.addWidget(self.table, 1)
        self.body.addWidget(self._reason)
        self.body.addWidget(self._build_buttons())
        for widget in (self._empty, self.table, self._reason, self._buttons):
            widget.hide()  # until something is known

    def show_rows(self, rows: Sequence[HistoryRow]) -> None:
        """Show these; the selection stays."""
        self.model.set_records(rows)
        self._empty.setVisible(not rows)
        self.table.setVisible(bool(rows))
        self._selected(self.table.selected_ids())

    def current(self) -> HistoryRow | None:
        """The row that is selected."""
        ids = self.table.selected_ids()
        return self.model.record(ids[0]) if ids else None

    def open_selected(self) -> None:
        """What one most likely wants of the row: its receipt, else a look at it."""
        row = self.current()
        if row is None:
            return
        if row.receipt is not None:
            self.receipt.emit(row)
        elif self.look_button.isVisibleTo(self):
            self.look.emit(row)

    # -- parts

    def _columns(self) -> list[Column[HistoryRow]]:
        return [
            Column("at", self.tr("When"), lambda one: one.at, lambda one: when_text(one.at), width=124),
            Column(
                "way", self.tr("Way"), lambda one: self.tr("out") if one.outgoing else self.tr("in"), width=64
            ),
            Column(
                "title",
                self.tr("Bundle"),
                lambda one: one.title,
                tip=lambda one: "\n".join(part for part in (one.title, one.reason, one.path) if part),
                stretch=True,
            ),
            Column("state", self.tr("State"), state_text, tone=state_tone, width=112),
            Column(
                "by",
                self.tr("Signed by"),
                lambda one: (one.signed_by.casefold(), one.sequence),
                lambda one: f"{one.signed_by} \N{MIDDLE DOT} {one.sequence}" if one.signed_by else "",
                tip=lambda one: self.tr("The key, and the number of the bundle") if one.signed_by else "",
                width=136,
            ),
            Column(
                "size",
                self.tr("Size"),
                lambda one: one.size_bytes,
                lambda one: bytes_text(one.size_bytes) if one.size_bytes is not None else "",
                figures=True,
                width=90,
                hidden=True,
            ),
        ]

    def _build_buttons(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self.receipt_button = LinkButton(self.tr("Receipt\N{HORIZONTAL ELLIPSIS}"))
        self.receipt_button.setToolTip(self.tr("Show it, print it, save it"))
        self.look_button = LinkButton(self.tr("Look at it\N{HORIZONTAL ELLIPSIS}"))
        self.sign_button = LinkButton(self.tr("Sign it\N{HORIZONTAL ELLIPSIS}"))
        self.folder_button = LinkButton(self.tr("Show in folder"))
        for button, signal in (
            (self.receipt_button, self.receipt),
            (self.look_button, self.look),
            (self.sign_button, self.sign),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: self._send(signal))
            row.addWidget(button)
        self.folder_button.clicked.connect(self.reveal)
        row.addWidget(self.folder_button)
        row.addStretch(1)
        self._buttons = holder
        return holder

    def _send(self, signal: SignalInstance) -> None:
        row = self.current()
        if row is not None:
            signal.emit(row)

    def _selected(self, _ids: list[str]) -> None:
        row = self.current()
        self._buttons.setVisible(row is not None)
        self._reason.setVisible(row is not None and bool(row.reason))
        if row is None:
            return
        self._reason.setText(row.reason)
        self.receipt_button.setVisible(row.receipt is not None)
        self.look_button.setVisible(row.state in ("receiving", "quarantined", "stopped", "refused", "made"))
        self.sign_button.setVisible(row.outgoing and not row.signed)
        self.folder_button.setVisible(bool(row.path))

    def reveal(self) -> None:
        """Open the bundle's folder in the file manager."""
        row = self.current()
        if row is None:
            return
        folder = Path(row.path)
        if not folder.is_dir() or not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            code = "models.no_file_manager" if folder.is_dir() else "bundle.not_a_bundle"
            self._shell.show_error(BancadaError(code, path=str(folder)), near=self.folder_button)
