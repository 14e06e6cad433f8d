"""One answer, from the question to its last token: a model opened, a text drawn, every second saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from bancada.core.errors import BancadaError, Canceled
from bancada.core.events import Changed
from bancada.gui.pages.playground import thread
from bancada.gui.pages.playground.parameters import Parameters
from bancada.gui.pages.playground.thread import Figures, Turn
from bancada.gui.shell import Shell
from bancada.gui.widgets.token_text import TokenInfo
from bancada.inference.session import Generation, ModelSession
from bancada.inference.types import Message, PromptCheck, StopReason
from bancada.storage import conversations, models
from bancada.storage.conversations import MessageRecord

#: one timer draws: never a signal per token
DRAW_MS: Final = 50
SAVE_S: Final = 1.0
PURPOSE: Final = "chat"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of whom. ``turns`` end with the question; ``force`` loads what was put aside."""

    conversation_id: str
    version_id: str
    turns: tuple[Turn, ...]
    system_prompt: str
    parameters: Parameters
    force: bool = False

    @property
    def question(self) -> MessageRecord:
        """The message that is answered."""
        return self.turns[-1].message

    @property
    def messages(self) -> tuple[Message, ...]:
        """What the model would be sent, if all of it fits."""
        return thread.history(self.turns, self.system_prompt)


@dataclass(frozen=True, slots=True)
class _Started:
    session: ModelSession
    check: PromptCheck
    message: MessageRecord | None
    generation: Generation | None


