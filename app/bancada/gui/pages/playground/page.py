"""The Playground: ask a model, see what it costs, compare, and keep what was said."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QVBoxLayout

from bancada.core.errors import BancadaError
from bancada.gui.pages.page import Page
from bancada.gui.pages.playground.charts import Charts
from bancada.gui.pages.playground.chat import Chat, Settings
from bancada.gui.pages.playground.column import Column
from bancada.gui.pages.playground.columns import Columns
from bancada.gui.pages.playground.context_guard import ContextGuard
from bancada.gui.pages.playground.keeper import Keeper
from bancada.gui.pages.playground.page_layout import PlaygroundLayout
from bancada.gui.pages.playground.parameters import Parameters
from bancada.gui.shell import Shell


class PlaygroundPage(Page):
    """Wires the parts; :class:`Chat` knows what is done with a conversation."""

    kinds: ClassVar[frozenset[str]] = frozenset({"model", "conversation", "preset"})

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.setProperty("role", "page")
        self.chat = Chat(shell, self)
        self.parts = PlaygroundLayout(shell)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.parts)
        self.guard = ContextGuard(shell, self.chat, self.parts, self)
        self.keeper = Keeper(shell, self.chat, self.parts, self)
        self.columns = Columns(shell, self.chat, self.parts, self)
        self.charts = Charts(shell, self.chat, self.parts, self)
        self._wire()
        self.columns.add()
        self._add_actions()
        self.parts.pane.model.reload()
        self.charts.load()

    @property
    def settings(self) -> Settings:
        """What the panel says now."""
        return Settings(self.parts.panel.values, self.parts.panel.system_prompt)

    def _wire(self) -> None:
        parts, chat = self.parts, self.chat
        parts.pane.opened.connect(chat.open)
        parts.pane.new_asked.connect(self.new_conversation)
        parts.pane.trashed.connect(self._trashed)
        parts.composer.sent.connect(self.send)
        parts.composer.stopped.connect(chat.stop)
        parts.add_model.clicked.connect(self.columns.add)
        self.columns.added.connect(self._wire_column)
        self.columns.shown.connect(self._show_stack)
        self.columns.model_state.connect(self._model_state)
        parts.side.clicked.connect(lambda: self.columns.set_side_by_side(on=parts.side.isChecked()))
        parts.panel.changed.connect(self._settings_changed)
        chat.opened.connect(self._conversation_opened)
        chat.stored.connect(self._question_stored)
        chat.busy_changed.connect(self._busy_changed)

    def _add_actions(self) -> None:
        for action_id, text, slot, shortcut, icon in (
            ("new", self.tr("New conversation"), self.new_conversation, "Ctrl+N", "plus"),
            ("model", self.tr("Choose the model"), self.choose_model, "Ctrl+L", "cube"),
            ("find", self.tr("Search conversations"), self._find, "Ctrl+F", "search"),
            ("rename", self.tr("Rename the conversation"), self.parts.pane.rename_current, "F2", "edit"),
            ("export", self.tr("Export the conversation"), self.keeper.export_open, "Ctrl+E", "export"),
            ("stop", self.tr("Stop the answer"), self.chat.stop, "", "stop"),
            ("regenerate", self.tr("Answer again"), self._regenerate_last, "Ctrl+R", "refresh"),
            ("before", self.tr("Version before"), partial(self._version, -1), "Alt+Left", "chevron-left"),
            ("after", self.tr("Next version"), partial(self._version, 1), "Alt+Right", "chevron-right"),
            ("ask", self.tr("Go to the question field"), self._focus_field, "Ctrl+J", "chat"),
            ("answers", self.tr("Go to the last answer"), self._focus_answer, "Ctrl+Up", "chevron-up"),
            ("side", self.tr("Side by side"), self._toggle_side, "Ctrl+D", "columns"),
            ("charts", self.tr("Show or hide the charts"), self.charts.toggle, "", "gauge"),
            ("load", self.tr("Load the model now"), self._load_now, "", "play"),
            ("unload", self.tr("Unload the model"), self._unload, "", "stop"),
        ):
            self.shell.actions.add(
                f"playground.{action_id}", text, slot, shortcut=shortcut, icon=icon, page="playground"
            )

    def _wire_column(self, column: Column) -> None:
        column.held.connect(partial(self.guard.hold, column))
        column.finished.connect(self.chat.next)
        column.finished.connect(self.guard.count)
        shown = column.transcript
        shown.regenerate_asked.connect(lambda turn: self.chat.regenerate(column, turn, self.settings))
        shown.force_asked.connect(lambda turn: self.chat.regenerate(column, turn, self.settings, force=True))
        shown.edited.connect(lambda turn, text: self.chat.edit(column, turn, text, self.settings))
        shown.fork_asked.connect(lambda turn: self.chat.fork(column, turn))
        shown.version_asked.connect(lambda message_id: self.chat.choose_version(column, message_id))
        shown.rated.connect(self.chat.rate)
        shown.link_activated.connect(self.keeper.confirm_link)
        shown.answer_asked.connect(lambda: self.chat.answer(column, self.settings))

    # -- models

    def refresh(self) -> None:
        """Models or presets changed."""
        self.columns.query()
        self.keeper.load_presets()

    def _kind_changed(self, kind: str, ids: list[str]) -> None:
        if kind == "conversation":
            self.parts.pane.model.refresh(ids)
        else:
            super()._kind_changed(kind, ids)

    def choose_model(self) -> None:
        """Open the list of models."""
        self.chat.columns[0].header.picker.open_list()

    def _model_state(self) -> None:
        column = self.chat.columns[0]
        session = column.session
        self.parts.raw_note.setVisible(session is not None and not session.report.has_chat_template)
        self.columns.query_forecasts()
        self.charts.follow(column)
        self.guard.count()

    def _show_stack(self) -> None:
        talking = len(self.chat.columns) > 1 or any(one.transcript.turns for one in self.chat.columns)
        self.parts.show_stack(talking=talking, any_model=bool(self.columns.choices))
        self.charts.set_talking(talking=talking)

    def _load_now(self) -> None:
        self.chat.columns[0].load(self.parts.panel.values.context)

    def _unload(self) -> None:
        self.chat.columns[0].unload()

    # -- conversations

    def opened(self, **arguments: object) -> None:
        """Come with a model, a conversation, or the wish to compare."""
        version_id, conversation_id = arguments.get("version_id"), arguments.get("conversation_id")
        if isinstance(version_id, str):
            self.columns.want(version_id)
        if isinstance(conversation_id, str):
            self.chat.open(conversation_id)
        if arguments.get("side_by_side"):
            self.columns.set_side_by_side(on=True)
        self._focus_field()

    @property
    def foot(self) -> int:
        """The composer: what is typed and sent there is not to be covered."""
        return self.parts.composer.height() + 8

    def new_conversation(self) -> None:
        """Begin anew; the unsent question of the other one is kept with it."""
        self.keeper.flush()
        self.chat.new()
        self._focus_field()

    def send(self, text: str) -> None:
        """Ask what was written, unless something would be left out that was not agreed to."""
        if not self.columns.choices:
            self.shell.show_error(BancadaError("chat.no_model"), near=self.parts.composer)
            return
        if not self.guard.may_send():
            return
        self.parts.panel.flush()
        self.chat.ask(text, self.settings)

    def _conversation_opened(self) -> None:
        record = self.chat.record
        if record is not None:
            values = Parameters.from_json(record.parameters)
            self.parts.panel.set_values(values, record.system_prompt)
            if record.model_version_id in self.chat.names:
                self.chat.columns[0].header.picker.set_current(record.model_version_id)
                self.chat.columns[0].follow_model()
        self.parts.pane.mark(self.chat.conversation_id)
        self.parts.decision.hide()
        self.keeper.load_draft()
        self._show_stack()
        self._model_state()

    def _question_stored(self) -> None:
        self.parts.composer.set_text("")
        self.keeper.forget_draft()
        self.parts.pane.mark(self.chat.conversation_id)
        self._show_stack()

    def _busy_changed(self) -> None:
        self.parts.composer.set_busy(busy=self.chat.busy)
        self.charts.follow_answer()
        self._show_stack()

    def _settings_changed(self) -> None:
        self.chat.keep_settings(self.settings)
        for column in self.chat.columns:
            column.transcript.set_colored(colored=self.parts.panel.values.colored)
        self.guard.count()

    def _trashed(self, conversation_id: str) -> None:
        if conversation_id == self.chat.conversation_id:
            self.chat.new()

    # -- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape stops the answer, from wherever the focus is on the page."""
        if event.key() == Qt.Key.Key_Escape and self.chat.busy:
            self.chat.stop()
        else:
            super().keyPressEvent(event)

    def _find(self) -> None:
        self.parts.pane.show()
        self.parts.pane.search.setFocus()
        self.parts.pane.search.selectAll()

    def _focus_field(self) -> None:
        self.parts.composer.field.setFocus()

    def _focus_answer(self) -> None:
        cards = self.chat.columns[0].transcript.cards
        if cards:
            cards[-1].setFocus()

    def _regenerate_last(self) -> None:
        column = self.chat.columns[0]
        card = column.transcript.last_answer()
        if card is not None and not self.chat.busy:
            self.chat.regenerate(column, card.turn, self.settings)

    def _version(self, step: int) -> None:
        column = self.chat.columns[0]
        card = column.transcript.last_answer()
        if card is not None:
            place = card.turn.number - 1 + step
            if 0 <= place < len(card.turn.versions):
                self.chat.choose_version(column, card.turn.versions[place])

    def _toggle_side(self) -> None:
        self.columns.set_side_by_side(on=len(self.chat.columns) == 1)

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep at once what has not settled."""
        super().hideEvent(event)
        self.keeper.flush()
        self.parts.arrangement.flush()
