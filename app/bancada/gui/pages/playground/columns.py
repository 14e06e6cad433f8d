"""The columns of the Playground: how many there are, and which model answers in each."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from bancada.core.errors import BancadaError
from bancada.gui.pages.playground.chat import Chat
from bancada.gui.pages.playground.column import Column
from bancada.gui.pages.playground.page_layout import MOST_COLUMNS, PlaygroundLayout
from bancada.gui.pages.playground.parameter_panel import CONTEXTS
from bancada.gui.shell import Shell
from bancada.gui.widgets.model_picker import ModelChoice, query_choices


class Columns(QObject):
    """Adds and removes columns and keeps their pickers up to date; what is asked in them is the page's."""

    #: a column is new: the page wires it
    added = Signal(object)
    #: another number of columns, or another choice of models
    shown = Signal()
    #: the state of a model, or which one is chosen
    model_state = Signal()

    def __init__(self, shell: Shell, chat: Chat, parts: PlaygroundLayout, parent: QObject) -> None:
        super().__init__(parent)
        self._shell, self._chat, self._parts = shell, chat, parts
        self.choices: list[ModelChoice] = []
        self._wanted = ""

    @property
    def first(self) -> Column:
        """The column that is always there."""
        return self._chat.columns[0]

    def add(self) -> None:
        """Add a column beside the others, with a model that none of them has."""
        if len(self._chat.columns) >= MOST_COLUMNS or self._chat.busy:
            return
        column = Column(self._shell)
        self._chat.columns.append(column)
        column.model_chosen.connect(partial(self._model_chosen, column))
        column.header.picker.opening.connect(self.query)
        column.header.picker.import_asked.connect(self._import)
        column.state_changed.connect(self.model_state)
        self.added.emit(column)
        column.header.picker.set_choices(self.choices)
        if len(self._chat.columns) > 1:
            colored = self._parts.panel.values.colored
            column.show_thread(self.first.transcript.turns, {}, colored=colored)
            used = {one.version_id for one in self._chat.columns}
            other = next((one for one in self.choices if one.version.id not in used), None)
            column.header.picker.set_current(other.version.id if other else self.first.version_id)
            column.follow_model()
        self._parts.show_columns(self._chat.columns)
        self.shown.emit()

    def set_side_by_side(self, *, on: bool) -> None:
        """Show two columns (or more, by "Add a model"), or one."""
        if self._chat.busy:
            self._parts.side.setChecked(not on)
            return
        if on and len(self._chat.columns) < 2:
            self.add()
        while not on and len(self._chat.columns) > 1:
            self._parts.remove_column(self._chat.columns.pop())
        self._parts.show_columns(self._chat.columns)
        self.shown.emit()

    def want(self, version_id: str) -> None:
        """Choose this model as soon as it is listed."""
        self._wanted = version_id
        self.query()

    def query(self) -> None:
        """Ask for the models that there are."""
        context = self._shell.context
        self._shell.background.run(
            lambda: (query_choices(context), context.settings.get("playground.model")),
            self._show_models,
            owner=self,
        )

    def _show_models(self, found: tuple[list[ModelChoice], str]) -> None:
        self.choices, last = found
        self._chat.names = {one.version.id: one.title for one in self.choices}
        known = set(self._chat.names)
        for column in self._chat.columns:
            before = column.version_id
            column.header.picker.set_choices(self.choices)
            if not column.version_id or column.version_id not in known or self._wanted in known:
                first = self.choices[0].version.id if self.choices else ""
                wanted = self._wanted if self._wanted in known else before or last
                column.header.picker.set_current(wanted if wanted in known else first)
                self._wanted = ""
            if column.version_id != before or column.session is None:
                column.follow_model()
            column.header.show_state()
        self.model_state.emit()
        self.shown.emit()

    def query_forecasts(self) -> None:
        """Ask what each context of the first column's model would take, for the panel."""
        choice = self.first.header.picker.choice
        if choice is None:
            return
        library, version = self._shell.context.library, choice.version
        sizes = [*(one for one in CONTEXTS if one < version.context_length), version.context_length]

        def query() -> dict[int, int]:
            found = {}
            for size in sizes:
                try:
                    found[size] = library.forecast(version.id, size).total_bytes
                except BancadaError:
                    return found
            return found

        self._shell.background.run(
            query,
            lambda found: self._parts.panel.set_model(choice.context, version.context_length, found),
            owner=self,
        )

    def _model_chosen(self, column: Column, version_id: str) -> None:
        if column is self.first:
            self._chat.keep_model(version_id)
        self.model_state.emit()

    def _import(self) -> None:
        self._shell.navigate("models", choose_import=True)
