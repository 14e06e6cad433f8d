"""The half "Carry in": how a bundle is brought here, the rule of signatures, and the bundles that wait."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from bancada.catalog.bundles.rules import REQUIRED
from bancada.gui.models.transfer import BundleLook
from bancada.gui.pages.models.transfer.words import verdict
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.basics import (
    Card,
    ElidedLabel,
    IconLabel,
    Label,
    PlainButton,
    PrimaryButton,
    SectionLabel,
)
from bancada.gui.widgets.format import bytes_text

#: rows of waiting bundles that are shown; the history has all
_MOST_WAITING = 3


class CarryInCard(Card):
    """``choose`` asks for a folder; ``look``, ``approve`` and ``resume`` carry the bundle that waits."""

    choose = Signal()
    look = Signal(object)
    approve = Signal(object)
    resume = Signal(object)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.title.set_title(self.tr("Carry in"))
        self.title.show()
        self._shell = shell
        self._shown: tuple[object, ...] | None = None
        self._required = 1
        self.choose_button = PrimaryButton(self.tr("Look at a bundle\N{HORIZONTAL ELLIPSIS}"))
        self.choose_button.setToolTip(self.tr("Choose its folder (Ctrl+I), or drop it on the window"))
        self.choose_button.clicked.connect(self.choose)
        self.header.addWidget(self.choose_button)
        words = self.tr(
            "Models come in as a bundle: a folder on a stick or disk. Choose it or drop it on this window; it"
            " is looked at first, and nothing is written before you say so."
        )
        self.body.addWidget(Label(words, "muted", wrap=True))
        self.body.addLayout(self._build_rule())
        self._waiting_title = SectionLabel(self.tr("Waiting"))
        self.body.addWidget(self._waiting_title)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(6)
        self.body.addLayout(self._rows)
        self._more = Label("", "note", wrap=True)
        self.body.addWidget(self._more)
        self.body.addStretch(1)
        self.show_waiting((), can_sign=False)

    def _build_rule(self) -> QVBoxLayout:
        box = QVBoxLayout()
        box.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(Label(self.tr("Rule here")))
        self.rule = QComboBox()
        self.rule.setAccessibleName(self.tr("Signatures that a bundle needs"))
        for text in (
            self.tr("Unsigned bundles may come in"),
            self.tr("One trusted signature"),
            self.tr("Four eyes: two trusted signatures"),
        ):
            self.rule.addItem(text)
        self.rule.activated.connect(self._rule_chosen)
        row.addWidget(self.rule, 1)
        box.addLayout(row)
        self._rule_words = Label("", "note", wrap=True)
        box.addWidget(self._rule_words)
        self._rule_error = Label("", "note", wrap=True)
        self._rule_error.setProperty("tone", "bad")
        self._rule_error.hide()
        box.addWidget(self._rule_error)
        self._shell.settings.written.connect(self._rule_written)
        return box

    def show_rule(self, required: int) -> None:
        """Say the rule that is in force, and what it means."""
        self._required = required
        self.rule.setCurrentIndex(required)
        self._rule_words.setText(
            (
                self.tr("Anyone can bring a model here. Damage is found; a forgery is not."),
                self.tr("The key of whoever made the bundle must be trusted here and still be good."),
                self.tr(
                    "What one trusted key signed is checked, then waits until a second person approves it."
                ),
            )[required]
        )

    def show_waiting(self, looks: tuple[BundleLook, ...], *, can_sign: bool) -> None:
        """Show the bundles that are not admitted; rows are made anew only when they changed."""
        # not by equality: the free space of a look is another one each time, and the focus would be lost
        shown = (*((one.id, self._state(one), str(one.path), verdict(one)) for one in looks), can_sign)
        if self._shown == shown:
            return
        self._shown = shown
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for look in looks[:_MOST_WAITING]:
            self._rows.addWidget(self._row(look, can_sign=can_sign))
        self._waiting_title.setVisible(bool(looks))
        self._more.setVisible(len(looks) > _MOST_WAITING)
        text = self.tr("%1 more are in the list below.")
        self._more.setText(text.replace("%1", str(len(looks) - _MOST_WAITING)))

    def _row(self, look: BundleLook, *, can_sign: bool) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        title = look.manifest.title or look.id[:12]
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(ElidedLabel(title))
        state = ElidedLabel(self._state(look), "note")
        state.setProperty("tone", verdict(look)[1])
        words.addWidget(state)
        details = PlainButton(self.tr("Look\N{HORIZONTAL ELLIPSIS}"))
        details.setAccessibleName(self.tr("Look at %1").replace("%1", title))
        details.clicked.connect(partial(self._send, self.look, look))
        row.addWidget(IconLabel(self._shell.theme, "clock", "warn"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addWidget(details)
        row.addWidget(self._act_button(look, title, can_sign=can_sign))
        return holder

    def _state(self, look: BundleLook) -> str:
        """What it waits for; of a stopped one how much is here, and why it stopped."""
        if look.state != "receiving":
            return verdict(look)[0]
        text = self.tr("%1 of %2 are here.").replace("%1", bytes_text(look.received_bytes))
        return f"{text.replace('%2', bytes_text(look.manifest.size_bytes))} {look.reason}"

    def _act_button(self, look: BundleLook, title: str, *, can_sign: bool) -> PlainButton:
        allowed = look.judgement.problem() is None
        if look.state == "quarantined" and look.judgement.waiting() is not None:
            button = PlainButton(self.tr("Approve\N{HORIZONTAL ELLIPSIS}"))
            button.setAccessibleName(self.tr("Approve %1 with my key").replace("%1", title))
            button.setToolTip("" if can_sign else self.tr("Make a key of your own first"))
            button.setEnabled(allowed and can_sign)
            button.clicked.connect(partial(self._send, self.approve, look))
        else:
            button = PlainButton(self.tr("Continue"))
            button.setAccessibleName(self.tr("Continue with %1").replace("%1", title))
            button.setEnabled(allowed)
            button.clicked.connect(partial(self._send, self.resume, look))
        return button

    @staticmethod
    def _send(signal: SignalInstance, look: BundleLook, _checked: object = None) -> None:
        signal.emit(look)

    # -- the rule

    def _rule_chosen(self, required: int) -> None:
        if required >= self._required:
            self._store_rule(required)
            return
        self.rule.setCurrentIndex(self._required)
        words = (
            self.tr("Bundles that nobody signed could come in: only the hash of each file would be checked.")
            if required == 0
            else self.tr(
                "One trusted signature would be enough: bundles that wait for a second one could come in."
            )
        )
        text = self.rule.itemText(required)
        ask(
            self,
            self.tr("Loosen the rule?"),
            words,
            (
                Answer(text, partial(self._store_rule, required), "danger"),
                Answer(self.tr("Keep the rule"), self.rule.setFocus),
            ),
        )

    def _store_rule(self, required: int) -> None:
        self._rule_error.hide()
        self.show_rule(required)
        self._shell.settings.store(REQUIRED, required)

    def _rule_written(self, key: str, error: BaseException | None) -> None:
        if key == REQUIRED and error is not None:
            self._rule_error.setText(str(error))
            self._rule_error.show()
