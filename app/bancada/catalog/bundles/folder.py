"""A bundle's folder, read as hostile: no links, no other names than the manifest's hashes, bounded sizes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from bancada.catalog.bundles.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    BundleFile,
    Manifest,
    Piece,
    parse,
    pieces,
)
from bancada.catalog.bundles.signatures import SIGNATURES, Signature, parse_signatures
from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text

BOM: Final = "bom.cdx.json"
FILES: Final = "files"
MAX_BOM_BYTES: Final = 16 << 20
MAX_SIGNATURES_BYTES: Final = 64 << 10
#: so many names in the folder are looked at to tell which do not belong to the bundle
_MAX_NAMES: Final = 20_000
_MAX_STRANGERS: Final = 20


@dataclass(frozen=True, slots=True)
class BundleFolder:
    """A bundle whose manifest was read and whose files have the sizes that it says.

    ``id`` is the sha256 of ``content``, the manifest's bytes; nothing of it is verified yet.
    """

    path: Path
    id: str
    content: bytes
    manifest: Manifest
    signatures: tuple[Signature, ...]

    @property
    def short_id(self) -> str:
        """What people type."""
        return self.id[:12]


def read_folder(path: Path) -> BundleFolder:
    """Read the manifest and the signatures of a bundle; the models' files are not looked at.

    Raises:
        BancadaError: ``bundle.not_a_bundle``, ``bundle.is_a_file``, ``bundle.link``, ``bundle.malformed``,
            ``bundle.newer``, ``bundle.too_large``, ``bundle.unsafe_path``, ``bundle.unreadable``.
    """
    path = Path(path).absolute()
    try:
        if path.is_file():
            raise BancadaError("bundle.is_a_file", path=str(path))
        if not path.is_dir() or not os.path.lexists(path / MANIFEST):
            raise BancadaError("bundle.not_a_bundle", path=str(path))
    except (OSError, ValueError) as error:
        raise BancadaError("bundle.unreadable", path=str(path), detail=str(error)) from error
    content = _read_small(path, MANIFEST, MAX_MANIFEST_BYTES)
    manifest = parse(content)
    signatures: tuple[Signature, ...] = ()
    if os.path.lexists(path / SIGNATURES):
        signatures = parse_signatures(_read_small(path, SIGNATURES, MAX_SIGNATURES_BYTES))
    return BundleFolder(path, hashlib.sha256(content).hexdigest(), content, manifest, signatures)


def looks_like_a_bundle(path: Path) -> bool:
    """Whether a folder has the names of a bundle in it; nothing is opened, and nothing is promised."""
    try:
        names = {one for one in (MANIFEST, BOM, FILES) if os.path.lexists(path / one)}
    except (OSError, ValueError):
        return False
    return MANIFEST in names and len(names) > 1


def check_files(folder: BundleFolder, wanted: list[BundleFile], *, all_there: bool = True) -> None:
    """Every wanted file is there, is a plain file, and has its size; nothing of it is read.

    Without ``all_there`` files may be missing: a bundle may come on several disks.

    Raises:
        BancadaError: ``bundle.file_missing``, ``.link``, ``.size_differs`` or ``.unreadable``.
    """
    for file in wanted:
        for piece in pieces(file, folder.manifest.part_bytes):
            try:
                with open_piece(folder.path, piece):
                    pass
            except BancadaError as error:
                if all_there or error.code != "bundle.file_missing":
                    raise


def absent(folder: BundleFolder, wanted: list[BundleFile]) -> list[str]:
    """Names of the wanted files that do not lie in this folder: they may come on another disk."""
    names = [one.name for file in wanted for one in pieces(file, folder.manifest.part_bytes)]
    return [one for one in names if not os.path.lexists(folder.path / PurePosixPath(one))]


def read_bom(folder: BundleFolder) -> bytes:
    """The bill of materials, verified by its hash.

    Raises:
        BancadaError: as :func:`check_files`, and ``bundle.file_damaged``.
    """
    content = _read_small(folder.path, BOM, MAX_BOM_BYTES)
    found = hashlib.sha256(content).hexdigest()
    if found != folder.manifest.bom.sha256:
        raise BancadaError("bundle.file_damaged", path=BOM, sha256=folder.manifest.bom.sha256, found=found)
    return content


def strangers(folder: BundleFolder) -> list[str]:
    """Names in the folder that do not belong to the bundle (at most 20); they are never opened."""
    known = {MANIFEST, SIGNATURES, BOM, FILES}
    known.update(
        piece.name
        for file in folder.manifest.contents()
        for piece in pieces(file, folder.manifest.part_bytes)
    )
    found: list[str] = []
    for below in ("", FILES):
        try:
            with os.scandir(folder.path / below) as entries:
                for entry, _ in zip(entries, range(_MAX_NAMES), strict=False):
                    name = f"{below}/{entry.name}" if below else entry.name
                    if name not in known and len(found) < _MAX_STRANGERS:
                        found.append(name)
        except OSError:
            continue
    return sorted(found)


@contextmanager
def open_piece(folder: Path, piece: Piece) -> Iterator[IO[bytes]]:
    """Open one file of a bundle for reading, without a buffer.

    Raises:
        BancadaError: ``bundle.file_missing``, ``.link``, ``.size_differs`` or ``.unreadable``.
    """
    with _open(folder, piece.name) as file:
        found = os.fstat(file.fileno()).st_size
        if found != piece.size_bytes:
            raise BancadaError(
                "bundle.size_differs",
                path=piece.name,
                found=f"{found:,}",
                declared=f"{piece.size_bytes:,}",
            )
        yield file


@contextmanager
def _open(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """A plain file of the bundle that nothing else links to, below folders that are no links."""
    try:
        descriptor = _descriptor(folder, name)
    except FileNotFoundError as error:
        raise BancadaError("bundle.file_missing", path=name) from error
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        try:
            yield file
        except OSError as error:
            raise _unreadable(name, error) from error


def _descriptor(folder: Path, name: str) -> int:
    place = folder
    for part in PurePosixPath(name).parts:
        place = place / part
        mode = place.lstat().st_mode
        if not (stat.S_ISREG(mode) or (stat.S_ISDIR(mode) and place != folder / PurePosixPath(name))):
            raise BancadaError("bundle.link", path=name)
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(place, flags | getattr(os, "O_BINARY", 0))
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise BancadaError("bundle.link", path=name)
    return descriptor


def _read_small(folder: Path, name: str, limit: int) -> bytes:
    with _open(folder, name) as file:
        size = os.fstat(file.fileno()).st_size
        # counted while reading, too: a file may grow, or lie about its size
        content = b""
        while size <= limit and len(content) <= limit:
            block = file.read(limit + 1 - len(content))
            if not block:
                return content
            content += block
    raise BancadaError(
        "bundle.too_large", path=name, size=bytes_text(max(size, len(content))), limit=bytes_text(limit)
    )


def _unreadable(name: str, error: Exception) -> BancadaError:
    detail = getattr(error, "strerror", None) or str(error)
    return BancadaError("bundle.unreadable", path=name, detail=detail)
