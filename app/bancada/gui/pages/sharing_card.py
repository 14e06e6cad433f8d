"""The card that shares this library on the office network: off until it is turned on here."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bancada.catalog.mirror.session import MirrorReport
from bancada.catalog.mirror.visitors import MirrorState, Visitor
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.basics import (
    GRID,
    Card,
    Chip,
    IconButton,
    Label,
    LinkButton,
    PlainButton,
    PrimaryButton,
    SectionLabel,
)
from bancada.gui.widgets.format import bytes_text, duration_text, number
from bancada.gui.widgets.states import ErrorPanel

_LOOK_MS = 2_000
_MOST_VISITORS = 6


class SharingCard(Card):
    """Start and stop, the address and the token to hand on, and who came."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.title.set_title(self.tr("Share this library on the office network"))
        self.title.show()
        self._shell = shell
        self._sharing = shell.sharing
        self.chip = Chip()
        self.header.addWidget(self.chip)
        self.words = Label("", "muted", wrap=True)
        self.body.addWidget(self.words)
        self.error = ErrorPanel(shell.theme, closable=True)
        self.body.addWidget(self.error)
        self.body.addWidget(self._make_on())
        self.body.addLayout(self._make_buttons())
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._sharing.look)
        self._sharing.changed.connect(self.show_sharing)
        self._sharing.failed.connect(self.error.show_error)
        self._sharing.state_read.connect(self.show_state)
        self.show_sharing()

    def showEvent(self, event: QShowEvent) -> None:
        """Look who is here while somebody looks."""
        super().showEvent(event)
        self.show_sharing()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks; the token is not left on the screen."""
        super().hideEvent(event)
        self._timer.stop()
        self._mask(hidden=True)

    def show_sharing(self) -> None:
        """Off, starting or on."""
        sharing = self._sharing
        report = sharing.report
        words, tone = (
            (self.tr("on"), "warn" if sharing.on_network else "good")
            if report is not None
            else (self.tr("starting"), "accent")
            if sharing.starting
            else (self.tr("off"), "plain")
        )
        self.chip.set(words, tone)
        self._say(report)
        self._on.setVisible(report is not None)
        for button in (self.start_button, self.alone_button):
            button.setVisible(report is None)
            button.setEnabled(not sharing.starting)
        self.stop_button.setVisible(report is not None)
        if report is not None:
            self.error.hide()
            self._show_report(report)
            if self.isVisible() and not self._timer.isActive():
                self._timer.start()
                sharing.look()
        else:
            self._timer.stop()

    def show_state(self, state: MirrorState) -> None:
        """Who is here, and what was given to whom."""
        text = self.tr("Connections now: %1. Sent since the start: %2.")
        text = text.replace("%1", number(state.connections)).replace("%2", bytes_text(state.sent_bytes))
        lines = [text, *(self._visitor(one) for one in state.visitors[:_MOST_VISITORS])]
        left = len(state.visitors) - _MOST_VISITORS
        if left > 0:
            lines.append(self.tr("and %1 more").replace("%1", number(left)))
        self.visitors.setText("\n".join(lines))

    # -- building

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.start_button = PrimaryButton(self.tr("Share on the network\N{HORIZONTAL ELLIPSIS}"))
        self.start_button.clicked.connect(self.start)
        self.alone_button = PlainButton(self.tr("For this machine only"))
        self.alone_button.setToolTip(
            self.tr(
                "To try it, or behind a proxy of your own that adds encryption. The network stays sealed."
            )
        )
        self.alone_button.clicked.connect(lambda: self._sharing.start(on_network=False))
        self.stop_button = PlainButton(self.tr("Stop sharing"), "danger")
        self.stop_button.clicked.connect(self.stop)
        for button in (self.start_button, self.alone_button, self.stop_button):
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _make_on(self) -> QWidget:
        self._on = QWidget()
        column = QVBoxLayout(self._on)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(SectionLabel(self.tr("Address")))
        self._addresses = QGridLayout()
        self._addresses.setSpacing(4)
        column.addLayout(self._addresses)
        column.addWidget(SectionLabel(self.tr("Token")))
        row = QHBoxLayout()
        row.setSpacing(4)
        self.token = QLineEdit(readOnly=True)
        self.token.setAccessibleName(self.tr("Token that other machines must show"))
        self.reveal_button = IconButton(self._shell.theme, "eye", self.tr("Show the token"))
        self.reveal_button.clicked.connect(self._reveal)
        copy = LinkButton(self.tr("Copy"))
        copy.setAccessibleName(self.tr("Copy the token"))
        copy.clicked.connect(lambda: self._copy(self.token.text()))
        self.copy_token_button = copy
        row.addWidget(self.token, 1)
        row.addWidget(self.reveal_button)
        row.addWidget(copy)
        column.addLayout(row)
        self.how = Label(
            self.tr(
                "On the other machine: enter the address under Settings, Source of models, and the token"
                " under Models, Hub. Tools that know the Hugging Face Hub work as well."
            ),
            "note",
            wrap=True,
        )
        column.addWidget(self.how)
        column.addWidget(SectionLabel(self.tr("Who came")))
        self.visitors = Label(self.tr("Nobody yet."), "note", wrap=True)
        self.visitors.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self.visitors)
        self._mask(hidden=True)
        return self._on

    # -- what is shown

    def _say(self, report: MirrorReport | None) -> None:
        if report is None:
            self.words.setText(
                self.tr(
                    "Other machines of the office can search this library and download from it: read-only,"
                    " with a token. It is off until you turn it on, and ends when Bancada is closed."
                )
            )
            return
        whom = (
            self.tr("Repositories shared: %1. Every machine that shows the token can fetch all of them.")
            if self._sharing.on_network
            else self.tr("Repositories shared: %1. Only programs of this machine can reach it.")
        )
        self.words.setText(whom.replace("%1", number(report.repositories)))

    def _show_report(self, report: MirrorReport) -> None:
        if self.token.text() != report.token:
            self.token.setText(report.token)
            self.visitors.setText(self.tr("Nobody yet."))
        shown = [
            widget.text()
            for row in range(self._addresses.rowCount())
            if (item := self._addresses.itemAtPosition(row, 0)) is not None
            and isinstance(widget := item.widget(), Label)
        ]
        if shown == list(report.addresses):
            return
        while (item := self._addresses.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for row, address in enumerate(report.addresses):
            label = Label(address, "mono")
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            copy = LinkButton(self.tr("Copy"))
            copy.setAccessibleName(self.tr("Copy %1").replace("%1", address))
            copy.clicked.connect(partial(self._copy, address))
            self._addresses.addWidget(label, row, 0)
            self._addresses.addWidget(copy, row, 1)
            self._addresses.setColumnStretch(0, 1)

    def _visitor(self, one: Visitor) -> str:
        text = self.tr("%1: files %2, %3, last seen %4 ago")
        if one.refused:
            text = self.tr("%1: files %2, %3, refused requests %5, last seen %4 ago")
        return (
            text.replace("%1", one.address)
            .replace("%2", number(one.files))
            .replace("%3", bytes_text(one.sent_bytes))
            .replace("%4", duration_text(one.last_s))
            .replace("%5", number(one.refused))
        )

    def _reveal(self) -> None:
        self._mask(hidden=self.token.echoMode() is QLineEdit.EchoMode.Normal)

    def _mask(self, *, hidden: bool) -> None:
        self.token.setEchoMode(QLineEdit.EchoMode.Password if hidden else QLineEdit.EchoMode.Normal)
        self.reveal_button.set_name(self.tr("Show the token") if hidden else self.tr("Hide the token"))

    def _copy(self, text: str, _checked: object = None) -> None:
        QGuiApplication.clipboard().setText(text)
        self._shell.notify("info", self.tr("Copied."))

    # -- on and off

    def start(self) -> None:
        """Serve to the network; where the settings forbid it, ask first."""
        self.error.hide()
        if self._sharing.may_be_reached:
            self._sharing.start(on_network=True)
            return
        ask(
            self,
            self.tr("Share this library on the office network?"),
            self.tr(
                "The network is opened, and other machines may reach the mirror. Whoever has the token can"
                " fetch every model of this library; nothing can be changed or added from outside. It speaks"
                " plain HTTP: where the office's network is not trusted, put a TLS proxy in front of it."
            ),
            (
                Answer(self.tr("Open the network and share"), self._sharing.open_and_start, "danger"),
                Answer(self.tr("Not now"), lambda: None),
            ),
        )

    def stop(self) -> None:
        """End it, and offer the seal again."""
        was_open = self._sharing.on_network
        self._sharing.stop()
        if was_open:
            self._shell.notify(
                "info",
                self.tr("The library is no longer shared. The network is still open."),
                action_text=self.tr("Seal the network"),
                action=lambda: self._shell.settings.store("network.sealed", value=True),
            )
