"""What a handler in a worker is given: where it works, and the line to the program that asked."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

from bancada.core.errors import Canceled
from bancada.core.paths import Home
from bancada.jobs.protocol import Progress
from bancada.storage.blobs import BlobStore
from bancada.storage.connection import Database

_PROGRESS_S: Final = 0.1


class JobContext:
    """The surroundings of one job or session, inside its worker. Database and blobs open at first use."""

    def __init__(
        self,
        job_id: str,
        home: Home,
        send: Callable[[Any], None],
        canceled: threading.Event,
        *,
        key: str | None = None,
    ) -> None:
        self.job_id = job_id
        self.home = home
        self.log = logging.getLogger(f"bancada.worker.{job_id}")
        self._send = send
        self._canceled = canceled
        self._key = key
        self._last_stage = ""
        self._last_sent = 0.0

    @cached_property
    def database(self) -> Database:
        """The workspace's database; the program that started the worker has checked and migrated it."""
        return Database(self.home.database, key=self._key)

    @cached_property
    def blobs(self) -> BlobStore:
        """The workspace's files."""
        return BlobStore(self.home, self.database)

    @property
    def canceled(self) -> bool:
        """Whether the work is to stop."""
        return self._canceled.is_set()

    def check_canceled(self) -> None:
        """Raise Canceled when the work is to stop."""
        if self._canceled.is_set():
            raise Canceled

    def progress(self, stage: str, done: float, total: float | None = None, unit: str = "") -> None:
        """Say how far it is; at most ten a second are sent, a new stage and the end of one always."""
        now = time.monotonic()
        ended = total is not None and done >= total
        if stage == self._last_stage and not ended and now - self._last_sent < _PROGRESS_S:
            return
        self._last_stage, self._last_sent = stage, now
        self._send(Progress(stage, float(done), None if total is None else float(total), unit))


@dataclass(frozen=True)
class CallContext:
    """One call of a session: its id, when it arrived (``perf_counter_ns``), and the way back."""

    id: str
    received_ns: int
    send: Callable[[Any], None]
    _canceled: threading.Event

    @property
    def canceled(self) -> bool:
        """Whether the caller wants no more of it."""
        return self._canceled.is_set()


class SessionHandler(Protocol):
    """What a session kind implements; made with its JobContext, used by one thread."""

    def open(self, params: Any) -> Any:
        """Make ready; returns the report as JSON values. The annotation of ``params`` is its type."""

    def call(self, call: CallContext, name: str, payload: Any) -> Any:
        """Serve one call; ``call.send(body)`` sends pieces before the result (JSON values)."""

    def close(self) -> None:
        """Let go of everything."""
