"""Sessions: workers that stay, and serve calls until they are closed."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bancada.core.errors import BancadaError, Canceled
from bancada.core.events import EventBus, SessionState, WorkerSample
from bancada.core.ids import new_id
from bancada.core.paths import Home
from bancada.jobs import memory, protocol
from bancada.jobs.call import Call
from bancada.jobs.codec import encode
from bancada.jobs.monitor import Monitor
from bancada.jobs.outcome import Cause, Outcome
from bancada.jobs.process import WorkerProcess, WorkerRules

log = logging.getLogger(__name__)

_TICK_S: Final = 0.1
_CLOSE_GRACE_S: Final = 2.0
_HOOK_S: Final = 1.0
_JOIN_S: Final = 30.0


class Session:
    """One worker in session mode; made by :meth:`SessionManager.open`. Safe from any thread."""

    def __init__(
        self,
        kind: str,
        params: object,
        events: EventBus,
        monitor: Monitor,
        on_end: Callable[[Session, Outcome], None],
    ) -> None:
        self.id = new_id()
        self.kind = kind
        self.params = params
        #: ``starting``, ``ready``, ``busy``, ``closed`` or ``failed``
        self.state = "starting"
        self.report: Any = None
        self.outcome: Outcome | None = None
        self.error: BancadaError | None = None
        self.last_used = time.monotonic()
        self._events = events
        self._monitor = monitor
        self._on_end = on_end
        self._condition = threading.Condition()
        self._calls: dict[str, Call] = {}
        self._process: WorkerProcess | None = None
        self._closing = False
        self._gone = False

    @property
    def pid(self) -> int:
        """The worker's process number."""
        return 0 if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it takes calls."""
        return self.state in ("ready", "busy") and not self._closing

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory that the worker held."""
        return 0 if self._process is None else self._process.sampler.peak_bytes

    @property
    def process(self) -> WorkerProcess | None:
        """The worker, once it was started."""
        return self._process

    def samples(self) -> list[WorkerSample]:
        """The latest samples of memory and processor, oldest first."""
        return [] if self._process is None else self._process.sampler.samples()

    def call(self, name: str, payload: object, on_message: Callable[[Any], None] | None = None) -> Call:
        """Ask for one thing; never waits. ``on_message`` gets the pieces of the answer, on the reader thread.

        Raises:
            BancadaError: ``session.closed``, or ``message.too_large``.
        """
        call = Call(partial(self._cancel, name), on_message)
        message = protocol.Call(call.id, name, encode(payload))
        with self._condition:
            if not self.alive or self._process is None:
                raise self.error or BancadaError("session.closed", kind=self.kind)
            self._calls[call.id] = call
            try:
                self._process.send(message)
            except BancadaError:
                del self._calls[call.id]
                raise
        self.last_used = time.monotonic()
        self._set_state("busy")
        return call

    def close(self, *, wait: bool = True) -> None:
        """Stop its calls and end the worker; with ``wait`` it is gone on return (not from its callbacks)."""
        with self._condition:
            first, self._closing = not self._closing, True
            process = self._process
        if process is not None:
            if first and not self._gone:
                process.send(protocol.Close())
            process.stop(Cause.CLOSE, after_s=_CLOSE_GRACE_S)
        if wait and not (self._monitor.is_current or (process is not None and process.is_current)):
            self._monitor.wake()
            with self._condition:
                self._condition.wait_for(lambda: self._gone or self._process is None, _JOIN_S)

    def wait_open(self, timeout_s: float) -> None:
        """Wait until it is open.

        Raises:
            BancadaError: why it is not.
            Canceled: it was closed meanwhile.
        """
        with self._condition:
            self._condition.wait_for(lambda: self.state != "starting" or self._gone, timeout_s)
            ready = self.state in ("ready", "busy")
            timed_out = self.state == "starting" and not self._gone
        if timed_out:
            assert self._process is not None
            self._process.stop(Cause.START, after_s=0.0)
            with self._condition:
                self._condition.wait_for(lambda: self._gone, _JOIN_S)
        if not ready:
            self._wait_gone()
            if self.error is not None:
                raise self.error
            raise Canceled

    def launch(self, home: Home, start: protocol.Start, rules: WorkerRules) -> None:
        """Start the worker; raises BancadaError ``worker.not_started``."""
        self._set_state("starting")
        try:
            process = WorkerProcess(home, start, rules, self._take, self._ended)
        except BancadaError as error:
            self.error = error
            self._set_state("failed")
            raise
        with self._condition:
            self._process = process
        if self._closing:
            self.close(wait=False)

    def tick(self, now: float) -> None:
        """Called by the manager's monitor."""
        process = self._process
        if process is None:
            return
        sample = process.tick(now)
        if sample is not None:
            self._events.publish(sample)
        with self._condition:
            late = any(
                one.cancel_is_late(now, process.rules.terminate_after_s) for one in self._calls.values()
            )
        if late:
            # it does not listen: the call ends with its worker
            process.stop(Cause.CANCEL, after_s=0.0)

    def _wait_gone(self) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._gone, _JOIN_S)

    # -- on the reader thread

    def _take(self, message: Any) -> None:
        if isinstance(message, protocol.Part):
            call = self._calls.get(message.id)
            if call is not None:
                call.part(message.body)
        elif isinstance(message, protocol.Ready):
            self.report = message.report
            self._set_state("ready")
        elif isinstance(message, protocol.Result | protocol.Failed | protocol.Stopped):
            self._end_call(message)

    def _end_call(self, message: protocol.Result | protocol.Failed | protocol.Stopped) -> None:
        if not message.id:
            if isinstance(message, protocol.Failed) and self.state == "starting":
                self.error = BancadaError.from_json({"code": message.code, "params": message.params})
            return
        with self._condition:
            call = self._calls.pop(message.id, None)
            idle = not self._calls
        self.last_used = time.monotonic()
        if idle and self.state == "busy":
            self._set_state("ready")
        if call is None:
            return
        if isinstance(message, protocol.Result):
            call.finish(message.value, None)
        elif isinstance(message, protocol.Stopped):
            call.finish(None, Canceled())
        else:
            call.finish(None, BancadaError.from_json({"code": message.code, "params": message.params}))

    def _ended(self, outcome: Outcome) -> None:
        self._monitor.post(partial(self._finish, outcome))

    # -- on the monitor thread

    def _finish(self, outcome: Outcome) -> None:
        """The worker is gone: say how, and end what was waiting for it."""
        if self._process is not None:
            self._process.join(_JOIN_S)
        if self.error is not None:
            outcome = dataclasses.replace(outcome, error=self.error)  # it said itself what went wrong
        self.outcome = outcome
        self.error = outcome.error
        if self.error is None and not self._closing and outcome.cause is None:
            self.error = BancadaError("worker.no_result", exit_code=outcome.code, tail=outcome.tail)
        self._on_end(self, outcome)
        self._set_state("closed" if self.error is None else "failed")
        with self._condition:
            calls, self._calls = list(self._calls.values()), {}
            self._gone = True
            self._condition.notify_all()
        for call in calls:
            call.finish(None, Canceled() if self.error is None else self.error)

    def _set_state(self, state: str) -> None:
        with self._condition:
            if self.state == state and state != "starting":
                return
            self.state = state
            self._condition.notify_all()
        detail = {"kind": self.kind, "pid": self.pid}
        if state == "failed" and self.error is not None:
            detail["error"] = encode(self.error.to_json())
        self._events.publish(SessionState(self.id, state, detail))

    def _cancel(self, name: str, call_id: str) -> None:
        with self._condition:
            process = self._process if call_id in self._calls else None
        if process is not None:
            log.debug("canceling %s %s", name, call_id)
            process.send(protocol.Cancel(call_id))
            self._monitor.wake()


