"""The Benchmark page: measure models, watch it live, keep and compare what came of it."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QScrollArea, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from bancada.core.errors import BancadaError
from bancada.core.events import JobProgress
from bancada.gui.arrangement import Arrangement
from bancada.gui.models.bench import Cursor, Piece, ResultRow, Results, labels, read_piece
from bancada.gui.pages.benchmark.board import ChartBoard
from bancada.gui.pages.benchmark.definitions import Definitions
from bancada.gui.pages.benchmark.exporting import Exporting
from bancada.gui.pages.benchmark.load_watch import LoadWatch
from bancada.gui.pages.benchmark.results import MOST, ResultsPanel
from bancada.gui.pages.benchmark.running import Running
from bancada.gui.pages.benchmark.setup_bar import SetupBar
from bancada.gui.pages.page import Page
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Chip, LinkButton, PageHeader, PlainButton, PrimaryButton
from bancada.gui.widgets.format import duration_text, number
from bancada.gui.widgets.states import EmptyState, ErrorPanel
from bancada.jobs.spec import JobRecord, JobStatus
from bancada.storage.models import VersionRecord


class BenchmarkPage(Page):
    """Setup above, charts in the middle, kept runs below."""

    kinds: ClassVar[frozenset[str]] = frozenset({"model", "run"})

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._results = Results(shell.context.database)
        self._rows: list[ResultRow] = []
        self._asked = 0
        self._wanted_versions: list[str] = []
        self._wanted_run = ""
        self._selected: list[str] = []
        self.running = Running(shell, self)
        self.setup = SetupBar(shell.theme)
        self.load = LoadWatch(shell.theme)
        self.board = ChartBoard(shell)
        self.results = ResultsPanel(shell)
        self.error = ErrorPanel(shell.theme, closable=True)
        self._anyway = self.error.add_button(self.tr("Start anyway"), lambda: self.start(ignore_memory=True))
        self.exporting = Exporting(self, self.board, self.results)
        self._build()
        self._connect()
        self._show_running()

    def opened(self, **arguments: object) -> None:
        """``version_id`` is ticked alone; ``run_id`` is selected."""
        version_id, run_id = arguments.get("version_id"), arguments.get("run_id")
        if version_id:
            self._wanted_versions = [str(version_id)]
            self.setup.models.choose(self._wanted_versions)
        if run_id:
            self._wanted_run = str(run_id)
            self.results.select_run(self._wanted_run)

    def refresh(self) -> None:
        """Read models, runs and running benchmarks again, in the background."""
        context, results = self.shell.context, self._results
        self._asked += 1
        self.shell.background.run(
            lambda: (context.library.list(), results.rows()),
            partial(self._show, self._asked),
            self._fail,
            owner=self,
        )
        self.running.look()

    def start(self, *, ignore_memory: bool = False) -> None:
        """Queue a benchmark of each ticked model."""
        self.error.hide()
        chosen = self.setup.models.chosen
        try:
            params = [self.setup.params(one) for one in chosen]
        except BancadaError as error:
            self._fail(error)
            return
        names = [self.setup.models.name(one) for one in chosen]
        titles = [self.tr("Benchmark %1").replace("%1", name) for name in names]
        self.running.start(params, titles, ignore_memory=ignore_memory)

    def show_meaning(self) -> None:
        """Say how each figure is made."""
        Definitions(self).open()

    # -- building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(12)
        column.addWidget(self._make_header())
        self._stack = QStackedWidget()
        self._stack.addWidget(QWidget())
        self._stack.addWidget(
            EmptyState(
                self.shell.theme,
                "gauge",
                self.tr("Nothing to measure yet"),
                self.tr("Go to the models"),
                lambda: self.shell.navigate("models"),
                self.tr("Import a model first, then measure it here."),
            )
        )
        body = QWidget()
        inside = QVBoxLayout(body)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(12)
        for widget in (self.setup, self.load, self.error):
            inside.addWidget(widget)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(12)
        split.setStyleSheet("QSplitter::handle { background: transparent; }")
        split.setChildrenCollapsible(False)
        split.addWidget(self.board)
        split.addWidget(self.results)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([430, 190])
        tables = {"results": self.results.table}
        self._arrangement = Arrangement(
            self.shell, "benchmark", self, splitters={"results": split}, tables=tables
        )
        inside.addWidget(split, 1)
        body.setProperty("role", "scrolled")
        scroll = QScrollArea(widgetResizable=True)  # a small window or large text: nothing is squeezed
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(body)
        self._stack.addWidget(scroll)
        column.addWidget(self._stack, 1)

    def _make_header(self) -> PageHeader:
        header = PageHeader(self.tr("Benchmark"))
        self.chip = Chip("", "accent")
        self.chip.hide()
        header.add_beside_title(self.chip)
        meaning = LinkButton(self.tr("What do these figures mean?"))
        meaning.clicked.connect(self.show_meaning)
        self.export_button = PlainButton(self.tr("Export"))
        self.export_button.setMenu(self.exporting.menu)
        self.table_button = PlainButton(self.tr("Show as table"))
        self.table_button.setCheckable(True)
        self.table_button.toggled.connect(lambda shown: self.board.show_tables(shown=shown))
        self.cancel_button = PlainButton(self.tr("Cancel"))
        self.cancel_button.setToolTip(self.tr("Stop; what was measured until then is kept (Esc)"))
        self.cancel_button.clicked.connect(self.running.cancel)
        self.start_button = PrimaryButton(self.tr("Start"))
        self.start_button.clicked.connect(self._start_by_key)
        for button in (meaning, self.export_button, self.table_button, self.cancel_button, self.start_button):
            header.add(button)
        return header

    def _connect(self) -> None:
        self.setup.changed.connect(self._show_running)
        self.results.shown.connect(self._choose_rows)
        self.running.changed.connect(self._show_running)
        self.running.progressed.connect(self._show_progress)
        self.running.piece.connect(self._take_piece)
        self.running.run_began.connect(lambda _run: self.refresh())
        self.running.ended.connect(self._job_ended)
        self.running.refused.connect(self._fail)
        self.shell.theme.changed.connect(self._color_rows)
        for action_id, text, slot, shortcut, icon in (
            ("start", self.tr("Start the benchmark"), self._start_by_key, "Ctrl+Return", "play"),
            ("cancel", self.tr("Cancel the benchmark"), self.running.cancel, "Esc", "stop"),
            ("table", self.tr("Show the charts as tables"), self.table_button.toggle, "Ctrl+T", "table"),
            ("filter", self.tr("Filter the results"), self.results.table.filter.setFocus, "Ctrl+F", "filter"),
            ("meaning", self.tr("What the figures mean"), self.show_meaning, "", "help"),
        ):
            self.shell.actions.add(
                f"benchmark.{action_id}", text, slot, shortcut=shortcut, icon=icon, page="benchmark"
            )

    # -- what is shown

    def _show(self, asked: int, found: tuple[list[VersionRecord], list[ResultRow]]) -> None:
        if asked < self._asked:
            return  # a newer answer is on its way
        versions, self._rows = found
        self.setup.models.set_versions(versions)
        if self._wanted_versions:
            self.setup.models.choose(self._wanted_versions)
            self._wanted_versions = []
        self.results.show_rows(self._rows)
        self._stack.setCurrentIndex(2 if versions or self._rows else 1)
        if self._wanted_run:
            self.results.select_run(self._wanted_run)
            if self._wanted_run in {one.run_id for one in self._rows}:
                self._wanted_run = ""
        elif self._rows and not self.results.selected_runs and not self.running.jobs:
            self.results.select_run(self._rows[0].run_id)
        self._draw()
        self._show_running()

    def _show_running(self) -> None:
        busy = bool(self.running.jobs)
        self.shell.actions["benchmark.cancel"].setEnabled(busy)
        self.start_button.setVisible(not busy)
        self.start_button.setEnabled(bool(self.setup.models.chosen) and self.setup.total > 0)
        self.cancel_button.setVisible(busy)
        self.setup.setEnabled(not busy)
        self.chip.setVisible(busy)
        if busy and self.running.active is None:
            self.chip.set(self.tr("waiting for another job"), "plain")
        elif busy and self.running.active is not None:
            canceling = self.running.active.status is JobStatus.CANCELING
            self.chip.set(self.tr("canceling") if canceling else self.tr("running"), "accent")
        self._watch()

    def _show_progress(self, progress: JobProgress) -> None:
        words = [self.tr("running")]
        if progress.total:
            text = self.tr("%1 of %2 repetitions").replace("%1", number(progress.done))
            words.append(text.replace("%2", number(progress.total)))
        elif progress.stage:
            words.append(progress.stage)
        if progress.remaining_s is not None:
            words.append(self.tr("%1 left").replace("%1", duration_text(progress.remaining_s)))
        waiting = len(self.running.jobs) - 1
        if waiting > 0:
            words.append(self.tr("%1 waiting").replace("%1", number(waiting)))
        self.chip.set(" \N{MIDDLE DOT} ".join(words), "accent")

    def _choose_rows(self, row_ids: list[str]) -> None:
        self._selected = row_ids
        self._draw()

    def _draw(self) -> None:
        """Draw the running benchmark and the selected rows; read those that are not drawn yet."""
        live = set(self.running.runs.values())
        known = {one.id: one for one in self._rows}
        mine = [one.id for one in self._rows if one.run_id in live]
        wanted = [one for one in dict.fromkeys([*mine, *self._selected]) if one in known]
        context = self.shell.context
        for run_id in self.board.begin(labels([known[one] for one in wanted[:MOST]])):
            if run_id in live:
                self.running.rewind(run_id)
            else:
                read = partial(read_piece, context, run_id, Cursor())
                show = partial(self.board.add, whole=True)
                self.shell.background.run(read, show, lambda _error: None, owner=self)
        self._color_rows()

    def _color_rows(self) -> None:
        self.results.color_rows({one: self.board.line_style(one).token for one in self.board.shown})

    def _take_piece(self, piece: Piece) -> None:
        self.board.add(piece)
        if self.running.active is not None:
            self.load.say(piece.others_cores, running=True)
        if piece.run_id not in {one.run_id for one in self._rows}:
            self.refresh()

    def _job_ended(self, record: JobRecord) -> None:
        if record.status is JobStatus.FAILED and record.failure is not None:
            self.error.show_error(record.failure, log_tail=record.log_tail)
            self._anyway.hide()
        if not self.running.jobs and isinstance(record.result, dict):
            self._wanted_run = str(record.result.get("run_id", ""))
        self.refresh()

    def _fail(self, error: BaseException) -> None:
        self.error.show_error(error)
        self._anyway.setVisible(isinstance(error, BancadaError) and error.code == "jobs.memory_short")

    def _start_by_key(self) -> None:
        if self.start_button.isVisible() and self.start_button.isEnabled():
            self.start()

    # -- events

    def showEvent(self, event: QShowEvent) -> None:
        """Watch what runs, and the machine, while the page is seen."""
        super().showEvent(event)
        self.running.look()
        self._watch()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._watch()

    def _watch(self) -> None:
        seen, busy = self.isVisible(), bool(self.running.jobs)
        self.running.watch(on=seen and busy)
        self.load.watch(on=seen and not busy)
