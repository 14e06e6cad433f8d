"""Which process runs a job, in a form that survives reused process numbers and set clocks."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import psutil


def identity(pid: int | None = None) -> str:
    """``"pid:start"`` of a living process, by default this one; empty when there is none."""
    pid = os.getpid() if pid is None else pid
    start = _start(pid)
    return f"{pid}:{start}" if start else ""


def alive(owner: str | None) -> bool:
    """Whether the process of an identity still runs (a zombie does not)."""
    pid, _, start = (owner or "").partition(":")
    return pid.isdecimal() and bool(start) and _start(int(pid)) == start


def _start(pid: int) -> str:
    """When a process began; empty when it is gone.

    On Linux in ticks since boot with the boot's id: psutil's time of making moves with the wall clock.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        if stat.exists():
            words = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            return "" if words[0] in "ZX" else f"{words[19]}-{_boot()}"
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return str(int(process.create_time()))
    except (OSError, psutil.Error):
        return ""


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
