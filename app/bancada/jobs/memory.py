"""How much memory a worker can have: what is free, and the cap that it sets itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

from bancada.core.errors import BancadaError
from bancada.core.hardware import total_memory
from bancada.core.registry import resolve
from bancada.core.sizes import bytes_text
from bancada.jobs.spec import JobKind
from bancada.storage.connection import Database

#: address space that is never resident: libraries, thread stacks, allocator arenas; bytes
_ADDRESS_SLACK: Final = 16 * 1024**3


def process_memory(pid: int | None = None) -> tuple[int, int]:
    """Resident bytes of a process (None: this one) now and at most; both 0 for a zombie.

    Raises:
        psutil.Error, OSError: it is gone.
    """
    status = Path(f"/proc/{'self' if pid is None else pid}/status")
    if not status.exists():
        memory = psutil.Process(pid).memory_info()
        return int(memory.rss), int(getattr(memory, "peak_wset", memory.rss))
    # getrusage would count what the parent had before exec
    resident = peak = 0
    for line in status.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            peak = int(line.split()[1]) * 1024
        elif line.startswith("VmRSS:"):
            resident = int(line.split()[1]) * 1024
            break
    return resident, peak


def child_pids(pid: int) -> list[int]:
    """Processes that a process has started by its main thread; raises psutil.Error, OSError for none."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():  # psutil would look at every process of the machine
        return [int(one) for one in listed.read_text(encoding="ascii").split()]
    return [one.pid for one in psutil.Process(pid).children()]


def default_address_space() -> int | None:
    """The cap on a worker's address space: all memory and swap, and what is never resident.

    None where a GPU driver maps far more than it uses (CUDA reserves terabytes of addresses).
    """
    if any(Path(one).exists() for one in ("/dev/nvidiactl", "/dev/kfd")):
        return None
    return total_memory() + int(psutil.swap_memory().total) + _ADDRESS_SLACK


def forecast(kind: JobKind, database: Database, params: object) -> int:
    """Bytes that a job will need, 0 when its kind does not say; raises what the forecast raises."""
    return 0 if kind.forecast is None else int(resolve(kind.forecast)(database, params))


def check(need: int, available: int, subject: str) -> None:
    """Raise BancadaError ``jobs.memory_short`` with need and have, when ``need`` bytes are not there."""
    if need > available:
        raise BancadaError(
            "jobs.memory_short", subject=subject, need=bytes_text(need), have=bytes_text(available)
        )


def unclaimed(free: int, forecasts: list[tuple[int, int]]) -> int:
    """Free bytes without what running workers, as (resident, forecast), have yet to take."""
    return max(0, free - sum(max(0, need - resident) for resident, need in forecasts))
