"""Copying a model out of the library: its files under their names, and a card that says what they are.

Always a copy, never a link: what is done to the exported files must not reach the library. The folder
appears under its name when all of it is there and hashed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

from bancada import __version__
from bancada.catalog import lineage
from bancada.catalog.jobs import ExportParams
from bancada.catalog.names import clean_name
from bancada.core.errors import BancadaError
from bancada.jobs.job_context import JobContext
from bancada.storage import audit, lifecycle, models
from bancada.storage.connection import Database
from bancada.storage.files import is_safe_relative, sync_file, sync_folder
from bancada.storage.models import VersionRecord
from bancada.storage.sqlite_errors import disk_full, free_bytes, is_disk_full

CARD: Final = "model-card.json"
_OTHER_CARD: Final = "bancada-model-card.json"
_BLOCK: Final = 4 << 20
_MARGIN_BYTES: Final = 1 << 20


def check_target(path: Path) -> Path:
    """The folder that an export would make, as an absolute path.

    Raises:
        BancadaError: ``model.export_in_use`` when something is there already; an empty folder is not.
    """
    path = path.expanduser().absolute()
    try:
        there = os.path.lexists(path)
        empty = there and path.is_dir() and not path.is_symlink() and not any(path.iterdir())
    except OSError as error:
        raise _failed(path, error) from error
    if there and not empty:
        raise BancadaError("model.export_in_use", path=str(path))
    return path


def export(ctx: JobContext, params: ExportParams) -> dict[str, Any]:
    """Copy a version's files into a new folder, hashing what is written.

    Returns:
        ``path``, ``size_bytes`` and ``files`` (each with path, sha256, size_bytes).

    Raises:
        BancadaError: ``model.not_found``, ``model.file_missing``, ``model.file_damaged``,
            ``model.export_in_use``, ``model.export_failed``, ``disk.full`` (need and have).
        Canceled: nothing is left at the place.
    """
    version = models.get_version(ctx.database, params.version_id)
    target = check_target(Path(params.path))
    part = target.with_name(f".{target.name}.{ctx.job_id[:12]}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # of this very job, when it was killed
        part.mkdir(parents=True)
        _check_space(part, version.size_bytes)
        names = exported_names(version)
        for file in version.files:
            _copy(ctx, file.sha256, part / PurePosixPath(names[file.path]))
        card = card_of(ctx.database, version, names)
        place = part / (CARD if CARD not in names.values() else _OTHER_CARD)
        place.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        sync_file(place)
        for folder in (part, *(one for one in part.rglob("*") if one.is_dir())):
            sync_folder(folder)
        ctx.check_canceled()
        _publish(part, target)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(target.parent, version.size_bytes) from error
        raise _failed(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    audit.append(ctx.database, "user", "model.exported", version.id, {"path": str(target)})
    return {"path": str(target), "size_bytes": version.size_bytes, "files": card["files"]}


def exported_names(version: VersionRecord) -> dict[str, str]:
    """Path in the library -> path in the export: a GGUF file is called by its model, not ``model.gguf``."""
    if version.format == "gguf" and len(version.files) == 1:
        words = (clean_name(version.name) or "model", f"v{version.version}", clean_name(version.quantization))
        return {version.files[0].path: "-".join(one for one in words if one).replace(" ", "-") + ".gguf"}
    for one in version.files:
        if not is_safe_relative(one.path):
            raise BancadaError("model.unsafe_path", path=one.path[:200])
    return {one.path: one.path for one in version.files}


def card_of(database: Database, version: VersionRecord, names: dict[str, str]) -> dict[str, Any]:
    """What the card says: facts, hashes, origin, and who answers for it."""
    aliases = [
        one.name for one in lifecycle.aliases(database, version.model_id) if one.version_id == version.id
    ]
    return {
        "name": version.name,
        "version": version.version,
        "format": version.format,
        "architecture": version.architecture,
        "quantization": version.quantization,
        "parameters": version.parameters,
        "bits_per_weight": version.bits_per_weight,
        "context_length": version.context_length,
        "license": version.license,
        "source": _origin(version.source),
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "files": [
            {"path": names[one.path], "sha256": one.sha256, "size_bytes": one.size_bytes}
            for one in version.files
        ],
        "stage": lifecycle.stage_of(database, version.id),
        "aliases": aliases,
        "tags": list(lifecycle.tags(database, version.model_id)),
        "made_from": [
            {
                "name": one.name,
                "version": one.version,
                "quantization": one.quantization,
                "run": f"{one.run_kind}: {one.run_name}" if one.run_kind else "",
            }
            for one in lineage.ancestors(database, version.id)
        ],
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "exported_by": f"bancada {__version__}",
    }


def _origin(source: str) -> str:
    """Where it came from; of a path on this machine the name alone: the rest is private."""
    is_path = PurePosixPath(source).is_absolute() or PureWindowsPath(source).is_absolute()
    return PureWindowsPath(source).name if is_path else source


def _copy(ctx: JobContext, sha256: str, final: Path) -> None:
    source = ctx.blobs.ensure_intact(sha256, should_stop=lambda: ctx.canceled)
    final.parent.mkdir(parents=True, exist_ok=True)
    total, done = source.stat().st_size, 0
    hashed = hashlib.sha256()
    with source.open("rb", buffering=0) as file, final.open("xb") as copy:
        while block := file.read(_BLOCK):
            ctx.check_canceled()
            copy.write(block)
            hashed.update(block)
            done += len(block)
            ctx.progress("copying", done, total, "bytes")
        copy.flush()
        os.fsync(copy.fileno())
    if hashed.hexdigest() != sha256:
        ctx.blobs.verify(sha256)  # marks it and says so
        raise BancadaError("model.file_changed", path=str(source))


def _publish(part: Path, target: Path) -> None:
    """Give the finished folder its name; somebody may have put something there meanwhile."""
    check_target(target)
    with contextlib.suppress(FileNotFoundError):
        target.rmdir()  # an empty one
    if os.path.lexists(target):
        raise BancadaError("model.export_in_use", path=str(target))
    part.rename(target)
    sync_folder(target.parent)


def _check_space(place: Path, size: int) -> None:
    if free_bytes(place) < size + _MARGIN_BYTES:
        raise disk_full(place, size + _MARGIN_BYTES)


def _failed(path: Path, error: OSError) -> BancadaError:
    return BancadaError("model.export_failed", path=str(path), detail=error.strerror or str(error))
