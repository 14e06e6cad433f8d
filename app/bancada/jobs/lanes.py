"""Lanes: how many jobs of one sort run together, over all processes that share a home."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import filelock

from bancada.core.paths import Home
from bancada.jobs.spec import LANES


class Lanes:
    """Each place in a lane is a locked file; the system frees it when its process dies, however it dies."""

    def __init__(self, home: Home, limits: Mapping[str, int] = LANES) -> None:
        self._home = home
        self._limits = limits

    def enter(self, lane: str) -> filelock.BaseFileLock | None:
        """Take a free place in ``lane``, or None; never waits. ``release()`` on it leaves the place."""
        for place in range(self._limits[lane]):
            lock = filelock.FileLock(
                self._home.locks / f"lane-{lane}-{place}.lock", timeout=0, thread_local=False, mode=0o600
            )
            with suppress(filelock.Timeout):
                lock.acquire()
                return lock
        return None
