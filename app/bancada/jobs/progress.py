"""From a worker's "done of total" to speed and remaining time."""

from __future__ import annotations

import math
from typing import Any, Final

from bancada.core.events import JobProgress

#: seconds over which the speed is smoothed
_MEMORY_S: Final = 4.0
_FIRST_GUESS_S: Final = 0.5


class ProgressTracker:
    """The latest progress of one job; the speed is an exponential mean over some seconds of each stage."""

    def __init__(self, job_id: str) -> None:
        self.latest = JobProgress(job_id, "", 0.0, None, "")
        self._since: float | None = None
        self._last = (0.0, 0.0)
        self._speed: float | None = None

    def update(self, now: float, stage: str, done: float, total: float | None, unit: str) -> JobProgress:
        """Take what a worker said at ``now`` (monotonic seconds)."""
        if self._since is None or stage != self.latest.stage or done < self._last[1]:
            self._since, self._last, self._speed = now, (now, done), None
        elapsed = now - self._last[0]
        if elapsed > 0.05 and done > self._last[1]:
            speed = (done - self._last[1]) / elapsed
            weight = 1.0 if self._speed is None else 1.0 - math.exp(-elapsed / _MEMORY_S)
            self._speed = speed if self._speed is None else self._speed + weight * (speed - self._speed)
            self._last = (now, done)
        known = self._speed if now - self._since >= _FIRST_GUESS_S else None
        remaining = None
        if known and total is not None:
            remaining = max(0.0, total - done) / known
        self.latest = JobProgress(self.latest.job_id, stage, done, total, unit, known, remaining)
        return self.latest


def to_json(progress: JobProgress) -> dict[str, Any]:
    """The form in which progress is stored with its job."""
    return {
        "stage": progress.stage,
        "done": progress.done,
        "total": progress.total,
        "unit": progress.unit,
        "per_second": progress.per_second,
        "remaining_s": progress.remaining_s,
    }


def from_json(job_id: str, stored: dict[str, Any]) -> JobProgress | None:
    """Progress as another process stored it; None when there is none yet."""
    try:
        return JobProgress(job_id, **stored)
    except TypeError:
        return None
