"""The conversation on the screen: cards in a scrolled column, the newest part first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from bancada.gui.pages.playground.cards import AnswerCard, Card, QuestionCard
from bancada.gui.pages.playground.thread import Turn
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import PlainButton
from bancada.gui.widgets.format import number

#: cards that are built at once; earlier ones when they are asked for
WINDOW: Final = 40
_WIDEST: Final = 860


class Transcript(QScrollArea):
    """Shows turns. What is asked of a card goes on with its turn; nothing is decided here."""

    regenerate_asked = Signal(object)  # an answer's Turn
    force_asked = Signal(object)  # the same, and load what was put aside
    edited = Signal(object, str)  # a question's Turn, the new text
    fork_asked = Signal(object)
    version_asked = Signal(str)
    rated = Signal(str, object)
    link_activated = Signal(str)
    answer_asked = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._turns: list[Turn] = []
        self._cards: list[Card] = []
        self._names: Mapping[str, str] = {}
        self._colored = False
        self._stick = True
        self._building = QTimer(self, singleShot=True, interval=0)
        self._building.timeout.connect(self._build_next)
        self._to_build: list[Turn] = []
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(self.tr("Conversation"))
        self._inside = QWidget()
        self._inside.setProperty("role", "scrolled")
        outer = QVBoxLayout(self._inside)
        outer.setContentsMargins(24, 12, 24, 12)
        self._middle = QWidget()
        self._middle.setMaximumWidth(_WIDEST)
        # an explicit minimum: no card may make the column wider than what is seen of it
        for widget in (self._inside, self._middle):
            widget.setMinimumWidth(1)
        outer.addWidget(self._middle)
        self._column = QVBoxLayout(self._middle)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(10)
        self._earlier = PlainButton("", "link")
        self._earlier.clicked.connect(self._show_earlier)
        self._column.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self._answer = PlainButton(self.tr("Answer this question"))
        self._answer.clicked.connect(self.answer_asked)
        self._column.addWidget(self._answer, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)
        self._earlier.hide()
        self._answer.hide()
        self.setWidget(self._inside)
        self._inside.installEventFilter(self)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The branch that is shown, from the root."""
        return tuple(self._turns)

    @property
    def cards(self) -> list[Card]:
        """The cards that are built."""
        return self._cards

    def show_turns(self, turns: Sequence[Turn], names: Mapping[str, str], *, colored: bool) -> None:
        """Show a branch; ``names`` are those of the models, by version, where they are to be said."""
        self._names, self._colored = names, colored
        same = 0
        while (
            same < len(turns)
            and same < len(self._turns)
            and same < len(self._cards)
            and (turns[same] == self._turns[same])
        ):
            same += 1
        if len(self._cards) != len(self._turns) or self._to_build:
            same = 0
        for card in self._cards[same:]:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        del self._cards[same:]
        self._turns = list(turns)
        fresh = list(turns[same:])
        hidden = max(len(fresh) - WINDOW, 0)
        self._earlier.setText(self.tr("Show %1 earlier messages").replace("%1", number(hidden)))
        self._earlier.setVisible(hidden > 0)
        self._to_build = fresh[hidden:]
        self._stick = True
        self._build_next()

    def add(self, turn: Turn) -> Card:
        """Add a turn at the end."""
        while self._to_build:
            self._insert(self._to_build.pop(0), len(self._cards))
        self._turns.append(turn)
        self._stick = True
        card = self._insert(turn, len(self._cards))
        self.offer_answer(offered=False)
        return card

    def replace_last(self, turn: Turn) -> None:
        """The last turn is stored now, or changed."""
        self._turns[-1] = turn
        card = self._cards[-1]
        if isinstance(card, AnswerCard | QuestionCard):
            card.show_turn(turn)

    def last_answer(self) -> AnswerCard | None:
        """The card of the last turn, when it is an answer."""
        card = self._cards[-1] if self._cards else None
        return card if isinstance(card, AnswerCard) else None

    def set_colored(self, *, colored: bool) -> None:
        """Show or hide the probabilities that are kept."""
        self._colored = colored
        for card in self._cards:
            if isinstance(card, AnswerCard):
                card.set_colored(colored=colored)

    def rate_kept(self, message_id: str, rating: int | None) -> None:
        """A rating was given: the turn knows it from now on."""
        for place, turn in enumerate(self._turns):
            if turn.message.id == message_id:
                rated = replace(turn, message=replace(turn.message, rating=rating))
                self._turns[place] = rated
                for card in self._cards:
                    if card.turn.message.id == message_id:
                        card.turn = rated

    def offer_answer(self, *, offered: bool) -> None:
        """Offer to answer a question that has no answer."""
        self._answer.setVisible(offered)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the end while text grows there, unless the user scrolled away."""
        if watched is self._inside and event.type() == QEvent.Type.Resize and self._stick:
            bar = self.verticalScrollBar()
            bar.setMaximum(max(self._inside.height() - self.viewport().height(), 0))
            bar.setValue(bar.maximum())
        return super().eventFilter(watched, event)

    def _scrolled(self, value: int) -> None:
        self._stick = value >= self.verticalScrollBar().maximum() - 24

    def _build_next(self) -> None:
        # one card for each turn of the event loop: a long conversation does not stall the window
        for _ in range(2):
            if self._to_build:
                self._insert(self._to_build.pop(0), len(self._cards))
        if self._to_build:
            self._building.start()

    def _show_earlier(self) -> None:
        start = len(self._turns) - len(self._cards) - len(self._to_build)
        first = max(start - WINDOW, 0)
        for place, turn in enumerate(self._turns[first:start]):
            self._insert(turn, place)
        self._earlier.setText(self.tr("Show %1 earlier messages").replace("%1", number(first)))
        self._earlier.setVisible(first > 0)

    def _insert(self, turn: Turn, place: int) -> Card:
        card = self._make(turn)
        self._cards.insert(place, card)
        self._column.insertWidget(place + 1, card)
        return card

    def _make(self, turn: Turn) -> Card:
        card: Card
        if turn.message.role == "user":
            card = question = QuestionCard(self._theme, turn)
            question.edited.connect(lambda text: self.edited.emit(question.turn, text))
        else:
            name = self._names.get(turn.message.model_version_id or "", "")
            card = answer = AnswerCard(self._theme, turn, name, colored=self._colored)
            answer.regenerate_asked.connect(lambda: self.regenerate_asked.emit(answer.turn))
            answer.force_asked.connect(lambda: self.force_asked.emit(answer.turn))
            answer.fork_asked.connect(lambda: self.fork_asked.emit(answer.turn))
            answer.rated.connect(lambda rating: self.rated.emit(answer.turn.message.id, rating))
        card.version_asked.connect(self.version_asked)
        card.link_activated.connect(self.link_activated)
        card.step_asked.connect(lambda step: self._step(card, step))
        return card

    def _step(self, card: Card, step: int) -> None:
        place = self._cards.index(card) + step
        if 0 <= place < len(self._cards):
            self._cards[place].setFocus(Qt.FocusReason.OtherFocusReason)
            self.ensureWidgetVisible(self._cards[place], 0, 40)
