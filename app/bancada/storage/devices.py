"""Machines, and the engine settings that were measured on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bancada.core.ids import new_id
from bancada.storage.connection import Database, now, storable, to_json


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A machine: ``facts`` are what makes measurements comparable (processor, cores, memory, GPU)."""

    id: str
    name: str
    facts: dict[str, Any]
    created_at: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """Chosen engine settings and the measurements behind the choice."""

    settings: dict[str, Any]
    measured: dict[str, Any]
    created_at: str


def ensure_device(db: Database, facts: Mapping[str, Any]) -> str:
    """Return the id of the machine with exactly these facts; a changed machine is another device.

    ``facts["name"]``, when given, is what people call it.
    """
    fingerprint = _fingerprint(facts)
    with db.transaction() as handle:
        row = db.row("SELECT id FROM devices WHERE fingerprint = ?", (fingerprint,))
        if row is not None:
            return str(row["id"])
        device_id = new_id()
        handle.execute(
            "INSERT INTO devices (id, fingerprint, name, facts, created_at) VALUES (?, ?, ?, ?, ?)",
            (device_id, fingerprint, storable(str(facts.get("name", ""))), to_json(dict(facts)), now()),
        )
        return device_id


def find_device(db: Database, facts: Mapping[str, Any]) -> str | None:
    """The id of the machine with exactly these facts, or None when it was never recorded."""
    row = db.row("SELECT id FROM devices WHERE fingerprint = ?", (_fingerprint(facts),))
    return None if row is None else str(row["id"])


def list_all(db: Database) -> list[DeviceRecord]:
    """All machines that this workspace was opened on, oldest first."""
    return [
        DeviceRecord(row["id"], row["name"], json.loads(row["facts"]), row["created_at"])
        for row in db.rows("SELECT * FROM devices ORDER BY id")
    ]


def calibration(db: Database, device_id: str, model_sha256: str, engine: str) -> Calibration | None:
    """What was measured for a model with this engine build on this machine, or None."""
    row = db.row(
        "SELECT * FROM calibrations WHERE device_id = ? AND model_sha256 = ? AND engine = ?",
        (device_id, model_sha256, engine),
    )
    if row is None:
        return None
    return Calibration(json.loads(row["settings"]), json.loads(row["measured"]), row["created_at"])


def store_calibration(
    db: Database,
    device_id: str,
    model_sha256: str,
    engine: str,
    *,
    settings: Mapping[str, Any],
    measured: Mapping[str, Any],
) -> None:
    """Keep a calibration, in place of an older one for the same device, model and engine build."""
    with db.transaction() as handle:
        handle.execute(
            "INSERT OR REPLACE INTO calibrations"
            " (device_id, model_sha256, engine, settings, measured, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (device_id, model_sha256, engine, to_json(dict(settings)), to_json(dict(measured)), now()),
        )


def _fingerprint(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
