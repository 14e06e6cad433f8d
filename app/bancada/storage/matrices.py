"""Importance matrices: what was computed from which text with which model, and the file's hash."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.ids import new_id
from bancada.storage.connection import Database, Row, now, storable, to_json

_SELECT: Final = "SELECT * FROM importance_matrices"


@dataclass(frozen=True, slots=True)
class NewMatrix:
    """What is known of a matrix before it is stored; ``context`` is the tokens of a chunk.

    ``coverage`` holds ``tensors`` (seen, of those that can be), ``rows`` (activations summed), ``unreached``
    (experts that no token came to, by tensor) and ``silent`` (columns that stayed zero, by tensor).
    """

    name: str
    model_sha256: str
    version_id: str | None
    run_id: str | None
    text_name: str
    text_sha256: str
    context: int
    chunks: int
    tokens: int
    coverage: dict[str, Any]
    sha256: str


@dataclass(frozen=True, slots=True)
class MatrixRecord(NewMatrix):
    """A stored matrix."""

    id: str = ""
    created_at: str = ""


def add(db: Database, new: NewMatrix) -> MatrixRecord:
    """Store a matrix whose file is a blob; a name that is taken gets a number.

    Raises:
        BancadaError: storage errors.
    """
    with db.transaction() as handle:
        name, number = storable(new.name), 1
        while db.row("SELECT 1 FROM importance_matrices WHERE name = ?", (name,)) is not None:
            number += 1
            name = f"{storable(new.name)} {number}"
        row: Row = {one.name: getattr(new, one.name) for one in fields(NewMatrix)}
        row |= {"id": new_id(), "name": name, "coverage": to_json(new.coverage), "created_at": now()}
        handle.execute(
            f"INSERT INTO importance_matrices ({', '.join(row)})"
            f" VALUES ({', '.join(f':{one}' for one in row)})",
            row,
        )
        return get(db, str(row["id"]))


def get(db: Database, matrix_id: str) -> MatrixRecord:
    """One matrix; raises BancadaError ``imatrix.not_found``."""
    row = db.row(f"{_SELECT} WHERE id = ?", (matrix_id,))
    if row is None:
        raise BancadaError("imatrix.not_found", matrix=matrix_id)
    return _record(row)


def find(db: Database, text: str) -> MatrixRecord:
    """The matrix of a name or id; raises BancadaError ``imatrix.not_found``."""
    row = db.row(f"{_SELECT} WHERE name = :text OR id = :text", {"text": text})
    if row is None:
        raise BancadaError("imatrix.not_found", matrix=text[:80])
    return _record(row)


def list_matrices(db: Database) -> list[MatrixRecord]:
    """All matrices, the newest first."""
    return [_record(row) for row in db.rows(f"{_SELECT} ORDER BY created_at DESC, id DESC")]


def remove(db: Database, matrix_id: str) -> None:
    """Forget a matrix; its file is garbage then. Raises BancadaError ``imatrix.not_found``."""
    with db.transaction() as handle:
        get(db, matrix_id)
        handle.execute("DELETE FROM importance_matrices WHERE id = ?", (matrix_id,))


def _record(row: Row) -> MatrixRecord:
    return MatrixRecord(**{**row, "coverage": json.loads(str(row["coverage"]))})
