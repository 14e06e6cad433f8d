"""``bancada keys``: new, list, trust, revoke, export; and how a key's passphrase is asked for."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bancada.catalog.bundles import keys
from bancada.catalog.bundles.signatures import fingerprint_text
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns, clean, folder, whole
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.storage import signing_keys
from bancada.storage.signing_keys import KeyRecord

MAX_DAYS: Final = 36_500


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("keys", "the keys that sign transfer bundles, and whose signatures count")
    parser = verbs.verb("new", "make a key of your own", _new)
    parser.add_argument("name", type=clean, metavar="NAME", help="for example your name and office")
    parser.add_argument("--days", type=whole(1, MAX_DAYS), metavar="N", help="let it expire after N days")
    parser.add_argument(
        "--ask",
        action="store_true",
        help="ask for a passphrase instead of keeping one in the system's keyring",
    )
    verbs.verb("list", "list the keys", _list)
    parser = verbs.verb("trust", "let the signatures of a key count", _trust)
    parser.add_argument(
        "key", type=clean, metavar="KEY", help="the file that was exported elsewhere, or a revoked key"
    )
    parser.add_argument("--name", type=clean, default="", help="what to call it here (default: its own)")
    parser = verbs.verb("revoke", "let the signatures of a key count no more", _revoke)
    parser.add_argument("key", type=clean, metavar="KEY", help="its name, or the begin of its fingerprint")
    parser = verbs.verb("export", "write the public half of a key, to be trusted elsewhere", _export)
    parser.add_argument("key", type=clean, metavar="KEY", help="its name, or the begin of its fingerprint")
    parser.add_argument("file", type=folder, metavar="FILE", help="the file to write")


def passphrase_of(invocation: Invocation, record: KeyRecord) -> str:
    """The passphrase of a key of our own: from the environment, the keyring or the terminal.

    Raises:
        BancadaError: ``keys.locked`` when none of them has it.
    """
    known = keys.remembered(record.id)
    if known is not None:
        return known
    if not _is_terminal(invocation):
        raise BancadaError("keys.locked", name=record.name)
    return getpass.getpass(f"Passphrase of the key {text.printable(record.name)} (it is not shown): ")


def document_of(record: KeyRecord) -> dict[str, Any]:
    """One key as programs get it."""
    return {
        "id": record.id,
        "name": record.name,
        "own": record.own,
        "trust": _standing(record),
        "expires_at": record.expires_at,
        "public_key": record.public_key,
        "created_at": record.created_at,
    }


def _new(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        record = _make(invocation, context, options.name, options.days, ask=options.ask)
    invocation.console.document(document_of(record))
    console = invocation.console
    console.say(f"Made the key {text.printable(record.name)}. Its fingerprint is")
    console.say(f"  {fingerprint_text(record.id)}")
    console.say("Give the other side its public half: bancada keys export KEY FILE")
    return DONE


def _make(
    invocation: Invocation, context: AppContext, name: str, days: int | None, *, ask: bool
) -> KeyRecord:
    """A key with the passphrase that was given or typed, or with one that the keyring keeps."""
    given = os.environ.get(keys.PASSPHRASE_VARIABLE)
    if given or ask:
        return keys.make_key(context.home, context.database, name, given or _ask_twice(invocation), days=days)
    try:
        return keys.make_remembered_key(context.home, context.database, name, days=days)
    except BancadaError as error:
        if error.code != "keys.no_passphrase" or not _is_terminal(invocation):
            raise
    invocation.console.note("There is no system keyring that could keep a passphrase.")
    return keys.make_key(context.home, context.database, name, _ask_twice(invocation), days=days)


def _ask_twice(invocation: Invocation) -> str:
    if not _is_terminal(invocation):
        raise BancadaError("keys.no_passphrase", detail="a passphrase was to be asked for")
    first = getpass.getpass("Passphrase of the new key (it is not shown): ")
    if getpass.getpass("The same again: ") != first:
        raise BancadaError("keys.passphrases_differ")
    return first


def _is_terminal(invocation: Invocation) -> bool:
    return sys.stdin.isatty() and invocation.console.err.isatty()


def _list(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        records = signing_keys.list_keys(context.database)
    invocation.console.listing(
        [document_of(one) for one in records],
        "No key yet. Make one with: bancada keys new NAME",
        ("Name", "Fingerprint", "Made here", "Trust", "Expires"),
        [
            (
                text.printable(one.name),
                fingerprint_text(one.id),
                "yes" if one.own else "no",
                _standing(one),
                text.when_text(one.expires_at) if one.expires_at else "never",
            )
            for one in records
        ],
        optional=(4, 2),
    )
    return DONE


def _trust(invocation: Invocation) -> int:
    options = invocation.options
    path = Path(options.key)
    with invocation.workspace() as context:
        if path.is_file():
            record = keys.trust(context.database, keys.read_public(path), options.name)
        else:
            record = signing_keys.find(context.database, options.key)
            public = keys.PublicKey(record.id, record.name, record.public_key, record.expires_at)
            record = keys.trust(context.database, public)
    invocation.console.document(document_of(record))
    console = invocation.console
    console.say(f"The signatures of {text.printable(record.name)} count from now on.")
    console.say(f"Compare its fingerprint with its owner:  {fingerprint_text(record.id)}")
    return DONE


def _revoke(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        record = signing_keys.find(context.database, invocation.options.key)
        signing_keys.revoke(context.database, record.id)
        record = signing_keys.get(context.database, record.id)
    invocation.console.document(document_of(record))
    invocation.console.say(f"The signatures of {text.printable(record.name)} count no more.")
    return DONE


def _export(invocation: Invocation) -> int:
    target = invocation.options.file
    with invocation.workspace() as context:
        record = signing_keys.find(context.database, invocation.options.key)
        keys.export_public(record, target)
    invocation.console.document({**document_of(record), "file": str(target)})
    invocation.console.say(f"Wrote {text.printable(str(target))}. Fingerprint: {fingerprint_text(record.id)}")
    return DONE


def _standing(record: KeyRecord) -> str:
    return "expired" if keys.has_expired(record, datetime.now(UTC)) else record.trust
