"""A limit on bytes a second that several threads share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from bancada.core.errors import Canceled

#: how much may be taken at once after a pause, in seconds of the limit
_BURST_S: Final = 0.25
_TICK_S: Final = 0.1


class Limiter:
    """Each taker waits until the bytes it took are paid for. ``bytes_per_s`` 0: nobody waits."""

    def __init__(self, bytes_per_s: int, should_stop: Callable[[], bool]) -> None:
        self._rate = bytes_per_s
        self._should_stop = should_stop
        self._lock = threading.Lock()
        self._paid_until = time.monotonic()

    def take(self, count: int) -> None:
        """Account for ``count`` bytes; raises Canceled while waiting when it is to stop."""
        if not self._rate:
            return
        with self._lock:
            now = time.monotonic()
            self._paid_until = max(self._paid_until, now - _BURST_S) + count / self._rate
            until = self._paid_until
        while (left := until - time.monotonic()) > 0:
            if self._should_stop():
                raise Canceled
            time.sleep(min(left, _TICK_S))
