"""Follows the benchmarks that run: their progress, what they measure meanwhile, and their end."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from bancada.bench.plan import BENCH, BenchParams
from bancada.core.errors import BancadaError
from bancada.core.events import JobProgress
from bancada.gui.models.bench import Cursor, Piece, read_piece, run_of, unfinished_jobs
from bancada.gui.shell import Shell
from bancada.jobs.spec import JobRecord, JobStatus
from bancada.storage import jobs

#: between two looks at what a run has measured; rarely, because looking disturbs what is measured
POLL_MS: Final = 500


class Running(QObject):
    """The unfinished benchmarks of this workspace, whoever began them.

    ``changed``: others run than before. ``piece``: a run measured something. ``run_began``: a job
    has a run now. ``ended``: the record of a job that ended. ``refused``: a job was not accepted.
    """

    changed = Signal()
    progressed = Signal(object)
    piece = Signal(object)
    run_began = Signal(str)
    ended = Signal(object)
    refused = Signal(object)

    def __init__(self, shell: Shell, parent: QObject) -> None:
        super().__init__(parent)
        self._shell = shell
        self.jobs: dict[str, JobRecord] = {}
        self.runs: dict[str, str] = {}  # job -> its run
        self._cursors: dict[str, Cursor] = {}
        self._reading = False
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)
        shell.bridge.changed.connect(self._kind_changed)
        shell.bridge.job_progress.connect(self._progressed)

    @property
    def active(self) -> JobRecord | None:
        """The job that runs now, or None while none runs or all wait."""
        working = (JobStatus.RUNNING, JobStatus.CANCELING)
        return next((one for one in self.jobs.values() if one.status in working), None)

    def look(self) -> None:
        """Find the unfinished benchmarks, and the ends of those known so far."""
        database, known = self._shell.context.database, tuple(self.jobs)

        def read() -> tuple[list[JobRecord], list[JobRecord]]:
            found = unfinished_jobs(database)
            left = {one.id for one in found}
            return found, [jobs.get(database, one) for one in known if one not in left]

        self._shell.background.run(read, self._take, owner=self)

    def start(self, params: list[BenchParams], titles: list[str], *, ignore_memory: bool = False) -> None:
        """Queue one benchmark for each model."""
        manager = self._shell.context.jobs

        def submit() -> None:
            for one, title in zip(params, titles, strict=True):
                manager.submit(BENCH, one, title=title, ignore_memory=ignore_memory)

        self._shell.background.run(submit, lambda _: self.look(), self._refuse, owner=self)

    def cancel(self) -> None:
        """End all of them; what was measured stays."""
        manager, wanted = self._shell.context.jobs, tuple(self.jobs)

        def work() -> None:
            for job_id in wanted:
                manager.cancel(job_id)

        self._shell.background.run(work, lambda _: self.look(), owner=self)

    def rewind(self, run_id: str) -> None:
        """Hand the whole run on again with the next look."""
        self._cursors.pop(run_id, None)

    def watch(self, *, on: bool) -> None:
        """Read what is measured only while somebody looks."""
        if on and self.jobs:
            self._timer.start()
        else:
            self._timer.stop()

    def _refuse(self, error: BaseException) -> None:
        self.look()
        self.refused.emit(error)

    def _kind_changed(self, kind: str, ids: list[str]) -> None:
        if kind == "job" and (not ids or self.jobs.keys() & set(ids) or not self.jobs):
            self.look()

    def _progressed(self, progress: JobProgress) -> None:
        if progress.job_id in self.jobs:
            self.progressed.emit(progress)

    def _take(self, found: tuple[list[JobRecord], list[JobRecord]]) -> None:
        unfinished, gone = found
        before = {key: one.status for key, one in self.jobs.items()}
        self.jobs = {one.id: one for one in unfinished}
        for record in gone:
            if record.id in before:
                self._poll_last(record)
        if {key: one.status for key, one in self.jobs.items()} != before:
            self.changed.emit()

    def _poll_last(self, record: JobRecord) -> None:
        """Read the rest of an ended run before its end is told."""
        context, run_id = self._shell.context, self.runs.pop(record.id, "")
        cursor = self._cursors.pop(run_id, Cursor())

        def read() -> Piece | None:
            found = run_id or run_of(context.database, record.id)
            return read_piece(context, found, cursor) if found else None

        def done(piece: Piece | None) -> None:
            if piece is not None:
                if not run_id:
                    self.run_began.emit(piece.run_id)
                self.piece.emit(piece)
            self.ended.emit(record)

        self._shell.background.run(read, done, lambda _error: self.ended.emit(record), owner=self)

    def _poll(self) -> None:
        active = self.active
        if active is None or self._reading:
            return
        self._reading = True
        context, job_id = self._shell.context, active.id
        run_id = self.runs.get(job_id, "")
        cursor = self._cursors.get(run_id, Cursor())

        def read() -> Piece | None:
            found = run_id or run_of(context.database, job_id)
            return read_piece(context, found, cursor) if found else None

        self._shell.background.run(read, lambda piece: self._show(job_id, piece), self._missed, owner=self)

    def _show(self, job_id: str, piece: Piece | None) -> None:
        self._reading = False
        if piece is None or job_id not in self.jobs:
            return
        if job_id not in self.runs:
            self.runs[job_id] = piece.run_id
            self.run_began.emit(piece.run_id)
        self._cursors[piece.run_id] = piece.cursor
        self.piece.emit(piece)

    def _missed(self, error: BaseException) -> None:
        self._reading = False
        if not isinstance(error, BancadaError):
            self.refused.emit(error)
