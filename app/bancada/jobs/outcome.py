"""How a worker ended, in words: from its exit status, its last lines and the machine's counters."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.hardware import available_memory, total_memory
from bancada.core.sizes import bytes_text

_OUT_OF_MEMORY: Final = (
    "memoryerror",
    "bad_alloc",
    "mem_buffer != null",  # ggml aborts so when it is short of some megabytes
    "out of memory",
    "cannot allocate memory",
    "failed to allocate",
    "unable to allocate",
)
#: signals that native code dies of by its own fault
_CRASHES: Final = frozenset(
    int(getattr(signal, name))
    for name in ("SIGABRT", "SIGSEGV", "SIGILL", "SIGFPE", "SIGBUS", "SIGTRAP", "SIGSYS")
    if hasattr(signal, name)
)
#: Windows: NTSTATUS values that stand for the same
_WINDOWS_CRASHES: Final = {
    0xC0000005: "access violation",
    0xC000001D: "illegal instruction",
    0xC0000094: "division by zero",
    0xC00000FD: "stack overflow",
    0xC0000374: "heap corruption",
    0xC0000409: "abort",
}
_WINDOWS_NO_MEMORY: Final = 0xC0000017
_LOW_MEMORY_PART: Final = 0.04


class Cause(StrEnum):
    """Why the parent ended a worker, when it was the parent."""

    CANCEL = "cancel"
    CLOSE = "close"
    HUNG = "hung"
    START = "start"  # it took too long to open


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a worker that ended. Bytes; ``code`` is negative for a signal (POSIX)."""

    code: int
    cause: Cause | None
    tail: str
    peak_bytes: int
    oom_kills: int  # of the machine or control group while it ran
    low_memory: bool  # free memory was nearly gone at the last sample
    silent_s: float
    address_space_bytes: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a worker. ``error`` is None when it ended as it should or was told to end."""

    code: int
    cause: Cause | None
    error: BancadaError | None
    tail: str
    peak_memory_bytes: int

    @property
    def crashed(self) -> bool:
        """Native code died by its own fault, or the process left without a word."""
        return self.error is not None and self.error.code in ("worker.crashed", "worker.no_result")


def judge(evidence: Evidence) -> Outcome:
    """Name the end of a worker that gave no result."""
    return Outcome(evidence.code, evidence.cause, _error(evidence), evidence.tail, evidence.peak_bytes)


def oom_kills() -> int:
    """Processes that the kernel ended for lack of memory: of our control group, else of the machine."""
    for path, key in ((_memory_group() / "memory.events", "oom_kill"), (Path("/proc/vmstat"), "oom_kill")):
        try:
            for line in path.read_text(encoding="ascii").splitlines():
                name, _, value = line.partition(" ")
                if name == key:
                    return int(value)
        except (OSError, ValueError):
            continue
    return 0


def memory_low() -> bool:
    """Whether so little memory is free that the kernel may end a process."""
    return available_memory() < total_memory() * _LOW_MEMORY_PART


def _error(one: Evidence) -> BancadaError | None:
    if one.cause is Cause.HUNG:
        return BancadaError("worker.hung", seconds=round(one.silent_s), tail=one.tail)
    if one.cause is Cause.START:
        return BancadaError("worker.start_timeout", tail=one.tail)
    if one.cause is not None:
        return None
    return _unasked(one)


def _unasked(one: Evidence) -> BancadaError:
    """The error of a worker that ended by itself, or by somebody else."""
    number, name = _signal(one.code)
    if _without_memory(one, number):
        return out_of_memory(one.peak_bytes, one.address_space_bytes, tail=one.tail)
    if name and number not in (signal.SIGTERM, getattr(signal, "SIGKILL", None), signal.SIGINT):
        return BancadaError("worker.crashed", signal=number, name=name, tail=one.tail)
    if name:
        return BancadaError("worker.killed", signal=number, name=name, tail=one.tail)
    return BancadaError("worker.no_result", exit_code=one.code, tail=one.tail)


def out_of_memory(peak_bytes: int, limit_bytes: int | None, *, tail: str = "") -> BancadaError:
    """The error of a worker that could not get memory, with what it had and what there is."""
    have = available_memory() if limit_bytes is None else limit_bytes
    return BancadaError("worker.out_of_memory", peak=bytes_text(peak_bytes), have=bytes_text(have), tail=tail)


def _without_memory(one: Evidence, number: int) -> bool:
    if one.code == _WINDOWS_NO_MEMORY:
        return True
    if number == getattr(signal, "SIGKILL", None):
        return one.oom_kills > 0 or one.low_memory
    lower = one.tail[-2_000:].lower()
    return one.code != 0 and any(word in lower for word in _OUT_OF_MEMORY)


def _signal(code: int) -> tuple[int, str]:
    """Number and name of the signal that an exit code stands for; name empty for a plain exit."""
    if code & 0xFFFFFFFF in _WINDOWS_CRASHES and code not in range(-64, 256):
        return code & 0xFFFFFFFF, _WINDOWS_CRASHES[code & 0xFFFFFFFF]
    number = -code if code < 0 else code - 128
    if number in _CRASHES or code < 0 or number == getattr(signal, "SIGKILL", None):
        with suppress(ValueError):
            return number, signal.Signals(number).name
    return number, ""


def _memory_group() -> Path:
    try:
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::"):
                return Path("/sys/fs/cgroup") / line[3:].lstrip("/")
    except OSError:
        pass
    return Path("/sys/fs/cgroup")
