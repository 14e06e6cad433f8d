"""Which edition of the catalogue counts: the one that was shipped, or a newer one that was brought here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from bancada.catalog.catalogue.reading import MAX_BYTES, parse
from bancada.catalog.catalogue.records import Catalogue
from bancada.core.errors import BancadaError
from bancada.core.paths import Home, private_folder, resources
from bancada.storage.files import sync_folder, write_durably
from bancada.storage.sqlite_errors import disk_full, is_disk_full

_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class Current:
    """The edition in use; ``brought``: installed later. ``problem`` says why an installed one is not used."""

    catalogue: Catalogue
    brought: bool
    problem: BancadaError | None = None


def shipped_file() -> Path:
    """The file that came with the program."""
    return resources() / "catalogue" / "catalogue.json"


def shipped() -> Catalogue:
    """The edition that came with the program.

    Raises:
        BancadaError: ``catalogue.*`` when the installation is damaged.
    """
    return _read(shipped_file())


def current(home: Home) -> Current:
    """The newest edition that can be read; a bad one that was installed never hides the one shipped.

    Raises:
        BancadaError: ``catalogue.*`` when the shipped file itself is bad.
    """
    best, brought = shipped(), False
    problem: BancadaError | None = None
    for path in _installed(home):
        try:
            found = _read(path)
        except BancadaError as error:
            problem = error
            continue
        if found.edition > best.edition:
            best, brought = found, True
    return Current(best, brought, problem)


def read_edition(path: Path) -> tuple[Catalogue, str]:
    """An edition from a file, to be carried elsewhere: what it holds, and its text.

    Raises:
        BancadaError: ``catalogue.*``.
    """
    content = _content(path)
    return parse(content), content.decode("utf-8")


def install(home: Home, content: bytes) -> Catalogue:
    """Take a newer edition into use; whoever calls this has verified where it comes from.

    The file is stored under its sha256. The very same edition again changes nothing.

    Raises:
        BancadaError: ``catalogue.older``, ``catalogue.malformed``, ``.newer``, ``.too_large``, ``disk.full``,
            ``catalogue.unwritable``.
    """
    found, known = parse(content), current(home).catalogue
    if found.sha256 == known.sha256:
        return known
    check_newer(home, found)
    path = home.catalogue / f"{found.sha256}{_SUFFIX}"
    try:
        private_folder(home.catalogue)
        write_durably(path, content)
        for other in _installed(home):
            if other != path:
                other.unlink(missing_ok=True)
        sync_folder(home.catalogue)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(home.root, len(content)) from error
        detail = error.strerror or str(error)
        raise BancadaError("catalogue.unwritable", path=str(path), detail=detail) from error
    return found


def check_newer(home: Home, found: Catalogue) -> None:
    """Raise BancadaError ``catalogue.older`` unless ``found`` is newer than what is in use, or the same."""
    known = current(home).catalogue
    if found.sha256 != known.sha256 and found.edition <= known.edition:
        raise BancadaError("catalogue.older", found=found.edition, known=known.edition)


def _installed(home: Home) -> list[Path]:
    return sorted(home.catalogue.glob(f"*{_SUFFIX}")) if home.catalogue.is_dir() else []


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        detail = error.strerror or str(error)
        raise BancadaError("catalogue.unreadable", path=path.name, detail=detail) from error


def _read(path: Path) -> Catalogue:
    content = _content(path)
    if len(path.stem) == 64 and hashlib.sha256(content).hexdigest() != path.stem:
        raise BancadaError("catalogue.damaged", path=path.name)
    return _parsed(content)


@lru_cache(maxsize=2)
def _parsed(content: bytes) -> Catalogue:
    return parse(content)
