"""Taking a bundle's files in: into quarantine first, verified, continuing where it was stopped.

Everything is copied, never linked: what the bundle's disk holds may change at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from filelock import FileLock, Timeout

from bancada.catalog.bundles.folder import BundleFolder, check_files, open_piece, read_bom
from bancada.catalog.bundles.manifest import BundleFile, Piece, pieces
from bancada.core.errors import BancadaError
from bancada.core.paths import Home, private_folder
from bancada.jobs.job_context import JobContext
from bancada.storage import bundles
from bancada.storage.blobs import BlobStore
from bancada.storage.sqlite_errors import disk_full, free_bytes, is_disk_full

_BLOCK: Final = 4 << 20
#: kept free beside the files, for the rows that tell of them
_MARGIN_BYTES: Final = 8 << 20
Step = Callable[[int], None]


@contextmanager
def alone(home: Home, bundle_id: str) -> Iterator[None]:
    """One import of a bundle at a time; raises BancadaError ``bundle.busy``."""
    path = home.locks / f"bundle-{bundle_id[:16]}.lock"
    try:
        with FileLock(path, timeout=0, mode=0o600):
            yield
    except Timeout as error:
        raise BancadaError("bundle.busy", bundle=bundle_id[:12]) from error
    path.unlink(missing_ok=True)


def incoming_folder(home: Home, bundle_id: str) -> Path:
    """Where the unfinished files of a bundle lie."""
    return home.incoming / bundle_id[:16]


def receive(ctx: JobContext, folder: BundleFolder) -> int:
    """Store every file of the bundle that is not stored yet, and hold it for the bundle.

    Returns:
        The bytes copied.

    Raises:
        BancadaError: ``bundle.file_missing``, ``bundle.file_damaged`` (naming the file),
            ``bundle.size_differs``, ``bundle.link``, ``bundle.unreadable``, ``disk.full``. Whole files and
            the begun one are kept: the next import continues there.
        Canceled: likewise.
    """
    contents = folder.manifest.contents()
    missing = [one for one in contents if not _is_stored(ctx, folder.id, one)]
    read_bom(folder)
    check_files(folder, missing, all_there=False)
    place = incoming_folder(ctx.home, folder.id)
    total = sum(one.size_bytes for one in missing)
    done = sum(min(_size_of(_part_path(place, one)), one.size_bytes) for one in missing)
    _check_space(ctx.home, total - done)
    copied = 0

    def step(count: int) -> None:
        nonlocal copied
        copied += count
        ctx.progress("copying", min(done + copied, total), total, "bytes")
        ctx.check_canceled()

    gone: BancadaError | None = None
    for one in missing:
        try:
            _take(ctx, folder, one, place, step)
        except BancadaError as error:
            # the rest may be on this disk, and this one on the next
            if error.code != "bundle.file_missing":
                raise
            gone = gone or error
    if gone is not None:
        raise gone
    with suppress(OSError):
        place.rmdir()
    return copied


def _is_stored(ctx: JobContext, bundle_id: str, file: BundleFile) -> bool:
    """Whether the content is here and intact; then it is held for the bundle."""
    try:
        ctx.blobs.ensure_intact(file.sha256, should_stop=lambda: ctx.canceled)
    except BancadaError as error:
        if error.code in ("model.file_missing", "model.file_damaged"):
            return False
        raise
    bundles.hold(ctx.database, bundle_id, file.sha256)
    return True


def _take(ctx: JobContext, folder: BundleFolder, file: BundleFile, place: Path, step: Step) -> None:
    part = _part_path(place, file)
    try:
        private_folder(place)
        _fill(folder, file, part, step)
        ctx.blobs.adopt(part, file.sha256, should_stop=lambda: ctx.canceled)
    except BancadaError as error:
        if error.code != "model.file_differs":
            raise
        # each part was right and the whole is not: the manifest itself is wrong
        part.unlink(missing_ok=True)
        name = f"files/{file.sha256}"
        raise BancadaError(
            "bundle.file_damaged", path=name, sha256=file.sha256, found=error.params["found"]
        ) from error
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(ctx.home.root, file.size_bytes) from error
        detail = error.strerror or str(error)
        raise BancadaError("model.file_unreadable", path=str(part), detail=detail) from error
    bundles.hold(ctx.database, folder.id, file.sha256)


def _fill(folder: BundleFolder, file: BundleFile, part: Path, step: Step) -> None:
    """Bring ``part`` to the whole content; every piece in it is verified by its own hash."""
    begun = _size_of(part)
    if begun > file.size_bytes:
        part.unlink()
        begun = 0
    with part.open("r+b" if part.exists() else "w+b", buffering=0) as target:
        os.chmod(part, 0o600)  # noqa: PTH101 - the open file's path
        for piece in pieces(file, folder.manifest.part_bytes):
            end = piece.start + piece.size_bytes
            have = max(0, min(begun, end) - piece.start)
            if have and _fill_piece(folder.path, piece, target, have, step):
                continue
            # begun anew when what was there is not the beginning of it, as after a loss of power
            if not _fill_piece(folder.path, piece, target, 0, step):
                found = _hash_range(target, piece.start, piece.size_bytes).hexdigest()
                target.truncate(piece.start)
                raise BancadaError("bundle.file_damaged", path=piece.name, sha256=piece.sha256, found=found)


def _fill_piece(folder: Path, piece: Piece, target: IO[bytes], have: int, step: Step) -> bool:
    """Copy what is missing of a piece behind its first ``have`` bytes; whether it is right then."""
    hashed = _hash_range(target, piece.start, have)
    if have < piece.size_bytes:
        target.seek(piece.start + have)
        target.truncate()
        with open_piece(folder, piece) as source:
            source.seek(have)
            left = piece.size_bytes - have
            while left:
                block = source.read(min(_BLOCK, left))
                if not block:
                    raise BancadaError("bundle.file_missing", path=piece.name)
                _write_all(target, block)
                hashed.update(block)
                left -= len(block)
                step(len(block))
    return hashed.hexdigest() == piece.sha256


def _hash_range(file: IO[bytes], start: int, count: int) -> hashlib._Hash:
    hashed = hashlib.sha256()
    file.seek(start)
    while count:
        block = file.read(min(_BLOCK, count))
        if not block:
            break
        hashed.update(block)
        count -= len(block)
    return hashed


def _write_all(file: IO[bytes], block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]


def _part_path(place: Path, file: BundleFile) -> Path:
    return place / f"{file.sha256}.part"


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _check_space(home: Home, need: int) -> None:
    if need and free_bytes(home.root) < need + _MARGIN_BYTES:
        raise disk_full(home.root, need + _MARGIN_BYTES)


def received_bytes(home: Home, blobs: BlobStore, bundle_id: str, contents: list[BundleFile]) -> int:
    """How much of a bundle's files is here already, in whole files and in begun ones."""
    place = incoming_folder(home, bundle_id)
    return sum(
        one.size_bytes
        if blobs.path(one.sha256).exists()
        else min(_size_of(_part_path(place, one)), one.size_bytes)
        for one in contents
    )


def remove_incoming(home: Home, bundle_id: str) -> int:
    """Remove the unfinished files of a bundle and return the bytes freed."""
    place = incoming_folder(home, bundle_id)
    freed = sum(_size_of(one) for one in place.glob("*.part"))
    shutil.rmtree(place, ignore_errors=True)
    return freed
