"""The sheet about one bundle: what is in it, who signed it, which rule it meets, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import (
    QBoxLayout,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from bancada.catalog.bundles.signatures import fingerprint_text
from bancada.core.errors import BancadaError
from bancada.gui.models.transfer import BundleLook, KeyRow, look_at_bundle, look_at_record
from bancada.gui.pages.models.transfer.content import ContentPanel
from bancada.gui.pages.models.transfer.words import (
    MARKS,
    RuleLine,
    rule_lines,
    standing_text,
    standing_tone,
    verdict,
)
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import (
    Card,
    Chip,
    ElidedLabel,
    IconLabel,
    Label,
    PlainButton,
    PrimaryButton,
    SectionLabel,
)
from bancada.gui.widgets.format import bytes_text
from bancada.gui.widgets.states import ErrorPanel


class LookSheet(Card):
    """Looks at a folder, or at a bundle that waits, in the background; every signal carries the look."""

    take = Signal(object)
    approve = Signal(object)
    discard = Signal(object)
    sign = Signal(object)
    #: the key that signed it is not known here: a public key is to be imported
    trust_wanted = Signal()
    closed = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._look: BundleLook | None = None
        self._wanted: object = None
        self._again: Callable[[], None] = lambda: None
        self._own: frozenset[str] = frozenset()
        self._build_head()
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName(self.tr("Looking at the bundle"))
        self.error = ErrorPanel(shell.theme)
        self.error.add_button(self.tr("Look again"), self._again)
        self._found = QWidget()
        self._build_found()
        for widget in (self._busy, self.error):
            self.body.addWidget(widget)
        self.body.addWidget(self._found, 1)
        self.body.addStretch(0)

    def open_folder(self, path: Path) -> None:
        """Look at a folder that may be a bundle."""
        context = self._shell.context
        self._open(str(path), path.name or str(path), lambda: look_at_bundle(context, path))

    def open_record(self, bundle_id: str, title: str) -> None:
        """Look at a bundle that was brought here."""
        context = self._shell.context
        self._open(bundle_id, title, lambda: look_at_record(context, bundle_id))

    def look_again(self) -> None:
        """Ask the rules once more, for example after a key was trusted."""
        self._again()

    def show_keys(self, rows: tuple[KeyRow, ...]) -> None:
        """Know whether somebody here can sign."""
        self._own = frozenset(one.record.id for one in rows if one.usable)
        if self._look is not None:
            self._show_buttons(self._look)

    def set_narrow(self, narrow: bool) -> None:
        """Put the rules below the content, or beside it."""
        ways = QBoxLayout.Direction
        self._columns.setDirection(ways.TopToBottom if narrow else ways.LeftToRight)

    @property
    def look(self) -> BundleLook | None:
        """What is shown, None while it is looked at."""
        return self._look

    def _open(self, wanted: str, title: str, work: Callable[[], BundleLook]) -> None:
        def start() -> None:
            self._look, self._wanted = None, wanted
            self._title.setText(title)
            self._verdict.hide()
            self.error.hide()
            self._found.hide()
            self._busy.show()
            for button in self._buttons:
                button.hide()
            self._shell.background.run(
                work, partial(self._show, wanted), partial(self._fail, wanted), owner=self
            )

        self._again = start
        start()

    def _fail(self, wanted: str, error: BaseException) -> None:
        if wanted == self._wanted:
            self._busy.hide()
            self.error.show_error(error)
            self.back.setFocus()

    def _show(self, wanted: str, look: BundleLook) -> None:
        if wanted != self._wanted:
            return  # another one was opened meanwhile
        self._look = look
        manifest = look.manifest
        self._busy.hide()
        self._found.show()
        self._title.setText(manifest.title or look.id[:12])
        self._verdict.set(*verdict(look))
        self._verdict.show()
        self._where.setText(str(look.path))
        self._show_facts(look)
        self._show_rules(rule_lines(look.judgement))
        self._show_signers(look)
        self.content.show_models(manifest.models)
        problem = look.judgement.problem()
        self._problem.setVisible(problem is not None)
        if problem is not None:
            self._problem.show_error(problem)
        self._trust.setVisible(isinstance(problem, BancadaError) and problem.code == "bundle.signer_unknown")
        self._show_buttons(look)
        self._focus_first()

    # -- the parts

    def _build_head(self) -> None:
        self.back = PlainButton(self.tr("Back"))
        self.back.setToolTip(self.tr("Nothing is changed by looking (Esc)"))
        self.back.clicked.connect(self.closed)
        self._title = ElidedLabel("", "subtitle")
        self._verdict = Chip()
        self.header.insertWidget(0, self.back)
        self.header.insertWidget(1, self._title, 100)
        self.header.insertWidget(2, self._verdict)
        self.discard_button = PlainButton(self.tr("Discard\N{HORIZONTAL ELLIPSIS}"), "danger")
        self.discard_button.setToolTip(self.tr("Let go of what was received of it"))
        self.sign_button = PlainButton(self.tr("Sign with my key\N{HORIZONTAL ELLIPSIS}"))
        self.sign_button.setToolTip(self.tr("Put a signature into this folder before it travels on"))
        self.approve_button = PrimaryButton(self.tr("Approve with my key\N{HORIZONTAL ELLIPSIS}"))
        self.take_button = PrimaryButton(self.tr("Import"))
        self._buttons: tuple[QPushButton, ...] = (
            self.discard_button,
            self.sign_button,
            self.approve_button,
            self.take_button,
        )
        for button, signal in zip(
            self._buttons, (self.discard, self.sign, self.approve, self.take), strict=True
        ):
            button.clicked.connect(partial(self._send, signal))
            self.header.addWidget(button)

    def _send(self, signal: SignalInstance, _checked: object = None) -> None:
        if self._look is not None:
            signal.emit(self._look)

    def _build_found(self) -> None:
        row = self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._found)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(24)
        left, right = QVBoxLayout(), QVBoxLayout()
        for side in (left, right):
            side.setSpacing(8)
        self._where = ElidedLabel("", "note")
        left.addWidget(self._where)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(16)
        self._facts.setVerticalSpacing(4)
        self._facts.setColumnStretch(1, 1)
        left.addLayout(self._facts)
        self.content = ContentPanel(self._shell.theme)
        self.content.setMinimumHeight(240)
        left.addWidget(self.content, 1)
        right.addWidget(SectionLabel(self.tr("Rules")))
        self._rules = QGridLayout()
        self._rules.setHorizontalSpacing(10)
        self._rules.setVerticalSpacing(8)
        self._rules.setColumnStretch(1, 1)
        right.addLayout(self._rules)
        self._problem = ErrorPanel(self._shell.theme)
        self._trust = self._problem.add_button(
            self.tr("Trust a key\N{HORIZONTAL ELLIPSIS}"), self.trust_wanted.emit
        )
        right.addWidget(self._problem)
        right.addSpacing(4)
        right.addWidget(SectionLabel(self.tr("Signatures")))
        self._signers = QVBoxLayout()
        self._signers.setSpacing(6)
        right.addLayout(self._signers)
        right.addStretch(1)
        row.addLayout(left, 5)
        row.addLayout(right, 4)

    def _show_facts(self, look: BundleLook) -> None:
        manifest = look.manifest
        room = self.tr("%1 of %2 are not here yet; %3 free on the library's disk")
        if not look.missing_bytes:
            room = self.tr("all of its %2 is here already")
        room = (
            room.replace("%1", bytes_text(look.missing_bytes))
            .replace("%2", bytes_text(manifest.size_bytes))
            .replace("%3", bytes_text(look.free))
        )
        facts = [
            (self.tr("Made"), f"{manifest.created_at[:16].replace('T', ' ')} UTC, {manifest.made_by}"),
            (self.tr("Number"), str(manifest.sequence) if manifest.issuer else self.tr("none: not signed")),
            (self.tr("Disk"), room),
        ]
        if look.reason:
            facts.append((self.tr("Stopped because"), look.reason))
        if look.absent:
            text = self.tr("%1 files are not on this disk, the first is %2. They may come on another one.")
            text = text.replace("%1", str(len(look.absent))).replace("%2", look.absent[0])
            facts.append((self.tr("Missing"), text))
        if look.strangers:
            text = self.tr("%1. They do not belong to the bundle and are not opened.")
            facts.append((self.tr("Other files"), text.replace("%1", ", ".join(look.strangers))))
        _clear(self._facts)
        for at, (name, value) in enumerate(facts):
            label = Label(value, wrap=True)
            label.setAccessibleName(name)
            self._facts.addWidget(Label(name, "muted"), at, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(label, at, 1)

    def _show_rules(self, lines: list[RuleLine]) -> None:
        _clear(self._rules)
        for at, line in enumerate(lines):
            icon = IconLabel(self._shell.theme, *MARKS[line.outcome])
            icon.setAccessibleName(self._outcome_text(line.outcome))
            words = QVBoxLayout()
            words.setSpacing(0)
            name = Label(line.name, "strong")
            text = Label(line.text, "muted", wrap=True)
            text.setAccessibleName(f"{line.name}: {self._outcome_text(line.outcome)}. {line.text}")
            holder = QWidget()
            holder.setLayout(words)
            words.setContentsMargins(0, 0, 0, 0)
            words.addWidget(name)
            words.addWidget(text)
            self._rules.addWidget(icon, at, 0, Qt.AlignmentFlag.AlignTop)
            self._rules.addWidget(holder, at, 1)

    def _outcome_text(self, outcome: str) -> str:
        return {
            "met": self.tr("met"),
            "refused": self.tr("not met"),
            "waits": self.tr("not met yet"),
            "skipped": self.tr("not asked"),
        }[outcome]

    def _show_signers(self, look: BundleLook) -> None:
        _clear(self._signers)
        for one in look.judgement.signers:
            holder = QWidget()
            row = QHBoxLayout(holder)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(8)
            name = one.name or self.tr("a key that is not known here")
            if one.key_id == look.manifest.issuer:
                name = self.tr("%1 (made it)").replace("%1", name)
            row.addWidget(Label(name), 1)
            row.addWidget(Chip(standing_text(one.standing), standing_tone(one.standing)))
            self._signers.addWidget(holder)
            code = Label(fingerprint_text(one.key_id), "mono", wrap=True)
            code.setAccessibleName(self.tr("Fingerprint"))
            code.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._signers.addWidget(code)
        if not look.judgement.signers:
            self._signers.addWidget(Label(self.tr("Nobody signed it."), "muted"))

    def _show_buttons(self, look: BundleLook) -> None:
        allowed = look.judgement.problem() is None
        waits = look.state == "quarantined"
        self.discard_button.setVisible(look.state in ("receiving", "quarantined"))
        self.approve_button.setVisible(waits and look.judgement.waiting() is not None)
        self.approve_button.setEnabled(allowed and bool(self._own))
        self.approve_button.setToolTip("" if self._own else self.tr("Make a key of your own first"))
        # who made it signs it before it travels; on the other side it is approved instead
        self.sign_button.setVisible(look.manifest.issuer in self._own and not look.state)
        self.take_button.setVisible(not waits or look.judgement.waiting() is None)
        self.take_button.setEnabled(allowed and look.fits)
        text = self.tr("Import")
        if look.state == "receiving":
            text = self.tr("Continue the import")
        elif waits:
            text = self.tr("Take into the library")
        elif look.judgement.waiting() is not None:
            text = self.tr("Import into quarantine")
        self.take_button.setText(text)

    def _focus_first(self) -> None:
        """Put the focus on what one most likely wants to do."""
        usable = (one for one in reversed(self._buttons) if one.isVisibleTo(self) and one.isEnabled())
        next(usable, self.back).setFocus()


def _clear(layout: QGridLayout | QVBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
