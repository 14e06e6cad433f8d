"""What was made from what: the family of a version, with the runs that made its members."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from bancada.storage.connection import Database, Row

#: members of a family that are listed; more is no history that anybody reads
LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class Kin:
    """One version of a family.

    ``run_*`` tell of the run that made it, empty where it came from outside; ``run_params`` are its
    parameters as they were given.
    """

    id: str
    model_id: str
    name: str
    version: int
    format: str
    quantization: str
    size_bytes: int
    source: str
    created_at: str
    parent_id: str | None
    run_id: str | None
    run_kind: str
    run_name: str
    run_started_at: str
    run_params: dict[str, Any]


_KIN: Final = (
    "SELECT v.id, v.model_id, m.name, v.version, v.format, v.quantization, v.size_bytes, v.source,"
    " v.created_at, v.parent_version_id AS parent_id, r.id AS run_id, coalesce(r.kind, '') AS run_kind,"
    " coalesce(r.name, '') AS run_name, coalesce(r.started_at, '') AS run_started_at,"
    " coalesce(r.params, '{}') AS run_params"
    " FROM model_versions v JOIN models m ON m.id = v.model_id"
    " LEFT JOIN runs r ON r.id = v.produced_by_run_id"
)


def family(db: Database, version_id: str) -> list[Kin]:
    """All versions that share an ancestor with this one, and all versions of its model; oldest first."""
    rows = db.rows(
        "WITH RECURSIVE"
        " mine (id) AS (SELECT id FROM model_versions WHERE model_id ="
        "  (SELECT model_id FROM model_versions WHERE id = :id)),"
        " up (id, parent, depth) AS ("
        "  SELECT id, parent_version_id, 0 FROM model_versions WHERE id IN mine"
        "  UNION SELECT v.id, v.parent_version_id, up.depth + 1 FROM model_versions v"
        "  JOIN up ON v.id = up.parent WHERE up.depth < :limit),"
        " down (id) AS (SELECT id FROM up UNION"
        "  SELECT v.id FROM model_versions v JOIN down ON v.parent_version_id = down.id)"
        f" {_KIN} WHERE v.id IN (SELECT id FROM down LIMIT :limit) ORDER BY v.created_at, v.id",
        {"id": version_id, "limit": LIMIT},
    )
    return [_kin(row) for row in rows]


def _kin(row: Row) -> Kin:
    params = json.loads(row["run_params"])
    return Kin(**(row | {"run_params": params if isinstance(params, dict) else {}}))
