"""What takes how much of the disk, as far as the database knows it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil

from bancada.storage.blobs import UNREFERENCED, Blob
from bancada.storage.connection import Database


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """The files of the models in bytes.

    ``stored_bytes`` lie on the disk once each; ``shared_bytes`` of them belong to several versions;
    ``saved_bytes`` would be taken in addition if every version had its own.
    """

    versions: int
    stored_bytes: int
    shared_bytes: int
    saved_bytes: int


def models(db: Database) -> ModelUsage:
    """What the versions of the library take together."""
    row = db.row(
        "SELECT coalesce(sum(b.size_bytes), 0) AS stored,"
        " coalesce(sum(b.size_bytes) FILTER (WHERE f.owners > 1), 0) AS shared,"
        " coalesce(sum(b.size_bytes * (f.owners - 1)), 0) AS saved"
        " FROM blobs b JOIN (SELECT sha256, count(DISTINCT version_id) AS owners FROM model_files"
        " GROUP BY sha256) f ON f.sha256 = b.sha256"
    )
    count = db.row("SELECT count(*) AS n FROM model_versions")
    assert row is not None
    assert count is not None
    return ModelUsage(count["n"], row["stored"], row["shared"], row["saved"])


def kept_for_others(db: Database) -> list[Blob]:
    """Blobs of no model that something else needs: results of runs, matrices, bundles that wait."""
    rows = db.rows(
        "SELECT b.sha256, b.size_bytes FROM blobs b WHERE NOT EXISTS"
        " (SELECT 1 FROM model_files WHERE sha256 = b.sha256)"
        f" AND b.sha256 NOT IN (SELECT sha256 FROM ({UNREFERENCED}))"
    )
    return [Blob(row["sha256"], row["size_bytes"]) for row in rows]


def unreferenced(db: Database) -> list[Blob]:
    """Blobs that nothing refers to and no living process has just stored."""
    rows = db.rows(f"SELECT g.put_by, b.* FROM ({UNREFERENCED}) g JOIN blobs b ON b.sha256 = g.sha256")
    return [
        Blob(row["sha256"], row["size_bytes"])
        for row in rows
        if row["put_by"] in (None, os.getpid()) or not psutil.pid_exists(row["put_by"])
    ]
