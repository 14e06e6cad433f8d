"""What has changed since it was last looked at: cheap marks, one for each kind of rows."""

from __future__ import annotations

from typing import Final

from bancada.storage.connection import Database

_MARKS: Final = {
    "model": "SELECT count(*) || '/' || ifnull(max(id), '') FROM model_versions",
    "job": "SELECT count(*) || '/' || ifnull(max(id), '') || '/' || ifnull(sum(length(status)), 0)"
    " || '/' || ifnull(max(ended_at), '') FROM jobs",
    "run": "SELECT count(*) || '/' || ifnull(max(id), '') || '/' || ifnull(max(ended_at), '') FROM runs",
    "conversation": "SELECT count(*) || '/' || ifnull(max(touched), 0) FROM conversations",
    "preset": "SELECT count(*) || '/' || ifnull(max(created_at), '') FROM presets",
}


def marks(db: Database) -> dict[str, str]:
    """A mark for each kind of :class:`bancada.core.events.Changed`; another one means that rows changed."""
    parts = ", ".join(f'({query}) AS "{kind}"' for kind, query in _MARKS.items())
    row = db.row(f"SELECT {parts}")
    return {kind: str(value) for kind, value in (row or {}).items()}
