"""The one way from the core's events to Qt's signals: collected, and handed on every 50 ms at most."""

from __future__ import annotations

import threading
import time
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from bancada.core.events import Changed, EventBus, JobProgress, Notice, SessionState, WorkerSample

INTERVAL_MS: Final = 50


class Bridge(QObject):
    """Events of any thread become signals in the GUI thread.

    Of ``JobProgress`` only the latest of each job goes on, of ``Changed`` one signal per kind with
    all ids (an empty list: any of them). The others keep every event and their order.
    """

    changed = Signal(str, list)
    job_progress = Signal(object)
    session_state = Signal(object)
    sample = Signal(object)
    notice = Signal(object)
    _wake = Signal()

    def __init__(self, events: EventBus, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._changed: dict[str, set[str] | None] = {}
        self._progress: dict[str, JobProgress] = {}
        self._others: list[SessionState | WorkerSample | Notice] = []
        self._awake = False
        self._last_flush = 0.0
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.flush)
        self._wake.connect(self._schedule, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe = (
            events.subscribe(Changed, self._take_changed),
            events.subscribe(JobProgress, self._take_progress),
            events.subscribe(SessionState, self._take_other),
            events.subscribe(WorkerSample, self._take_other),
            events.subscribe(Notice, self._take_other),
        )

    def close(self) -> None:
        """Listen no more; what was collected is dropped."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._timer.stop()
        with self._lock:
            self._changed, self._progress, self._others, self._awake = {}, {}, [], True

    def flush(self) -> None:
        """Hand on now what was collected."""
        with self._lock:
            changed, self._changed = self._changed, {}
            progress, self._progress = self._progress, {}
            others, self._others = self._others, []
            self._awake = False
        self._last_flush = time.monotonic()
        for kind, ids in changed.items():
            self.changed.emit(kind, sorted(ids) if ids else [])
        for one in progress.values():
            self.job_progress.emit(one)
        for other in others:
            if isinstance(other, WorkerSample):
                self.sample.emit(other)
            elif isinstance(other, SessionState):
                self.session_state.emit(other)
            else:
                self.notice.emit(other)

    def _take_changed(self, event: Changed) -> None:
        with self._lock:
            known = self._changed.get(event.kind, set())
            # None stands for "any of them", which swallows every id
            self._changed[event.kind] = None if known is None or not event.ids else known | set(event.ids)
        self._rouse()

    def _take_progress(self, event: JobProgress) -> None:
        with self._lock:
            self._progress[event.job_id] = event
        self._rouse()

    def _take_other(self, event: SessionState | WorkerSample | Notice) -> None:
        with self._lock:
            self._others.append(event)
        self._rouse()

    def _rouse(self) -> None:
        # a timer can only be started in its own thread: one queued signal for a whole batch
        with self._lock:
            if self._awake:
                return
            self._awake = True
        self._wake.emit()

    def _schedule(self) -> None:
        since = (time.monotonic() - self._last_flush) * 1000
        self._timer.start(max(0, INTERVAL_MS - int(since)))
