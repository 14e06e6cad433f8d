"""Models and their versions: what is in the library, with lineage and files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.ids import new_id
from bancada.core.registry import resolve
from bancada.storage import audit
from bancada.storage.connection import Database, Row, now, storable, to_json


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model: the name that its versions share."""

    id: str
    name: str
    notes: str
    created_at: str


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of a version; ``path`` is relative, with forward slashes."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What is known of a version before it is stored.

    ``sha256`` is that of the one file, or of the sorted ``sha256  path`` list of a folder;
    ``bits_per_weight`` is measured from the tensors, not taken from the quantization's name;
    ``source`` is where it came from, as text for people.
    """

    format: str
    architecture: str
    quantization: str
    parameters: int
    bits_per_weight: float
    layers: int
    context_length: int
    license: str
    size_bytes: int
    sha256: str
    source: str
    chat_template: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    parent_version_id: str | None = None
    produced_by_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A stored version, with its model's name and its files; ``crashes`` since the last reset."""

    id: str
    model_id: str
    name: str
    version: int
    format: str
    architecture: str
    quantization: str
    parameters: int
    bits_per_weight: float
    layers: int
    context_length: int
    license: str
    chat_template: str | None
    size_bytes: int
    sha256: str
    metadata: dict[str, Any]
    warnings: tuple[str, ...]
    source: str
    parent_version_id: str | None
    produced_by_run_id: str | None
    crashes: int
    created_at: str
    files: tuple[FileRecord, ...]


@dataclass(frozen=True, slots=True)
class Uses:
    """Who needs a version, and what its removal would free.

    ``conversations`` name it, ``children`` were made of it, ``aliases`` point to it; ``certificates`` of it
    go with it, those of others lose what they were compared with (``compared``); ``bundles`` in quarantine
    hold files of it. ``own_bytes`` are of the files that nothing else needs.
    """

    conversations: int
    children: int
    own_bytes: int
    aliases: tuple[str, ...] = ()
    certificates: int = 0
    compared: int = 0
    bundles: int = 0


_SELECT: Final = "SELECT v.*, m.name AS name FROM model_versions v JOIN models m ON m.id = v.model_id"


def add_version(db: Database, name: str, new: NewVersion, files: Sequence[FileRecord]) -> VersionRecord:
    """Store a version under the model's name; the same content already there is returned as it is.

    The blobs of ``files`` must have been stored before.
    """
    name = storable(name)
    with db.transaction() as handle:
        known = db.row("SELECT id FROM model_versions WHERE sha256 = ?", (new.sha256,))
        if known is not None:
            return get_version(db, known["id"])
        model_id = _ensure_model(db, name)
        last = db.row("SELECT max(version) AS n FROM model_versions WHERE model_id = ?", (model_id,))
        version_id = new_id()
        row: Row = {one.name: getattr(new, one.name) for one in dataclasses.fields(new)} | {
            "id": version_id,
            "model_id": model_id,
            "version": ((last and last["n"]) or 0) + 1,
            "metadata": to_json(new.metadata),
            "warnings": to_json(list(new.warnings)),
            "source": storable(new.source),
            "created_at": now(),
        }
        handle.execute(
            f"INSERT INTO model_versions ({', '.join(row)}) VALUES ({', '.join(f':{one}' for one in row)})",
            row,
        )
        handle.conn.executemany(
            "INSERT INTO model_files (version_id, path, sha256) VALUES (?, ?, ?)",
            [(version_id, one.path, one.sha256) for one in files],
        )
        audit.append(db, "user", "model.added", version_id, {"name": name, "sha256": new.sha256})
        return get_version(db, version_id)


def list_versions(db: Database, *, search: str = "") -> list[VersionRecord]:
    """All versions by name, newest first; ``search`` is a part of name, architecture or quantization."""
    pattern = "%" + storable(search).replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    rows = db.rows(
        f"{_SELECT} WHERE m.name || ' ' || v.architecture || ' ' || v.quantization LIKE ? ESCAPE '\\'"
        " ORDER BY m.name COLLATE NOCASE, v.version DESC",
        (pattern,),
    )
    files: dict[str, list[FileRecord]] = {}
    for file in db.rows(f"{_FILES} ORDER BY f.path"):
        record = FileRecord(file["path"], file["sha256"], file["size_bytes"])
        files.setdefault(file["version_id"], []).append(record)
    return [_record(row, files.get(row["id"], [])) for row in rows]


def get_version(db: Database, version_id: str) -> VersionRecord:
    """One version; raises BancadaError ``model.not_found``."""
    row = db.row(f"{_SELECT} WHERE v.id = ?", (version_id,))
    if row is None:
        raise BancadaError("model.not_found", text=version_id, near="")
    files = db.rows(f"{_FILES} WHERE f.version_id = ? ORDER BY f.path", (version_id,))
    return _record(row, [FileRecord(one["path"], one["sha256"], one["size_bytes"]) for one in files])


def exists(db: Database, version_id: str) -> bool:
    """Whether a version is in the library."""
    return db.row("SELECT 1 FROM model_versions WHERE id = ?", (version_id,)) is not None


def get_model(db: Database, model_id: str) -> ModelRecord:
    """One model; raises BancadaError ``model.not_found``."""
    row = db.row("SELECT * FROM models WHERE id = ?", (model_id,))
    if row is None:
        raise BancadaError("model.not_found", text=model_id, near="")
    return ModelRecord(**row)


