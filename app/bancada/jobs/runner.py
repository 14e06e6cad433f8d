"""The queue of this process and the thread that starts, watches and ends its workers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

import filelock

from bancada.core.errors import BancadaError
from bancada.core.events import Changed, EventBus
from bancada.core.hardware import available_memory
from bancada.core.paths import Home
from bancada.jobs import memory, progress, protocol
from bancada.jobs.lanes import Lanes
from bancada.jobs.monitor import Monitor
from bancada.jobs.process import WorkerProcess, WorkerRules
from bancada.jobs.running_job import JobEnd, RunningJob, Waiting
from bancada.jobs.spec import JobRecord, JobStatus
from bancada.storage import jobs, samples
from bancada.storage.connection import Database

log = logging.getLogger(__name__)

_BUSY_TICK_S: Final = 0.1
_WAITING_TICK_S: Final = 0.25
_UNSAVED_TICK_S: Final = 1.0
_CANCEL_POLL_S: Final = 0.4
_SAVE_S: Final = 2.0
_CLOSE_GRACE_S: Final = 2.0


class JobRunner:
    """The jobs of one process, from the queue to their end.

    What is decided about a running job is decided on one monitor thread: a result, a cancel and a crash
    cannot race. Methods without an underscore may be called from any thread.
    """

    def __init__(
        self,
        home: Home,
        database: Database,
        events: EventBus,
        *,
        owner: str,
        rules: WorkerRules,
        lanes: Mapping[str, int],
    ) -> None:
        self._home = home
        self._database = database
        self._events = events
        self._owner = owner
        self._rules = rules
        self._lanes = Lanes(home, lanes)
        self._condition = threading.Condition()
        self._queue: list[Waiting] = []
        self._running: dict[str, RunningJob] = {}
        #: ends that the disk did not take yet; tried again until it does
        self._unsaved: dict[str, tuple[RunningJob, JobEnd]] = {}
        self._closing = False
        self._monitor = Monitor("jobs", self._tick)
        self._next_poll = self._next_save = 0.0

    def add(self, waiting: Waiting) -> None:
        """Put a job at the end of the queue; raises BancadaError ``jobs.closed`` while the program ends."""
        with self._condition:
            if self._closing:
                raise BancadaError("jobs.closed", job=waiting.title)
            self._queue.append(waiting)
        self.tell(waiting.job_id)
        self._monitor.wake()

    def cancel(self, job_id: str) -> bool:
        """Drop a waiting job or stop a running one; whether it was one of ours."""
        with self._condition:
            mine = self._is_mine(job_id)
            self._queue = [one for one in self._queue if one.job_id != job_id]
            job = self._running.get(job_id)
            self._condition.notify_all()
        if job is not None:
            self._monitor.post(partial(self._stop, job, JobStatus.CANCELED))
        return mine

    def wait(self, job_id: str, timeout: float | None) -> bool:
        """Wait while the job is ours and has not ended; False when it never was ours or time ran out."""
        with self._condition:
            return self._is_mine(job_id) and self._condition.wait_for(
                lambda: not self._is_mine(job_id), timeout
            )

    def running(self, job_id: str) -> RunningJob | None:
        """A job whose worker runs now."""
        with self._condition:
            return self._running.get(job_id)

    def unsaved_end(self, job_id: str) -> JobEnd | None:
        """How a job ended, while that could not be stored yet."""
        with self._condition:
            unsaved = self._unsaved.get(job_id)
        return None if unsaved is None else unsaved[1]

    def reserved(self, lane: str) -> tuple[list[tuple[int, int]], int]:
        """(resident, forecast) of each running job, and the resident bytes of those of ``lane``.

        A job that waits for its lane starts when those have ended.
        """
        with self._condition:
            active = [job for job in self._running.values() if job.process is not None]
        pairs = [(job.resident_bytes, job.need) for job in active]
        return pairs, sum(job.resident_bytes for job in active if job.record.lane == lane)

    def close(self, status: JobStatus) -> None:
        """End all jobs as ``status`` and the thread; further jobs are refused."""
        with self._condition:
            self._closing = True
            waiting, self._queue = self._queue, []
            running = list(self._running.values())
        for one in waiting:
            try:
                jobs.finish(self._database, one.job_id, status)
                self.tell(one.job_id)
            except BancadaError:
                log.exception("the end of job %s could not be stored", one.job_id)
        for job in running:
            self._monitor.post(partial(self._stop, job, status, after_s=_CLOSE_GRACE_S))
        with self._condition:
            self._condition.notify_all()
            self._condition.wait_for(lambda: not self._running)
        self._monitor.close()

    def tell(self, *job_ids: str) -> None:
        """Say that jobs changed."""
        self._events.publish(Changed("job", job_ids))

    def _is_mine(self, job_id: str) -> bool:
        return job_id in self._running or any(one.job_id == job_id for one in self._queue)

    # -- on the monitor thread

    def _tick(self) -> float | None:
        now = time.monotonic()
        with self._condition:
            running, waiting = list(self._running.values()), bool(self._queue)
            unsaved = list(self._unsaved.values())
        for job in running:
            job.tick(now, self._events)
        for job, end in unsaved:
            self._store(job, end)
        if (running or waiting) and now >= self._next_poll:
            self._next_poll = now + _CANCEL_POLL_S
            self._poll_cancels()
        if running and now >= self._next_save:
            self._next_save = now + _SAVE_S
            for job in running:
                self._save(job)
        if waiting and not self._closing:
            self._schedule()
        if self._running:
            return _BUSY_TICK_S
        return _WAITING_TICK_S if waiting else (_UNSAVED_TICK_S if unsaved else None)

    def _poll_cancels(self) -> None:
        """See what other processes want to end."""
        wanted = set(jobs.cancel_requests(self._database, self._owner))
        with self._condition:
            dropped = [one.job_id for one in self._queue if one.job_id in wanted]
            self._queue = [one for one in self._queue if one.job_id not in wanted]
            stopping = [job for job_id, job in self._running.items() if job_id in wanted]
            self._condition.notify_all()
        for job in stopping:
            self._stop(job, JobStatus.CANCELED)
        if dropped:
            self.tell(*dropped)

    def _stop(self, job: RunningJob, status: JobStatus, *, after_s: float | None = None) -> None:
        if job.outcome is None and job.stop(status, after_s=after_s) and status is JobStatus.CANCELED:
            jobs.set_canceling(self._database, job.record.id)
            self.tell(job.record.id)

    def _schedule(self) -> None:
        """Start what can start: the first of each lane that has a place."""
        with self._condition:
            heads: dict[str, Waiting] = {}
            for one in self._queue:
                heads.setdefault(one.lane, one)
        for head in heads.values():
            place = self._lanes.enter(head.lane)
            if place is None:
                continue
            try:
                record = jobs.claim(self._database, head.job_id, self._owner)
            except BancadaError:
                # a locked or full database may have room the next time: the queue keeps the job
                log.exception("job %s could not be begun", head.job_id)
                place.release()
                continue
            self._begin(head, record, place)

    def _begin(self, head: Waiting, record: JobRecord | None, place: filelock.BaseFileLock) -> None:
        """Move a claimed job from the queue to its worker; without a record it was canceled meanwhile."""
        with self._condition:
            if head in self._queue:
                self._queue.remove(head)
            elif self._closing:
                record = None  # closing took it out of the queue and has stored how it ended
            if record is None:
                self._condition.notify_all()
            else:
                job = RunningJob(record, head.need, place)
                self._running[record.id] = job
        self.tell(head.job_id)
        if record is None:
            place.release()
            return
        try:
            memory.check(job.need, memory.unclaimed(available_memory(), self.reserved("")[0]), record.title)
            job.sample_offset_ms = _sample_offset(self._database, record)
            start = protocol.Start(
                mode="job",
                id=record.id,
                kind=record.kind,
                params=record.params,
                home=str(self._home.root),
                address_space_bytes=self._rules.address_space_bytes,
                database_key=self._database.key,
            )
            job.process = WorkerProcess(
                self._home,
                start,
                self._rules,
                partial(job.take, self._events),
                lambda outcome: self._monitor.post(partial(self._ended, job, job.judge(outcome))),
            )
        except BancadaError as error:
            self._ended(job, JobEnd(JobStatus.FAILED, error=error.to_json()))
            return
        self._monitor.wake()

    def _ended(self, job: RunningJob, end: JobEnd) -> None:
        """The worker is gone, or never came to be."""
        if job.process is not None:
            job.process.join(5.0)
        self._save(job)
        self._store(job, end)
        job.place.release()
        with self._condition:
            del self._running[job.record.id]
            self._condition.notify_all()
        self.tell(job.record.id)
        self._monitor.wake()

    def _store(self, job: RunningJob, end: JobEnd) -> None:
        stored = progress.to_json(job.tracker.latest) if job.tracker.latest.stage else None
        try:
            jobs.finish(
                self._database,
                job.record.id,
                end.status,
                result=end.result,
                error=end.error,
                log_tail=end.log_tail,
                progress=stored,
                peak_memory_bytes=job.peak_memory_bytes,
            )
        except BancadaError:
            log.exception("the end of job %s could not be stored yet", job.record.id)
            with self._condition:
                self._unsaved[job.record.id] = (job, end)
        else:
            with self._condition:
                self._unsaved.pop(job.record.id, None)

    def _save(self, job: RunningJob) -> None:
        """Keep progress and memory curve, so that a crash of this process keeps them too."""
        try:
            if job.dirty:
                job.dirty = False
                jobs.set_progress(self._database, job.record.id, progress.to_json(job.tracker.latest))
            points = job.process.sampler.take_unsaved(job.sample_offset_ms) if job.process else []
            if points:
                samples.add_many(self._database, job.record.id, points)
        except BancadaError:
            log.warning("progress of job %s could not be stored", job.record.id, exc_info=True)


def _sample_offset(database: Database, record: JobRecord) -> int:
    """Where the curve of another attempt begins: after the one before."""
    if record.attempt <= 1:
        return 0
    points = samples.curve(database, record.id)
    return points[-1].elapsed_ms + 1 if points else 0
