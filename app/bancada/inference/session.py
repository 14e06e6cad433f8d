"""A loaded model as a typed object: generate, count, tokenize; kept while it is used."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bancada.core.errors import BancadaError, Canceled
from bancada.core.events import Changed, EventBus, WorkerSample
from bancada.inference import wire
from bancada.inference.types import (
    GenerationRequest,
    GenerationResult,
    LoadReport,
    LoadSpec,
    Message,
    PromptCheck,
    StopReason,
    Timings,
    Token,
)
from bancada.jobs.call import Call
from bancada.jobs.codec import decode
from bancada.jobs.outcome import Outcome
from bancada.jobs.sessions import Session, SessionManager
from bancada.storage import models, samples, settings
from bancada.storage.connection import Database

log = logging.getLogger(__name__)

State = Literal["queued", "running", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A generation as it is now. ``tokens`` are those from the asked index on; ``text`` is the whole text."""

    text: str
    tokens: tuple[Token, ...]
    state: State
    result: GenerationResult | None
    error: BancadaError | None


class Generation:
    """An answer that is being written. Safe from any thread; :meth:`snapshot` costs the new tokens only."""

    def __init__(self, seed: int | None) -> None:
        self.id = ""
        self._seed = seed
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._tokens: list[Token] = []
        self._text = ""
        self._state: State = "queued"
        self._result: GenerationResult | None = None
        self._error: BancadaError | None = None
        self._call: Call | None = None
        self._callbacks: list[Callable[[Generation], None]] = []

    def cancel(self) -> None:
        """Stop writing; the result then holds what there is, with the reason ``canceled``."""
        if self._call is not None:
            self._call.cancel()

    def wait(self, timeout: float | None = None) -> GenerationResult:
        """The finished (or canceled) generation.

        Raises:
            BancadaError: what it failed with.
            TimeoutError: it has not ended after ``timeout`` seconds.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def snapshot(self, since: int = 0) -> Snapshot:
        """The text so far and the tokens from index ``since`` on."""
        with self._lock:
            return Snapshot(self._text, tuple(self._tokens[since:]), self._state, self._result, self._error)

    def add_done_callback(self, callback: Callable[[Generation], None]) -> None:
        """Call ``callback`` when it has ended, on a reader thread; at once if it has."""
        with self._lock:
            if not self._ended.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def follow(self, call: Call) -> None:
        """Become the answer of ``call``."""
        self.id = call.id
        self._call = call
        call.add_done_callback(self._finish)

    def take(self, body: Any) -> None:
        """A piece of the answer: a list of packed tokens; an empty one says that it is begun."""
        tokens = wire.unpack(body)
        with self._lock:
            self._state = "running"
            self._tokens += tokens
            self._text += "".join([one.text for one in tokens])

    def _finish(self, call: Call) -> None:
        result: GenerationResult | None = None
        error: BancadaError | None = None
        try:
            result = decode(GenerationResult, call.wait(0))
        except Canceled:
            result = self._cut_short(call.id)
        except BancadaError as failure:
            error = failure
        with self._lock:
            self._result, self._error = result, error
            self._state = "failed" if result is None else "finished"
            if result is not None:
                self._text = result.text
            callbacks, self._callbacks = self._callbacks, []
            self._ended.set()
        for callback in callbacks:
            try:
                callback(self)
            except Exception:
                log.exception("a listener to the end of generation %s failed", self.id)

    def _cut_short(self, request_id: str) -> GenerationResult:
        """What there was when the session ended under it, at the user's wish: timings are not known."""
        with self._lock:
            tokens, text = tuple(self._tokens), self._text
        timings = Timings(0, 0, len(tokens), 0.0, 0.0, 0.0, 0.0, 0.0, None, None)
        ids = tuple(one.id for one in tokens)
        return GenerationResult(text, ids, StopReason.CANCELED, self._seed or 0, timings, 0, request_id)


