"""What the page does with a conversation: ask, answer again, edit, branch, change versions, keep settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from bancada.core.events import Changed
from bancada.gui.pages.playground import thread
from bancada.gui.pages.playground.column import Column
from bancada.gui.pages.playground.parameters import Parameters
from bancada.gui.pages.playground.thread import Thread, Turn
from bancada.gui.shell import Shell
from bancada.storage import conversations, drafts, models
from bancada.storage.conversations import ConversationRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the panel says when something is asked."""

    parameters: Parameters
    system_prompt: str


@dataclass(frozen=True, slots=True)
class _Asked:
    record: ConversationRecord
    turns: tuple[Turn, ...]  # one for each column


class Chat(QObject):
    """The conversation that is open, and its columns. Answers come one column after another.

    The question is stored before any model sees it.
    """

    opened = Signal()  # another conversation (or none) is shown
    busy_changed = Signal()
    stored = Signal()  # the question is safe: the field can be emptied

    def __init__(self, shell: Shell, parent: QObject) -> None:
        super().__init__(parent)
        self._shell = shell
        self.record: ConversationRecord | None = None
        self.columns: list[Column] = []
        self.names: dict[str, str] = {}
        self._queue: list[Callable[[], None]] = []
        self._sending = False

    @property
    def conversation_id(self) -> str:
        """The open conversation, or an empty text."""
        return self.record.id if self.record else ""

    @property
    def busy(self) -> bool:
        """Whether anything is being asked or answered."""
        return self._sending or bool(self._queue) or any(one.busy for one in self.columns)

    @property
    def draft_key(self) -> str:
        """Where the unsent question is kept."""
        return f"chat:{self.conversation_id or 'new'}"

    # -- conversations

    def new(self) -> None:
        """Begin a conversation; nothing is stored before its first question."""
        self.stop()
        self.record = None
        for column in self.columns:
            column.close_runs()
            column.show_thread((), {}, colored=False)
        self.opened.emit()

    def open(self, conversation_id: str) -> None:
        """Show a stored conversation."""
        self.stop()
        database = self._shell.context.database
        self._in_background(lambda: thread.load(database, conversation_id), self._show)

    def _show(self, found: Thread) -> None:
        self.record = found.record
        for column in self.columns:
            column.close_runs()
        self._show_turns(self.columns[:1], found.turns)
        for column in self.columns[1:]:
            column.show_thread((), {}, colored=False)
        self.opened.emit()

    def _show_turns(self, columns: Sequence[Column], turns: tuple[Turn, ...]) -> None:
        said = {one.message.model_version_id for one in turns if one.message.role == "assistant"}
        names = self.names if len(said - {None}) > 1 else {}
        colored = self.record is not None and Parameters.from_json(self.record.parameters).colored
        for column in columns:
            column.show_thread(turns, names, colored=colored)

    # -- asking

    def ask(self, text: str, settings: Settings, *, below: Sequence[tuple[Turn, ...]] | None = None) -> None:
        """Store a question, then let every column answer; ``below`` are other places than the ends."""
        if self.busy:
            return
        self._sending = True
        self.busy_changed.emit()
        columns = [one for one in self.columns if below is None or one is self.columns[0]]
        preceding = list(below) if below is not None else [one.transcript.turns for one in columns]
        database, record = self._shell.context.database, self.record
        version_id = columns[0].version_id or None

        def store() -> _Asked:
            # one transaction: a kill in between leaves no conversation without its question
            with database.transaction():
                return write()

        def write() -> _Asked:
            known_version = version_id if version_id and models.exists(database, version_id) else None
            kept = record or conversations.create(
                database,
                thread.title_of(text),
                model_version_id=known_version,
                system_prompt=settings.system_prompt,
                parameters=settings.parameters.to_json(),
            )
            known: dict[str | None, Turn] = {}
            turns = []
            for before in preceding:
                parent = before[-1].message.id if before else None
                if parent not in known:
                    message = conversations.add_message(database, kept.id, parent, "user", text)
                    known[parent] = thread.turn(database, message)
                turns.append(known[parent])
            return _Asked(conversations.get(database, kept.id), tuple(turns))

        def done(asked: _Asked) -> None:
            self.record, self._sending = asked.record, False
            self.stored.emit()
            for column, before, turn in zip(columns, preceding, asked.turns, strict=True):
                if len(before) != len(column.transcript.turns):
                    column.show_thread(before, {}, colored=settings.parameters.colored)
                column.transcript.add(turn)
            self._shell.context.events.publish(Changed("conversation", (asked.record.id,)))
            self._answer(columns, settings)

        def failed(error: BaseException) -> None:
            self._sending = False
            self._shell.show_error(error)
            self.busy_changed.emit()

        self._shell.background.run(store, done, failed, owner=self)

    def answer(self, column: Column, settings: Settings) -> None:
        """Answer the question at the end of a column."""
        if not self.busy:
            self._answer([column], settings)

    def _answer(self, columns: Sequence[Column], settings: Settings, *, force: bool = False) -> None:
        conversation_id, said = self.conversation_id, settings
        for column in columns:
            ask = partial(column.ask, conversation_id, said.parameters, said.system_prompt, force=force)
            self._queue.append(ask)
        self.next()

    def next(self) -> None:
        """Go on with the next column, once the one before has ended."""
        if self._queue and not any(one.busy for one in self.columns):
            self._queue.pop(0)()
        self.busy_changed.emit()

    def stop(self) -> None:
        """Stop what is being written and what would come after."""
        self._queue.clear()
        for column in self.columns:
            column.stop()
        self.busy_changed.emit()

    # -- branches

    def regenerate(self, column: Column, turn: Turn, settings: Settings, *, force: bool = False) -> None:
        """Answer the question before ``turn`` again; ``turn`` stays as a version."""
        turns = column.transcript.turns
        place = next((at for at, one in enumerate(turns) if one.message.id == turn.message.id), -1)
        if place < 1 or self.busy:
            return
        column.show_thread(turns[:place], {}, colored=settings.parameters.colored)
        self._answer([column], settings, force=force)

    def edit(self, column: Column, turn: Turn, text: str, settings: Settings) -> None:
        """Ask a changed question in place of ``turn``, as a branch beside it."""
        turns = column.transcript.turns
        place = next((at for at, one in enumerate(turns) if one.message.id == turn.message.id), -1)
        if place >= 0 and not self.busy:
            column.show_thread(turns[:place], {}, colored=settings.parameters.colored)
            if column is not self.columns[0]:
                self.columns.remove(column)
                self.columns.insert(0, column)
            self.ask(text, settings, below=[turns[:place]])

    def choose_version(self, column: Column, message_id: str) -> None:
        """Show the branch through another version."""
        if self.busy or self.record is None:
            return
        database, conversation_id = self._shell.context.database, self.record.id

        def done(found: Thread) -> None:
            self._show_turns([column], found.turns)
            cards = column.transcript.cards
            shown = next((one for one in cards if one.turn.message.id == message_id), None)
            if shown is not None:
                shown.setFocus()

        self._in_background(lambda: thread.choose(database, conversation_id, message_id), done)

    def fork(self, column: Column, turn: Turn) -> None:
        """Continue after ``turn`` in a conversation of its own."""
        if self.record is None or self.busy:
            return
        turns = column.transcript.turns
        place = next((at for at, one in enumerate(turns) if one.message.id == turn.message.id), -1)
        database, record = self._shell.context.database, self.record
        self._in_background(lambda: thread.fork(database, record, turns[: place + 1]), self._forked)

    def _forked(self, conversation_id: str) -> None:
        self._shell.context.events.publish(Changed("conversation", (conversation_id,)))
        self._shell.notify("success", self.tr("This is the copy; the other conversation is as it was."))
        self.open(conversation_id)

    def rate(self, message_id: str, rating: int | None) -> None:
        """Keep a thumb."""
        database = self._shell.context.database
        self._in_background(lambda: conversations.rate(database, message_id, rating), _nothing)
        for column in self.columns:
            column.transcript.rate_kept(message_id, rating)

    # -- what is kept besides

    def keep_settings(self, settings: Settings) -> None:
        """Store parameters and system prompt with the conversation, and as the ones last used."""
        context, record = self._shell.context, self.record
        data = settings.parameters.to_json()
        if record is not None:
            self.record = replace(record, parameters=data, system_prompt=settings.system_prompt)

        def store() -> None:
            if record is None:
                drafts.save(context.database, "chat:system", settings.system_prompt)
            elif record.parameters != data:
                conversations.set_parameters(context.database, record.id, data)
            if record is not None and record.system_prompt != settings.system_prompt:
                conversations.set_system_prompt(context.database, record.id, settings.system_prompt)
            context.settings.set("playground.parameters", thread.settings_text(data))

        self._in_background(store, _nothing)

    def keep_model(self, version_id: str) -> None:
        """Remember the model for this conversation and the next."""
        context, record = self._shell.context, self.record

        def store() -> None:
            context.settings.set("playground.model", version_id)
            if record is not None:
                conversations.set_model(context.database, record.id, version_id)

        self._in_background(store, _nothing)

    def keep_draft(self, text: str) -> None:
        """Keep what was typed and not sent."""
        database, key = self._shell.context.database, self.draft_key
        self._in_background(lambda: drafts.save(database, key, text), _nothing)

    def _in_background(self, function: Callable[[], T], done: Callable[[T], None]) -> None:
        self._shell.background.run(function, done, self._shell.show_error, owner=self)


def _nothing(_: object) -> None:
    """There is nothing to show when a setting was kept."""
