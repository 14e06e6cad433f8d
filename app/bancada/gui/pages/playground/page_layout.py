"""The parts of the Playground and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from bancada.gui.arrangement import Arrangement
from bancada.gui.folding import Folding
from bancada.gui.pages.playground.column import Column
from bancada.gui.pages.playground.composer import Composer
from bancada.gui.pages.playground.context_meter import ContextDecision
from bancada.gui.pages.playground.conversation_pane import ConversationPane
from bancada.gui.pages.playground.parameter_panel import ParameterPanel
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import IconButton, Label, PlainButton
from bancada.gui.widgets.states import EmptyState

#: most models that are asked side by side
MOST_COLUMNS = 4
#: what the conversation needs, so that nothing of its bar is cut, and what each pane needs beside it
_NARROWEST_CENTER = 520
_NARROWEST_PANE = 168
_NARROWEST_PANEL = 232


class PlaygroundLayout(QWidget):
    """Conversations at the left, the columns with the composer in the middle, parameters at the right."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._theme = shell.theme
        self.pane = ConversationPane(shell)
        self.panel = ParameterPanel(shell.theme)
        self.composer = Composer(shell)
        self.decision = ContextDecision(shell.theme)
        self.folding = Folding({"conversations": self.pane, "parameters": self.panel}, self)
        self._side = False
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        outer.addWidget(self.splitter)
        center = QWidget()
        column = QVBoxLayout(center)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._build_bar(shell))
        self.stack = QStackedWidget()
        self.empty = EmptyState(
            shell.theme,
            "chat",
            self.tr("Ask the model anything"),
            self.tr("Import a model"),
            lambda: shell.navigate("models"),
            self.tr("Nothing leaves this machine. The model is loaded with your first question."),
        )
        self.empty.sentence.setWordWrap(False)
        host = QWidget()
        self._columns_row = QHBoxLayout(host)
        self._columns_row.setContentsMargins(0, 0, 0, 0)
        self._columns_row.setSpacing(0)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(host)
        column.addWidget(self.stack, 1)
        column.addWidget(self._build_foot())
        for widget in (self.pane, center, self.panel):
            self.splitter.addWidget(widget)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([172, 660, 252])
        shell.theme.changed.connect(self._take_theme)
        self._take_theme()
        self.arrangement = Arrangement(
            shell, "playground", self, splitters={"panes": self.splitter}, folding=self.folding
        )

    def _build_bar(self, shell: Shell) -> QFrame:
        bar = QFrame()
        bar.setProperty("role", "bar")
        self._bar = QHBoxLayout(bar)
        self._bar.setContentsMargins(12, 8, 12, 8)
        self._bar.setSpacing(8)
        theme = shell.theme
        self._list_button = IconButton(theme, "sidebar", self.tr("Show or hide the conversations"))
        self._list_button.clicked.connect(partial(self.folding.toggle, "conversations"))
        self._bar.addWidget(self._list_button)
        self._side_label = Label(self.tr("Side by side"), "strong")
        self._side_label.hide()
        self._bar.addWidget(self._side_label, 1)
        self.add_model = PlainButton(self.tr("Add a model"))
        self.add_model.hide()
        self._bar.addWidget(self.add_model)
        self.side = IconButton(
            theme, "columns", self.tr("Side by side: ask two or more models at once (Ctrl+D)")
        )
        self.side.setCheckable(True)
        self._bar.addWidget(self.side)
        self._panel_button = IconButton(theme, "sliders", self.tr("Show or hide the parameters"))
        self._panel_button.clicked.connect(partial(self.folding.toggle, "parameters"))
        self._bar.addWidget(self._panel_button)
        return bar

    def _build_foot(self) -> QWidget:
        foot = QWidget()
        self._foot = QVBoxLayout(foot)
        self._foot.setContentsMargins(24, 4, 24, 12)
        self._foot.setSpacing(8)
        row = QHBoxLayout()
        self.raw_note = Label(
            self.tr("This model has no chat template: your text is continued as it is (raw completion)."),
            "note",
            wrap=True,
        )
        self.raw_note.hide()
        self._side_note = Label(
            self.tr(
                "One after another, so that each model has the whole machine and the figures are honest."
            ),
            "note",
            wrap=True,
        )
        self._side_note.hide()
        row.addWidget(self.raw_note, 1)
        row.addWidget(self._side_note, 1)
        row.addStretch(0)
        self.charts_button = PlainButton(self.tr("Charts"), "link")
        self.charts_button.setCheckable(True)
        row.addWidget(self.charts_button, 0, Qt.AlignmentFlag.AlignRight)
        self._foot.addLayout(row)
        self._foot.addWidget(self.decision)
        self._foot.addWidget(self.composer)
        return foot

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the panes where the conversation would be cut, and bring them back with the room."""
        super().resizeEvent(event)
        self._fit()

    def _take_theme(self) -> None:
        self.pane.setMinimumWidth(self._theme.px(_NARROWEST_PANE))
        self.panel.setMinimumWidth(self._theme.px(_NARROWEST_PANEL))
        self._fit()

    def _fit(self) -> None:
        self.folding.fit(0 if self._side else self.width() - self._theme.px(_NARROWEST_CENTER))

    def show_columns(self, columns: Sequence[Column]) -> None:
        """Place the columns. One model: its header is the page's; more: each column has its own."""
        side = len(columns) > 1
        for column in columns:
            if self._columns_row.indexOf(column) < 0:
                self._columns_row.addWidget(column, 1)
            if side:
                column.header.setContentsMargins(16, 8, 16, 8)
                column.layout_.insertWidget(0, column.header)
        if not side:
            columns[0].header.setContentsMargins(0, 0, 0, 0)
            self._bar.insertWidget(1, columns[0].header, 1)
        self._side = side
        self._fit()
        self._side_label.setVisible(side)
        self._side_note.setVisible(side)
        self.add_model.setVisible(side and len(columns) < MOST_COLUMNS)
        self.side.setChecked(side)

    def remove_column(self, column: Column) -> None:
        """Take a column away for good."""
        self._columns_row.removeWidget(column)
        column.hide()
        column.deleteLater()

    def add_charts(self, charts: QWidget) -> None:
        """Put the charts above the composer."""
        self._foot.insertWidget(1, charts)

    def show_stack(self, *, talking: bool, any_model: bool) -> None:
        """Show the columns, or what to do first."""
        self.stack.setCurrentIndex(1 if talking else 0)
        self.empty.button.setVisible(not any_model)
