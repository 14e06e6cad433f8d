"""Runs: what was done with which parameters in which environment, with metrics by step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bancada.core.errors import BancadaError
from bancada.core.ids import new_id
from bancada.storage.connection import Database, Row, now, storable, to_json


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run; ``status`` is running, finished, failed or canceled. ``seq`` is the order of starting."""

    id: str
    seq: int
    kind: str
    name: str
    job_id: str | None
    status: str
    params: dict[str, Any]
    environment: dict[str, Any]
    summary: dict[str, Any]
    started_at: str
    ended_at: str | None


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One value of a metric; ``elapsed_ms`` is counted from the start of the run."""

    key: str
    step: int
    value: float
    elapsed_ms: int


def start(
    db: Database,
    kind: str,
    name: str,
    params: Mapping[str, Any],
    environment: Mapping[str, Any],
    *,
    job_id: str | None = None,
) -> str:
    """Record the start of a run and return its id."""
    run_id = new_id()
    with db.transaction() as handle:
        handle.execute(
            "INSERT INTO runs (id, kind, name, job_id, status, params, environment, started_at)"
            " VALUES (?, ?, ?, ?, 'running', ?, ?, ?)",
            (run_id, kind, storable(name), job_id, to_json(dict(params)), to_json(dict(environment)), now()),
        )
    return run_id


def finish(db: Database, run_id: str, status: str, summary: Mapping[str, Any]) -> None:
    """End a run as ``finished``, ``failed`` or ``canceled``; raises BancadaError ``run.not_found``."""
    with db.transaction() as handle:
        cursor = handle.execute(
            "UPDATE runs SET status = ?, summary = ?, ended_at = ? WHERE id = ?",
            (status, to_json(dict(summary)), now(), run_id),
        )
        if cursor.rowcount == 0:
            raise BancadaError("run.not_found", run=run_id)


def reopen(db: Database, run_id: str) -> None:
    """Set a run back to running, when its job is resumed; raises BancadaError ``run.not_found``."""
    with db.transaction() as handle:
        cursor = handle.execute("UPDATE runs SET status = 'running', ended_at = NULL WHERE id = ?", (run_id,))
        if cursor.rowcount == 0:
            raise BancadaError("run.not_found", run=run_id)


def log_metrics(db: Database, run_id: str, values: Iterable[tuple[str, int, float, int]]) -> None:
    """Store ``(key, step, value, elapsed_ms)``; a value for the same key and step is replaced.

    Raises:
        BancadaError: ``database.value_refused`` for a NaN or a run that is not there.
    """
    with db.transaction() as handle:
        handle.conn.executemany(
            "INSERT OR REPLACE INTO metrics (run_id, key, step, value, elapsed_ms) VALUES (?, ?, ?, ?, ?)",
            [(run_id, key, step, float(value), elapsed) for key, step, value, elapsed in values],
        )


def metrics(db: Database, run_id: str, key: str | None = None, after: int = -1) -> list[MetricPoint]:
    """The values of a run by key and step; all keys when ``key`` is None, only steps past ``after``."""
    rows = db.rows(
        "SELECT key, step, value, elapsed_ms FROM metrics"
        " WHERE run_id = :run AND (:key IS NULL OR key = :key) AND step > :after ORDER BY key, step",
        {"run": run_id, "key": key, "after": after},
    )
    return [MetricPoint(**row) for row in rows]


def list_runs(
    db: Database, kind: str | None = None, limit: int = 100, before: int | None = None
) -> list[RunRecord]:
    """The newest runs first; ``before`` is the ``seq`` of the last run of the page before."""
    where, values = ["1"], [value for value in (kind, before) if value is not None]
    if kind is not None:
        where.append("kind = ?")
    if before is not None:
        where.append("seq < ?")
    rows = db.rows(
        f"SELECT * FROM runs WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?", [*values, limit]
    )
    return [_record(row) for row in rows]


def get(db: Database, run_id: str) -> RunRecord:
    """One run; raises BancadaError ``run.not_found``."""
    row = db.row("SELECT * FROM runs WHERE id = ?", (run_id,))
    if row is None:
        raise BancadaError("run.not_found", run=run_id)
    return _record(row)


def of_job(db: Database, job_id: str) -> RunRecord | None:
    """The run that a job started, or None: a resumed job continues it."""
    row = db.row("SELECT * FROM runs WHERE job_id = ? ORDER BY seq DESC LIMIT 1", (job_id,))
    return _record(row) if row else None


def of_version(db: Database, kind: str, version_id: str, *, limit: int = 20) -> list[RunRecord]:
    """The newest finished runs of a kind whose parameter ``version_id`` is this one, newest first."""
    rows = db.rows(
        "SELECT * FROM runs WHERE kind = ? AND status = 'finished'"
        " AND json_extract(params, '$.version_id') = ? ORDER BY seq DESC LIMIT ?",
        (kind, version_id, limit),
    )
    return [_record(row) for row in rows]


def rename(db: Database, run_id: str, name: str) -> None:
    """Give a run another name; raises BancadaError ``run.not_found``."""
    with db.transaction() as handle:
        cursor = handle.execute("UPDATE runs SET name = ? WHERE id = ?", (storable(name), run_id))
        if cursor.rowcount == 0:
            raise BancadaError("run.not_found", run=run_id)


def remove(db: Database, run_id: str) -> None:
    """Remove a run with its metrics; one that is not there is no error."""
    with db.transaction() as handle:
        handle.execute("DELETE FROM runs WHERE id = ?", (run_id,))


def _record(row: Row) -> RunRecord:
    decoded = {name: json.loads(row[name]) for name in ("params", "environment", "summary")}
    return RunRecord(**(row | decoded))
