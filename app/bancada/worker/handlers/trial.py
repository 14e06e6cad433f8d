"""Jobs and sessions that misbehave when they are told to: how the rest is proven against such workers."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.jobs.job_context import CallContext, JobContext
from bancada.storage import runs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrialParams:
    """What to do.

    ``action``: a key of the table below. ``count``: steps, rows, megabytes or lines. ``seconds``: how
    long (in all, or for each step). ``text``: what to print or fail with.
    """

    action: str
    count: int = 1
    seconds: float = 0.0
    text: str = ""


def run(context: JobContext, params: TrialParams) -> dict[str, Any]:
    """Do what is asked; raises BancadaError ``jobs.unknown_kind`` for an unknown action."""
    action = _ACTIONS.get(params.action)
    if action is None:
        raise BancadaError("jobs.unknown_kind", kind=params.action)
    return {"action": params.action, "value": action(context, params)}


class TrialSession:
    """The session kind ``trial``: each call is one of the actions, ``echo`` gives its payload back."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def open(self, params: TrialParams) -> dict[str, Any]:
        """Do the action of ``params`` while opening."""
        return run(self._context, params)

    def call(self, call: CallContext, name: str, payload: Any) -> Any:
        """Serve one call."""
        if name == "echo":
            call.send(payload)
            return payload
        if name == "sleep":
            until = time.monotonic() + float(payload)
            while time.monotonic() < until and not call.canceled:
                time.sleep(0.01)
            return {"canceled": call.canceled}
        return run(self._context, TrialParams(name, **payload))

    def close(self) -> None:
        """There is nothing to let go of."""
        log.info("closed")


def _sleep(context: JobContext, params: TrialParams) -> int:
    """``count`` steps of ``seconds`` each, with progress; stops when canceled."""
    for step in range(params.count):
        context.check_canceled()
        context.progress("sleeping", step, params.count, "steps")
        time.sleep(params.seconds)
    context.progress("sleeping", params.count, params.count, "steps")
    return params.count


def _rows(context: JobContext, params: TrialParams) -> int:
    """Write ``count`` rows one by one, as metrics of a run; continues after those that are there."""
    database = context.database
    found = runs.of_job(database, context.job_id)
    run_id = found.id if found else runs.start(database, "trial", "rows", {}, {}, job_id=context.job_id)
    done = len(runs.metrics(database, run_id, "row"))
    for step in range(done, params.count):
        context.check_canceled()
        runs.log_metrics(database, run_id, [("row", step, float(step), step)])
        log.info("acknowledged %d", step)
        context.progress("writing", step + 1, params.count, "rows")
        time.sleep(params.seconds)
    runs.finish(database, run_id, "finished", {})
    return params.count - done


def _fill(context: JobContext, params: TrialParams) -> int:
    """Write a file of ``count`` megabytes in the home and remove it; a full disk leaves nothing of it."""
    path = context.home.temporary / f"trial-{context.job_id}"
    try:
        with path.open("wb") as file:
            for _ in range(params.count):
                file.write(bytes(1_000_000))
        return path.stat().st_size
    finally:
        path.unlink(missing_ok=True)


def _die(signal_number: int) -> Callable[[JobContext, TrialParams], None]:
    def act(_context: JobContext, params: TrialParams) -> None:
        sys.stderr.write(params.text + "\n")
        sys.stderr.flush()
        time.sleep(params.seconds)
        os.kill(os.getpid(), signal_number)
        time.sleep(60)

    return act


def _abort(_context: JobContext, params: TrialParams) -> None:
    sys.stderr.write(params.text + "\n")
    sys.stderr.flush()
    os.abort()


def _segfault(_context: JobContext, _params: TrialParams) -> None:
    ctypes.string_at(1)


def _exit(_context: JobContext, params: TrialParams) -> None:
    os._exit(params.count)


def _hang(_context: JobContext, params: TrialParams) -> None:
    """Deaf to cancel and terminate."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    log.info("deaf")
    time.sleep(params.seconds or 3600)


def _hold(_context: JobContext, params: TrialParams) -> None:
    """Keep Python's lock in native code: not even the heartbeat runs."""
    log.info("holding")
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(int(params.seconds * 1000))
    else:
        ctypes.PyDLL(None).usleep(min(int(params.seconds * 1_000_000), 2**31))


def _allocate(_context: JobContext, params: TrialParams) -> int:
    """Take ``count`` megabytes one by one and keep them for ``seconds``."""
    held = [b"\1" * 1_000_000 for _ in range(params.count)]
    time.sleep(params.seconds)
    return len(held)


def _print(_context: JobContext, params: TrialParams) -> int:
    """Print ``count`` lines natively on descriptors 1 and 2."""
    line = (params.text + "\n").encode()
    for _ in range(params.count):
        os.write(1, line)
        os.write(2, line)
    return params.count


def _garbage(_context: JobContext, params: TrialParams) -> int:
    """Write into the channel itself, wherever it is: no message, an unknown one, and a line without end."""
    lines = (b"garbage\n", b'{"type":"surprise"}\n', b'{"type":"progress","stage":7}\n', b'["list"]\n')
    long = b"x" * params.count + b"\n"
    for descriptor in range(3, 32):
        try:
            if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith("pipe:"):
                for data in (*lines, long):
                    _write_all(descriptor, data)
        except OSError:
            continue
    return params.count


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _fail(_context: JobContext, params: TrialParams) -> None:
    if params.text:
        raise BancadaError(params.text)
    raise ValueError("on purpose")


def _child(_context: JobContext, params: TrialParams) -> int:
    """Leave a process behind that would live for ``seconds``; returns its number."""
    code = f"import time; time.sleep({params.seconds})"
    return subprocess.Popen([sys.executable, "-c", code]).pid


def _return(_context: JobContext, params: TrialParams) -> str:
    return "x" * params.count


_ACTIONS: Final[dict[str, Callable[[JobContext, TrialParams], Any]]] = {
    "sleep": _sleep,
    "rows": _rows,
    "fill": _fill,
    "abort": _abort,
    "segfault": _segfault,
    "illegal": _die(getattr(signal, "SIGILL", signal.SIGTERM)),
    "kill": _die(getattr(signal, "SIGKILL", signal.SIGTERM)),
    "exit": _exit,
    "hang": _hang,
    "hold": _hold,
    "allocate": _allocate,
    "print": _print,
    "garbage": _garbage,
    "fail": _fail,
    "child": _child,
    "return": _return,
}
