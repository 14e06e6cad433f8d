"""The memory and processor curve of a worker, kept after its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bancada.storage.connection import Database


@dataclass(frozen=True, slots=True)
class SamplePoint:
    """One sample: milliseconds since the worker's start, resident bytes, percent of one processor core."""

    elapsed_ms: int
    rss_bytes: int
    cpu_percent: float


def add_many(db: Database, owner_id: str, points: Iterable[SamplePoint]) -> None:
    """Store samples of a job or session; a sample of the same millisecond is replaced."""
    with db.transaction() as handle:
        handle.conn.executemany(
            "INSERT OR REPLACE INTO process_samples (owner_id, elapsed_ms, rss_bytes, cpu_percent)"
            " VALUES (?, ?, ?, ?)",
            [(owner_id, one.elapsed_ms, one.rss_bytes, float(one.cpu_percent)) for one in points],
        )


def curve(db: Database, owner_id: str) -> tuple[SamplePoint, ...]:
    """All samples of a job or session in the order of time."""
    rows = db.rows(
        "SELECT elapsed_ms, rss_bytes, cpu_percent FROM process_samples"
        " WHERE owner_id = ? ORDER BY elapsed_ms",
        (owner_id,),
    )
    return tuple(SamplePoint(**row) for row in rows)


def remove(db: Database, owner_id: str) -> None:
    """Forget the curve of a job or session."""
    with db.transaction() as handle:
        handle.execute("DELETE FROM process_samples WHERE owner_id = ?", (owner_id,))
