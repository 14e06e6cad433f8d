"""What loaded models really took of the memory, beside what was forecast."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Final

from bancada.storage.connection import Database, Row, now, storable, to_json

#: loads that are kept for each machine; older ones say little about today's program
KEPT: Final = 2_000


@dataclass(frozen=True, slots=True)
class MemoryMeasurement:
    """One load. ``items`` are the uncorrected parts of the forecast in bytes, at ``filled_tokens``.

    ``measured_bytes`` is the peak of the worker's resident memory, ``filled_tokens`` how much of the
    context was in use when that peak was reached.
    """

    session_id: str
    device_id: str
    engine: str
    format: str
    model_sha256: str
    context: int
    cache_type: str
    flash_attention: bool
    items: dict[str, int]
    forecast_bytes: int
    corrected_bytes: int
    measured_bytes: int
    filled_tokens: int
    created_at: str = dataclasses.field(default_factory=now)

    @property
    def forecast_error(self) -> float:
        """Of the uncorrected forecast, as a share of what was measured; positive: forecast too high."""
        return self.forecast_bytes / self.measured_bytes - 1

    @property
    def corrected_error(self) -> float:
        """Of the corrected forecast that was valid at that load."""
        return self.corrected_bytes / self.measured_bytes - 1


_COLUMNS: Final = tuple(one.name for one in dataclasses.fields(MemoryMeasurement))
_UPDATED: Final = ("items", "forecast_bytes", "corrected_bytes", "measured_bytes", "filled_tokens")


def store(db: Database, record: MemoryMeasurement) -> None:
    """Keep a measurement; a later one of the same session takes its place."""
    row = {name: getattr(record, name) for name in _COLUMNS}
    row["items"] = to_json(record.items)
    row["engine"] = storable(record.engine)
    row["flash_attention"] = int(record.flash_attention)
    updates = ", ".join(f"{name} = excluded.{name}" for name in _UPDATED)
    with db.transaction() as handle:
        handle.execute(
            f"INSERT INTO memory_measurements ({', '.join(_COLUMNS)})"
            f" VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
            f" ON CONFLICT (session_id) DO UPDATE SET {updates}",
            row,
        )
        handle.execute(
            "DELETE FROM memory_measurements WHERE device_id = ? AND seq <= "
            "(SELECT seq FROM memory_measurements WHERE device_id = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)",
            (record.device_id, record.device_id, KEPT),
        )


def latest(db: Database, device_id: str, *, limit: int = 500) -> list[MemoryMeasurement]:
    """The newest loads on a machine, newest first."""
    rows = db.rows(
        "SELECT * FROM memory_measurements WHERE device_id = ? ORDER BY seq DESC LIMIT ?", (device_id, limit)
    )
    return [_record(row) for row in rows]


def history(db: Database, device_id: str, model_sha256: str, *, limit: int = 20) -> list[MemoryMeasurement]:
    """The newest loads of one model on a machine, newest first."""
    rows = db.rows(
        "SELECT * FROM memory_measurements WHERE device_id = ? AND model_sha256 = ?"
        " ORDER BY seq DESC LIMIT ?",
        (device_id, model_sha256, limit),
    )
    return [_record(row) for row in rows]


def plain_attention(db: Database, device_id: str) -> frozenset[str]:
    """Hashes of the models whose calibration on this machine chose attention without flash attention."""
    rows = db.rows(
        "SELECT model_sha256, json_extract(settings, '$.flash_attention') AS flash, max(created_at)"
        " FROM calibrations WHERE device_id = ? GROUP BY model_sha256",
        (device_id,),
    )
    return frozenset(row["model_sha256"] for row in rows if row["flash"] == 0)


def _record(row: Row) -> MemoryMeasurement:
    values = {name: row[name] for name in _COLUMNS}
    values["items"] = {str(name): int(value) for name, value in json.loads(row["items"]).items()}
    values["flash_attention"] = bool(row["flash_attention"])
    return MemoryMeasurement(**values)
