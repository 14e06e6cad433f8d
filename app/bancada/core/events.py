"""What the core tells whoever listens: frozen records and a bus that is safe across threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class Changed(Event):
    """Rows of one kind were written; listeners that show the kind query again.

    ``kind`` is a table's name in the singular (``model``, ``job``, ``conversation`` ...);
    empty ``ids`` means "any of them".
    """

    kind: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobProgress(Event):
    """The latest state of a running job. ``done`` and ``total`` are in ``unit``."""

    job_id: str
    stage: str
    done: float
    total: float | None
    unit: str
    per_second: float | None = None
    remaining_s: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerSample(Event):
    """One sample of a worker's memory and processor use, taken by the parent.

    ``owner_id`` is the job's or the session's id; ``t_ns`` is ``perf_counter_ns``.
    """

    owner_id: str
    t_ns: int
    rss_bytes: int
    cpu_percent: float


@dataclass(frozen=True, slots=True)
class SessionState(Event):
    """A model session changed: ``starting``, ``ready``, ``busy``, ``closed`` or ``failed``."""

    session_id: str
    state: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something the user should know: ``level`` is ``info``, ``success``, ``warning`` or ``error``."""

    level: str
    code: str
    params: dict[str, Any] = field(default_factory=dict)


E = TypeVar("E", bound=Event)


class EventBus:
    """Calls subscribers in the thread that publishes. A failing subscriber harms no other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: dict[type[Event], tuple[Callable[[Any], None], ...]] = {}

    def subscribe(self, kind: type[E], callback: Callable[[E], None]) -> Callable[[], None]:
        """Register ``callback`` for one event type; returns the function that ends it."""
        with self._lock:
            self._subscribers[kind] = (*self._subscribers.get(kind, ()), callback)

        def unsubscribe() -> None:
            with self._lock:
                rest = [one for one in self._subscribers.get(kind, ()) if one is not callback]
                self._subscribers[kind] = tuple(rest)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand ``event`` to every subscriber of its type."""
        for callback in self._subscribers.get(type(event), ()):
            try:
                callback(event)
            except Exception:
                log.exception("a subscriber of %s failed", type(event).__name__)
