"""How busy others keep the machine while we measure."""

from __future__ import annotations

import time

import psutil


class OthersLoad:
    """Processor time of everyone but this process, in cores, since the last reading.

    Taken from the system's counters of busy time (user, system, interrupts, stolen by a
    hypervisor) less this process's own, divided by the time that passed.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._last = self._read()

    def cores(self) -> float:
        """Mean number of cores that others kept busy since the last call."""
        before, self._last = self._last, self._read()
        passed = self._last[0] - before[0]
        if passed <= 0:
            return 0.0
        return max(0.0, (self._last[1] - before[1]) - (self._last[2] - before[2])) / passed

    def _read(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()._asdict()
        # guest time is contained in user time
        busy = sum(
            value for name, value in times.items() if name not in ("idle", "iowait", "guest", "guest_nice")
        )
        own = self._process.cpu_times()
        return time.monotonic(), busy, own.user + own.system
