"""Signing keys: the public halves, whether they are trusted, and how far their numbers have come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from bancada.core.errors import BancadaError
from bancada.storage import audit
from bancada.storage.connection import Database, Row, now, storable

Trust = Literal["trusted", "revoked"]
#: what is typed for a key's id must have at least so many of its digits
SHORTEST_ID: Final = 6


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key; ``own`` means that its private half was made in this workspace.

    ``last_made`` and ``last_admitted`` are the sequence numbers of its newest bundles made and
    admitted here.
    """

    id: str
    name: str
    public_key: str
    own: bool
    trust: Trust
    expires_at: str | None
    last_made: int
    last_admitted: int
    created_at: str


def add(
    db: Database, *, key_id: str, name: str, public_key: str, own: bool, expires_at: str | None
) -> KeyRecord:
    """Store a key as trusted; one that is there keeps its name and numbers and is trusted again.

    Raises:
        BancadaError: ``keys.name_taken`` when another key has the name.
    """
    name = storable(name)
    with db.transaction() as handle:
        known = db.row("SELECT 1 FROM signing_keys WHERE id = ?", (key_id,))
        if known is None:
            if db.row("SELECT 1 FROM signing_keys WHERE name = ?", (name,)) is not None:
                raise BancadaError("keys.name_taken", name=name)
            handle.execute(
                "INSERT INTO signing_keys (id, name, public_key, own, trust, expires_at, created_at)"
                " VALUES (?, ?, ?, ?, 'trusted', ?, ?)",
                (key_id, name, public_key, int(own), expires_at, now()),
            )
        handle.execute("UPDATE signing_keys SET trust = 'trusted' WHERE id = ?", (key_id,))
        audit.append(db, "user", "key.made" if own else "key.trusted", key_id, {"name": name})
        return get(db, key_id)


def get(db: Database, key_id: str) -> KeyRecord:
    """One key by its whole id; raises BancadaError ``keys.not_found``."""
    row = db.row("SELECT * FROM signing_keys WHERE id = ?", (key_id,))
    if row is None:
        raise BancadaError("keys.not_found", key=key_id[:80])
    return _record(row)


def find(db: Database, text: str) -> KeyRecord:
    """The key with this name, or whose id begins with ``text``; raises BancadaError ``keys.not_found``."""
    text = storable(text)
    row = db.row("SELECT * FROM signing_keys WHERE name = ?", (text,))
    if row is None and len(text) >= SHORTEST_ID:
        rows = db.rows("SELECT * FROM signing_keys WHERE substr(id, 1, ?) = ?", (len(text), text.lower()))
        row = rows[0] if len(rows) == 1 else None
    if row is None:
        raise BancadaError("keys.not_found", key=text[:80])
    return _record(row)


def list_keys(db: Database) -> list[KeyRecord]:
    """All keys by name."""
    return [_record(row) for row in db.rows("SELECT * FROM signing_keys ORDER BY name COLLATE NOCASE")]


def revoke(db: Database, key_id: str) -> None:
    """From now on the key's signatures do not count; raises BancadaError ``keys.not_found``."""
    with db.transaction() as handle:
        record = get(db, key_id)
        handle.execute("UPDATE signing_keys SET trust = 'revoked' WHERE id = ?", (key_id,))
        audit.append(db, "user", "key.revoked", key_id, {"name": record.name})


def next_sequence(db: Database, key_id: str) -> int:
    """Take the next number for a bundle of this key; raises BancadaError ``keys.not_found``."""
    with db.transaction() as handle:
        handle.execute("UPDATE signing_keys SET last_made = last_made + 1 WHERE id = ?", (key_id,))
        return get(db, key_id).last_made


def note_admitted(db: Database, key_id: str, sequence: int) -> None:
    """Remember the number of an admitted bundle; an unknown key has none."""
    with db.transaction() as handle:
        handle.execute(
            "UPDATE signing_keys SET last_admitted = max(last_admitted, ?) WHERE id = ?", (sequence, key_id)
        )


def _record(row: Row) -> KeyRecord:
    return KeyRecord(**(row | {"own": bool(row["own"])}))
