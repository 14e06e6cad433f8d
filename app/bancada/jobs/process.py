"""One worker process: how it is started, spoken to, watched, stopped and judged."""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.events import WorkerSample
from bancada.core.logs import WorkerLog
from bancada.core.paths import Home
from bancada.jobs import protocol
from bancada.jobs.outcome import Cause, Evidence, Outcome, judge, memory_low, oom_kills
from bancada.jobs.sampler import Sampler

log = logging.getLogger(__name__)

#: nothing that a worker imports may look for a network or send anything
_ENVIRONMENT: Final[Mapping[str, str]] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    # ONNX Runtime writes a device id and reports what it does to its maker unless it is told not to
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONUNBUFFERED": "1",
}
#: the descriptor whose closing tells the kernel that the parent is gone
LIFE_VARIABLE: Final = "BANCADA_LIFE_FD"
_NOTED_LINES: Final = 20
_POSIX: Final = os.name == "posix"


@dataclass(frozen=True, slots=True)
class WorkerRules:
    """Seconds of the watchdog and of the cancel ladder, and the memory cap."""

    heartbeat_timeout_s: float = 30.0
    terminate_after_s: float = 5.0
    kill_after_s: float = 3.0
    address_space_bytes: int | None = None


class WorkerProcess:
    """A running worker. Two threads read (channel and log), one writes, so that no caller ever waits.

    Args:
        home: the workspace; the worker's log lies in ``home.logs``.
        start: the first message.
        rules: limits.
        on_message: called on the reader thread for each message but heartbeats.
        on_end: called once, on the reader thread, after the process is gone and its log is complete.

    Raises:
        BancadaError: ``worker.not_started`` when the system refuses a new process.
    """

    def __init__(
        self,
        home: Home,
        start: protocol.Start,
        rules: WorkerRules,
        on_message: Callable[[Any], None],
        on_end: Callable[[Outcome], None],
    ) -> None:
        self.rules = rules
        self._on_message = on_message
        self._on_end = on_end
        self._cause: Cause | None = None
        self._lock = threading.Lock()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._oom_kills = oom_kills()
        self._noted = 0
        self._deadlines: list[tuple[float, Callable[[], None]]] = []
        line = protocol.encode_line(start, protocol.MAX_TO_WORKER)
        self.log = WorkerLog(home.logs / f"worker-{start.mode}-{start.id}.log")
        self._popen, self._life = _spawn(home)
        self.pid = self._popen.pid
        self.started = time.monotonic()
        self.sampler = Sampler(self.pid, start.id)
        self._last_seen = self._last_tick = self._last_low_check = self.started
        self._low_memory = False
        self._exited_at: float | None = None
        self._outbox.put(line)
        self._threads = [
            threading.Thread(target=target, name=f"worker-{name}-{self.pid}", daemon=True)
            for name, target in (("log", self._read_log), ("writer", self._write), ("reader", self._read))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on one of its threads, and so cannot wait for their end."""
        return threading.current_thread() in self._threads

    @property
    def cause(self) -> Cause | None:
        """Why we ended it, if we did."""
        return self._cause

    def send(self, message: Any) -> None:
        """Queue a message for the worker; never waits. Raises BancadaError ``message.too_large``."""
        self._outbox.put(protocol.encode_line(message, protocol.MAX_TO_WORKER))

    def stop(self, cause: Cause, *, after_s: float | None = None) -> None:
        """Climb the ladder: what was said is given ``after_s`` seconds, then terminate, then kill.

        The first cause stays. :meth:`tick` does the climbing.
        """
        terminate_in = self.rules.terminate_after_s if after_s is None else after_s
        terminate_at = time.monotonic() + terminate_in
        kill_at = terminate_at + self.rules.kill_after_s
        with self._lock:
            self._cause = self._cause or cause
            if not self._deadlines or kill_at < self._deadlines[-1][0]:
                self._deadlines = [(terminate_at, self._terminate), (kill_at, self.kill)]

    def kill(self) -> None:
        """End the worker and whatever it started, at once."""
        self._sweep()
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def tick(self, now: float) -> WorkerSample | None:
        """Sample memory, watch the heartbeat, climb the ladder; ``now`` is ``time.monotonic()``.

        Returns the sample, when it was time for one.
        """
        if now - self._last_tick > 5.0:
            # it was us who slept: heartbeats wait unread in the pipe
            self._last_seen = now
        self._last_tick = now
        sample = self.sampler.tick(now - self.started)
        if now - self._last_low_check >= 1.0:
            self._last_low_check, self._low_memory = now, memory_low()
        if self._cause is None and now - self._last_seen > self.rules.heartbeat_timeout_s:
            self.log.note(f"no heartbeat for {now - self._last_seen:.0f} s")
            with suppress(BancadaError):
                self.send(protocol.Cancel())
            self.stop(Cause.HUNG, after_s=min(1.0, self.rules.terminate_after_s))
        with self._lock:
            due = [action for at, action in self._deadlines if at <= now]
            self._deadlines = [one for one in self._deadlines if one[0] > now]
        for action in due:
            action()
        self._end_orphans(now)
        return sample

    def join(self, timeout: float) -> bool:
        """Wait until the process and its threads are gone; False when time ran out."""
        until = time.monotonic() + timeout
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        return not any(one.is_alive() for one in self._threads)

    def _read(self) -> None:
        assert self._popen.stdout is not None
        descriptor = self._popen.stdout.fileno()
        for line in protocol.read_lines(lambda size: os.read(descriptor, size), protocol.MAX_FROM_WORKER):
            self._last_seen = time.monotonic()
            if line is None:
                self._note(f"a line of more than {protocol.MAX_FROM_WORKER} bytes was skipped")
                continue
            try:
                message = protocol.decode_line(line, protocol.FROM_WORKER)
                if not isinstance(message, protocol.Heartbeat):
                    self._on_message(message)
            except BancadaError as error:
                self._note(f"a line was skipped: {error.params}")
            except Exception:
                log.exception("a message of worker %d could not be handled", self.pid)
        self._finish()

    def _read_log(self) -> None:
        assert self._popen.stderr is not None
        descriptor = self._popen.stderr.fileno()
        while data := os.read(descriptor, 65_536):
            self.log.write(data)

    def _write(self) -> None:
        assert self._popen.stdin is not None
        descriptor = self._popen.stdin.fileno()
        while (line := self._outbox.get()) is not None:
            view = memoryview(line)
            try:
                while view:
                    view = view[os.write(descriptor, view) :]
            except OSError:
                return  # it is gone; the reader says so

    def _finish(self) -> None:
        """The channel is closed: reap the process, sweep its group, close everything, tell the end."""
        if not self._wait_exit(2.0):
            self.kill()
            self._wait_exit(None)
        self._sweep()
        code = self._popen.wait()
        self._outbox.put(None)
        for thread in self._threads[:2]:
            thread.join()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if self._life is not None:
            os.close(self._life)
        evidence = Evidence(
            code=code,
            cause=self._cause,
            tail=self.log.tail(),
            peak_bytes=self.sampler.peak_bytes,
            oom_kills=oom_kills() - self._oom_kills,
            low_memory=self._low_memory,
            silent_s=time.monotonic() - self._last_seen,
            address_space_bytes=self.rules.address_space_bytes,
        )
        self.log.note(f"ended with {code}")
        self.log.close()
        try:
            self._on_end(judge(evidence))
        except Exception:
            log.exception("the end of worker %d could not be handled", self.pid)

    def _wait_exit(self, timeout: float | None) -> bool:
        """Wait for the exit without reaping: the group's number must not be given away before the sweep."""
        if not _POSIX:
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout)
                return True
            return False
        until = None if timeout is None else time.monotonic() + timeout
        flags = os.WEXITED | os.WNOWAIT | (0 if until is None else os.WNOHANG)
        pause = 0.001
        with suppress(ChildProcessError):
            while os.waitid(os.P_PID, self.pid, flags) is None:
                if until is not None and time.monotonic() > until:
                    return False
                time.sleep(pause)
                pause = min(0.05, pause * 2)
        return True

    def _sweep(self) -> None:
        """End what the worker started itself and left behind."""
        if _POSIX:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _end_orphans(self, now: float) -> None:
        """A child of a dead worker can hold the channel open; a second of grace, then the sweep."""
        if not _POSIX or self._popen.returncode is not None:
            return
        with suppress(ChildProcessError):
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                return
            self._exited_at = self._exited_at or now
            if now - self._exited_at > 1.0:
                self._sweep()

    def _terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        with suppress(OSError):
            self._popen.send_signal(number)

    def _note(self, text: str) -> None:
        self._noted += 1
        if self._noted <= _NOTED_LINES:
            self.log.note(text)


def worker_command() -> list[str]:
    """How this program starts itself as a worker; ``-P`` keeps the current folder out of the imports."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "worker"]
    return [sys.executable, "-P", "-m", "bancada", "worker"]


def _spawn(home: Home) -> tuple[subprocess.Popen[bytes], int | None]:
    """Start a worker in its own session; returns it and our end of the life pipe (Linux)."""
    environment = {**os.environ, **_ENVIRONMENT}
    kept: tuple[int, ...] = ()
    ours: int | None = None
    try:
        if sys.platform == "linux":
            theirs, ours = os.pipe()
            kept = (theirs,)
            environment[LIFE_VARIABLE] = str(theirs)
        popen = subprocess.Popen(
            worker_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=home.root,
            env=environment,
            pass_fds=kept,
            start_new_session=_POSIX,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError) as error:
        if ours is not None:
            os.close(ours)
        raise BancadaError("worker.not_started", detail=str(error)) from error
    finally:
        for descriptor in kept:
            os.close(descriptor)
    return popen, ours
