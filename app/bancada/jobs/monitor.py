"""The one thread of a manager: it ticks at the pace that is asked of it and runs what is posted to it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_CLOCK_JUMP_S: Final = 60.0


class Monitor:
    """A thread that is started by its first use and ended by :meth:`close`.

    ``tick`` returns the seconds until it wants to be called again, None for "when I am woken".
    """

    def __init__(self, name: str, tick: Callable[[], float | None]) -> None:
        self._name = name
        self._tick = tick
        self._condition = threading.Condition()
        self._posted: deque[Callable[[], None]] = deque()
        self._woken = False
        self._ending = False
        self._thread: threading.Thread | None = None
        self._clocks = (time.time(), time.monotonic())

    def post(self, function: Callable[[], None]) -> None:
        """Run ``function`` soon on the thread."""
        with self._condition:
            self._posted.append(function)
        self.wake()

    def wake(self) -> None:
        """Tick soon; starts the thread when it does not run."""
        with self._condition:
            if self._thread is None and not self._ending:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._woken = True
            self._condition.notify_all()

    def close(self) -> None:
        """Run what is posted, then end the thread and wait for it."""
        with self._condition:
            self._ending = True
            thread, self._thread = self._thread, None
            self._condition.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on this thread."""
        return self._thread is threading.current_thread()

    def _run(self) -> None:
        while True:
            delay = self._step(self._tick, default=1.0)
            with self._condition:
                if not (self._posted or self._woken or self._ending):
                    self._condition.wait(delay)
                self._woken = False
                posted = list(self._posted)
                self._posted.clear()
                ending = self._ending
            for function in posted:
                self._step(function, default=None)
            self._watch_clock()
            if ending and not posted:
                return

    def _step(self, function: Callable[[], float | None], default: float | None) -> float | None:
        try:
            return function()
        except Exception:
            log.exception("%s failed and goes on", self._name)
            return default

    def _watch_clock(self) -> None:
        """Durations here are monotonic; a set wall clock is only worth a line in the log."""
        wall, steady = time.time(), time.monotonic()
        jump = (wall - self._clocks[0]) - (steady - self._clocks[1])
        self._clocks = (wall, steady)
        if abs(jump) > _CLOCK_JUMP_S:
            log.warning("the wall clock jumped by %+.0f s", jump)
