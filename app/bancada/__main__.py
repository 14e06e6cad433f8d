"""The one program in three modes: window, command line, worker. argv decides before anything is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def main() -> int:
    """Run the mode that the arguments name and return the process's exit code."""
    _complete_streams()
    arguments = sys.argv[1:]
    if arguments[:1] == ["worker"]:
        from bancada.worker.main import main as work

        return work()
    if arguments[:1] == ["grammar-probe"] and len(arguments) == 2:
        from bancada.engines.grammar_probe import main as probe

        return probe(arguments[1])
    window = _window_arguments(arguments)
    if window is not None:
        from bancada.gui.application import run

        return run(*window)
    from bancada.cli.main import main as command

    return command(arguments)


def _complete_streams() -> None:
    """Give the standard streams that are closed a place to write to or read from.

    A windowed program of Windows has none at all; and a file that got the number 1 or 2 of a closed
    stream would collect what native code prints there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - kept to the end


def _window_arguments(arguments: Sequence[str]) -> tuple[Path | None, Path | None] | None:
    """The window's home and folder for pictures, or None where the command line is meant.

    The window is ``[--home DIR] [gui] [--pictures DIR]`` and nothing else; whatever does not
    fit goes to the command line's parser, which knows how to complain.
    """
    home: Path | None = None
    pictures: Path | None = None
    named = False
    rest = list(arguments)
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        if word in ("--home", "--pictures") and (equals or rest):
            try:
                place = Path(value if equals else rest.pop(0)).expanduser().absolute()
            except RuntimeError:  # a user that there is not
                return None
            home, pictures = (place, pictures) if word == "--home" else (home, place)
        elif word == "gui" and not equals and not named:
            named = True
        else:
            return None
    return (home, pictures) if named or pictures is None else None


if __name__ == "__main__":
    sys.exit(main())
