"""Passphrases: typed on a terminal, never shown, never an argument that others could read."""

from __future__ import annotations

import getpass
import sys

from bancada.cli.console import Console
from bancada.core.errors import BancadaError


def is_terminal(console: Console) -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty() and console.err.isatty()


def ask(what: str) -> str:
    """Ask once; ``what`` is "Passphrase of ..."."""
    return getpass.getpass(f"{what} (it is not shown): ")


def ask_twice(what: str) -> str:
    """Ask for a new one.

    Raises:
        BancadaError: ``keys.passphrases_differ``.
    """
    first = ask(what)
    if getpass.getpass("The same again: ") != first:
        raise BancadaError("keys.passphrases_differ")
    return first