def find(db: Database, text: str) -> VersionRecord:
    """The version that ``text`` names: ``name`` (its newest), ``name:version``, ``name@alias``, or an id.

    Raises:
        BancadaError: ``model.not_found``, with near names in ``near``.
    """
    text = storable(text)
    row = db.row(f"{_SELECT} WHERE v.id = ?", (text.lower(),)) or _newest(db, text)
    base, colon, number = text.rpartition(":")
    # more digits than SQLite's integers have cannot be a version
    if row is None and colon and number.isascii() and number.isdigit() and len(number) < 18:
        row = db.row(f"{_SELECT} WHERE m.name = ? AND v.version = ?", (base, int(number)))
    base, at, alias = text.rpartition("@")
    if row is None and at:
        row = db.row(
            f"{_SELECT} JOIN model_aliases a ON a.version_id = v.id WHERE m.name = ? AND a.alias = ?",
            (base, alias.lower()),
        )
    if row is None:
        names = [one["name"] for one in db.rows("SELECT name FROM models")]
        lowered = {name.lower(): name for name in names}
        # imported when a name is mistyped; every process has this module, and few need that
        close = resolve("difflib:get_close_matches")(text.lower()[:200], lowered, cutoff=0.4)
        near = [lowered[one] for one in close]
        raise BancadaError("model.not_found", text=text[:200], near=", ".join(near) or "none")
    return get_version(db, row["id"])


def file_states(db: Database) -> dict[str, str]:
    """The state of every file in the library by its sha256: ``present``, ``missing`` or ``damaged``."""
    rows = db.rows("SELECT sha256, state FROM blobs WHERE sha256 IN (SELECT sha256 FROM model_files)")
    return {row["sha256"]: row["state"] for row in rows}


def uses(db: Database, version_id: str) -> Uses:
    """What a version's removal would leave behind; an unknown version has no uses."""
    row = db.row(
        "SELECT (SELECT count(*) FROM conversations WHERE model_version_id = :id AND deleted_at IS NULL)"
        " AS conversations,"
        " (SELECT count(*) FROM model_versions WHERE parent_version_id = :id) AS children,"
        " (SELECT coalesce(sum(size_bytes), 0) FROM blobs b WHERE"
        "  sha256 IN (SELECT sha256 FROM model_files WHERE version_id = :id)"
        "  AND sha256 NOT IN (SELECT sha256 FROM model_files WHERE version_id <> :id)"
        "  AND NOT EXISTS (SELECT 1 FROM artifacts WHERE sha256 = b.sha256)"
        "  AND NOT EXISTS (SELECT 1 FROM importance_matrices WHERE sha256 = b.sha256)"
        "  AND NOT EXISTS (SELECT 1 FROM bundle_files WHERE sha256 = b.sha256)) AS own_bytes,"
        " (SELECT count(*) FROM certificates WHERE version_id = :id) AS certificates,"
        " (SELECT count(*) FROM certificates WHERE source_version_id = :id) AS compared,"
        " (SELECT count(DISTINCT q.id) FROM bundles q JOIN bundle_files f ON f.bundle_id = q.id"
        "  WHERE q.state = 'quarantined' AND f.sha256 IN"
        "  (SELECT sha256 FROM model_files WHERE version_id = :id)) AS bundles",
        {"id": version_id},
    )
    named = db.rows("SELECT alias FROM model_aliases WHERE version_id = ? ORDER BY alias", (version_id,))
    return Uses(**row, aliases=tuple(one["alias"] for one in named)) if row else Uses(0, 0, 0)


def remove_version(db: Database, version_id: str) -> None:
    """Remove a version, and its model with the last one. Its blobs stay until garbage is collected."""
    with db.transaction() as handle:
        record = get_version(db, version_id)
        handle.execute("DELETE FROM model_versions WHERE id = ?", (version_id,))
        handle.execute(
            "DELETE FROM models WHERE id = ? AND NOT EXISTS"
            " (SELECT 1 FROM model_versions WHERE model_id = models.id)",
            (record.model_id,),
        )
        audit.append(db, "user", "model.removed", version_id, {"name": record.name, "sha256": record.sha256})


def set_notes(db: Database, model_id: str, notes: str) -> None:
    """Store the user's notes on a model; raises BancadaError ``model.not_found``."""
    with db.transaction() as handle:
        get_model(db, model_id)
        handle.execute("UPDATE models SET notes = ? WHERE id = ?", (storable(notes), model_id))


def count_crash(db: Database, version_id: str) -> int:
    """Count a worker that died with this version and return the number since the last reset."""
    with db.transaction() as handle:
        handle.execute("UPDATE model_versions SET crashes = crashes + 1 WHERE id = ?", (version_id,))
        return get_version(db, version_id).crashes


def reset_crashes(db: Database, version_id: str) -> None:
    """Trust a version again."""
    with db.transaction() as handle:
        handle.execute("UPDATE model_versions SET crashes = 0 WHERE id = ?", (version_id,))


_FILES: Final = (
    "SELECT f.version_id, f.path, f.sha256, b.size_bytes"
    " FROM model_files f JOIN blobs b ON b.sha256 = f.sha256"
)


def _ensure_model(db: Database, name: str) -> str:
    row = db.row("SELECT id FROM models WHERE name = ?", (name,))
    if row is not None:
        return str(row["id"])
    model_id = new_id()
    db.handle.execute("INSERT INTO models (id, name, created_at) VALUES (?, ?, ?)", (model_id, name, now()))
    return model_id


def _newest(db: Database, name: str) -> Row | None:
    return db.row(f"{_SELECT} WHERE m.name = ? ORDER BY v.version DESC LIMIT 1", (name,))


def _record(row: Row, files: Sequence[FileRecord]) -> VersionRecord:
    decoded = {
        "metadata": json.loads(row["metadata"]),
        "warnings": tuple(json.loads(row["warnings"])),
        "files": tuple(files),
    }
    return VersionRecord(**(row | decoded))
