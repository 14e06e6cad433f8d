"""Making a bundle: every file is copied, synced and hashed before the manifest says that it is there."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Final

from bancada import __version__
from bancada.catalog.bundles import manifest as rules
from bancada.catalog.bundles.bom import render_bom
from bancada.catalog.bundles.folder import BOM, FILES, read_folder
from bancada.catalog.bundles.jobs import BundleCreateParams
from bancada.catalog.bundles.manifest import (
    MANIFEST,
    MAX_PAPER,
    MAX_PAPERS,
    MAX_REPORT,
    MAX_TEXT,
    Ancestor,
    BundleCertificate,
    BundleFile,
    BundleModel,
    Manifest,
    part_count,
)
from bancada.catalog.bundles.names import check_names
from bancada.catalog.catalogue.records import Catalogue
from bancada.catalog.catalogue.shelf import read_edition
from bancada.core.errors import BancadaError
from bancada.jobs.job_context import JobContext
from bancada.storage import audit, certificates, models, runs, signing_keys
from bancada.storage.connection import Database
from bancada.storage.files import sync_folder, write_durably
from bancada.storage.models import FileRecord, VersionRecord
from bancada.storage.sqlite_errors import disk_full, free_bytes, is_disk_full

_BLOCK: Final = 4 << 20
_MARGIN_BYTES: Final = 1 << 20
#: an ancestry longer than this is a defect, not a history
_MAX_LINEAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Made:
    """A finished bundle, not signed yet."""

    id: str
    path: Path
    manifest: Manifest


def create(ctx: JobContext, params: BundleCreateParams) -> Made:
    """Copy the models' files into the folder and describe them; running it again continues.

    Raises:
        BancadaError: ``model.not_found``, ``model.file_missing``, ``model.file_damaged``,
            ``bundle.format_refused``, ``bundle.target_in_use``, ``bundle.unsafe_path``,
            ``bundle.unwritable``, ``disk.full`` (need and have), ``keys.not_found``, ``catalogue.*``.
        Canceled: what was copied stays, and is used when it is run again.
    """
    target = Path(params.path)
    versions = [models.get_version(ctx.database, one) for one in dict.fromkeys(params.version_ids)]
    for one in versions:
        if one.format not in rules.FORMATS:
            raise BancadaError("bundle.format_refused", name=one.name, format=one.format)
        check_names(file.path for file in one.files)
    files = list({file.sha256: file for one in versions for file in one.files}.values())
    catalogue = read_edition(Path(params.catalogue)) if params.catalogue else None
    try:
        done = _made_before(ctx, target, files)
        if done is not None:
            return done
        (target / FILES).mkdir(parents=True, exist_ok=True)
        _check_space(target, files)
        copied = _copy_all(ctx, target, files, params.part_bytes)
        described = [_describe(ctx.database, one, copied) for one in versions]
        _publish(ctx, target, params, described, catalogue)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(target, sum(one.size_bytes for one in files)) from error
        detail = error.strerror or str(error)
        raise BancadaError("bundle.unwritable", path=str(target), detail=detail) from error
    folder = read_folder(target)
    made = Made(folder.id, target, folder.manifest)
    _record(ctx.database, made)
    return made


def _record(database: Database, made: Made) -> None:
    """Note in the audit log what is about to be carried away."""
    manifest = made.manifest
    detail = {
        "title": manifest.title,
        "path": str(made.path),
        "issuer": manifest.issuer,
        "sequence": manifest.sequence,
        "size_bytes": manifest.size_bytes,
        "models": [f"{one.name}:{one.version}" for one in manifest.models],
    }
    audit.append(database, "user", "bundle.made", made.id, detail)


def _made_before(ctx: JobContext, target: Path, files: list[FileRecord]) -> Made | None:
    """The bundle that this very job has finished already; the folder of anything else is refused."""
    if not os.path.lexists(target):
        return None
    if os.path.lexists(target / MANIFEST):
        folder = read_folder(target)
        if folder.manifest.serial == ctx.job_id:
            return Made(folder.id, target, folder.manifest)
        raise BancadaError("bundle.target_in_use", path=str(target))
    # an unfinished bundle of the same files is continued, by whatever job
    names = {one.name for one in target.iterdir()}
    ours = {file.sha256 for file in files}
    if not names <= {FILES, BOM, f"{BOM}.part", f"{MANIFEST}.part"} or (target / FILES).is_symlink():
        raise BancadaError("bundle.target_in_use", path=str(target))
    if FILES in names and not {one.name[:64] for one in (target / FILES).iterdir()} <= ours:
        raise BancadaError("bundle.target_in_use", path=str(target))
    return None


def _check_space(target: Path, files: list[FileRecord]) -> None:
    there = sum(one.lstat().st_size for one in (target / FILES).iterdir())
    need = sum(one.size_bytes for one in files) + _MARGIN_BYTES - there
    if free_bytes(target) < need:
        raise disk_full(target, need)


def _copy_all(
    ctx: JobContext, target: Path, files: list[FileRecord], part_bytes: int
) -> dict[str, BundleFile]:
    """Copy every content once; returns them by their sha256."""
    total = sum(one.size_bytes for one in files)
    copied: dict[str, BundleFile] = {}
    done = 0

    def step(count: int) -> None:
        nonlocal done
        ctx.check_canceled()
        done += count
        ctx.progress("copying", done, total, "bytes")

    for file in files:
        parts = _copy_file(ctx, target, file, part_bytes, step)
        copied[file.sha256] = BundleFile("", file.sha256, file.size_bytes, parts)
    sync_folder(target / FILES)
    return copied


def _copy_file(
    ctx: JobContext, target: Path, file: FileRecord, part_bytes: int, step: Callable[[int], None]
) -> tuple[str, ...]:
    """Copy one content in its parts, none for one piece; what is copied is what was hashed."""
    path = ctx.blobs.ensure_intact(file.sha256, should_stop=lambda: ctx.canceled)
    count = part_count(file.size_bytes, part_bytes)
    parts: list[str] = []
    whole = hashlib.sha256()
    with path.open("rb", buffering=0) as source:
        for index in range(max(count, 1)):
            name = f"{file.sha256}.{index + 1:04d}" if count else file.sha256
            size = min(part_bytes, file.size_bytes - index * part_bytes) if count else file.size_bytes
            parts.append(_copy_piece(source, target / FILES / name, size, whole, step))
    if whole.hexdigest() != file.sha256:
        ctx.blobs.verify(file.sha256)  # marks it and says so
        raise BancadaError("model.file_changed", path=str(path))
    return tuple(parts) if count else ()


def _copy_piece(
    source: IO[bytes], final: Path, size: int, whole: hashlib._Hash, step: Callable[[int], None]
) -> str:
    """Copy the next ``size`` bytes to ``final`` and return their sha256; a right copy there is kept."""
    there = _is_copy(source, final, size)
    part = final.with_name(f"{final.name}.part")
    hashed = hashlib.sha256()
    with nullcontext() if there else part.open("wb", buffering=0) as file:
        for block in _blocks(source, size):
            if file is not None:
                _write_all(file, block)
            hashed.update(block)
            whole.update(block)
            step(len(block))
        if file is not None:
            os.fsync(file.fileno())
    if not there:
        part.replace(final)
    return hashed.hexdigest()


def _is_copy(source: IO[bytes], final: Path, size: int) -> bool:
    """Whether ``final`` holds the next ``size`` bytes of ``source``, which stays where it is."""
    if final.is_symlink() or not final.is_file() or final.stat().st_size != size:
        return False
    start = source.tell()
    try:
        with final.open("rb", buffering=0) as file:
            return all(block == _exactly(file, len(block)) for block in _blocks(source, size))
    finally:
        source.seek(start)


def _blocks(source: IO[bytes], size: int) -> Iterator[bytes]:
    """The next ``size`` bytes; raises BancadaError ``model.file_changed`` when there are fewer."""
    while size:
        block = source.read(min(_BLOCK, size))
        if not block:
            raise BancadaError("model.file_changed", path=str(source.name))
        size -= len(block)
        yield block


def _exactly(file: IO[bytes], count: int) -> bytes:
    """The next ``count`` bytes, fewer only at the end."""
    content = b""
    while len(content) < count and (more := file.read(count - len(content))):
        content += more
    return content


def _write_all(file: IO[bytes], block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]


def _describe(database: Database, version: VersionRecord, copied: dict[str, BundleFile]) -> BundleModel:
    return BundleModel(
        name=_text(version.name),
        version=version.version,
        format=version.format,
        architecture=_text(version.architecture),
        quantization=_text(version.quantization),
        parameters=version.parameters,
        context_length=version.context_length,
        license=_text(version.license),
        source=_origin(version.source),
        sha256=version.sha256,
        files=tuple(replace(copied[one.sha256], path=one.path) for one in version.files),
        produced_by=_produced_by(database, version),
        lineage=_lineage(database, version),
        papers=_papers(version),
        certificates=_certificates(database, version),
    )


def _origin(source: str) -> str:
    """Where a model came from; of a path on this machine the name alone: the rest is private."""
    is_path = PurePosixPath(source).is_absolute() or PureWindowsPath(source).is_absolute()
    return _text(PureWindowsPath(source).name if is_path else source)


def _papers(version: VersionRecord) -> dict[str, str]:
    """The licence and the card that came with a model, as far as a manifest has room for them."""
    papers = version.metadata.get("papers")
    if not isinstance(papers, dict):
        return {}
    kept = {str(name): str(text)[:MAX_PAPER] for name, text in papers.items()}
    return dict(sorted(kept.items())[:MAX_PAPERS])


def _certificates(database: Database, version: VersionRecord) -> tuple[BundleCertificate, ...]:
    """The newest certificate of the very file, as it was signed."""
    newest = certificates.newest(database, version.id)
    if newest is None or len(newest.report) > MAX_REPORT:
        return ()
    return (BundleCertificate(newest.report, newest.key_id or "", newest.signature or ""),)


def _lineage(database: Database, version: VersionRecord) -> tuple[Ancestor, ...]:
    """What the version was made of, nearest first."""
    found: list[Ancestor] = []
    while version.parent_version_id is not None and len(found) < _MAX_LINEAGE:
        version = models.get_version(database, version.parent_version_id)
        found.append(
            Ancestor(
                name=_text(version.name),
                version=version.version,
                sha256=version.sha256,
                format=version.format,
                quantization=_text(version.quantization),
                produced_by=_produced_by(database, version),
            )
        )
    return tuple(found)


def _produced_by(database: Database, version: VersionRecord) -> str:
    if version.produced_by_run_id is None:
        return ""
    run = runs.get(database, version.produced_by_run_id)
    return _text(f"{run.kind}: {run.name}")


def _text(text: str) -> str:
    """``text`` as a manifest may hold it: one line, not endless."""
    return "".join(one if unicodedata.category(one)[0] != "C" else " " for one in text)[:MAX_TEXT]


def _publish(
    ctx: JobContext,
    target: Path,
    params: BundleCreateParams,
    described: list[BundleModel],
    catalogue: tuple[Catalogue, str] | None,
) -> None:
    """Write the bill of materials and, last of all, the manifest."""
    at = datetime.now(UTC)
    names = [one.name for one in described]
    if catalogue is not None:
        names.append(f"catalogue, edition {catalogue[0].edition}")
    title = _text(params.title) or ", ".join(names)[:200]
    created_at = at.isoformat(timespec="seconds")
    bom = render_bom(described, serial=ctx.job_id, title=title, created_at=created_at)
    write_durably(target / BOM, bom)
    manifest = Manifest(
        format=rules.FORMAT,
        version=rules.VERSION,
        serial=ctx.job_id,
        title=title,
        created_at=created_at,
        expires_at=None
        if params.days is None
        else (at + timedelta(days=params.days)).isoformat(timespec="seconds"),
        issuer=params.issuer,
        sequence=signing_keys.next_sequence(ctx.database, params.issuer) if params.issuer else 0,
        made_by=f"bancada {__version__}",
        part_bytes=params.part_bytes,
        bom=BundleFile(BOM, hashlib.sha256(bom).hexdigest(), len(bom)),
        models=tuple(described),
        catalogue=catalogue[1] if catalogue is not None else "",
    )
    content = rules.to_bytes(manifest)
    rules.parse(content)  # what could not be read again is not written
    write_durably(target / MANIFEST, content)
