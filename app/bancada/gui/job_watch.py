"""Follows the jobs for the whole window: the strip in the status line, and word of their end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from bancada.core.errors import BancadaError, describe
from bancada.core.events import Changed, JobProgress
from bancada.gui.status_bar import StatusBar
from bancada.storage import jobs
from bancada.storage.connection import Database
from bancada.storage.jobs import JobRecord, JobStatus

if TYPE_CHECKING:
    from bancada.gui.desk import Desk

#: a job that took longer is worth a word on the desktop when the window is not looked at
LONG_S: Final = 30.0
#: family of jobs -> the kind of rows that their workers wrote, which only the parent can announce
_WRITES: Final = {"model": "model", "bench": "run", "bundle": "model"}
#: ends that are no failure of anything: the work is done and waits for a person
_WAITS: Final = frozenset({"bundle.second_signature_missing"})


class JobWatch(QObject):
    """Keeps the unfinished jobs, newest knowledge first."""

    def __init__(self, desk: Desk, status: StatusBar) -> None:
        super().__init__(desk)
        self._desk = desk
        self._status = status
        self.running: list[JobRecord] = []
        self._progress: dict[str, JobProgress] = {}
        self._since = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._told: set[str] = set()
        desk.bridge.changed.connect(self._changed)
        desk.bridge.job_progress.connect(self._progressed)
        status.cancel.connect(self._cancel)

    def start(self) -> None:
        """Look what runs already."""
        self._changed("job", [])

    def _changed(self, kind: str, ids: list[str]) -> None:
        if kind == "job":
            database = self._desk.context.database

            def look() -> tuple[list[JobRecord], list[JobRecord]]:
                named = [one for job_id in ids if (one := _get(database, job_id)) is not None]
                return jobs.unfinished(database), [one for one in named if one.status.ended]

            self._desk.background.run(look, self._show, owner=self)

    def _show(self, found: tuple[list[JobRecord], list[JobRecord]]) -> None:
        self.running, ended = found
        known = {one.id for one in self.running}
        self._progress = {key: value for key, value in self._progress.items() if key in known}
        self._show_strip()
        for record in ended:
            mark = f"{record.id}:{record.attempt}"
            if mark not in self._told and (record.ended_at or "") >= self._since:
                self._told.add(mark)
                changed = _WRITES.get(record.kind.partition(".")[0])
                if changed:
                    self._desk.context.events.publish(Changed(changed))
                self._tell(record)

    def _progressed(self, progress: JobProgress) -> None:
        self._progress[progress.job_id] = progress
        self._show_strip()

    def _show_strip(self) -> None:
        active = [one for one in self.running if one.status is not JobStatus.QUEUED]
        if not active:
            self._status.set_job("", "", None)
            return
        first = active[0]
        title = first.title
        if len(active) > 1:
            more = self.tr("%1 (+ %2 more)")
            title = more.replace("%1", title).replace("%2", str(len(active) - 1))
        self._status.set_job(first.id, title, self._progress.get(first.id))

    def _cancel(self, job_id: str) -> None:
        self._desk.background.run(lambda: self._desk.context.jobs.cancel(job_id), lambda _: None, owner=self)

    def _tell(self, record: JobRecord) -> None:
        if record.status is JobStatus.SUCCEEDED:
            level, text = "success", self.tr("%1: done.").replace("%1", record.title)
        elif record.status is JobStatus.FAILED:
            failure = record.failure or BancadaError("internal.error", detail=record.title)
            what = describe(failure.code, failure.params).what
            level, text = "warning" if failure.code in _WAITS else "error", f"{record.title}: {what}"
        elif record.status is JobStatus.INTERRUPTED:
            level, text = (
                "warning",
                self.tr("%1: interrupted. It can be resumed.").replace("%1", record.title),
            )
        else:
            return
        self._desk.notify(
            level,
            text,
            action_text=self.tr("Show"),
            action=lambda: self._show_job(record),
        )
        if _took_s(record) > LONG_S and not self._desk.window.isActiveWindow():
            self._tell_desktop(text)

    def _show_job(self, record: JobRecord) -> None:
        """Where one acts on what came of it: bundles have a view of their own."""
        if record.kind.startswith("bundle."):
            self._desk.navigate("models", view="transfer")
        else:
            self._desk.navigate("jobs", job_id=record.id)

    def _tell_desktop(self, text: str) -> None:
        QApplication.alert(self._desk.window)
        if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages():
            tray = QSystemTrayIcon(self._desk.theme.icon("logo", "accent"), self)
            tray.messageClicked.connect(self._desk.window.activateWindow)
            tray.messageClicked.connect(tray.deleteLater)
            tray.show()
            tray.showMessage("Bancada", text)


def _get(database: Database, job_id: str) -> JobRecord | None:
    try:
        return jobs.get(database, job_id)
    except BancadaError:
        return None  # removed meanwhile


def _took_s(record: JobRecord) -> float:
    if record.started_at is None or record.ended_at is None:
        return 0.0
    return (
        datetime.fromisoformat(record.ended_at) - datetime.fromisoformat(record.started_at)
    ).total_seconds()
