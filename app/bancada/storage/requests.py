"""Every generation with its timings, from wherever it was asked."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from bancada.core.errors import BancadaError
from bancada.storage.connection import Database, Row, now, to_json


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One generation. Times are milliseconds, rates tokens per second; None: not measured.

    ``outcome`` is finished, canceled or failed; ``params`` are JSON values; ``seq`` is set by storing.
    """

    id: str
    purpose: str
    outcome: str
    model_version_id: str | None = None
    stop_reason: str | None = None
    seed: int | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    queue_ms: float | None = None
    prefill_ms: float | None = None
    ttft_ms: float | None = None
    decode_ms: float | None = None
    total_ms: float | None = None
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    peak_memory_bytes: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    started_at: str = field(default_factory=now)
    seq: int = 0


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """All requests in one line: how many, and the means of the latest ``sampled`` that finished."""

    count: int
    sampled: int
    completion_tokens: int
    mean_ttft_ms: float | None
    mean_decode_tokens_per_s: float | None


def add(db: Database, record: RequestRecord) -> int:
    """Store a request and return its sequence number."""
    row = {one.name: getattr(record, one.name) for one in dataclasses.fields(record) if one.name != "seq"}
    row["params"] = to_json(record.params)
    row["error"] = None if record.error is None else to_json(record.error)
    names = ", ".join(row)
    with db.transaction() as handle:
        cursor = handle.execute(
            f"INSERT INTO requests ({names}) VALUES ({', '.join(f':{name}' for name in row)})", row
        )
        return int(cursor.lastrowid or 0)


def get(db: Database, request_id: str) -> RequestRecord:
    """One request; raises BancadaError ``request.not_found``."""
    row = db.row("SELECT * FROM requests WHERE id = ?", (request_id,))
    if row is None:
        raise BancadaError("request.not_found", request=request_id)
    return _record(row)


def list_page(
    db: Database, *, before_seq: int | None = None, limit: int = 100, model_version_id: str | None = None
) -> list[RequestRecord]:
    """The newest requests first; ``before_seq`` is the ``seq`` of the last one of the page before."""
    where, values = ["1"], [value for value in (model_version_id, before_seq) if value is not None]
    if model_version_id is not None:
        where.append("model_version_id = ?")
    if before_seq is not None:
        where.append("seq < ?")
    rows = db.rows(
        f"SELECT * FROM requests WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?", [*values, limit]
    )
    return [_record(row) for row in rows]


def summary(db: Database, *, latest: int = 1000) -> RequestSummary:
    """Totals for the home page; the means are over the ``latest`` requests, so that it stays fast."""
    count = db.row("SELECT count(*) AS n FROM requests")
    means = db.row(
        "SELECT count(*) AS sampled, coalesce(sum(completion_tokens), 0) AS completion_tokens,"
        " avg(ttft_ms) AS mean_ttft_ms, avg(decode_tokens_per_s) AS mean_decode_tokens_per_s"
        " FROM (SELECT * FROM requests ORDER BY seq DESC LIMIT ?) WHERE outcome = 'finished'",
        (latest,),
    )
    assert count is not None
    assert means is not None
    return RequestSummary(count=count["n"], **means)


def _record(row: Row) -> RequestRecord:
    error = None if row["error"] is None else json.loads(row["error"])
    return RequestRecord(**(row | {"params": json.loads(row["params"]), "error": error}))
