"""What a worker does after its hello: one job, or one session until it is closed."""

from __future__ import annotations

import errno
import logging
import queue
import sys
import threading
import traceback
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bancada.core.errors import BancadaError, Canceled
from bancada.core.logs import RedactingFormatter
from bancada.core.paths import Home
from bancada.core.registry import resolve
from bancada.core.seal import seal_process
from bancada.core.seal_kernel import refuse_sockets
from bancada.core.sizes import bytes_text
from bancada.jobs.codec import decode, encode
from bancada.jobs.job_context import CallContext, JobContext, SessionHandler
from bancada.jobs.memory import process_memory
from bancada.jobs.outcome import out_of_memory
from bancada.jobs.protocol import Call, Failed, Part, Ready, Result, Start, Stopped
from bancada.storage import settings
from bancada.storage.sqlite_errors import free_bytes
from bancada.worker.handlers import HANDLERS, NETWORKED, SESSIONS, WITH_SOCKETS
from bancada.worker.main import Worker

if sys.platform != "win32":
    import resource


def run_job(worker: Worker, start: Start) -> int:
    """Run the handler of a job kind and report its end; returns the exit code."""
    _begin(start)
    context = _context(worker, start)
    _seal(start, context)

    def work() -> Result:
        handler = _handler(HANDLERS, start.kind)
        params = decode(_parameter_type(handler), start.params)
        context.check_canceled()
        return Result(encode(handler(context, params)))

    _report(worker, start, "", work)
    return 0


def run_session(worker: Worker, start: Start) -> int:
    """Open a session, serve its calls one at a time until it is closed; returns the exit code."""
    _begin(start)
    context = _context(worker, start)
    _seal(start, context)
    handlers: list[SessionHandler] = []

    def opening() -> Ready:
        handler: SessionHandler = _handler(SESSIONS, start.kind)(context)
        handlers.append(handler)
        return Ready(encode(handler.open(decode(_parameter_type(handler.open), start.params))))

    if not _report(worker, start, "", opening):
        return 0
    handler = handlers[0]
    _serve(worker, start, handler)
    handler.close()
    return 0


def _serve(worker: Worker, start: Start, handler: SessionHandler) -> None:
    calls: queue.SimpleQueue[tuple[Call, threading.Event, int] | None] = worker.calls
    while (item := calls.get()) is not None:
        call, flag, received_ns = item

        def send(body: Any, call_id: str = call.id) -> None:
            worker.channel.send(Part(call_id, body))

        context = CallContext(call.id, received_ns, send, flag)

        def work(context: CallContext = context, call: Call = call) -> Result:
            return Result(encode(handler.call(context, call.name, call.payload)), context.id)

        _report(worker, start, call.id, work)
        worker.call_ended(call.id)


def _report(worker: Worker, start: Start, call_id: str, work: Callable[[], Any]) -> bool:
    """Do ``work`` and send what it returns, or how it failed; whether it succeeded."""
    try:
        worker.channel.send(work())
        return True
    except Canceled:
        worker.channel.send(Stopped(call_id))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        if not isinstance(error, BancadaError):
            traceback.print_exc()
        typed = _typed(error, start)
        try:
            worker.channel.send(Failed(typed.code, encode(typed.params), call_id))
        except BancadaError as unsendable:
            worker.channel.send(Failed(unsendable.code, unsendable.params, call_id))
    return False


def _typed(error: Exception, start: Start) -> BancadaError:
    if isinstance(error, BancadaError):
        return error
    if isinstance(error, MemoryError):
        return out_of_memory(process_memory()[1], start.address_space_bytes)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        place = Path(error.filename) if isinstance(error.filename, str) else Path(start.home)
        return BancadaError("worker.disk_full", have=bytes_text(free_bytes(place)), path=str(place))
    return BancadaError("worker.failed", detail=f"{type(error).__name__}: {error}"[:1000])


def _handler(table: dict[str, str], kind: str) -> Any:
    if kind not in table:
        raise BancadaError("jobs.unknown_kind", kind=kind)
    return resolve(table[kind])


def _parameter_type(function: Callable[..., Any]) -> type[Any]:
    """The annotation of a handler's last parameter."""
    hints = typing.get_type_hints(function)
    hints.pop("return", None)
    return typing.cast("type[Any]", list(hints.values())[-1])


def _context(worker: Worker, start: Start) -> JobContext:
    return JobContext(
        start.id, Home(Path(start.home)), worker.channel.send, worker.canceled, key=start.database_key
    )


def _seal(start: Start, context: JobContext) -> None:
    """Shut the way to other machines, unless this work needs one and the settings open it."""
    if start.kind in NETWORKED:
        try:
            if not settings.get(context.database, "network.sealed"):
                return
        except BancadaError:
            pass  # the work meets the same trouble and says so
    seal_process()
    if start.kind not in WITH_SOCKETS and not refuse_sockets():
        context.log.info("this system has no seal for native code")


def _begin(start: Start) -> None:
    """Logging on standard error, and the memory cap."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if sys.platform != "win32" and start.address_space_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = start.address_space_bytes
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
