"""What every command shares: its options, its console, its workspace, and a parser that does not exit."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from bancada.cli import secrets
from bancada.cli.console import Console
from bancada.context import AppContext
from bancada.core import logs
from bancada.core.errors import BancadaError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CANCELED: Final = 130

#: the workspace's passphrase, for programs: a command line could be read by others
PASSPHRASE_VARIABLE: Final = "BANCADA_PASSPHRASE"  # noqa: S105 - its name, not its value


class UsageError(Exception):
    """The command was not understood; ``usage`` is the parser's own line of usage."""

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.usage = usage


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the command line."""

    options: argparse.Namespace
    console: Console
    home: Path
    arguments: tuple[str, ...]  # as they were typed, for a detached second start

    @contextmanager
    def workspace(self) -> Iterator[AppContext]:
        """The opened workspace, closed again whatever happens.

        Raises:
            BancadaError: it cannot be opened (database.*, disk.*).
        """
        context = self._open()
        if os.access(context.home.logs, os.W_OK):
            logs.configure(context.home.logs, "cli")
        try:
            yield context
        finally:
            context.close()

    def _open(self) -> AppContext:
        given = os.environ.get(PASSPHRASE_VARIABLE)
        try:
            return AppContext.open(self.home)
        except BancadaError as error:
            if error.code != "database.locked" or not (given or secrets.is_terminal(self.console)):
                raise
        return AppContext.open(self.home, passphrase=given or secrets.ask("Passphrase of the workspace"))


Runner = Callable[[Invocation], int]


class Parser(argparse.ArgumentParser):
    """Raises :class:`UsageError` where argparse would print and exit."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As in argparse; but what is not known is refused here, where the usage is that of the command."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, " ".join(self.format_usage().split()).removeprefix("usage: "))


class Nouns:
    """Adds commands to the parser: nouns with verbs, or nouns that are a command by themselves."""

    def __init__(self, parser: Parser) -> None:
        self._commands = parser.add_subparsers(
            title="commands", metavar="COMMAND", dest="noun", required=True, parser_class=Parser
        )

    def noun(self, name: str, words: str) -> Verbs:
        """A noun that has verbs."""
        parser = self._commands.add_parser(name, help=words, description=_sentence(words))
        return Verbs(parser.add_subparsers(metavar="VERB", dest="verb", required=True, parser_class=Parser))

    def command(self, name: str, words: str, run: Runner) -> argparse.ArgumentParser:
        """A noun that is called without a verb."""
        return _leaf(self._commands, name, words, run)


class Verbs:
    """The verbs of one noun."""

    def __init__(self, commands: argparse._SubParsersAction[Parser]) -> None:
        self._commands = commands

    def verb(self, name: str, words: str, run: Runner) -> argparse.ArgumentParser:
        """Add one verb; the returned parser takes its arguments."""
        return _leaf(self._commands, name, words, run)


def _leaf(
    commands: argparse._SubParsersAction[Parser], name: str, words: str, run: Runner
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=_sentence(words))
    add_global_options(parser, default=argparse.SUPPRESS)
    parser.set_defaults(runner=run)
    return parser


def add_global_options(parser: argparse.ArgumentParser, *, default: Any) -> None:
    """The two options that every command takes, before or after its noun."""
    parser.add_argument("--home", type=folder, default=default, metavar="DIR", help="the workspace's folder")
    parser.add_argument(
        "--json",
        action="store_true",
        default=False if default is None else default,
        help="print one JSON document on stdout",
    )


def add_detach(parser: argparse.ArgumentParser) -> None:
    """The option of every long verb."""
    parser.add_argument(
        "--detach", action="store_true", help="print the job's id and let it run in the background"
    )


def folder(value: str) -> Path:
    """A path as typed, made absolute; never the empty text, which would mean the current folder."""
    if not value.strip():
        raise argparse.ArgumentTypeError("an empty path")
    if "\0" in value:
        raise argparse.ArgumentTypeError("a path cannot hold a NUL character")
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"there is no such user: {value}") from error


def whole(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers within a range."""

    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a whole number: {value[:40]!r}") from None
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{value[:40]} is not between {low} and {high}")
        return number

    return parse


def decimal(low: float, high: float) -> Callable[[str], float]:
    """A parser of finite numbers within a range."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a number: {value[:40]!r}") from None
        if not low <= number <= high:  # NaN fails it too
            raise argparse.ArgumentTypeError(f"{value[:40]} is not between {low:g} and {high:g}")
        return number

    return parse


def refusal(error: OSError) -> BancadaError:
    """What the system refused, as an error in words."""
    reason = error.strerror or str(error)
    return BancadaError("cli.system_refused", reason=reason, path=str(error.filename or "no path"))


def clean(value: str) -> str:
    """Text as typed; bytes that are no UTF-8 become replacement characters, so that it can be stored."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "."
