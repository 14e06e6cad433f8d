"""How many processor cores this process may use, and how many of them others keep busy."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

import psutil

from bancada.core.hardware import usable_cores

#: a shorter interval than this says little: the system counts in steps of 10 ms
MINIMUM_INTERVAL_S: Final = 0.15
#: an older mark says what was, not what is
_STALE_S: Final = 1.5


class BusyMeter:
    """Measures between its marks how many cores the rest of the machine kept busy."""

    def __init__(self) -> None:
        self.cores = usable_cores()
        self._mark = self._now()

    def due(self) -> bool:
        """Whether enough time has passed since the last mark for a measurement."""
        return time.monotonic() - self._mark[0] >= MINIMUM_INTERVAL_S

    def others(self, oldest_s: float = _STALE_S) -> float | None:
        """Cores kept busy by others since the last mark, and a new mark; None without a useful mark."""
        then, self._mark = self._mark, self._now()
        elapsed = self._mark[0] - then[0]
        if not MINIMUM_INTERVAL_S <= elapsed <= oldest_s:
            return None
        busy = (self._mark[1] - then[1]) - (self._mark[2] - then[2])
        return max(0.0, busy / elapsed)

    def _now(self) -> tuple[float, float, float]:
        if sys.platform == "linux":
            mine = os.sched_getaffinity(0)
            times = [one for index, one in enumerate(psutil.cpu_times(percpu=True)) if index in mine]
        else:
            times = [psutil.cpu_times()]
        # steal is time that a virtual machine's host gave to somebody else
        idle = sum(one.idle + getattr(one, "iowait", 0.0) for one in times)
        guest = sum(getattr(one, "guest", 0.0) + getattr(one, "guest_nice", 0.0) for one in times)
        # guests' time is counted in user time already
        return time.monotonic(), sum(sum(one) for one in times) - idle - guest, time.process_time()


def runnable_others() -> int | None:
    """Threads of others that want a core this instant; None where the system does not say."""
    if sys.platform != "linux":
        return None
    running = Path("/proc/loadavg").read_text().split()[3].partition("/")[0]
    return max(0, int(running) - 1)
