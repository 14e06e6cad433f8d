"""The audit log: append-only rows, each with the hash of the one before.

Whoever changes or removes a row in the middle breaks the chain at that place. The order is
the sequence number's, never the clock's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bancada.storage.connection import Database, Row, now, storable, to_json

GENESIS: Final = "0" * 64
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the log."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain holds; ``broken_seq`` is the first sequence number that does not fit."""

    ok: bool
    broken_seq: int | None
    count: int


def append(db: Database, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> int:
    """Add one line and return its sequence number; in a caller's transaction it is part of that one.

    When the clock reads earlier than in the line before, a line ``clock.went_back`` comes first.
    """
    with db.transaction():
        last = db.row("SELECT seq, at, hash FROM events ORDER BY seq DESC LIMIT 1")
        at = now()
        if last is not None and at < last["at"] and action != "clock.went_back":
            append(db, "bancada", "clock.went_back", "", {"from": last["at"], "to": at})
            last = db.row("SELECT seq, at, hash FROM events ORDER BY seq DESC LIMIT 1")
        row: Row = {
            "seq": last["seq"] + 1 if last else 1,
            "at": at,
            "actor": storable(actor),
            "action": action,
            "subject": storable(subject),
            "detail": to_json(dict(detail)),
            "previous_hash": last["hash"] if last else GENESIS,
        }
        db.handle.execute(
            "INSERT INTO events (seq, at, actor, action, subject, detail, previous_hash, hash)"
            " VALUES (:seq, :at, :actor, :action, :subject, :detail, :previous_hash, :hash)",
            row | {"hash": _digest(row)},
        )
        return int(row["seq"])


def list_page(db: Database, *, before_seq: int | None = None, limit: int = 100) -> list[AuditEvent]:
    """The newest lines first; ``before_seq`` is the last sequence number of the page before."""
    rows = db.rows(
        "SELECT * FROM events WHERE :before IS NULL OR seq < :before ORDER BY seq DESC LIMIT :limit",
        {"before": before_seq, "limit": limit},
    )
    return [_event(row) for row in rows]


def list_actions(db: Database, actions: Collection[str], *, limit: int = 1000) -> list[AuditEvent]:
    """The newest lines of these actions first."""
    marks = ", ".join("?" * len(actions))
    rows = db.rows(
        f"SELECT * FROM events WHERE action IN ({marks}) ORDER BY seq DESC LIMIT ?",
        (*actions, limit),
    )
    return [_event(row) for row in rows]


def verify(db: Database) -> Verdict:
    """Compute the whole chain again. Lines cut off at the end cannot be seen from the chain alone."""
    expected_seq, previous, count = 1, GENESIS, 0
    while rows := db.rows("SELECT * FROM events WHERE seq >= ? ORDER BY seq LIMIT ?", (expected_seq, _BATCH)):
        for row in rows:
            if row["seq"] != expected_seq or row["previous_hash"] != previous or row["hash"] != _digest(row):
                return Verdict(ok=False, broken_seq=min(expected_seq, row["seq"]), count=count)
            previous, count, expected_seq = row["hash"], count + 1, expected_seq + 1
    return Verdict(ok=True, broken_seq=None, count=count)


def _event(row: Row) -> AuditEvent:
    detail = json.loads(row["detail"])
    return AuditEvent(row["seq"], row["at"], row["actor"], row["action"], row["subject"], detail, row["hash"])


def _digest(row: Row) -> str:
    names = ("seq", "at", "actor", "action", "subject", "detail", "previous_hash")
    return hashlib.sha256(json.dumps([row[name] for name in names]).encode()).hexdigest()
