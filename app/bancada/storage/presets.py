"""Named sampling parameters and system prompts of the Playground."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bancada.core.errors import BancadaError
from bancada.storage.connection import Database, Row, now, storable, to_json


@dataclass(frozen=True, slots=True)
class PresetRecord:
    """A preset; ``parameters`` are JSON values."""

    name: str
    parameters: dict[str, Any]
    system_prompt: str
    created_at: str


def list_all(db: Database) -> list[PresetRecord]:
    """All presets by name."""
    return [_record(row) for row in db.rows("SELECT * FROM presets ORDER BY name COLLATE NOCASE")]


def get(db: Database, name: str) -> PresetRecord:
    """One preset; raises BancadaError ``preset.not_found``."""
    row = db.row("SELECT * FROM presets WHERE name = ?", (storable(name),))
    if row is None:
        raise BancadaError("preset.not_found", name=name)
    return _record(row)


def save(db: Database, name: str, parameters: Mapping[str, Any], system_prompt: str = "") -> PresetRecord:
    """Keep a preset, in place of one with the same name."""
    with db.transaction() as handle:
        handle.execute(
            "INSERT INTO presets (name, parameters, system_prompt, created_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET parameters = excluded.parameters,"
            " system_prompt = excluded.system_prompt",
            (storable(name), to_json(dict(parameters)), storable(system_prompt), now()),
        )
        return get(db, name)


def remove(db: Database, name: str) -> None:
    """Remove a preset; one that is not there is no error."""
    with db.transaction() as handle:
        handle.execute("DELETE FROM presets WHERE name = ?", (storable(name),))


def _record(row: Row) -> PresetRecord:
    return PresetRecord(row["name"], json.loads(row["parameters"]), row["system_prompt"], row["created_at"])
