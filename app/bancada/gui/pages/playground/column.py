"""One model and its side of the conversation: a header, a transcript, and at most one answer under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout

from bancada.core.errors import BancadaError
from bancada.gui.pages.playground import thread
from bancada.gui.pages.playground.answer_run import AnswerRun, Order
from bancada.gui.pages.playground.model_header import ModelHeader
from bancada.gui.pages.playground.parameters import Parameters
from bancada.gui.pages.playground.thread import Turn
from bancada.gui.pages.playground.transcript import Transcript
from bancada.gui.pages.playground.words import stop_words
from bancada.gui.shell import Shell
from bancada.gui.widgets.format import number
from bancada.inference.session import ModelSession
from bancada.storage.conversations import MessageRecord


class Column(QFrame):
    """Emits ``held`` when the user must decide about the context, ``finished`` when an answer ended."""

    held = Signal(object, object)  # PromptCheck, the Order
    finished = Signal()
    state_changed = Signal()
    model_chosen = Signal(str)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.run: AnswerRun | None = None
        self.setProperty("role", "page")
        self.layout_ = QVBoxLayout(self)
        self.layout_.setContentsMargins(0, 0, 0, 0)
        self.layout_.setSpacing(0)
        self.header = ModelHeader(shell)
        self.header.picker.chosen.connect(self._chosen)
        self.header.load_asked.connect(self.load)
        self.header.unload_asked.connect(self.unload)
        self.transcript = Transcript(shell.theme)
        self.layout_.addWidget(self.transcript, 1)

    @property
    def version_id(self) -> str:
        """The model that answers here."""
        return self.header.version_id

    @property
    def busy(self) -> bool:
        """Whether an answer is under way."""
        return self.run is not None and not self.run.over

    @property
    def session(self) -> ModelSession | None:
        """The live session of its model."""
        session = self.header.session
        return session if session is not None and session.session.alive else None

    def ask(self, conversation_id: str, parameters: Parameters, system: str, *, force: bool = False) -> None:
        """Answer the question at the end of the transcript."""
        if self.busy:
            return
        order = Order(
            conversation_id, self.version_id, self.transcript.turns, system, parameters, force=force
        )
        self.resume(order)

    def resume(self, order: Order) -> None:
        """Answer an order, also one that was held."""
        if not order.version_id:
            self._shell.show_error(BancadaError("chat.no_model"), near=self.header.picker)
            self.transcript.offer_answer(offered=True)
            self.finished.emit()
            return
        run = self.run = AnswerRun(self._shell, order, self)
        if self.session is None:
            self.header.set_loading(loading=True)
        run.opened.connect(self._loaded)
        run.began.connect(partial(self._began, run))
        run.progressed.connect(partial(self._progressed, run))
        run.held.connect(partial(self._held, run))
        run.ended.connect(partial(self._ended, run))
        placeholder = MessageRecord(
            0, "", order.conversation_id, order.question.id, "assistant", "", "streaming", None,
            order.version_id, None, None, None, "",
        )  # fmt: skip
        self.transcript.add(Turn(placeholder))
        self._progressed(run)
        run.start()
        self.state_changed.emit()

    def stop(self) -> None:
        """End the answer that is under way."""
        if self.run is not None:
            self.run.stop()

    def show_thread(self, turns: tuple[Turn, ...], names: Mapping[str, str], *, colored: bool) -> None:
        """Show another branch."""
        self.transcript.show_turns(turns, names, colored=colored)
        self.transcript.offer_answer(offered=bool(turns) and turns[-1].message.role == "user")

    def follow_model(self) -> None:
        """Take the session that serves the chosen model now, if there is one."""
        self.header.set_session(
            self._shell.context.models.current(self.version_id) if self.version_id else None
        )

    def load(self, context: int = 0) -> None:
        """Load the model without a question."""
        version_id = self.version_id
        self.header.set_loading(loading=True)

        def failed(error: BaseException) -> None:
            self.header.set_session(None)
            self._shell.show_error(error, near=self.header)

        self._shell.background.run(
            lambda: self._shell.context.open_model(version_id, context=context or None),
            self._loaded,
            failed,
            owner=self,
        )

    def unload(self) -> None:
        """End the worker of the model."""
        session = self.header.session
        if session is not None:
            self._shell.background.run(session.close, self._unloaded, owner=self)

    def _loaded(self, session: ModelSession) -> None:
        self.header.set_session(session)
        self.state_changed.emit()

    def _unloaded(self, _: object) -> None:
        self.header.set_session(None)
        self.state_changed.emit()

    def _chosen(self, version_id: str) -> None:
        self.follow_model()
        self.model_chosen.emit(version_id)

    def _began(self, run: AnswerRun, message: MessageRecord) -> None:
        if run is self.run:
            self.transcript.replace_last(Turn(message, (message.id,)))
            self._progressed(run)

    def _progressed(self, run: AnswerRun) -> None:
        card = self.transcript.last_answer()
        if run is self.run and card is not None:
            card.show_growing(run.text, run.tokens, run.stage)

    def _held(self, run: AnswerRun, check: object) -> None:
        if run is self.run:
            self._take_back()
            self.held.emit(check, run.order)
            self.finished.emit()

    def _ended(self, run: AnswerRun, turn: Turn | None) -> None:
        if run is not self.run:
            return
        self.header.set_loading(loading=False)
        if turn is None:
            self._take_back()
        else:
            self.transcript.replace_last(turn)
            self._announce(turn)
        self.finished.emit()

    def _take_back(self) -> None:
        """Nothing was answered: the question stands alone again."""
        turns = self.transcript.turns[:-1]
        self.transcript.show_turns(turns, {}, colored=False)
        self.transcript.offer_answer(offered=True)

    def _announce(self, turn: Turn) -> None:
        """Say it once, at the end: not with every token."""
        if turn.message.error is not None:
            words = str(BancadaError.from_json(turn.message.error))
        else:
            figures = turn.figures or thread.Figures()
            words = self.tr("Answer finished: %1 tokens, %2.").replace("%1", number(figures.tokens or 0))
            words = words.replace("%2", stop_words(figures.stop_reason))
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def close_runs(self) -> None:
        """Stop what is under way, before another conversation is shown."""
        self.stop()
        self.run = None


def with_agreement(order: Order) -> Order:
    """The same order, with the oldest turns left out."""
    return replace(order, parameters=replace(order.parameters, drop_oldest=True))


def with_context(order: Order, tokens: int) -> Order:
    """The same order, in a larger context."""
    return replace(order, parameters=replace(order.parameters, context=tokens))
