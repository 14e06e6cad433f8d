"""``bancada passphrase``: encrypt the workspace's database, change its passphrase, take it off."""

from __future__ import annotations

import os
from typing import Final

from bancada.cli import secrets
from bancada.cli.command import DONE, PASSPHRASE_VARIABLE, Invocation, Nouns
from bancada.cli.models import confirm
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home
from bancada.storage import encryption, passphrase
from bancada.storage.database import open_database

NEW_VARIABLE: Final = "BANCADA_NEW_PASSPHRASE"
LEAST: Final = 8


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("passphrase", "encryption of the workspace's database")
    verbs.verb("show", "say whether the database is encrypted, and who knows the passphrase", _show)
    words = f"encrypt the database, or change its passphrase (typed, or from {NEW_VARIABLE})"
    parser = verbs.verb("set", words, _set)
    parser.add_argument(
        "--no-keyring",
        action="store_true",
        help="do not keep it in the system's keyring: it is asked for at every start",
    )
    parser = verbs.verb("remove", "store the database readable for everybody who can open the file", _remove)
    parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")


def _show(invocation: Invocation) -> int:
    home = Home(invocation.home)
    encrypted = _is_encrypted(home)
    remembered = encrypted and encryption.recall(home) is not None
    invocation.console.document({"encrypted": encrypted, "in_keyring": remembered})
    if not encrypted:
        invocation.console.say("Not encrypted. Encrypt it with: bancada passphrase set")
    elif remembered:
        invocation.console.say("Encrypted; the system's keyring keeps the passphrase.")
    else:
        invocation.console.say("Encrypted; the passphrase is asked for at every start.")
    return DONE


def _set(invocation: Invocation) -> int:
    home = Home(invocation.home)
    fresh = not home.database.exists()
    current = _current(invocation, home) if _is_encrypted(home) else None
    new = os.environ.get(NEW_VARIABLE) or _ask_new(invocation)
    if len(new) < LEAST:
        raise BancadaError("database.short_passphrase", least=LEAST)
    if fresh:
        open_database(home, passphrase=new).close()
    else:
        passphrase.change(home, current=current, new=new)
    kept = not invocation.options.no_keyring and _remember(invocation, home, new)
    invocation.console.document({"encrypted": True, "in_keyring": kept})
    invocation.console.say("The database and its backups are encrypted.")
    if not kept:
        invocation.console.say("The passphrase is kept nowhere. Without it nobody can read the workspace.")
    return DONE


def _remove(invocation: Invocation) -> int:
    home = Home(invocation.home)
    if not _is_encrypted(home):
        raise BancadaError("database.not_encrypted", path=str(home.database))
    current = _current(invocation, home)
    question = "Store the database so that everybody who can open the file can read it?"
    if not invocation.options.yes and not confirm(invocation, question):
        raise Canceled
    passphrase.change(home, current=current, new=None)
    invocation.console.document({"encrypted": False, "in_keyring": False})
    invocation.console.say("The database and its backups are no longer encrypted.")
    return DONE


def _is_encrypted(home: Home) -> bool:
    return encryption.marker_path(home).exists() or (
        home.database.exists() and not encryption.is_plain(home.database)
    )


def _current(invocation: Invocation, home: Home) -> str | None:
    """Today's passphrase; None when the keyring has it."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given or encryption.recall(home) is not None or not secrets.is_terminal(invocation.console):
        return given or None
    return secrets.ask("Passphrase of the workspace")


def _ask_new(invocation: Invocation) -> str:
    if not secrets.is_terminal(invocation.console):
        raise BancadaError("database.no_new_passphrase", variable=NEW_VARIABLE)
    return secrets.ask_twice("New passphrase of the workspace")


def _remember(invocation: Invocation, home: Home, new: str) -> bool:
    try:
        encryption.remember(home, new)
    except BancadaError as error:
        if error.code != "database.no_keyring":
            raise
        invocation.console.note(f"Note: {error}")
        return False
    return encryption.recall(home) == new
