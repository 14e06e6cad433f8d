"""The conversation on a terminal that ``bancada chat MODEL`` opens."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from bancada.cli.command import DONE, Invocation
from bancada.cli.generation import measures_line, stream_answer
from bancada.core.errors import BancadaError
from bancada.inference.session import ModelSession
from bancada.inference.types import GenerationRequest, Message

_HELP: Final = "Ctrl+D ends, Ctrl+C stops an answer, /new starts over."
_NEW: Final = "/new"

Ask = Callable[[tuple[Message, ...]], GenerationRequest]


def converse(invocation: Invocation, session: ModelSession, request: Ask) -> int:
    """Ask and answer until the end of input. Turns that no longer fit the context go, oldest first."""
    console = invocation.console
    console.note(_HELP)
    system = invocation.options.system
    beginning = (Message("system", system),) if system else ()
    turns: tuple[Message, ...] = ()
    while True:
        console.err.write("> ")
        console.err.flush()
        line = sys.stdin.readline()
        if not line:
            console.note("")
            return DONE
        if line.strip() == _NEW:
            turns = ()
            continue
        if not line.strip():
            continue
        turns = (*turns, Message("user", line.strip()))
        turns = _that_fit(invocation, session, beginning, turns)
        try:
            answer = stream_answer(invocation, session, request((*beginning, *turns)), purpose="chat")
        except KeyboardInterrupt:
            turns = turns[:-1]
            console.note("Stopped.")
        except BancadaError as error:
            turns = turns[:-1]
            console.error(error)
        else:
            console.note(measures_line(answer.result))
            turns = (*turns, Message("assistant", answer.result.text))


def _that_fit(
    invocation: Invocation,
    session: ModelSession,
    beginning: tuple[Message, ...],
    turns: tuple[Message, ...],
) -> tuple[Message, ...]:
    check = session.count((*beginning, *turns))
    dropped = min(check.dropped_messages, len(turns) - 1)
    if dropped > 0:
        invocation.console.note(f"The context is full: the oldest {dropped} messages are left out.")
    return turns[max(0, dropped) :]
