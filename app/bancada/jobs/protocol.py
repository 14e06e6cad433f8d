"""The messages between the program and its workers: one JSON object in ASCII on each line.

Program to worker on the worker's stdin, worker to program on a private duplicate of its stdout.
Bulk data never crosses: rows and files do. ``docs/job-protocol.md`` is made from this module.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.jobs.codec import decode

VERSION: Final = 1
#: the longest line that a worker may send, and that a worker accepts; bytes
MAX_FROM_WORKER: Final = 8 * 1024 * 1024
MAX_TO_WORKER: Final = 64 * 1024 * 1024
_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Start:
    """The first message: what the worker is to be. ``mode`` is ``job`` or ``session``.

    ``address_space_bytes`` is the worker's RLIMIT_AS (null: none). ``database_key`` opens an encrypted
    workspace; it crosses this pipe only, never an argument, the environment or a log.
    """

    mode: str
    id: str
    kind: str
    params: Any
    home: str
    address_space_bytes: int | None = None
    database_key: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Session only: serve one request. Calls are served one at a time, in order."""

    id: str
    name: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the call ``id``, or the job when it is empty. Acknowledged at once, obeyed when possible."""

    id: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """Session only: stop all calls, free the model and end."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker's first line, before it imports anything heavy."""

    pid: int
    protocol: int = VERSION


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Once a second. A worker that is silent too long is called hung."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A cancel arrived. ``id`` as in the cancel."""

    id: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Job only: how far it is; ``done`` and ``total`` are in ``unit``."""

    stage: str
    done: float
    total: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Ready:
    """Session only: it is open; ``report`` is what came of it."""

    report: Any


@dataclass(frozen=True, slots=True)
class Part:
    """Session only: a piece of the answer to a call, before its result."""

    id: str
    body: Any


@dataclass(frozen=True, slots=True)
class Result:
    """The job's or the call's result."""

    value: Any
    id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The job, the opening of the session, or the call failed: an error's code and parameters."""

    code: str
    params: dict[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job or the call ended because it was canceled. Not a failure."""

    id: str = ""


Message = (
    Start
    | Call
    | Cancel
    | Close
    | Hello
    | Heartbeat
    | Acknowledged
    | Progress
    | Ready
    | Part
    | Result
    | Failed
    | Stopped
)

TO_WORKER: Final[Mapping[str, type[Any]]] = {
    "start": Start,
    "call": Call,
    "cancel": Cancel,
    "close": Close,
}
FROM_WORKER: Final[Mapping[str, type[Any]]] = {
    "hello": Hello,
    "heartbeat": Heartbeat,
    "acknowledged": Acknowledged,
    "progress": Progress,
    "ready": Ready,
    "part": Part,
    "result": Result,
    "failed": Failed,
    "stopped": Stopped,
}
_NAMES: Final = {kind: name for table in (TO_WORKER, FROM_WORKER) for name, kind in table.items()}


def encode_line(message: Message, limit: int) -> bytes:
    """One line for ``message``; its fields must be JSON values already.

    Raises:
        BancadaError: ``message.too_large`` past ``limit`` bytes, ``message.malformed`` when a field is
            no JSON value (NaN and infinity are none).
    """
    body = {"type": _NAMES[type(message)]}
    body.update((one.name, getattr(message, one.name)) for one in fields(message))
    try:
        line = json.dumps(body, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise BancadaError("message.malformed", field=body["type"], value=str(error)[:200]) from error
    if len(line) >= limit:
        raise BancadaError("message.too_large", size=f"{len(line):,}", limit=f"{limit:,}")
    return line + b"\n"


def decode_line(line: bytes, table: Mapping[str, type[Any]]) -> Any:
    """The message of one line.

    Raises:
        BancadaError: ``message.malformed``, whatever is wrong with it.
    """
    try:
        data = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BancadaError("message.malformed", field="line", value=repr(line[:200])) from error
    name = data.pop("type", None) if isinstance(data, dict) else None
    kind = table.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BancadaError("message.malformed", field="type", value=repr(name)[:200])
    return decode(kind, data)


def _no_number(word: str) -> Any:
    """NaN and infinity are no JSON, though Python's parser knows them."""
    raise ValueError(f"not a JSON number: {word}")


def read_lines(read: Callable[[int], bytes], limit: int) -> Iterator[bytes | None]:
    """Lines of a stream until its end; None stands for a line past ``limit`` bytes, which is skipped."""
    held = bytearray()
    skipping = False
    while chunk := read(_CHUNK):
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            if skipping or len(held) + len(piece) > limit:
                yield None
            else:
                yield bytes(held) + piece
            held.clear()
            skipping = False
        if not skipping:
            held += rest
            if len(held) > limit:
                skipping = True
                held.clear()