class ModelSession:
    """A model in a worker. Calls are served one at a time, in order."""

    def __init__(self, session: Session, spec: LoadSpec, model_version_id: str, events: EventBus) -> None:
        self.session = session
        self.spec = spec
        self.model_version_id = model_version_id
        self.report = decode(LoadReport, session.report)
        self._events = events

    @property
    def id(self) -> str:
        """The session's id."""
        return self.session.id

    @property
    def state(self) -> str:
        """``ready``, ``busy``, ``closed`` or ``failed``."""
        return self.session.state

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory that the worker held."""
        return self.session.peak_memory_bytes

    def samples(self) -> list[WorkerSample]:
        """The worker's latest samples of memory and processor."""
        return self.session.samples()

    def generate(self, request: GenerationRequest, *, purpose: str) -> Generation:
        """Start an answer; never waits. ``purpose`` says in the record who asked (chat, bench ...).

        Raises:
            BancadaError: how the session ended, ``session.closed``, ``message.too_large``.
        """
        generation = Generation(request.sampling.seed)
        call = self.session.call(wire.GENERATE, wire.GenerateParams(request, purpose), generation.take)
        # the worker has written the request's row by the time its end is known here
        call.add_done_callback(lambda done: self._events.publish(Changed("request", (done.id,))))
        generation.follow(call)
        return generation

    def count(self, messages: Sequence[Message]) -> PromptCheck:
        """How the messages fit the context; waits for the worker. Raises BancadaError."""
        answer = self._ask(wire.COUNT, wire.CountParams(tuple(messages)))
        return decode(PromptCheck, answer)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, without special tokens added; waits for the worker. Raises BancadaError."""
        answer = self._ask(wire.TOKENIZE, wire.TokenizeParams(text))
        return [int(one) for one in answer]

    def close(self) -> None:
        """End the worker and wait for its end."""
        self.session.close()

    def _ask(self, name: str, params: object) -> Any:
        try:
            return self.session.call(name, params).wait()
        except Canceled:
            raise BancadaError("session.closed", kind=wire.MODEL) from None


class ModelSessions:
    """The loaded models of this process: one worker per model and way of loading it.

    A version whose worker crashes is counted in the library; an idle session is closed after
    ``chat.idle_minutes``. Memory curves of the workers are kept under the session's id.
    """

    def __init__(self, sessions: SessionManager, database: Database) -> None:
        self._sessions = sessions
        self._database = database
        self._lock = threading.Lock()
        self._opening: dict[LoadSpec, threading.Lock] = {}
        self._open: list[ModelSession] = []
        self._next_save = 0.0
        sessions.every_second(self._each_second)
        sessions.at_end(self._ended)

    def open(self, spec: LoadSpec, *, model_version_id: str) -> ModelSession:
        """Load a model, or return the live session that was loaded in the same way; waits.

        Raises:
            BancadaError: loading failed, or how the worker ended.
            Canceled: it was closed meanwhile.
        """
        with self._lock:
            gate = self._opening.setdefault(spec, threading.Lock())
        with gate:
            live = self._live(spec, model_version_id)
            if live is not None:
                return live
            params = wire.ModelParams(spec, model_version_id)
            session = self._sessions.open(wire.MODEL, params)
            model = ModelSession(session, spec, model_version_id, self._sessions.events)
            with self._lock:
                self._open.append(model)
            return model

    def current(self, model_version_id: str) -> ModelSession | None:
        """The session of a model version that was used last, if one is open."""
        with self._lock:
            alive = [
                one for one in self._open if one.session.alive and one.model_version_id == model_version_id
            ]
        return max(alive, key=lambda one: one.session.last_used, default=None)

    def close_idle(self) -> int:
        """Close what nobody used for ``chat.idle_minutes``; returns how many. Does not wait for their end."""
        minutes = settings.get(self._database, "chat.idle_minutes")
        if not minutes:
            return 0
        before = time.monotonic() - 60.0 * minutes
        with self._lock:
            idle = [
                one for one in self._open if one.session.state == "ready" and one.session.last_used < before
            ]
        for one in idle:
            one.session.close(wait=False)
        return len(idle)

    def close_all(self) -> None:
        """Close every model and wait for their end."""
        with self._lock:
            models_open = list(self._open)
        for one in models_open:
            one.session.close(wait=False)
        for one in models_open:
            one.close()

    def _live(self, spec: LoadSpec, model_version_id: str) -> ModelSession | None:
        with self._lock:
            for one in self._open:
                if one.session.alive and one.spec == spec and one.model_version_id == model_version_id:
                    return one
        return None

    # -- on the monitor thread of the sessions

    def _each_second(self) -> None:
        now = time.monotonic()
        if now < self._next_save:
            return
        self._next_save = now + 5.0
        for session in self._sessions.sessions():
            if session.kind == wire.MODEL:
                self._save_curve(session)
        self.close_idle()

    def _save_curve(self, session: Session) -> None:
        if session.process is None:
            return
        points = session.process.sampler.take_unsaved()
        if points:
            samples.add_many(self._database, session.id, points)

    def _ended(self, session: Session, outcome: Outcome) -> None:
        if session.kind != wire.MODEL:
            return
        with self._lock:
            self._open = [one for one in self._open if one.session is not session]
        self._save_curve(session)
        if outcome.crashed and isinstance(session.params, wire.ModelParams):
            self._count_crash(session.params.model_version_id)

    def _count_crash(self, version_id: str) -> None:
        if not version_id:
            return
        try:
            models.count_crash(self._database, version_id)
        except BancadaError as error:
            if error.code != "model.not_found":  # removed while it ran
                raise
        self._sessions.events.publish(Changed("model", (version_id,)))
