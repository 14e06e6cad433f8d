"""The downloads that are under way or stopped, and files in quarantine, each with what can be done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from bancada.catalog.download.jobs import DOWNLOAD, DownloadParams
from bancada.catalog.download.leftovers import Quarantined, discard, remove_quarantined
from bancada.core.errors import describe
from bancada.core.events import JobProgress
from bancada.gui.models.hub import (
    Downloads,
    DownloadState,
    download_words,
    load_downloads,
    share_of,
    with_progress,
)
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.basics import (
    Card,
    ElidedLabel,
    IconLabel,
    Label,
    PlainButton,
    set_look,
)
from bancada.gui.widgets.format import bytes_text
from bancada.jobs.codec import encode
from bancada.jobs.spec import JobRecord, JobStatus
from bancada.storage import jobs

_STEPS = 1000
_MOST_HEIGHT = 216


def _name(params: DownloadParams) -> str:
    """The chosen file, else the repository."""
    single = len(params.files) == 1 and params.files[0].endswith(".gguf")
    return params.files[0].rpartition("/")[2] if single else params.repo


class DownloadRow(QWidget):
    """One download: how far it is, and Pause, Resume or Discard."""

    pause = Signal(str)
    resume = Signal(str)
    discard = Signal(str)

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self.job_id = job_id
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.title = ElidedLabel("", "strong")
        self.words = Label("", "note")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(160)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.pause_button = PlainButton(self.tr("Pause"))
        self.pause_button.setToolTip(
            self.tr("Stops it and keeps what has come; Resume goes on from there, also after a restart.")
        )
        self.resume_button = PlainButton(self.tr("Resume"))
        self.cancel_button = PlainButton(self.tr("Cancel\N{HORIZONTAL ELLIPSIS}"))
        self.pause_button.clicked.connect(lambda: self.pause.emit(job_id))
        self.resume_button.clicked.connect(lambda: self.resume.emit(job_id))
        self.cancel_button.clicked.connect(lambda: self.discard.emit(job_id))
        row.addWidget(self.title, 1)
        for widget in (self.words, self.bar, self.pause_button, self.resume_button, self.cancel_button):
            row.addWidget(widget)
        column.addLayout(row)
        self.problem = Label("", "note", wrap=True)
        set_look(self.problem, tone="bad")
        self.problem.hide()
        column.addWidget(self.problem)
        self.state: DownloadState | None = None

    def show_state(self, state: DownloadState) -> None:
        """Say how far it is and offer what can be done now."""
        self.state = state
        record = state.record
        self.title.setText(record.title)
        self.title.setToolTip(str(record.params.get("repo", "")))
        self.words.setText(download_words(state))
        share = share_of(state)
        self.bar.setRange(0, 0 if share is None and record.status is JobStatus.RUNNING else _STEPS)
        self.bar.setValue(round(min(share or 0.0, 1.0) * _STEPS))
        self.pause_button.setVisible(state.runs)
        self.pause_button.setEnabled(record.status is not JobStatus.CANCELING)
        self.resume_button.setVisible(not state.runs)
        self.resume_button.setText(
            self.tr("Try again") if record.status is JobStatus.FAILED else self.tr("Resume")
        )
        self.cancel_button.setText(
            self.tr("Cancel\N{HORIZONTAL ELLIPSIS}")
            if state.runs
            else self.tr("Discard\N{HORIZONTAL ELLIPSIS}")
        )
        for button in (self.pause_button, self.resume_button, self.cancel_button):
            button.setAccessibleName(f"{button.text()} {record.title}")
        failure = record.failure if record.status is JobStatus.FAILED else None
        if failure is not None:
            words = describe(failure.code, failure.params)
            self.problem.setText(f"{words.what} {words.remedy}")
        self.problem.setVisible(failure is not None)


class BadRow(QWidget):
    """One file in quarantine."""

    removed = Signal(str)

    def __init__(self, shell: Shell, bad: Quarantined) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(IconLabel(shell.theme, "warning", "warn"), 0, Qt.AlignmentFlag.AlignTop)
        text = self.tr(
            "In quarantine, %2: %1. It is not in the library. Try the download again; if it stays so, tell"
            " whoever runs the server."
        )
        reason = f"{bad.path} ({bad.reason})" if bad.path else bad.key
        self.text = Label(
            text.replace("%1", reason).replace("%2", bytes_text(bad.size_bytes)), "note", wrap=True
        )
        facts = [bad.source, bad.at]
        if bad.wanted:
            facts.append(self.tr("should be %1").replace("%1", bad.wanted))
        if bad.found:
            facts.append(self.tr("is %1").replace("%1", bad.found))
        self.text.setToolTip("\n".join(one for one in facts if one))
        row.addWidget(self.text, 1)
        self.button = PlainButton(self.tr("Remove the file"))
        self.button.setAccessibleName(f"{self.button.text()} {bad.path}")
        self.button.clicked.connect(lambda: self.removed.emit(bad.key))
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)


class DownloadList(Card):
    """Every download that has not succeeded. ``done`` carries the record of one that has."""

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, shell: Shell) -> None:
        super().__init__(self.tr("Downloads"))
        self._shell = shell
        self._mine: set[str] = set()  # begun here: shown when they fail, whatever they kept
        self._giving_up: set[str] = set()
        self.rows: dict[str, DownloadRow] = {}
        self.bad_rows: dict[str, BadRow] = {}
        self._shown = Downloads((), ())
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area = area
        inner = QWidget()
        inner.setProperty("role", "scrolled")
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(8)
        self._column.addStretch(1)
        area.setWidget(inner)
        self.body.addWidget(area)
        self.hide()
        shell.bridge.job_progress.connect(self._progressed)

    def begin(self, params: DownloadParams) -> None:
        """Download; one that was stopped before and asks for the same goes on."""
        wanted = encode(params)
        for state in self._shown.states:
            if state.record.params == wanted and not state.runs:
                self.resume(state.record.id)
                return
        title = self.tr("Download %1").replace("%1", _name(params))
        submit: Callable[[], str] = partial(self._shell.context.jobs.submit, DOWNLOAD, params, title=title)
        self._shell.background.run(submit, self._begun, self.failed.emit, owner=self)

    def read(self) -> None:
        """Look again what runs and what is left over."""
        context, also = self._shell.context, frozenset(self._mine)
        self._shell.background.run(lambda: load_downloads(context, also), self._show, owner=self)
        for job_id in self._mine | self._giving_up:
            self._shell.background.run(
                partial(jobs.get, context.database, job_id), self._ended, lambda _error: None, owner=self
            )

    def resume(self, job_id: str) -> None:
        """Go on where it stopped."""
        self._mine.add(job_id)
        self._do(lambda: self._shell.context.jobs.resume(job_id))

    def pause(self, job_id: str) -> None:
        """Stop it; what has come is kept."""
        self._do(lambda: self._shell.context.jobs.cancel(job_id))

    def ask_discard(self, job_id: str) -> None:
        """Ask before what has come is thrown away."""
        state = self.rows[job_id].state if job_id in self.rows else None
        if state is None:
            return
        kept = state.progress.done if state.runs and state.progress is not None else 0
        if not state.runs and state.left is not None:
            kept = state.left.kept_bytes
        text = self.tr("%1 that have come are removed from the disk. Pausing instead keeps them.")
        ask(
            self,
            self.tr("Give up \N{LEFT DOUBLE QUOTATION MARK}%1\N{RIGHT DOUBLE QUOTATION MARK}?").replace(
                "%1", state.record.title
            ),
            text.replace("%1", bytes_text(kept)),
            (
                Answer(self.tr("Give up the download"), partial(self.discard, job_id), "danger"),
                Answer(self.tr("Keep it"), lambda: None),
            ),
        )

    def discard(self, job_id: str) -> None:
        """Stop it if it runs, then remove what it has fetched."""
        self._giving_up.add(job_id)
        self._mine.discard(job_id)
        row = self.rows.get(job_id)
        if row is not None and row.state is not None and row.state.runs:
            self.pause(job_id)
        else:
            self._remove(job_id)

    # -- inside

    def _begun(self, job_id: str) -> None:
        self._mine.add(job_id)
        self.read()

    def _do(self, work: Callable[[], object]) -> None:
        self._shell.background.run(work, lambda _: self.read(), self.failed.emit, owner=self)

    def _ended(self, record: JobRecord) -> None:
        if not record.status.ended:
            return
        if record.id in self._giving_up:
            self._remove(record.id)
        elif record.status is JobStatus.SUCCEEDED and record.id in self._mine:
            self._mine.discard(record.id)
            self.done.emit(record)

    def _remove(self, job_id: str) -> None:
        self._giving_up.discard(job_id)
        context = self._shell.context

        def removed(freed: int) -> None:
            text = self.tr("The download was given up; %1 are free again.")
            self._shell.notify("info", text.replace("%1", bytes_text(freed)))
            self.read()

        self._shell.background.run(
            lambda: discard(context.home, context.database, job_id), removed, self.failed.emit, owner=self
        )

    def _remove_bad(self, key: str) -> None:
        home = self._shell.context.home
        self._do(lambda: remove_quarantined(home, key))

    def _progressed(self, progress: JobProgress) -> None:
        row = self.rows.get(progress.job_id)
        if row is not None and row.state is not None and row.state.record.status is JobStatus.RUNNING:
            row.show_state(with_progress(row.state, progress))

    def _show(self, found: Downloads) -> None:
        self._shown = found
        for job_id in set(self.rows) - {one.record.id for one in found.states}:
            self._drop(self.rows.pop(job_id))
        for key in set(self.bad_rows) - {one.key for one in found.bad}:
            self._drop(self.bad_rows.pop(key))
        for state in found.states:
            row = self.rows.get(state.record.id)
            if row is None:
                row = self.rows[state.record.id] = DownloadRow(state.record.id)
                row.pause.connect(self.pause)
                row.resume.connect(self.resume)
                row.discard.connect(self.ask_discard)
                self._column.insertWidget(0, row)
            row.show_state(state)
        for bad in found.bad:
            if bad.key not in self.bad_rows:
                made = self.bad_rows[bad.key] = BadRow(self._shell, bad)
                made.removed.connect(self._remove_bad)
                self._column.insertWidget(self._column.count() - 1, made)
        self.setVisible(bool(self.rows or self.bad_rows))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Sentences take more lines when it is narrower."""
        super().resizeEvent(event)
        self._fit()

    def _drop(self, widget: QWidget) -> None:
        self._column.removeWidget(widget)
        widget.deleteLater()

    def _fit(self) -> None:
        """As high as its rows, up to a limit."""
        width = self._area.viewport().width()
        need = self._column.heightForWidth(width) if self._column.hasHeightForWidth() else 0
        need = max(need, self._column.minimumSize().height() if not self.bad_rows else 0)
        self._area.setFixedHeight(min(need + 2, self._shell.theme.px(_MOST_HEIGHT)))
