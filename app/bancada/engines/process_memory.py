"""How much memory this process takes, now and at most."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import psutil


def resident_bytes() -> int:
    """Bytes of this process that are in memory now."""
    return int(psutil.Process().memory_info().rss)


def peak_resident_bytes() -> int:
    """The most that :func:`resident_bytes` ever was."""
    if sys.platform == "linux":
        # getrusage would count what the parent had before exec
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def forget_peak() -> None:
    """Let :func:`peak_resident_bytes` count from now on, where the system can do that (Linux)."""
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
