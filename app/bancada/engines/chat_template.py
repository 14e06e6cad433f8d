"""A model's chat template, which is a program of a stranger: sandboxed, with limits of time and memory.

Jinja's sandbox keeps a template away from Python's insides, but not from looping for hours or from
asking for all memory. So a render runs under a clock that interrupts it, under a cap of address space
where the system has one, and with numbers and repetitions bounded.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import importlib
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, TypeVar

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bancada.core.errors import BancadaError
from bancada.inference.types import Message

T = TypeVar("T")

TIME_LIMIT_S: Final = 2.0
#: address space that a render may take beyond what the process has
MEMORY_LIMIT_BYTES: Final = 256 << 20
#: a longer template is no template; the longest known ones have about 20,000 characters
LENGTH_LIMIT: Final = 500_000
_REPEAT_LIMIT: Final = 16 << 20
_NUMBER_BITS: Final = 256


class ChatTemplate:
    """A compiled template. Rendering never runs longer or larger than the limits of this module."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        """Compile and try the template.

        Raises:
            BancadaError: ``model.template_refused`` with the reason.
        """
        if len(source) > LENGTH_LIMIT:
            raise BancadaError("model.template_refused", reason=f"it has {len(source):,} characters")
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._template = _limited(lambda: _environment().from_string(source))
        try:
            self.render([Message("user", "?")])
        except BancadaError as error:
            if error.code != "prompt.refused_by_template":  # it only wants another kind of conversation
                raise

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt for the assistant's next answer.

        Raises:
            BancadaError: ``model.template_refused`` (limits, sandbox, mistakes of the template) or
                ``prompt.refused_by_template`` (the template itself objects to these messages).
        """
        turns = [{"role": one.role, "content": one.content} for one in messages]
        return _limited(
            lambda: self._template.render(
                messages=turns, add_generation_prompt=True, tools=None, documents=None, **self._tokens
            )
        )


class _Objection(jinja2.TemplateError):
    """The template called ``raise_exception``."""


class _TooSlow(BaseException):
    # not an Exception, so that no handler on the way takes it for its own
    pass


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        # the clock cannot interrupt one huge multiplication, so none is begun
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
            if bits > _NUMBER_BITS:
                raise OverflowError("a number grew too large")
        for one, other in ((left, right), (right, left)):
            repeats = isinstance(one, str | list | tuple) and isinstance(other, int)
            if repeats and len(one) * other > _REPEAT_LIMIT:
                raise MemoryError("a repetition grew too large")
        return super().call_binop(context, operator, left, right)


class _Generation(Extension):
    """``{% generation %}`` marks the assistant's words for training; here it only shows its body."""

    tags = {"generation"}  # noqa: RUF012  the type of the class it extends

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


def _environment() -> _Sandbox:
    sandbox = _Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    sandbox.globals["raise_exception"] = _object
    sandbox.globals["strftime_now"] = _now
    sandbox.filters["tojson"] = _to_json
    return sandbox


def _object(message: object) -> NoReturn:
    raise _Objection(str(message)[:300])


def _now(pattern: str) -> str:
    return dt.datetime.now().astimezone().strftime(pattern)


def _to_json(value: object, indent: int | None = None) -> str:
    # Jinja's own escapes for HTML, which a prompt is not
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _limited(work: Callable[[], T]) -> T:
    try:
        with _address_space_cap(), _Clock():
            return work()
    except _Objection as error:
        raise BancadaError("prompt.refused_by_template", detail=str(error)) from None
    except _TooSlow:
        raise _refused(f"it ran for more than {TIME_LIMIT_S:.0f} seconds") from None
    except MemoryError:
        raise _refused("it asked for too much memory") from None
    except SecurityError as error:
        raise _refused(f"it tried what a template must not do ({error})") from None
    except jinja2.TemplateSyntaxError as error:
        raise _refused(f"line {error.lineno}: {error.message}") from None
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except Exception as error:  # noqa: BLE001  a stranger's program may raise anything
        raise _refused(f"{type(error).__name__}: {error}") from None


def _refused(reason: str) -> BancadaError:
    return BancadaError("model.template_refused", reason=reason[:300])


class _Clock:
    """Interrupts the thread that it is entered in by an exception, when the time is over."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._running = True
        self._sent = False
        self._timer = threading.Timer(TIME_LIMIT_S, self._interrupt)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def _interrupt(self) -> None:
        with self._lock:
            if self._running:
                self._sent = True
                _raise_in(self._thread, _TooSlow)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._running = False
        self._timer.cancel()
        self._timer.join()
        if self._sent and kind is not _TooSlow:
            # sent and not arrived yet: it comes within some instructions, and must come here and not
            # later. (Taking it back with NULL leaves the interpreter looking for it for ever.)
            for _ in range(10_000):
                pass


def _raise_in(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))


@contextmanager
def _address_space_cap() -> Iterator[None]:
    if sys.platform != "linux":  # elsewhere the repetitions and the clock bound it
        yield
        return
    resource = importlib.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    cap = now + MEMORY_LIMIT_BYTES
    if soft != resource.RLIM_INFINITY:
        cap = min(cap, soft)
    resource.setrlimit(resource.RLIMIT_AS, (cap, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
