"""Jobs: everything that takes long, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar, Final

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QSplitter, QStackedWidget, QVBoxLayout

from bancada.core.events import Changed, JobProgress
from bancada.gui.arrangement import Arrangement
from bancada.gui.models.records import Column, RecordModel
from bancada.gui.pages.job_detail import JobDetail
from bancada.gui.pages.page import Page
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.basics import GRID, PageHeader, PlainButton
from bancada.gui.widgets.format import duration_text, memory_text, number, percent_text, when_text
from bancada.gui.widgets.states import EmptyState
from bancada.gui.widgets.table import Table
from bancada.storage import jobs
from bancada.storage.jobs import JobRecord, JobStatus

PAGE_SIZE: Final = 500
_TICK_MS: Final = 1_000

#: the status as a person says it, and its tone
WORDS: Final[Mapping[JobStatus, tuple[str, str]]] = {
    JobStatus.QUEUED: ("waiting", ""),
    JobStatus.RUNNING: ("running", "accent"),
    JobStatus.CANCELING: ("canceling", "warn"),
    JobStatus.SUCCEEDED: ("done", "good"),
    JobStatus.FAILED: ("failed", "bad"),
    JobStatus.CANCELED: ("canceled", ""),
    JobStatus.INTERRUPTED: ("interrupted", "warn"),
}
_FILTERS: Final[tuple[tuple[str, tuple[JobStatus, ...]], ...]] = (
    ("All jobs", ()),
    ("Waiting and running", (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.CANCELING)),
    ("Done", (JobStatus.SUCCEEDED,)),
    ("Failed or interrupted", (JobStatus.FAILED, JobStatus.INTERRUPTED)),
    ("Canceled", (JobStatus.CANCELED,)),
)


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as the table shows it: the record, its live progress, the seconds it ran."""

    record: JobRecord
    progress: JobProgress | None
    took_s: float | None

    @property
    def share(self) -> float | None:
        if self.record.status is not JobStatus.RUNNING or self.progress is None or not self.progress.total:
            return None
        return self.progress.done / self.progress.total


def status_words(status: JobStatus) -> str:
    """The translated word of a status."""
    return QCoreApplication.translate("jobs", WORDS[status][0])


def took_s(record: JobRecord, now: datetime) -> float | None:
    """Seconds that a job ran, or runs until ``now``; never negative, whatever the clock did."""
    if record.started_at is None:
        return None
    end = datetime.fromisoformat(record.ended_at) if record.ended_at else now
    return max((end - datetime.fromisoformat(record.started_at)).total_seconds(), 0.0)


