"""The jobs of this process: asked for, canceled, resumed, waited for."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.events import EventBus, JobProgress
from bancada.core.hardware import available_memory
from bancada.core.ids import new_id
from bancada.core.logs import prune_worker_logs
from bancada.core.paths import Home
from bancada.jobs import memory, owner
from bancada.jobs import progress as progress_of
from bancada.jobs.codec import decode, encode
from bancada.jobs.process import WorkerProcess, WorkerRules
from bancada.jobs.runner import JobRunner
from bancada.jobs.running_job import Waiting
from bancada.jobs.spec import LANES, JobKind, JobRecord, JobStatus
from bancada.storage import jobs, settings
from bancada.storage.connection import Database

_FOREIGN_POLL_S: Final = 0.2


class JobManager:
    """Public methods may be called from any thread.

    Args:
        kinds: the kinds of job that can be resumed, by name.
        rules: limits of the workers; None: the defaults with :func:`memory.default_address_space`.
        lanes: how many jobs of a lane run together, over all processes of the home.
    """

    def __init__(
        self,
        home: Home,
        database: Database,
        events: EventBus,
        kinds: Mapping[str, JobKind],
        *,
        rules: WorkerRules | None = None,
        lanes: Mapping[str, int] = LANES,
    ) -> None:
        self._home = home
        self._database = database
        self._kinds = kinds
        self._owner = owner.identity()
        rules = rules or WorkerRules(address_space_bytes=memory.default_address_space())
        self._runner = JobRunner(home, database, events, owner=self._owner, rules=rules, lanes=lanes)

    def start(self) -> None:
        """Mark the jobs of processes that are gone as interrupted (or canceled, where that was asked)."""
        prune_worker_logs(self._home.logs)
        self._sweep()

    def close(self, cancel: bool = False) -> None:
        """End all jobs of this process, as canceled or as interrupted (to be resumed), and all threads."""
        self._runner.close(JobStatus.CANCELED if cancel else JobStatus.INTERRUPTED)

    def submit(self, kind: JobKind, params: object, *, title: str, ignore_memory: bool = False) -> str:
        """Queue a job and return its id.

        Raises:
            BancadaError: ``jobs.memory_short`` with need and have, unless ``ignore_memory``; whatever the
                forecast raises; ``jobs.closed`` while the program ends; storage errors.
        """
        need = self._need(kind, params, title, ignore_memory=ignore_memory)
        job_id = new_id()
        jobs.insert(
            self._database,
            job_id=job_id,
            kind=kind.name,
            title=title,
            params=encode(params),
            lane=kind.lane,
            owner=self._owner,
        )
        self._runner.add(Waiting(job_id, kind.lane, need, title))
        return job_id

    def resume(self, job_id: str, *, ignore_memory: bool = False) -> None:
        """Run an ended job again; it continues from what it has done.

        Raises:
            BancadaError: ``jobs.not_found``, ``jobs.unknown_kind``, ``jobs.not_resumable`` (it runs, it
                succeeded, or its kind cannot), ``jobs.memory_short``.
        """
        record = jobs.get(self._database, job_id)
        if not record.status.ended and not owner.alive(record.owner):
            jobs.mark_interrupted(self._database, job_id, record.owner)
        kind = self._kinds.get(record.kind)
        if kind is None:
            raise BancadaError("jobs.unknown_kind", kind=record.kind)
        if not kind.resumable:
            raise BancadaError("jobs.not_resumable", job=record.title, status=record.status.value)
        params: object = decode(kind.params, record.params)
        need = self._need(kind, params, record.title, ignore_memory=ignore_memory)
        jobs.requeue(self._database, job_id, self._owner)
        self._runner.add(Waiting(job_id, record.lane, need, record.title))

    def cancel(self, job_id: str) -> None:
        """End a job, whichever process runs it; a job that has ended stays as it is.

        Raises:
            BancadaError: ``jobs.not_found``.
        """
        record = jobs.request_cancel(self._database, job_id)
        mine = self._runner.cancel(job_id)
        if not mine and not record.status.ended and not owner.alive(record.owner):
            jobs.mark_interrupted(self._database, job_id, record.owner)
        self._runner.tell(job_id)

    def wait(self, job_id: str, timeout: float | None = None) -> JobRecord:
        """Wait until a job has ended, for ``timeout`` seconds at most; returns its record as it is then.

        Raises:
            BancadaError: ``jobs.not_found``.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            self._runner.wait(job_id, left)
            unsaved = self._runner.unsaved_end(job_id)
            record = jobs.get(self._database, job_id)
            if unsaved is not None:
                return dataclasses.replace(
                    record,
                    status=unsaved.status,
                    result=unsaved.result,
                    error=unsaved.error,
                    log_tail=unsaved.log_tail,
                )
            if record.status.ended or (until is not None and time.monotonic() >= until):
                return record
            if not owner.alive(record.owner):
                self._sweep()
            time.sleep(_FOREIGN_POLL_S if left is None else min(_FOREIGN_POLL_S, left))

    def progress(self, job_id: str) -> JobProgress | None:
        """The latest progress of a job, of another process's as it was last stored."""
        job = self._runner.running(job_id)
        if job is not None and job.tracker.latest.stage:
            return job.tracker.latest
        return progress_of.from_json(job_id, jobs.get(self._database, job_id).progress)

    def running(self) -> list[JobRecord]:
        """The jobs that run now, in this process or another, oldest first."""
        active = (JobStatus.RUNNING, JobStatus.CANCELING)
        return [one for one in jobs.unfinished(self._database) if one.status in active]

    def process(self, job_id: str) -> WorkerProcess | None:
        """The worker of a running job of this process: its pid, its memory curve."""
        job = self._runner.running(job_id)
        return None if job is None else job.process

    def _sweep(self) -> None:
        gone = [
            one.id
            for one in jobs.unfinished(self._database)
            if not owner.alive(one.owner) and jobs.mark_interrupted(self._database, one.id, one.owner)
        ]
        if gone:
            self._runner.tell(*gone)

    def _need(self, kind: JobKind, params: object, title: str, *, ignore_memory: bool) -> int:
        """The forecast in bytes, compared with what will be free when the job can start; 0: not checked."""
        if ignore_memory or not settings.get(self._database, "jobs.memory_check"):
            return 0
        need = memory.forecast(kind, self._database, params)
        pairs, in_lane = self._runner.reserved(kind.lane)
        memory.check(need, memory.unclaimed(available_memory(), pairs) + in_lane, title)
        return need
