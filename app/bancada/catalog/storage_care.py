"""What takes how much of the disk, and what of it can go: said item by item before anything is removed."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock, Timeout

from bancada.catalog import collecting
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import audit, backup, models, usage
from bancada.storage.blobs import BlobStore
from bancada.storage.connection import Database

#: copies of the database that a clean-up leaves: the newest ones, and all that were made by hand
BACKUPS_KEPT: Final = 2
#: what was written to within these seconds may belong to somebody who is at work
_RECENT_S: Final = 600


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can go: a name for people, the bytes that it frees, and where it lies."""

    name: str
    bytes: int
    path: Path


@dataclass(frozen=True, slots=True)
class Area:
    """One part of the workspace.

    ``id`` is one of :data:`AREAS`. ``bytes`` is all of it, ``items`` what a clean-up would remove now;
    areas without clean-up have none ever. ``shared_bytes`` and ``saved_bytes`` are of the models alone:
    see :class:`bancada.storage.usage.ModelUsage`.
    """

    id: str
    bytes: int
    count: int
    items: tuple[Item, ...] = ()
    shared_bytes: int = 0
    saved_bytes: int = 0

    @property
    def removable_bytes(self) -> int:
        return sum(one.bytes for one in self.items)


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What a clean-up did."""

    area: str
    count: int
    bytes: int


class StorageCare:
    """Looks at one workspace's folders. Nothing is removed that a running process works with."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database, self._blobs = database, blobs
        self._home = Home(database.path.parent)

    def overview(self) -> list[Area]:
        """All areas in the order of :data:`AREAS`."""
        return [self.area(one) for one in AREAS]

    def area(self, area_id: str) -> Area:
        """One area; raises BancadaError ``storage.area_unknown``."""
        look = _LOOKS.get(area_id)
        if look is None:
            raise BancadaError("storage.area_unknown", area=area_id[:40], choices=", ".join(CLEANED))
        return look(self)

    def clean(self, area_id: str) -> Reclaimed:
        """Remove what :meth:`area` lists now, and say what was freed.

        Raises:
            BancadaError: ``storage.area_unknown`` also for an area that is not cleaned.
        """
        if area_id not in CLEANED:
            raise BancadaError("storage.area_unknown", area=area_id[:40], choices=", ".join(CLEANED))
        items = self.area(area_id).items
        if area_id == "unused":
            freed = collecting.collect(self._home, self._blobs)
            done = Reclaimed(area_id, len(items) - len(self.area(area_id).items), freed)
        else:
            gone = [one for one in items if self._remove(area_id, one.path)]
            done = Reclaimed(area_id, len(gone), sum(one.bytes for one in gone))
        if done.count:
            detail = {"count": done.count, "bytes": done.bytes}
            audit.append(self._database, "user", "storage.cleaned", area_id, detail)
        return done

    # -- the areas

    def models(self) -> Area:
        found = usage.models(self._database)
        return Area(
            "models",
            found.stored_bytes,
            found.versions,
            shared_bytes=found.shared_bytes,
            saved_bytes=found.saved_bytes,
        )

    def results(self) -> Area:
        found = usage.kept_for_others(self._database)
        return Area("results", sum(one.size_bytes for one in found), len(found))

    def unused(self) -> Area:
        found = usage.unreferenced(self._database)
        items = []
        for one in found:
            path = self._blobs.path(one.sha256)
            items.append(Item(one.sha256[:16], _freed(path), path))
        items += [
            Item(path.name, _freed(path), path)
            for path in sorted(self._home.blobs.glob("*.part"))
            if not _writer_lives(path)
        ]
        return _area("unused", items)

    def downloads(self) -> Area:
        files = _files(self._home.downloads) + _files(self._home.incoming)
        return _area("downloads", files, [one for one in files if not self._locked(one.path)])

    def quarantine(self) -> Area:
        return _area("quarantine", _files(self._home.quarantine))

    def backups(self) -> Area:
        records = backup.list_backups(self._home)
        files = [Item(one.path.name, one.size_bytes, one.path) for one in records]
        kept = {one.path for one in records[:BACKUPS_KEPT]} | {
            one.path for one in records if one.reason == "manual"
        }
        return _area("backups", files, [one for one in files if one.path not in kept])

    def logs(self) -> Area:
        files = _files(self._home.logs)
        old = [one for one in files if one.path.suffix != ".log" or one.path.name.startswith("worker-")]
        return _area("logs", files, [one for one in old if _is_old(one.path)])

    def caches(self) -> Area:
        known = {one.id for one in models.list_versions(self._database)}
        files = [*_folders(self._home.views), *_folders(self._home.temporary)]
        loose = [
            one
            for one in files
            if one.path.name not in known and not _writer_lives(one.path) and _is_old(one.path)
        ]
        return _area("caches", files, loose)

    def database(self) -> Area:
        base = self._database.path
        paths = [base, *(base.with_name(f"{base.name}-{end}") for end in ("wal", "shm"))]
        return Area("database", sum(_size(one) for one in paths), 1)

    # -- removing

    def _remove(self, area_id: str, path: Path) -> bool:
        if area_id == "downloads" and self._locked(path):
            return False
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError:
            return False
        if path.parent.parent == self._home.incoming:
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        return True

    def _locked(self, path: Path) -> bool:
        """Whether a running download or import works with it."""
        if path.parent == self._home.downloads:
            return _held(self._home.locks / f"part-{path.name.partition('.')[0]}.lock")
        return _held(self._home.locks / f"bundle-{path.parent.name}.lock")


#: the areas by what looks at them
_LOOKS: Final[dict[str, Callable[[StorageCare], Area]]] = {
    "models": StorageCare.models,
    "results": StorageCare.results,
    "unused": StorageCare.unused,
    "downloads": StorageCare.downloads,
    "quarantine": StorageCare.quarantine,
    "backups": StorageCare.backups,
    "logs": StorageCare.logs,
    "caches": StorageCare.caches,
    "database": StorageCare.database,
}
AREAS: Final = tuple(_LOOKS)
#: the areas of which something can go
CLEANED: Final = ("unused", "downloads", "quarantine", "backups", "logs", "caches")


def _area(name: str, every: list[Item], doomed: list[Item] | None = None) -> Area:
    going = every if doomed is None else doomed
    return Area(name, sum(one.bytes for one in every), len(every), tuple(going))


def _files(folder: Path) -> list[Item]:
    """The files below a folder, each by its path from there."""
    return [
        Item(path.relative_to(folder).as_posix(), _freed(path), path)
        for path in sorted(folder.rglob("*") if folder.is_dir() else ())
        if path.is_file() or path.is_symlink()
    ]


def _folders(folder: Path) -> list[Item]:
    """What lies directly in a folder, each with all that is below it."""
    return [
        Item(path.name, sum(_freed(one) for one in (path, *_below(path))), path)
        for path in sorted(folder.iterdir() if folder.is_dir() else ())
    ]


def _below(path: Path) -> Iterator[Path]:
    return (one for one in path.rglob("*") if not one.is_dir()) if path.is_dir() else iter(())


def _freed(path: Path) -> int:
    """Bytes that its removal frees: none while another name keeps the content."""
    try:
        stat = path.lstat()
    except OSError:
        return 0
    return 0 if path.is_dir() or stat.st_nlink > 1 else stat.st_size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > _RECENT_S
    except OSError:
        return False


def _writer_lives(path: Path) -> bool:
    """Whether it is ``<process id>-...part`` of a process that still runs."""
    pid = path.name.partition("-")[0]
    return path.suffix == ".part" and pid.isdigit() and psutil.pid_exists(int(pid))


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
