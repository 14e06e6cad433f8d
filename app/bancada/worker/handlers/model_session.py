"""A loaded model: it generates, counts, tokenizes, and records every generation before it tells its end."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.hardware import detect
from bancada.core.registry import resolve
from bancada.inference import wire
from bancada.inference.backend import BACKENDS, Backend
from bancada.inference.types import GenerationResult, LoadReport, LoadSpec, StopReason, Token
from bancada.jobs.codec import decode, encode
from bancada.jobs.job_context import CallContext, JobContext
from bancada.jobs.memory import process_memory
from bancada.storage import devices, requests
from bancada.storage.connection import Database
from bancada.storage.requests import RequestRecord
from bancada.worker.handlers.memory_record import MemoryRecord

_SEND_EVERY_NS: Final = 20_000_000
#: texts of a request are the conversation's, not the record's
_TEXTS: Final = ("messages", "prompt")


class ModelSessionHandler:
    """The session kind ``model``."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._version_id = ""
        self._spec: LoadSpec | None = None
        self._backend: Backend | None = None
        self._memory: MemoryRecord | None = None

    def open(self, params: wire.ModelParams) -> LoadReport:
        """Load the model.

        Raises:
            BancadaError: ``engine.unknown_format``, or what the backend says.
        """
        self._spec, self._version_id = params.spec, params.model_version_id
        if params.spec.format not in BACKENDS:
            raise BancadaError("engine.unknown_format", format=params.spec.format)
        make = resolve(BACKENDS[params.spec.format])
        backend: Backend = make(Calibrations(self._context.database))
        self._backend = backend
        report = backend.load(params.spec)
        self._memory = MemoryRecord(
            self._context.database, self._context.job_id, self._version_id, params.spec, report
        )
        self._memory.take(process_memory()[1], 1)
        return dataclasses.replace(report, rss_bytes=report.rss_bytes or process_memory()[0])

    def call(self, call: CallContext, name: str, payload: Any) -> Any:
        """Serve one call; raises BancadaError."""
        backend = self._backend
        assert backend is not None
        if name == wire.GENERATE:
            return self._generate(backend, call, decode(wire.GenerateParams, payload))
        if name == wire.COUNT:
            return backend.count(decode(wire.CountParams, payload).messages)
        if name == wire.TOKENIZE:
            return backend.tokenize(decode(wire.TokenizeParams, payload).text)
        raise BancadaError("message.malformed", field="call", value=name)

    def close(self) -> None:
        """Free the model."""
        if self._backend is not None:
            self._backend.close()

    def _generate(self, backend: Backend, call: CallContext, asked: wire.GenerateParams) -> GenerationResult:
        queue_ms = (time.perf_counter_ns() - call.received_ns) / 1e6
        record = RequestRecord(
            id=call.id,
            purpose=asked.purpose,
            outcome="failed",
            model_version_id=self._version_id or None,
            params=_params(asked, self._spec),
        )
        sender = TokenSender(call.send)
        try:
            result = backend.generate(asked.request, sender.take, lambda: call.canceled)
        except BancadaError as error:
            self._record(dataclasses.replace(record, error=encode(error.to_json())))
            raise
        except Exception as error:
            detail = {
                "code": "worker.failed",
                "params": {"detail": f"{type(error).__name__}: {error}"[:1000]},
            }
            self._record(dataclasses.replace(record, error=detail))
            raise
        sender.flush()
        timings = dataclasses.replace(
            result.timings,
            queue_ms=queue_ms,
            ttft_ms=result.timings.ttft_ms + queue_ms,
            total_ms=result.timings.total_ms + queue_ms,
        )
        peak = max(result.peak_memory_bytes, process_memory()[1])
        result = dataclasses.replace(result, timings=timings, peak_memory_bytes=peak, request_id=call.id)
        self._record(_finished(record, result))
        if self._memory is not None:
            self._memory.take(peak, timings.prompt_tokens + timings.completion_tokens)
        return result

    def _record(self, record: RequestRecord) -> None:
        """Store a request; one whose model was removed meanwhile is kept without it."""
        try:
            requests.add(self._context.database, record)
        except BancadaError as error:
            if error.code != "database.value_refused" or record.model_version_id is None:
                raise
            requests.add(self._context.database, dataclasses.replace(record, model_version_id=None))


class TokenSender:
    """Sends tokens in bunches: the first at once, then no more often than every 20 ms."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._send = send
        self._held: list[Token] = []
        self._sent_ns = 0
        send([])  # it is begun

    def take(self, token: Token) -> None:
        """A new token."""
        self._held.append(token)
        if token.t_ns - self._sent_ns >= _SEND_EVERY_NS:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        if self._held:
            self._sent_ns = self._held[-1].t_ns
            self._send(wire.pack(self._held))
            self._held.clear()


class Calibrations:
    """What was measured of models on this machine; the machine is looked up at the first use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, model_sha256: str, engine: str) -> dict[str, Any] | None:
        """The settings that were chosen for a model with this engine build, or None."""
        found = devices.calibration(self._database, self._device(), model_sha256, engine)
        return None if found is None else found.settings

    def put(self, model_sha256: str, engine: str, settings: dict[str, Any], measured: dict[str, Any]) -> None:
        """Keep chosen settings and the measurements behind them."""
        devices.store_calibration(
            self._database, self._device(), model_sha256, engine, settings=settings, measured=measured
        )

    def _device(self) -> str:
        return devices.ensure_device(self._database, detect().facts())


def _params(asked: wire.GenerateParams, spec: LoadSpec | None) -> dict[str, Any]:
    request = {key: value for key, value in encode(asked.request).items() if key not in _TEXTS}
    return {"request": request, "load": encode(spec)}


def _finished(record: RequestRecord, result: GenerationResult) -> RequestRecord:
    timings = {one.name: getattr(result.timings, one.name) for one in dataclasses.fields(result.timings)}
    return dataclasses.replace(
        record,
        outcome="canceled" if result.stop_reason is StopReason.CANCELED else "finished",
        stop_reason=result.stop_reason.value,
        seed=result.seed,
        peak_memory_bytes=result.peak_memory_bytes,
        **timings,
    )
