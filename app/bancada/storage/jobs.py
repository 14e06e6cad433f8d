"""Queries of the jobs table: what was asked, who runs it, how far it is, what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.storage.connection import Database, Row, now, storable, to_json


class JobStatus(StrEnum):
    """Where a job is in its life; the last four are ends, of which all but ``succeeded`` can be resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Nothing runs and nothing waits."""
        return self in ENDED


ENDED: Final = frozenset((JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.INTERRUPTED))


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One row of ``jobs``; JSON columns are decoded. ``owner`` names the process that runs it."""

    id: str
    kind: str
    title: str
    params: dict[str, Any]
    status: JobStatus
    lane: str
    owner: str | None
    cancel_requested: bool
    attempt: int
    progress: dict[str, Any]
    result: Any
    error: dict[str, Any] | None
    log_tail: str
    peak_memory_bytes: int | None
    created_at: str
    started_at: str | None
    ended_at: str | None

    @property
    def failure(self) -> BancadaError | None:
        """The stored error, ready to be raised or described."""
        return None if self.error is None else BancadaError.from_json(self.error)


_COLUMNS: Final = ", ".join(one.name for one in fields(JobRecord))
_DECODED: Final = ("params", "progress", "result", "error")


def insert(
    db: Database, *, job_id: str, kind: str, title: str, params: dict[str, Any], lane: str, owner: str
) -> JobRecord:
    """Write a new job in state ``queued``."""
    with db.transaction() as handle:
        handle.execute(
            "INSERT INTO jobs (id, kind, title, params, status, lane, owner, created_at)"
            " VALUES (?, ?, ?, ?, 'queued', ?, ?, ?)",
            [job_id, kind, storable(title), to_json(params), lane, owner, now()],
        )
    return get(db, job_id)


def get(db: Database, job_id: str) -> JobRecord:
    """One job.

    Raises:
        BancadaError: ``jobs.not_found``.
    """
    row = db.row(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", [job_id])
    if row is None:
        raise BancadaError("jobs.not_found", job=job_id)
    return _record(row)


def list_page(
    db: Database, status: str | Sequence[str] | None = None, before: str | None = None, limit: int = 100
) -> list[JobRecord]:
    """The newest jobs first; ``before`` is the last id of the page that came before.

    The order is that of insertion, not of the wall clock, which can be set back.
    """
    wanted = [status] if isinstance(status, str) else list(status or ())
    marks = ", ".join("?" for _ in wanted)
    conditions = [f"status IN ({marks})"] if wanted else []
    parameters: list[Any] = [str(one) for one in wanted]
    if before is not None:
        conditions.append("rowid < (SELECT rowid FROM jobs WHERE id = ?)")
        parameters.append(before)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = db.rows(f"SELECT {_COLUMNS} FROM jobs {where} ORDER BY rowid DESC LIMIT ?", [*parameters, limit])
    return [_record(row) for row in rows]


def unfinished(db: Database) -> list[JobRecord]:
    """Jobs that wait or run, oldest first."""
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM jobs WHERE status IN ('queued', 'running', 'canceling') ORDER BY rowid"
    )
    return [_record(row) for row in rows]


def claim(db: Database, job_id: str, owner: str) -> JobRecord | None:
    """Turn a queued job into a running one, with one more attempt; None when it was canceled meanwhile."""
    with db.transaction() as handle:
        cursor = handle.execute(
            "UPDATE jobs SET status = 'running', attempt = attempt + 1, started_at = ?, ended_at = NULL,"
            " error = NULL, log_tail = '' WHERE id = ? AND status = 'queued' AND owner = ?",
            [now(), job_id, owner],
        )
        if cursor.rowcount == 0:
            return None
    return get(db, job_id)


def requeue(db: Database, job_id: str, owner: str) -> JobRecord:
    """Queue an ended job again under ``owner``.

    Raises:
        BancadaError: ``jobs.not_found``, or ``jobs.not_resumable`` when it has not ended or succeeded.
    """
    with db.transaction() as handle:
        cursor = handle.execute(
            "UPDATE jobs SET status = 'queued', owner = ?, cancel_requested = 0, ended_at = NULL"
            " WHERE id = ? AND status IN ('failed', 'canceled', 'interrupted')",
            [owner, job_id],
        )
        record = get(db, job_id)
        if cursor.rowcount == 0:
            raise BancadaError("jobs.not_resumable", job=record.title, status=record.status.value)
    return record


