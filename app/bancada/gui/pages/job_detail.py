"""One job in full: what it is doing or how it ended, what it left behind, and what can be done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from bancada.core.events import JobProgress
from bancada.core.registry import resolve
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import GRID, Card, Chip, Label, PlainButton
from bancada.gui.widgets.format import (
    bytes_text,
    duration_text,
    memory_text,
    milliseconds_text,
    rate_text,
    when_text,
)
from bancada.gui.widgets.progress import ProgressStrip, progress_words
from bancada.gui.widgets.states import ErrorPanel
from bancada.storage import samples
from bancada.storage.jobs import JobRecord, JobStatus
from bancada.storage.samples import SamplePoint

if TYPE_CHECKING:
    from bancada.gui.widgets.charts.chart import TimeChart

_TONES: Final = {
    JobStatus.RUNNING: "accent",
    JobStatus.SUCCEEDED: "good",
    JobStatus.FAILED: "bad",
    JobStatus.INTERRUPTED: "warn",
    JobStatus.CANCELING: "warn",
}
_RESUMABLE: Final = frozenset((JobStatus.FAILED, JobStatus.CANCELED, JobStatus.INTERRUPTED))
_SMALLEST_WIDTH: Final = 300
_CHART: Final = "bancada.gui.widgets.charts.chart:TimeChart"
_FEWEST_POINTS: Final = 2
_LONGEST_RESULT: Final = 2_000
#: the ending of a value's name -> its words
_UNITS: Final[dict[str, Callable[[float], str]]] = {
    "_bytes": bytes_text,
    "_tokens_per_s": partial(rate_text, unit="tok"),
    "_ms": milliseconds_text,
}
_STOPPABLE: Final = frozenset((JobStatus.QUEUED, JobStatus.RUNNING))


class JobDetail(QScrollArea):
    """Shows one :class:`JobRecord`; the memory curve is read when another job is shown, or it ended."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._record: JobRecord | None = None
        self._curve_of = ("", "")
        self._chart: TimeChart | None = None
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumWidth(_SMALLEST_WIDTH)
        shell.theme.changed.connect(self._fit_text)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inner = QWidget()
        self._inner.setProperty("role", "scrolled")
        self._column = QVBoxLayout(self._inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)
        self._column.addWidget(self._make_head())
        self.error = ErrorPanel(shell.theme)
        self._column.addWidget(self.error)
        self._column.addWidget(self._make_log())
        self._column.addStretch(1)
        self.setWidget(self._inner)
        self._inner.installEventFilter(self)
        self.clear()

    def clear(self) -> None:
        """No job is selected."""
        self._record = None
        self._inner.hide()

    def show_job(self, record: JobRecord, progress: JobProgress | None, took_s: float | None) -> None:
        """Show a job; the same record again only moves its progress."""
        self._show_progress(progress, took_s)
        if record == self._record:
            return
        self._record = record
        self._inner.show()
        self.headline.setText(record.title)
        self.chip.set(
            QCoreApplication.translate("jobs", _word(record.status)), _TONES.get(record.status, "plain")
        )
        self._show_values(record, took_s)
        failure = record.failure
        if failure is None:
            self.error.hide()
        else:
            self.error.show_error(failure)
        self._log_card.setVisible(bool(record.log_tail.strip()))
        if self.log.toPlainText() != record.log_tail:
            self.log.setPlainText(record.log_tail)
        self.cancel_button.setVisible(record.status in _STOPPABLE)
        self.resume_button.setVisible(record.status in _RESUMABLE)
        self.strip.setVisible(record.status is JobStatus.RUNNING)
        self._ask_curve(record)

    def cancel(self) -> None:
        """Cancel the job that is shown."""
        record = self._record
        if record is not None and record.status in _STOPPABLE:
            self.cancel_button.setEnabled(False)
            self._do(partial(self._shell.context.jobs.cancel, record.id), self.cancel_button)

    def resume(self) -> None:
        """Continue the job that is shown."""
        record = self._record
        if record is not None and record.status in _RESUMABLE:
            self.resume_button.setEnabled(False)
            self._do(partial(self._shell.context.jobs.resume, record.id), self.resume_button)

    def _do(self, work: partial[None], button: PlainButton) -> None:
        def failed(error: BaseException) -> None:
            button.setEnabled(True)
            self._shell.show_error(error, near=button)

        self._shell.background.run(work, lambda _: button.setEnabled(True), failed, owner=self)

    def _make_head(self) -> Card:
        card = Card()
        row = QHBoxLayout()
        self.headline = Label("", "subtitle", wrap=True)
        self.chip = Chip()
        row.addWidget(self.headline, 1)
        row.addWidget(self.chip, 0, Qt.AlignmentFlag.AlignTop)
        card.body.addLayout(row)
        self.strip = ProgressStrip(self._shell.theme, bar_width=0)
        self.strip.bar.setMinimumWidth(120)
        self.strip.bar.setMaximumWidth(16_777_215)
        self.strip.cancel.hide()
        card.body.addWidget(self.strip)
        self._values = QGridLayout()
        self._values.setHorizontalSpacing(16)
        self._values.setVerticalSpacing(4)
        self._values.setColumnStretch(1, 1)
        self._texts: dict[str, tuple[Label, Label]] = {}
        for at, (key, name) in enumerate(
            (
                ("created", self.tr("Asked for")),
                ("started", self.tr("Started")),
                ("took", self.tr("Duration")),
                ("peak", self.tr("Peak memory")),
                ("attempt", self.tr("Attempts")),
                ("result", self.tr("Result")),
            )
        ):
            pair = (Label(name, "muted"), Label("", wrap=True))
            pair[1].setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._values.addWidget(pair[0], at, 0, Qt.AlignmentFlag.AlignTop)
            self._values.addWidget(pair[1], at, 1)
            self._texts[key] = pair
        card.body.addLayout(self._values)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        self.cancel_button = PlainButton(self.tr("Cancel the job"))
        self.cancel_button.clicked.connect(self.cancel)
        self.resume_button = PlainButton(self.tr("Resume"), "primary")
        self.resume_button.setAccessibleName(self.tr("Resume the job"))
        self.resume_button.clicked.connect(self.resume)
        buttons.addWidget(self.resume_button)
        buttons.addWidget(self.cancel_button)
        buttons.addStretch(1)
        card.body.addLayout(buttons)
        return card

    def _make_log(self) -> Card:
        self._log_card = Card(self.tr("Last lines of the log"))
        self.log = QPlainTextEdit(readOnly=True)
        self.log.setAccessibleName(self.tr("Last lines of the log"))
        self.log.setFont(self._shell.theme.mono(11))
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setMinimumHeight(120)
        self.log.setTabChangesFocus(True)
        copy = PlainButton(self.tr("Copy"), "link")
        copy.setAccessibleName(self.tr("Copy the log"))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.log.toPlainText()))
        self._log_card.header.addWidget(copy)
        self._log_card.body.addWidget(self.log)
        return self._log_card

    def _show_progress(self, progress: JobProgress | None, took_s: float | None) -> None:
        self.strip.show_progress("", progress)
        words = progress_words(progress) if progress is not None else [self.tr("starting")]
        self.strip.text.setText(" \N{MIDDLE DOT} ".join(words))
        self._texts["took"][1].setText(duration_text(took_s))

    def _show_values(self, record: JobRecord, took_s: float | None) -> None:
        values = {
            "created": when_text(record.created_at),
            "started": when_text(record.started_at) if record.started_at else "",
            "took": duration_text(took_s) if took_s is not None else "",
            "peak": memory_text(record.peak_memory_bytes) if record.peak_memory_bytes else "",
            "attempt": str(record.attempt) if record.attempt > 1 else "",
            "result": _result_text(record.result),
        }
        for key, text in values.items():
            for label in self._texts[key]:
                label.setVisible(bool(text))
            self._texts[key][1].setText(text)

    def _ask_curve(self, record: JobRecord) -> None:
        mark = (record.id, record.ended_at or "")
        if mark != self._curve_of:
            self._curve_of = mark
            database = self._shell.context.database

            def read() -> tuple[SamplePoint, ...]:
                points = samples.curve(database, record.id)
                if len(points) >= _FEWEST_POINTS:
                    resolve(_CHART)  # the first curve imports the charts' library, which takes a second
                return points

            self._shell.background.run(read, partial(self._show_curve, mark), owner=self)

    def _show_curve(self, mark: tuple[str, str], points: tuple[SamplePoint, ...]) -> None:
        if mark != self._curve_of:
            return  # another job is shown by now
        if len(points) < _FEWEST_POINTS:
            if self._chart is not None:
                self._chart.hide()
            return
        if self._chart is None:
            self._chart = resolve(_CHART)(self._shell.theme, self.tr("Memory of the worker"), "MiB")
            self._column.insertWidget(2, self._chart)
        self._chart.set_series(
            self.tr("Memory"),
            [one.elapsed_ms / 1000 for one in points],
            [one.rss_bytes / (1 << 20) for one in points],
        )
        self._chart.show()
        self._fit_text()

    def _fit_text(self) -> None:
        if self._chart is not None:
            self._chart.setFixedHeight(self._shell.theme.px(210))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Be as wide as the widest part at least, whenever that changes: it only scrolls down."""
        if watched is self._inner and event.type() is QEvent.Type.LayoutRequest:
            self._widen()
        return super().eventFilter(watched, event)

    def _widen(self) -> None:
        room = self.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(max(_SMALLEST_WIDTH, self._inner.minimumSizeHint().width() + room))


def _word(status: JobStatus) -> str:
    return {JobStatus.QUEUED: "waiting", JobStatus.SUCCEEDED: "done"}.get(status, status.value)


def _result_text(result: object) -> str:
    """What a person reads of a result: one line per value; ids, hashes and what is empty are left out."""
    if not isinstance(result, dict):
        return "" if result is None else json.dumps(result, ensure_ascii=False)[:_LONGEST_RESULT]
    return "\n".join(_result_lines(result))[:_LONGEST_RESULT]


def _result_lines(result: dict[str, object]) -> Iterator[str]:
    for key, value in result.items():
        if key.endswith(("_id", "sha256")) or value in (None, "", [], {}, False):
            continue
        if isinstance(value, dict):
            yield from _result_lines(value)
        elif isinstance(value, list):
            yield from (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in value)
        else:
            yield _result_line(key, value)


def _result_line(key: str, value: object) -> str:
    """``ttft_ms: 746.57`` as "ttft: 747 ms": the names of results carry their units."""
    for ending, in_words in _UNITS.items():
        if key.endswith(ending) and isinstance(value, int | float) and not isinstance(value, bool):
            return f"{key.removesuffix(ending).replace('_', ' ')}: {in_words(value)}"
    if value is True:
        value = QCoreApplication.translate("JobDetail", "yes")
    return f"{key.replace('_', ' ')}: {value}"
