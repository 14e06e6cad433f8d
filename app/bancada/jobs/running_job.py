"""A job while its worker runs: what the worker has said so far, and what its end will mean."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import filelock

from bancada.core.errors import BancadaError
from bancada.core.events import EventBus
from bancada.jobs import protocol
from bancada.jobs.codec import encode
from bancada.jobs.outcome import Cause, Outcome
from bancada.jobs.process import WorkerProcess
from bancada.jobs.progress import ProgressTracker
from bancada.storage.jobs import JobRecord, JobStatus


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job in the queue of this process."""

    job_id: str
    lane: str
    need: int  # bytes of the memory forecast; 0 when it is unknown or was overruled
    title: str


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended, as it is stored."""

    status: JobStatus
    result: Any = None
    error: dict[str, Any] | None = None
    log_tail: str = ""


class RunningJob:
    """:meth:`take` and :meth:`judge` are called on the reader thread, the rest by the runner's monitor."""

    def __init__(self, record: JobRecord, need: int, place: filelock.BaseFileLock) -> None:
        self.record = record
        self.need = need
        self.place = place
        self.process: WorkerProcess | None = None
        self.outcome: Outcome | None = None
        self.tracker = ProgressTracker(record.id)
        self.dirty = False
        self.sample_offset_ms = 0
        #: the status that a stop on our side leads to: canceled by the user, or interrupted by closing
        self._stopped_as = JobStatus.CANCELED
        self._said: protocol.Result | protocol.Failed | protocol.Stopped | None = None

    @property
    def resident_bytes(self) -> int:
        """Memory that the worker holds now."""
        return 0 if self.process is None else self.process.sampler.resident_bytes

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most that it held, None when it was never sampled."""
        return (self.process.sampler.peak_bytes or None) if self.process else None

    def tick(self, now: float, events: EventBus) -> None:
        """Let the process sample and watch itself; tell a new sample."""
        if self.process is not None:
            sample = self.process.tick(now)
            if sample is not None:
                events.publish(sample)

    def take(self, events: EventBus, message: Any) -> None:
        """A message of the worker."""
        if isinstance(message, protocol.Progress):
            latest = self.tracker.update(
                time.monotonic(), message.stage, message.done, message.total, message.unit
            )
            self.dirty = True
            events.publish(latest)
        elif isinstance(message, protocol.Result | protocol.Failed | protocol.Stopped) and not self._said:
            self._said = message

    def stop(self, status: JobStatus, *, after_s: float | None) -> bool:
        """Ask the worker to end and start the ladder; whether this was the first time.

        The job will have ``status``; a job that the user canceled stays canceled when the program closes.
        """
        assert self.process is not None
        first = self.process.cause is None
        if first:
            self._stopped_as = status
            self.process.send(protocol.Cancel())
        self.process.stop(Cause.CANCEL, after_s=after_s)
        return first

    def judge(self, outcome: Outcome) -> JobEnd:
        """What the worker's last word and its exit mean together."""
        self.outcome = outcome
        said = self._said
        if isinstance(said, protocol.Result):
            return JobEnd(JobStatus.SUCCEEDED, result=said.value)
        if isinstance(said, protocol.Stopped) or outcome.cause is Cause.CANCEL:
            return JobEnd(self._stopped_as)
        error = outcome.error
        if isinstance(said, protocol.Failed):
            error = BancadaError.from_json({"code": said.code, "params": said.params})
        if error is None:
            error = BancadaError("worker.no_result", exit_code=outcome.code, tail=outcome.tail)
        stored = {"code": error.code, "params": encode(error.params)}
        return JobEnd(JobStatus.FAILED, error=stored, log_tail=outcome.tail)