class AnswerRun(QObject):
    """Emits ``began`` once the answer has a row, ``progressed`` while it grows, and one of the ends.

    Loading, counting and every write happen in the background. :meth:`stop` answers at once: what
    came so far is the answer.
    """

    opened = Signal(object)  # the ModelSession
    began = Signal(object)  # the answer's MessageRecord
    progressed = Signal()
    held = Signal(object)  # a PromptCheck: the user has to decide first
    ended = Signal(object)  # the finished Turn

    def __init__(self, shell: Shell, order: Order, parent: QObject) -> None:
        super().__init__(parent)
        self.order = order
        self.text = ""
        self.tokens: list[TokenInfo] = []
        #: nanoseconds of the worker's clock, one for each token
        self.times: list[int] = []
        self.stage = "loading"
        #: its end is stored and told; until then nothing else is asked
        self.over = False
        for end in (self.held, self.ended):
            end.connect(self._close)
        self._shell = shell
        self._message: MessageRecord | None = None
        self._generation: Generation | None = None
        self._stopped = False
        self._saving = False
        self._saved_at = 0.0
        self._saved_text = ""
        self._timer = QTimer(self, interval=DRAW_MS)
        self._timer.timeout.connect(self._draw)

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.stage != "ended"

    def start(self) -> None:
        """Open the model and ask; returns at once."""
        self._shell.background.run(self._open_and_ask, self._asked, self._not_asked, owner=self)

    def stop(self) -> None:
        """End it now, keep what came."""
        if not self.active or self._stopped:
            return
        self._stopped = True
        if self._generation is not None:
            self._generation.cancel()
            self.stage = "stopping"
            self.progressed.emit()
        else:
            self.stage = "ended"
            self._finish_unasked(None)

    def _close(self) -> None:
        self.over = True

    # -- in the background

    def _open_and_ask(self) -> _Started:
        order, context = self.order, self._shell.context
        wanted = order.parameters.context or None
        live = context.models.current(order.version_id)
        if live is not None and wanted is not None and live.spec.context != wanted:
            live.close()  # one worker for each model: two contexts would take the memory twice
        session = context.open_model(order.version_id, context=wanted, force=order.force)
        messages, check = fit(session, order)
        if check.dropped_messages and not order.parameters.drop_oldest:
            return _Started(session, check, None, None)
        if self._stopped:
            raise Canceled
        raw = None if session.report.has_chat_template else thread.raw_prompt(messages)
        generation = session.generate(order.parameters.request(messages, raw), purpose=PURPOSE)
        try:
            message = conversations.add_message(
                context.database,
                order.conversation_id,
                order.question.id,
                "assistant",
                "",
                "streaming",
                order.version_id,
            )
        except BancadaError:
            generation.cancel()
            raise
        return _Started(session, check, message, generation)

    # -- in the GUI thread

    def _asked(self, started: _Started) -> None:
        self.opened.emit(started.session)
        if started.message is None or started.generation is None:
            if self.active:
                self.stage = "ended"
                self.held.emit(started.check)
            return
        if not self.active:
            self._withdraw(started.message, started.generation)
            return
        self._message, self._generation = started.message, started.generation
        self.stage = "queued"
        self._saved_at = time.monotonic()
        self.began.emit(started.message)
        self._timer.start()

    def _withdraw(self, message: MessageRecord, generation: Generation) -> None:
        """It was stopped between asking and here: nothing of it was seen."""
        generation.cancel()
        database = self._shell.context.database
        self._shell.background.run(
            lambda: conversations.update_message(database, message.id, status="stopped"),
            lambda _: None,
            owner=self,
        )

    def _not_asked(self, error: BaseException) -> None:
        if self.active:
            self.stage = "ended"
            self._finish_unasked(None if isinstance(error, Canceled) else _as_bancada(error))

    def _finish_unasked(self, error: BancadaError | None) -> None:
        """Record an answer that never began: stopped, or failed with its cause."""
        order, database = self.order, self._shell.context.database
        if error is None:
            self.ended.emit(None)
            return
        told = error

        def write() -> Turn:
            with database.transaction():
                # a model that another program removed meanwhile cannot be referred to any more
                version_id = order.version_id if models.exists(database, order.version_id) else None
                made = conversations.add_message(
                    database,
                    order.conversation_id,
                    order.question.id,
                    "assistant",
                    "",
                    "failed",
                    version_id,
                )
                conversations.update_message(database, made.id, error=told.to_json())
            return thread.turn(database, conversations.get_message(database, made.id))

        def unsaved(failure: BaseException) -> None:
            self._shell.show_error(failure)
            self.ended.emit(None)

        self._shell.background.run(write, self._told, unsaved, owner=self)

    def _draw(self) -> None:
        generation = self._generation
        if generation is None or not self.active:
            return
        shot = generation.snapshot(len(self.tokens))
        if shot.tokens:
            self.tokens += [TokenInfo.of(one) for one in shot.tokens]
            self.times += [one.t_ns for one in shot.tokens]
        grown = shot.text != self.text
        self.text = shot.text
        if shot.state in ("finished", "failed"):
            self._end(generation)
            return
        if grown or (self.stage == "queued" and shot.state == "running"):
            self.stage = "stopping" if self._stopped else shot.state
            self.progressed.emit()
        if self.text != self._saved_text and time.monotonic() - self._saved_at > SAVE_S and not self._saving:
            self._save()

    def _save(self) -> None:
        assert self._message is not None
        database, message_id, text = self._shell.context.database, self._message.id, self.text
        self._saving, self._saved_text, self._saved_at = True, text, time.monotonic()

        def done(_: object) -> None:
            self._saving = False

        self._shell.background.run(
            lambda: conversations.update_message(database, message_id, content=text), done, done, owner=self
        )

    def _end(self, generation: Generation) -> None:
        self._timer.stop()
        self.stage = "ended"
        self.progressed.emit()
        shot = generation.snapshot(len(self.tokens))
        figures = Figures.of_result(shot.result) if shot.result is not None else None
        status, error = "complete", shot.error
        if error is not None:
            status = "failed"
        elif shot.result is not None and shot.result.stop_reason is StopReason.CANCELED:
            status = "stopped"
        assert self._message is not None
        database, message_id, text = self._shell.context.database, self._message.id, self.text
        request_id = shot.result.request_id if shot.result is not None else ""
        colored = self.order.parameters.colored
        rows = thread.token_rows(self.tokens) if colored else None

        def write() -> Turn:
            conversations.update_message(
                database,
                message_id,
                content=text,
                status=status,
                error=error.to_json() if error is not None else None,
                request_id=request_id or None,
                tokens=rows,
            )
            made = thread.turn(database, conversations.get_message(database, message_id))
            return made if figures is None else replace(made, figures=figures)

        self._shell.background.run(write, self._told, self._unsaved(status), owner=self)

    def _unsaved(self, status: str) -> Callable[[BaseException], None]:
        """The text stays on the screen when it cannot be stored, and the reason is said."""

        def failed(error: BaseException) -> None:
            assert self._message is not None
            kept = replace(self._message, content=self.text, status=status)
            self._shell.show_error(error)
            self.ended.emit(Turn(kept, (kept.id,)))

        return failed

    def _told(self, made: Turn) -> None:
        self._shell.context.events.publish(Changed("conversation", (self.order.conversation_id,)))
        self.ended.emit(made)


def fit(session: ModelSession, order: Order) -> tuple[tuple[Message, ...], PromptCheck]:
    """Count what would be sent, and leave out the oldest turns when the user agreed to it. Waits."""
    messages = order.messages
    check = count(session, messages)
    if check.dropped_messages and order.parameters.drop_oldest:
        messages = thread.without_oldest(messages, check.dropped_messages)
    return messages, check


def count(session: ModelSession, messages: tuple[Message, ...]) -> PromptCheck:
    """The tokens of a prompt, also for a model without a chat template. Waits; raises BancadaError."""
    if not messages:
        return PromptCheck(0, session.report.context, 0)
    if session.report.has_chat_template:
        return session.count(messages)
    return PromptCheck(len(session.tokenize(thread.raw_prompt(messages))), session.report.context, 0)


def _as_bancada(error: BaseException) -> BancadaError:
    if isinstance(error, BancadaError):
        return error
    return BancadaError("internal.error", detail=f"{type(error).__name__}: {error}")