class SessionManager:
    """Opens sessions and watches them on one monitor thread, which exists while there are sessions.

    Args:
        rules: limits of the workers; None: the defaults with :func:`memory.default_address_space`.
        database_key: opens an encrypted workspace in the workers.
    """

    def __init__(
        self,
        home: Home,
        events: EventBus,
        *,
        rules: WorkerRules | None = None,
        database_key: str | None = None,
    ) -> None:
        self.events = events
        self._home = home
        self._rules = rules or WorkerRules(address_space_bytes=memory.default_address_space())
        self._database_key = database_key
        self._lock = threading.Lock()
        self._sessions: list[Session] = []
        self._hooks: list[Callable[[], None]] = []
        self._end_hooks: list[Callable[[Session, Outcome], None]] = []
        self._next_hooks = 0.0
        self._closed = False
        self._monitor = Monitor("sessions", self._tick)

    def open(self, kind: str, params: object, *, timeout_s: float = 300.0) -> Session:
        """Start a worker of a session kind and wait until it is ready.

        Raises:
            BancadaError: what opening failed with, ``worker.start_timeout``, or how the worker ended.
            Canceled: it was closed meanwhile.
        """
        session = Session(kind, params, self.events, self._monitor, self._ended)
        start = protocol.Start(
            mode="session",
            id=session.id,
            kind=kind,
            params=encode(params),
            home=str(self._home.root),
            address_space_bytes=self._rules.address_space_bytes,
            database_key=self._database_key,
        )
        with self._lock:
            if self._closed:
                raise BancadaError("session.closed", kind=kind)
            self._sessions.append(session)
        try:
            session.launch(self._home, start, self._rules)
        except BancadaError:
            self._forget(session)
            raise
        self._monitor.wake()
        session.wait_open(timeout_s)
        return session

    def sessions(self) -> list[Session]:
        """The sessions whose workers run, oldest first; one that starts is among them and can be closed."""
        with self._lock:
            return list(self._sessions)

    def close_all(self) -> None:
        """End all sessions and the thread; no more can be opened."""
        with self._lock:
            self._closed = True
            sessions = list(self._sessions)
        for one in sessions:
            one.close(wait=False)
        self._monitor.wake() if sessions else None
        for one in sessions:
            one.close()
        self._monitor.close()

    def every_second(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` about once a second on the monitor thread, while there are sessions."""
        self._hooks.append(hook)

    def at_end(self, hook: Callable[[Session, Outcome], None]) -> None:
        """Call ``hook`` on the monitor thread when a session's worker is gone, before its calls fail."""
        self._end_hooks.append(hook)

    def _tick(self) -> float | None:
        now = time.monotonic()
        sessions = self.sessions()
        for one in sessions:
            one.tick(now)
        if now >= self._next_hooks:
            self._next_hooks = now + _HOOK_S
            for hook in self._hooks:
                hook()
        return _TICK_S if sessions else None

    def _ended(self, session: Session, outcome: Outcome) -> None:
        self._forget(session)
        for hook in self._end_hooks:
            try:
                hook(session, outcome)
            except Exception:
                log.exception("a listener to the end of session %s failed", session.id)

    def _forget(self, session: Session) -> None:
        with self._lock:
            if session in self._sessions:
                self._sessions.remove(session)
