"""The jobs that a page began, where it shows them: progress with Cancel, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from bancada.core.events import JobProgress
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card
from bancada.gui.widgets.progress import ProgressStrip
from bancada.gui.widgets.states import ErrorPanel
from bancada.jobs.spec import JobKind, JobRecord, JobStatus
from bancada.storage import jobs


class JobStrips(QWidget):
    """One strip for each job that was begun here and has not ended; ``ended`` carries its record."""

    ended = Signal(object)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._strips: dict[str, tuple[str, Card, ProgressStrip]] = {}
        self.error = ErrorPanel(shell.theme, closable=True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addWidget(self.error)
        self.error.close_button.clicked.connect(self._fold)
        self.hide()
        shell.bridge.job_progress.connect(self._progressed)
        shell.bridge.changed.connect(self._changed)

    def begin(self, kind: JobKind, params: object, title: str) -> None:
        """Submit a job and follow it; a refusal is shown here."""
        self.error.hide()
        submit: Callable[[], str] = lambda: self._shell.context.jobs.submit(kind, params, title=title)  # noqa: E731
        self._shell.background.run(submit, lambda job_id: self.follow(job_id, title), self._fail, owner=self)

    def follow(self, job_id: str, title: str) -> None:
        """Show a strip for a job."""
        card, strip = Card(), ProgressStrip(self._shell.theme, bar_width=240)
        card.body.addWidget(strip)
        strip.show_progress(title, None)
        strip.canceled.connect(lambda: self._cancel(job_id))
        self._strips[job_id] = (title, card, strip)
        self._column.addWidget(card)
        self._fold()
        self._changed("job", [job_id])

    def dismiss(self) -> None:
        """Take back the error that is shown."""
        self.error.hide()
        self._fold()

    @property
    def followed(self) -> set[str]:
        """The ids of the jobs that have a strip."""
        return set(self._strips)

    def _cancel(self, job_id: str) -> None:
        self._shell.background.run(
            lambda: self._shell.context.jobs.cancel(job_id), lambda _: None, owner=self
        )

    def _progressed(self, progress: JobProgress) -> None:
        entry = self._strips.get(progress.job_id)
        if entry is not None:
            entry[2].show_progress(entry[0], progress)

    def _changed(self, kind: str, ids: list[str]) -> None:
        if kind != "job":
            return
        wanted = [one for one in self._strips if not ids or one in ids]
        if wanted:
            database = self._shell.context.database
            self._shell.background.run(
                lambda: [jobs.get(database, one) for one in wanted], self._take, owner=self
            )

    def _take(self, records: list[JobRecord]) -> None:
        for record in records:
            if record.status.ended and record.id in self._strips:
                _, card, _ = self._strips.pop(record.id)
                self._column.removeWidget(card)
                card.deleteLater()
                if record.status is JobStatus.FAILED and record.failure is not None:
                    self.error.show_error(record.failure, log_tail=record.log_tail)
                self._fold()
                self.ended.emit(record)

    def _fail(self, error: BaseException) -> None:
        self.error.show_error(error)
        self._fold()

    def _fold(self) -> None:
        """Take no room while there is nothing to show."""
        self.setVisible(bool(self._strips) or not self.error.isHidden())
