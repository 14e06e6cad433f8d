"""Worker mode: take the channel, say hello, then become the job or session that is asked for.

This module imports little, so that the first message is there at once; what the work needs is
imported after it.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bancada.core.registry import resolve
from bancada.jobs.protocol import Acknowledged, Call, Cancel, Close, Heartbeat, Hello, Start
from bancada.worker.channel import Channel

_HEARTBEAT_S: Final = 1.0
#: worker mode -> what runs it, called with the worker and the start message; imported after the hello
_MODES: Final = {"job": "bancada.worker.runner:run_job", "session": "bancada.worker.runner:run_session"}


class Worker:
    """The state that the reading thread shares with the work: calls that wait, and what was canceled."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.canceled = threading.Event()
        self.closing = threading.Event()
        #: (call, its cancel flag, arrival in perf_counter_ns); None: close
        self.calls: queue.SimpleQueue[tuple[Call, threading.Event, int] | None] = queue.SimpleQueue()
        self._starts: queue.SimpleQueue[Start] = queue.SimpleQueue()
        self._flags: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def wait_start(self) -> Start:
        """The first message that says what to be."""
        return self._starts.get()

    def call_ended(self, call_id: str) -> None:
        """Forget a call's cancel flag."""
        with self._lock:
            self._flags.pop(call_id, None)

    def read(self) -> None:
        """Read messages until the program is gone, then end at once, with whatever was started."""
        for message in self.channel.receive():
            self._take(message)
        leave_at_once()

    def beat(self) -> None:
        """Say every second that Python still runs."""
        while True:
            time.sleep(_HEARTBEAT_S)
            with suppress(OSError):
                self.channel.send(Heartbeat())

    def _take(self, message: Any) -> None:
        if isinstance(message, Start):
            self._starts.put(message)
        elif isinstance(message, Call):
            flag = threading.Event()
            with self._lock:
                if self.closing.is_set():
                    flag.set()
                self._flags[message.id] = flag
            self.calls.put((message, flag, time.perf_counter_ns()))
        elif isinstance(message, Cancel):
            self._cancel(message.id)
        elif isinstance(message, Close):
            self.closing.set()
            self._cancel("")
            self.calls.put(None)

    def _cancel(self, call_id: str) -> None:
        with self._lock:
            flags = list(self._flags.values()) if not call_id else [self._flags.get(call_id)]
        if not call_id:
            self.canceled.set()
        for flag in flags:
            if flag is not None:
                flag.set()
        self.channel.send(Acknowledged(call_id))


def main() -> int:
    """Run as a worker; returns only if it could not even begin."""
    channel = Channel()
    worker = Worker(channel)
    channel.send(Hello(os.getpid()))
    _prepare()
    for target in (worker.read, worker.beat):
        threading.Thread(target=target, name=target.__name__, daemon=True).start()
    start = worker.wait_start()
    run: Callable[[Worker, Start], int] = resolve(_MODES[start.mode])
    code = run(worker, start)
    sys.stdout.flush()
    sys.stderr.flush()
    # native libraries may crash or hang in their own teardown: everything that counts is said and written
    os._exit(code)


def leave_at_once() -> None:
    """End this process and its whole group, without teardown."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _prepare() -> None:
    """Native crashes leave a traceback in the log; the kernel ends us when the program dies."""
    faulthandler.enable(all_threads=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "linux":
        return
    _die_with_parent()
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("500")  # when memory runs out, the kernel is to take the worker, not the window


if sys.platform == "linux":
    import fcntl

    def _die_with_parent() -> None:
        """Let the kernel kill our process group when the life pipe closes.

        The thread that waits for the end of stdin cannot run while native code keeps Python's lock;
        a signal of the kernel needs no thread of ours. (PR_SET_PDEATHSIG would not do: it follows
        the thread that started us.)
        """
        descriptor = int(os.environ.pop("BANCADA_LIFE_FD", "-1"))
        if descriptor < 0 or os.getpgrp() != os.getpid():
            return
        fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