class JobsPage(Page):
    """A table of jobs and the detail of the one that is selected."""

    kinds: ClassVar[frozenset[str]] = frozenset(("job",))

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._wanted = ""
        self._progress: dict[str, JobProgress] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(12)
        column.addWidget(self._make_header())
        self.model: RecordModel[JobRow] = RecordModel(
            shell.theme, self._columns(), lambda row: row.record.id, self
        )
        self.table = Table(shell.theme, self.model, self.tr("Jobs"))
        self.table.bar.insertWidget(0, self.filter)
        self.table.selected.connect(self._selected)
        self.table.sort_by("created", descending=True)
        self.detail = JobDetail(shell)
        self.splitter = QSplitter()
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(17)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.detail)
        self.splitter.setSizes([700, 340])
        self.splitter.setStretchFactor(0, 1)
        self.stack = QStackedWidget()
        self.empty = EmptyState(
            shell.theme,
            "list",
            self.tr("No job has run yet"),
            self.tr("Import a model"),
            lambda: shell.navigate("models", choose_import=True),
            self.tr("Imports, checks of files and benchmarks appear here, with how they ended."),
        )
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.splitter)
        column.addWidget(self.stack, 1)
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._show_time)
        shell.bridge.job_progress.connect(self._progressed)
        self._add_actions()
        self._arrangement = Arrangement(
            shell, "jobs", self, splitters={"detail": self.splitter}, tables={"jobs": self.table}
        )

    def opened(self, **arguments: object) -> None:
        """``job_id`` selects a job."""
        wanted = arguments.get("job_id")
        if isinstance(wanted, str):
            self._wanted = wanted
            self.filter.setCurrentIndex(0)
            self.refresh()

    def refresh(self) -> None:
        database = self.shell.context.database
        statuses = _FILTERS[self.filter.currentIndex()][1]
        self.shell.background.run(
            lambda: jobs.list_page(database, statuses or None, limit=PAGE_SIZE), self._show, owner=self
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._tick.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._tick.stop()
        self._arrangement.flush()
        super().hideEvent(event)

    def _make_header(self) -> PageHeader:
        header = PageHeader(self.tr("Jobs"))
        self.filter = QComboBox()
        self.filter.setAccessibleName(self.tr("Which jobs are shown"))
        for text, _ in _FILTERS:
            self.filter.addItem(QCoreApplication.translate("jobs", text))
        self.filter.currentIndexChanged.connect(self.refresh)
        self.remove_button = PlainButton(self.tr("Remove ended jobs\N{HORIZONTAL ELLIPSIS}"))
        self.remove_button.clicked.connect(self._ask_remove)
        header.add(self.remove_button)
        return header

    def _columns(self) -> list[Column[JobRow]]:
        return [
            Column(
                "title",
                self.tr("Job"),
                lambda row: row.record.title.casefold(),
                lambda row: row.record.title,
                tip=lambda row: row.record.title,
                stretch=True,
            ),
            Column(
                "status",
                self.tr("Status"),
                lambda row: status_words(row.record.status),
                _status_text,
                tone=lambda row: WORDS[row.record.status][1],
                progress=lambda row: row.share,
                width=104,
            ),
            Column(
                "took",
                self.tr("Duration"),
                lambda row: row.took_s,
                lambda row: duration_text(row.took_s),
                figures=True,
                width=88,
            ),
            Column(
                "peak",
                self.tr("Peak memory"),
                lambda row: row.record.peak_memory_bytes,
                lambda row: memory_text(row.record.peak_memory_bytes),
                figures=True,
                width=112,
            ),
            Column(
                "created",
                self.tr("Asked for"),
                # ids sort by the time of their making, also when the clock was set back
                lambda row: row.record.id,
                lambda row: when_text(row.record.created_at),
                width=120,
            ),
        ]

    def _add_actions(self) -> None:
        add = self.shell.actions.add
        add("jobs.cancel", self.tr("Cancel the job"), self.detail.cancel, icon="close", page="jobs")
        add("jobs.resume", self.tr("Resume the job"), self.detail.resume, icon="play", page="jobs")
        add(
            "jobs.filter",
            self.tr("Filter the jobs"),
            self.table.filter.setFocus,
            shortcut="Ctrl+F",
            page="jobs",
        )
        add(
            "jobs.export",
            self.tr("Export the jobs as CSV"),
            self.table.ask_export,
            shortcut="Ctrl+E",
            page="jobs",
        )

    def _show(self, records: list[JobRecord]) -> None:
        now = datetime.now(UTC)
        rows = [JobRow(one, self._known_progress(one), took_s(one, now)) for one in records]
        self.model.set_records(rows)
        nothing = not records and self.filter.currentIndex() == 0
        self.stack.setCurrentWidget(self.empty if nothing else self.splitter)
        self.remove_button.setEnabled(any(one.status.ended for one in records))
        if self._wanted:
            self.table.select(self._wanted)
            self._wanted = ""
        elif not self.table.selected_ids() and records:
            self.table.select(records[0].id)
        self._show_detail()

    def _known_progress(self, record: JobRecord) -> JobProgress | None:
        live = self._progress.get(record.id)
        return live if record.status is JobStatus.RUNNING else None

    def _progressed(self, progress: JobProgress) -> None:
        self._progress[progress.job_id] = progress
        row = self.model.record(progress.job_id)
        if row is not None and self.isVisible():
            self.model.update_record(
                replace(row, progress=progress, took_s=took_s(row.record, datetime.now(UTC)))
            )
            self._show_detail()

    def _show_time(self) -> None:
        now = datetime.now(UTC)
        for row in self.model.records():
            if row.record.status is JobStatus.RUNNING:
                self.model.update_record(replace(row, took_s=took_s(row.record, now)))

    def _selected(self, _ids: list[str]) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        ids = self.table.selected_ids()
        row = self.model.record(ids[0]) if ids else None
        if row is None:
            self.detail.clear()
        else:
            self.detail.show_job(row.record, row.progress, row.took_s)

    def _ask_remove(self) -> None:
        ended = [row.record.id for row in self.model.records() if row.record.status.ended]
        ask(
            self,
            self.tr("Remove the ended jobs from the list?"),
            self.tr("Jobs: %1. Their memory curves go with them; what they made is kept.").replace(
                "%1", number(len(ended))
            ),
            [
                Answer(self.tr("Remove the jobs"), lambda: self._remove(ended), "danger"),
                Answer(self.tr("Keep them"), lambda: None, "primary"),
            ],
        )

    def _remove(self, ids: list[str]) -> None:
        context = self.shell.context

        def work() -> None:
            jobs.remove(context.database, ids)
            context.events.publish(Changed("job", tuple(ids)))

        self.shell.background.run(work, lambda _: None, owner=self)


def _status_text(row: JobRow) -> str:
    word = status_words(row.record.status)
    if row.share is None or row.progress is None:
        return word
    return f"{word} {percent_text(row.progress.done, row.progress.total)}"
