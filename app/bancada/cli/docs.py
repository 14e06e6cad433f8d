"""Prints the manual page of the command line as Markdown, from the parser: ``python -m bancada.cli.docs``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from bancada.cli.main import build_parser

_HEAD = """# The command line

This page is made from the program's own grammar by `python -m bancada.cli.docs`.

`bancada [--home DIR] COMMAND ... [--json]`. The workspace is `--home`, else `BANCADA_HOME`, else the
platform's folder for application data. With `--json` stdout carries exactly one JSON document; progress and
notes go to stderr. Exit codes: 0 done, 1 failed, 2 not understood, 130 canceled. A failure says what happened
and what to do; with `--json` it is `{"error": {"code", "message", "hint"}}`. Models are named by name,
`name:version`, `name@alias` or id. Ctrl+C cancels; `--detach` prints the job's id and lets the job run in the
background.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_commands(build_parser(), "bancada")])


def _commands(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    choices = _subcommands(parser)
    if choices is None:
        yield from _command(parser, name)
        return
    for word, child in choices.items():
        if name == "bancada":
            yield f"## {word}\n"
            yield f"{child.description}\n"
        yield from _commands(child, f"{name} {word}")


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser] | None:
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to read a grammar
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return None


def _command(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    shown = [one for one in parser._actions if one.dest not in ("help", "home", "json")]  # noqa: SLF001
    words = " ".join(_usage(one) for one in shown)
    if name.count(" ") > 1:
        yield f"### {name.removeprefix('bancada ')}\n"
        yield f"{parser.description}\n"
    yield f"```\n{name} {words}".rstrip() + "\n```\n"
    rows = [f"| `{_label(one)}` | {_help(one)} |" for one in shown if one.help]
    if rows:
        yield "\n".join(["| argument | meaning |", "|---|---|", *rows]) + "\n"


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        value = _value(action)
        return {"?": f"[{value}]", "+": f"{value} [{value} ...]"}.get(str(action.nargs), value)
    option = action.option_strings[0]
    return f"[{option}]" if action.nargs == 0 else f"[{option} {_value(action)}]"


def _label(action: argparse.Action) -> str:
    if not action.option_strings:
        return _value(action)
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {_value(action)}"


def _value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "{" + ",".join(str(one) for one in action.choices) + "}"
    return str(action.metavar or action.dest.upper().replace("_", "-"))


def _help(action: argparse.Action) -> str:
    return str(action.help).replace("|", "\\|").replace("%%", "%")


if __name__ == "__main__":
    sys.stdout.write(markdown())
