"""The command line's start: parse, run one command, turn every end into an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from bancada import __version__
from bancada.cli import (
    audit,
    backups,
    bench,
    bundle,
    catalog,
    certify,
    chat,
    convert,
    doctor,
    download,
    hub,
    imatrix,
    jobs,
    keys,
    mirror,
    models,
    passphrase,
    quantize,
    runs,
    settings,
    storage,
    tour,
)
from bancada.cli.command import (
    CANCELED,
    DONE,
    FAILED,
    USAGE,
    Invocation,
    Nouns,
    Parser,
    UsageError,
    add_global_options,
    folder,
    refusal,
)
from bancada.cli.console import Console
from bancada.cli.detach import is_detached, start_detached
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import default_home

log = logging.getLogger(__name__)


def build_parser() -> Parser:
    """The whole grammar; the manual page in docs is generated from it."""
    parser = Parser(
        prog="bancada",
        description="A workbench for running language models where there is no network. "
        "Without a command it opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"bancada {__version__}")
    add_global_options(parser, default=None)
    nouns = Nouns(parser)
    for module in (
        tour,
        doctor,
        models,
        catalog,
        hub,
        download,
        mirror,
        bundle,
        keys,
        chat,
        bench,
        convert,
        quantize,
        imatrix,
        certify,
        jobs,
        runs,
        settings,
        audit,
        storage,
        backups,
        passphrase,
    ):
        module.add(nouns)
    window = nouns.command("gui", "open the window", _window)
    window.add_argument("--pictures", type=folder, metavar="DIR", help="save a picture of every page and end")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 usage, 130 canceled."""
    _quiet_logging()
    typed = list(arguments)
    console = Console(sys.stdout, sys.stderr, as_json=_asks_for_json(typed))
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, _interrupt)
    try:
        code = _run(typed, console)
        console.flush()
    except BrokenPipeError:
        # whoever read stdout has seen enough
        _drop_output()
        return DONE
    except BancadaError as error:
        _drop_output()
        console.error(error)
        return FAILED
    except (KeyboardInterrupt, Canceled):
        console.failure("canceled", "Canceled.", "")
        return CANCELED
    return code


def _run(typed: list[str], console: Console) -> int:
    try:
        options = build_parser().parse_args(typed)
        home = options.home or default_home()
        invocation = Invocation(options, console, home, tuple(typed))
        if getattr(options, "detach", False) and not is_detached():
            return start_detached(invocation)
        code: int = options.runner(invocation)
        return code
    except UsageError as error:
        console.failure("usage", error.message, f"Usage: {error.usage}" if error.usage else "")
        return USAGE
    except BancadaError as error:
        if error.code == "output.failed":
            raise
        console.error(error)
    except (BrokenPipeError, Canceled):
        raise
    except OSError as error:
        log.exception("the system refused")
        console.error(refusal(error))
    except Exception as error:
        log.exception("a command failed")
        console.error(BancadaError("internal.error", detail=f"{type(error).__name__}: {error}"))
    return FAILED


def _drop_output() -> None:
    """What is still buffered for stdout must not complain at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _window(_invocation: Invocation) -> int:
    # the entry point starts the window itself when the arguments are the window's; only others come here
    raise UsageError(
        "the window takes --home and --pictures only", "bancada [--home DIR] gui [--pictures DIR]"
    )


def _asks_for_json(typed: Sequence[str]) -> bool:
    before = typed[: typed.index("--")] if "--" in typed else typed
    return "--json" in before


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _quiet_logging() -> None:
    """Keep tracebacks off the terminal: they go to the log file once the workspace is known."""
    logging.getLogger().addHandler(logging.NullHandler())
    threading.excepthook = lambda failure: log.error(
        "a thread failed",
        exc_info=(failure.exc_type, failure.exc_value or failure.exc_type(), failure.exc_traceback),
    )
