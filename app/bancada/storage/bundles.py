"""Bundles that were brought here: what waits in quarantine, who signed it, what was admitted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bancada.core.errors import BancadaError
from bancada.storage import audit
from bancada.storage.connection import Database, Row, now, storable, to_json
from bancada.storage.signing_keys import SHORTEST_ID

State = Literal["receiving", "quarantined", "admitted"]


@dataclass(frozen=True, slots=True)
class BundleRecord:
    """One bundle; ``id`` is the sha256 of ``manifest``, whose bytes are ASCII and as they came.

    ``receipt`` is that of the last admission.
    """

    id: str
    title: str
    issuer: str
    sequence: int
    state: State
    manifest: str
    source: str
    receipt: dict[str, Any] | None
    created_at: str
    changed_at: str


def begin(
    db: Database, *, bundle_id: str, title: str, issuer: str, sequence: int, manifest: str, source: str
) -> BundleRecord:
    """Note that a bundle is being received; one that is known keeps its state."""
    with db.transaction() as handle:
        at = now()
        handle.execute(
            "INSERT INTO bundles (id, title, issuer, sequence, state, manifest, source,"
            " created_at, changed_at) VALUES (?, ?, ?, ?, 'receiving', ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET source = excluded.source",
            (bundle_id, storable(title), issuer, sequence, manifest, storable(source), at, at),
        )
        return get(db, bundle_id)


def lookup(db: Database, bundle_id: str) -> BundleRecord | None:
    """One bundle by its whole id, None for one that never came here."""
    row = db.row("SELECT * FROM bundles WHERE id = ?", (bundle_id,))
    return None if row is None else _record(row)


def get(db: Database, bundle_id: str) -> BundleRecord:
    """One bundle by its whole id; raises BancadaError ``bundle.not_found``."""
    record = lookup(db, bundle_id)
    if record is None:
        raise BancadaError("bundle.not_found", bundle=bundle_id[:80])
    return record


def find(db: Database, text: str) -> BundleRecord:
    """The bundle whose id begins with ``text``; raises BancadaError ``bundle.not_found``."""
    text = storable(text).lower()
    rows = db.rows("SELECT * FROM bundles WHERE substr(id, 1, ?) = ?", (len(text), text))
    if len(text) < SHORTEST_ID or len(rows) != 1:
        raise BancadaError("bundle.not_found", bundle=text[:80])
    return _record(rows[0])


def list_bundles(db: Database, *, limit: int = 1000) -> list[BundleRecord]:
    """The bundles that were brought here, newest first."""
    rows = db.rows("SELECT * FROM bundles ORDER BY created_at DESC, id LIMIT ?", (limit,))
    return [_record(row) for row in rows]


def hold(db: Database, bundle_id: str, sha256: str) -> None:
    """Keep a stored blob for a bundle that is not admitted yet."""
    with db.transaction() as handle:
        handle.execute(
            "INSERT OR IGNORE INTO bundle_files (bundle_id, sha256) VALUES (?, ?)", (bundle_id, sha256)
        )


def held_bytes(db: Database, bundle_id: str) -> int:
    """The size of what is held for a bundle and is part of no model yet: what it brought."""
    row = db.row(
        "SELECT coalesce(sum(size_bytes), 0) AS held FROM blobs WHERE sha256 IN"
        " (SELECT sha256 FROM bundle_files WHERE bundle_id = ?)"
        " AND sha256 NOT IN (SELECT sha256 FROM model_files)",
        (bundle_id,),
    )
    return 0 if row is None else int(row["held"])


def add_signature(db: Database, bundle_id: str, key_id: str, signature: str) -> None:
    """Store a signature that was found to be right; a key has one for each bundle."""
    with db.transaction() as handle:
        handle.execute(
            "INSERT OR REPLACE INTO bundle_signatures (bundle_id, key_id, signature, created_at)"
            " VALUES (?, ?, ?, ?)",
            (bundle_id, key_id, signature, now()),
        )


def signatures(db: Database, bundle_id: str) -> dict[str, str]:
    """Key id -> signature of a bundle."""
    rows = db.rows("SELECT key_id, signature FROM bundle_signatures WHERE bundle_id = ?", (bundle_id,))
    return {row["key_id"]: row["signature"] for row in rows}


def quarantine(db: Database, bundle_id: str) -> None:
    """All of it was received and checked; one that was admitted before stays so."""
    with db.transaction() as handle:
        handle.execute(
            "UPDATE bundles SET state = 'quarantined', changed_at = ? WHERE id = ? AND state = 'receiving'",
            (now(), bundle_id),
        )


def admit(db: Database, bundle_id: str, receipt: Mapping[str, Any], *, sha256: str) -> None:
    """Its models are in the library, which now holds the files; ``sha256`` is that of the receipt's file."""
    with db.transaction() as handle:
        handle.execute(
            "UPDATE bundles SET state = 'admitted', receipt = ?, changed_at = ? WHERE id = ?",
            (to_json(dict(receipt)), now(), bundle_id),
        )
        handle.execute("DELETE FROM bundle_files WHERE bundle_id = ?", (bundle_id,))
        detail = {"receipt_sha256": sha256, "receipt": dict(receipt)}
        audit.append(db, "user", "bundle.admitted", bundle_id, detail)


def discard(db: Database, bundle_id: str) -> None:
    """Let go of what waits; an admitted bundle keeps its row. Its blobs stay until garbage is collected."""
    with db.transaction() as handle:
        handle.execute("DELETE FROM bundle_files WHERE bundle_id = ?", (bundle_id,))
        handle.execute("DELETE FROM bundles WHERE id = ? AND state <> 'admitted'", (bundle_id,))


def _record(row: Row) -> BundleRecord:
    receipt = None if row["receipt"] is None else json.loads(row["receipt"])
    return BundleRecord(**(row | {"receipt": receipt}))