def set_progress(db: Database, job_id: str, progress: dict[str, Any]) -> None:
    """Keep the latest progress; the caller limits how often."""
    with db.transaction() as handle:
        handle.execute("UPDATE jobs SET progress = ? WHERE id = ?", [to_json(progress), job_id])


def set_canceling(db: Database, job_id: str) -> None:
    """The worker was told to stop."""
    with db.transaction() as handle:
        handle.execute(
            "UPDATE jobs SET status = 'canceling', cancel_requested = 1 WHERE id = ? AND status = 'running'",
            [job_id],
        )


def finish(
    db: Database,
    job_id: str,
    status: JobStatus,
    *,
    result: Any = None,
    error: dict[str, Any] | None = None,
    log_tail: str = "",
    progress: dict[str, Any] | None = None,
    peak_memory_bytes: int | None = None,
) -> None:
    """Write the end of a job, whatever it was."""
    with db.transaction() as handle:
        handle.execute(
            "UPDATE jobs SET status = ?, result = ?, error = ?, log_tail = ?, ended_at = ?,"
            " progress = coalesce(?, progress), peak_memory_bytes = coalesce(?, peak_memory_bytes)"
            " WHERE id = ?",
            [
                str(status),
                None if result is None else to_json(result),
                None if error is None else to_json(error),
                storable(log_tail),
                now(),
                None if progress is None else to_json(progress),
                peak_memory_bytes,
                job_id,
            ],
        )


def request_cancel(db: Database, job_id: str) -> JobRecord:
    """Ask for the end of a job from any process. A queued one is canceled at once.

    Raises:
        BancadaError: ``jobs.not_found``.
    """
    with db.transaction() as handle:
        handle.execute(
            "UPDATE jobs SET cancel_requested = 1,"
            " ended_at = CASE status WHEN 'queued' THEN ? ELSE ended_at END,"
            " status = CASE status WHEN 'queued' THEN 'canceled' ELSE status END"
            " WHERE id = ? AND status IN ('queued', 'running', 'canceling')",
            [now(), job_id],
        )
    return get(db, job_id)


def cancel_requests(db: Database, owner: str) -> list[str]:
    """Ids of the owner's jobs that somebody wants to end, or has ended while they waited."""
    rows = db.rows(
        "SELECT id FROM jobs INDEXED BY jobs_by_status"
        " WHERE owner = ? AND cancel_requested = 1 AND status IN ('running', 'canceled')",
        [owner],
    )
    return [row["id"] for row in rows]


def remove(db: Database, job_ids: Sequence[str]) -> int:
    """Forget ended jobs with their memory curves; those that wait or run are left. Returns how many went."""
    removed = 0
    with db.transaction() as handle:
        for job_id in job_ids:
            cursor = handle.execute(
                "DELETE FROM jobs WHERE id = ? AND status NOT IN ('queued', 'running', 'canceling')", [job_id]
            )
            if cursor.rowcount > 0:
                handle.execute("DELETE FROM process_samples WHERE owner_id = ?", [job_id])
                removed += 1
    return removed


def mark_interrupted(db: Database, job_id: str, owner: str | None) -> bool:
    """End a job whose owner is gone; one that was being canceled becomes canceled. False: no longer so."""
    with db.transaction() as handle:
        cursor = handle.execute(
            "UPDATE jobs SET ended_at = ?,"
            " status = CASE cancel_requested WHEN 1 THEN 'canceled' ELSE 'interrupted' END"
            " WHERE id = ? AND owner IS ? AND status IN ('queued', 'running', 'canceling')",
            [now(), job_id, owner],
        )
    return bool(cursor.rowcount > 0)


def _record(row: Row) -> JobRecord:
    values = dict(row)
    for name in _DECODED:
        values[name] = None if values[name] is None else json.loads(values[name])
    values["status"] = JobStatus(values["status"])
    values["cancel_requested"] = bool(values["cancel_requested"])
    return JobRecord(**values)
