"""The content-addressed store: files by the hash of their content, beside the database.

A blob lies at ``blobs/ab/<sha256>``. It appears there whole or not at all: it is made under a
``.part`` name in the blobs folder, synced, renamed, and only then gets its row.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import psutil
from filelock import FileLock, Timeout

from bancada.core.errors import BancadaError
from bancada.core.ids import new_id
from bancada.core.paths import Home
from bancada.storage.blob_files import (
    Progress,
    ShouldStop,
    clone,
    copy,
    digest,
    hard_link,
    never,
    no_progress,
    open_regular,
    unreadable,
)
from bancada.storage.connection import Database, now
from bancada.storage.files import is_safe_relative, sync_file, sync_folder
from bancada.storage.sqlite_errors import disk_full, free_bytes, is_disk_full

#: kept free beside a new file, for the rows that tell of it
_MARGIN_BYTES: Final = 4 << 20
_LOCK_TIMEOUT_S: Final = 30

#: the blobs that no row refers to
UNREFERENCED: Final = (
    "SELECT sha256, put_by FROM blobs b WHERE NOT EXISTS (SELECT 1 FROM model_files WHERE sha256 = b.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM artifacts WHERE sha256 = b.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM bundle_files WHERE sha256 = b.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM importance_matrices WHERE sha256 = b.sha256)"
)

_ONLY_OF: Final = (
    "SELECT sha256 FROM model_files f WHERE version_id = ? AND NOT EXISTS"
    " (SELECT 1 FROM model_files WHERE sha256 = f.sha256 AND version_id != f.version_id)"
    " AND NOT EXISTS (SELECT 1 FROM artifacts WHERE sha256 = f.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM bundle_files WHERE sha256 = f.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM importance_matrices WHERE sha256 = f.sha256)"
)


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored content: 64 hexadecimal digits and a size."""

    sha256: str
    size_bytes: int


class BlobStore:
    """The blobs of one workspace. Safe to use from several threads and processes."""

    def __init__(self, home: Home, db: Database) -> None:
        self._home = home
        self._db = db

    def path(self, sha256: str) -> Path:
        """Where a blob lies, or would lie."""
        return self._home.blobs / sha256[:2] / sha256

    def put_file(
        self, source: Path, *, link: bool, progress: Progress = no_progress, should_stop: ShouldStop = never
    ) -> Blob:
        """Store the content of ``source``.

        With ``link`` the file is hard-linked where the file system allows it: no space is taken, but
        who writes into the source later damages the blob, which its hash then tells. Else it is
        cloned where the file system can share blocks, and copied where not.

        Args:
            source: a regular file.
            link: take a hard link when possible.
            progress: called with bytes done and bytes in all, after every 4 MiB.
            should_stop: asked as often; True cancels.

        Raises:
            BancadaError: ``model.file_missing``, ``model.file_unreadable``, ``model.file_changed`` (while it
                was read), ``disk.full`` (need and have).
            Canceled: ``should_stop`` said so; nothing is left behind.
        """
        with open_regular(source) as file, self._part(source, os.fstat(file.fileno()).st_size) as part:
            if link and hard_link(source, file, part):
                sha256, stat = digest(file, progress, should_stop)
            elif clone(file, part):
                with part.open("rb") as cloned:
                    sha256, stat = digest(cloned, progress, should_stop)
            else:
                self._check_space(os.fstat(file.fileno()).st_size)
                sha256, stat = copy(file, part, progress, should_stop)
            return self._publish(part, sha256, stat)

    def adopt(
        self, source: Path, sha256: str, progress: Progress = no_progress, should_stop: ShouldStop = never
    ) -> Blob:
        """Move a file of our own on the same disk into the store, once its content is known to be right.

        Raises:
            BancadaError: ``model.file_differs`` when it has another content: it stays where it is, and the
                store as it was; ``model.file_missing``, ``model.file_unreadable``, ``disk.full``.
            Canceled: ``should_stop`` said so.
        """
        try:
            sync_file(source)
            with open_regular(source) as file:
                found, stat = digest(file, progress, should_stop)
            if found != sha256:
                raise BancadaError("model.file_differs", path=str(source), sha256=sha256, found=found)
            blob = self._publish(source, sha256, stat)
            source.unlink(missing_ok=True)  # it is still there when the store had the content already
            return blob
        except OSError as error:
            raise self._typed(source, error, _MARGIN_BYTES) from error

    def put_bytes(self, content: bytes) -> Blob:
        """Store a small content that is in memory; raises BancadaError ``disk.full``."""
        self._check_space(len(content))
        with self._part(self._home.blobs, len(content)) as part:
            part.write_bytes(content)
            return self._publish(part, hashlib.sha256(content).hexdigest(), part.stat())

    def read_bytes(self, sha256: str) -> bytes:
        """The content of a small blob; raises BancadaError ``model.file_missing``."""
        try:
            return self.path(sha256).read_bytes()
        except OSError as error:
            raise self._missing(sha256) from error

    def verify(self, sha256: str, progress: Progress = no_progress, should_stop: ShouldStop = never) -> None:
        """Hash a blob again, whatever its file looks like, and record what was found.

        Raises:
            BancadaError: ``model.file_missing`` or ``model.file_damaged``; the row is marked so.
            Canceled: ``should_stop`` said so; the row stays as it is.
        """
        path = self.path(sha256)
        try:
            with open_regular(path) as file:
                found, stat = digest(file, progress, should_stop)
        except BancadaError as error:
            if error.code == "model.file_missing":
                self._mark(sha256, "missing")
            raise
        except OSError as error:
            raise unreadable(path, error) from error
        if found != sha256:
            self._mark(sha256, "damaged")
            raise BancadaError("model.file_damaged", path=str(path), sha256=sha256, found=found)
        self._mark(sha256, "present", stat)

    def ensure_intact(
        self, sha256: str, progress: Progress = no_progress, should_stop: ShouldStop = never
    ) -> Path:
        """Return the path of a blob whose content is known to be right.

        A file with the size, time and inode of its last verification is not read again.

        Raises:
            BancadaError: ``model.file_missing`` or ``model.file_damaged``; the row is marked so.
            Canceled: ``should_stop`` said so while hashing.
        """
        if not self._is_known_good(sha256):
            self.verify(sha256, progress, should_stop)
        return self.path(sha256)

    def relocate(
        self, sha256: str, source: Path, progress: Progress = no_progress, should_stop: ShouldStop = never
    ) -> None:
        """Bring a missing or damaged blob back from a file with the same content.

        Raises:
            BancadaError: ``model.file_differs`` when ``source`` has another content; see :meth:`put_file`.
            Canceled: ``should_stop`` said so.
        """
        with open_regular(source) as file, self._part(source, os.fstat(file.fileno()).st_size) as part:
            self._check_space(os.fstat(file.fileno()).st_size)
            found, stat = copy(file, part, progress, should_stop)
            if found != sha256:
                raise BancadaError("model.file_differs", path=str(source), sha256=sha256, found=found)
            self._publish(part, found, stat)

    def view(self, version_id: str, files: Mapping[str, str]) -> Path:
        """A folder with the blobs under their names, for formats of several files.

        Args:
            version_id: names the folder.
            files: relative path with forward slashes -> sha256.

        Raises:
            BancadaError: ``model.file_missing``; ``model.unsafe_path`` for a name that leaves the folder.
        """
        for name in files:
            if not is_safe_relative(name):
                raise BancadaError("model.unsafe_path", path=name[:200])
        folder = self._home.views / version_id
        if self._is_current(folder, files):
            return folder
        part = self._home.views / f"{os.getpid()}-{new_id()}.part"
        try:
            with self._lock():
                part.mkdir()
                for name, sha256 in files.items():
                    self._place(sha256, part / PurePosixPath(name))
                shutil.rmtree(folder, ignore_errors=True)
                part.rename(folder)
        except OSError as error:
            raise self._typed(folder, error, _MARGIN_BYTES) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        sync_folder(self._home.views)
        return folder

    def collect_garbage(self) -> int:
        """Remove blobs that no row refers to, leftovers of killed copies, and views of removed versions.

        What another living process has just stored is no garbage: its row may still be to come.

        Returns:
            The bytes freed on the disk (a file that a link elsewhere keeps counts none).
        """
        freed = 0
        with self._lock():
            # first the views: their links would keep the blocks
            self._remove_views()
            for part in self._home.blobs.glob("*.part"):
                if not _writer_lives(part):
                    freed += _remove_file(part)
            # the file goes before its row: a kill in between leaves a row, garbage again, and no stray file
            with self._db.transaction() as handle:
                for row in self._db.rows(UNREFERENCED):
                    if row["put_by"] not in (None, os.getpid()) and psutil.pid_exists(row["put_by"]):
                        continue
                    freed += _remove_file(self.path(row["sha256"]))
                    handle.execute("DELETE FROM blobs WHERE sha256 = ?", (row["sha256"],))
        self._db.refill_reserve()
        return freed

    def drop_files_of(self, version_id: str) -> int:
        """Remove the files that only this version has, before its rows.

        The way out of a disk so full that no row can be written; until then the rows miss their files.

        Returns:
            The bytes freed.
        """
        shutil.rmtree(self._home.views / version_id, ignore_errors=True)
        rows = self._db.rows(_ONLY_OF, (version_id,))
        return sum(_remove_file(self.path(row["sha256"])) for row in rows)

    # -- inside

    @contextmanager
    def _part(self, source: Path, size: int) -> Iterator[Path]:
        """A name for a file in the making; gone at the end unless it was published."""
        part = self._home.blobs / f"{os.getpid()}-{new_id()}.part"
        try:
            yield part
        except OSError as error:
            raise self._typed(source, error, size + _MARGIN_BYTES) from error
        finally:
            part.unlink(missing_ok=True)

    def _publish(self, part: Path, sha256: str, stat: os.stat_result) -> Blob:
        """Move the finished ``part`` to its place and record it as it was when it was hashed."""
        sync_file(part)
        final = self.path(sha256)
        with self._lock():
            if self._is_known_good(sha256):
                self._mark_put(sha256)
            else:
                # the row comes first and says "missing" until the file is there: no file without a row
                self._mark(sha256, "missing", stat)
                final.parent.mkdir(exist_ok=True, mode=0o700)
                part.replace(final)
                sync_folder(final.parent)
                self._mark(sha256, "present", stat)
        return Blob(sha256, stat.st_size)

    def _is_known_good(self, sha256: str) -> bool:
        """True when the file looks as it did at its last verification."""
        row = self._db.row("SELECT * FROM blobs WHERE sha256 = ? AND state = 'present'", (sha256,))
        try:
            stat = self.path(sha256).stat()
        except OSError:
            return False
        return row is not None and (stat.st_size, stat.st_mtime_ns, stat.st_ino) == (
            row["size_bytes"],
            row["verified_mtime_ns"],
            row["verified_inode"],
        )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes from publishing and collecting, for the moment that a rename takes."""
        path = self._home.locks / "blobs.lock"
        try:
            with FileLock(path, timeout=_LOCK_TIMEOUT_S):
                yield
        except Timeout as error:
            raise BancadaError("database.busy", path=str(path), detail="") from error

    def _check_space(self, size: int) -> None:
        if free_bytes(self._home.blobs) < size + _MARGIN_BYTES:
            raise disk_full(self._home.blobs, size + _MARGIN_BYTES)

    def _typed(self, path: Path, error: OSError, need: int) -> BancadaError:
        return disk_full(self._home.blobs, need) if is_disk_full(error) else unreadable(path, error)

    def _mark(self, sha256: str, state: str, stat: os.stat_result | None = None) -> None:
        """Record a state; with ``stat``, the file as it was hashed, the row is made when it is new."""
        if self._db.read_only:
            return  # the finding is raised all the same
        with self._db.transaction() as handle:
            if stat is None:
                handle.execute("UPDATE blobs SET state = ? WHERE sha256 = ?", (state, sha256))
                return
            at = now()
            handle.execute(
                "INSERT INTO blobs (sha256, size_bytes, state, verified_mtime_ns, verified_inode,"
                " verified_at, put_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (sha256) DO UPDATE SET state = excluded.state,"
                " size_bytes = excluded.size_bytes, verified_mtime_ns = excluded.verified_mtime_ns,"
                " verified_inode = excluded.verified_inode, verified_at = excluded.verified_at,"
                " put_by = excluded.put_by",
                (sha256, stat.st_size, state, stat.st_mtime_ns, stat.st_ino, at, os.getpid(), at),
            )

    def _mark_put(self, sha256: str) -> None:
        with self._db.transaction() as handle:
            handle.execute("UPDATE blobs SET put_by = ? WHERE sha256 = ?", (os.getpid(), sha256))

    def _missing(self, sha256: str) -> BancadaError:
        self._mark(sha256, "missing")
        return BancadaError("model.file_missing", path=str(self.path(sha256)), sha256=sha256)

    def _is_current(self, folder: Path, files: Mapping[str, str]) -> bool:
        try:
            found = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if not one.is_dir()}
            return found == set(files) and all(
                _same(folder / PurePosixPath(name), self.path(sha256)) for name, sha256 in files.items()
            )
        except OSError:
            return False

    def _place(self, sha256: str, target: Path) -> None:
        source = self.path(sha256)
        if not source.is_file():
            raise self._missing(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            self._check_space(source.stat().st_size)
            shutil.copy2(source, target)

    def _remove_views(self) -> None:
        known = {row["id"] for row in self._db.rows("SELECT id FROM model_versions")}
        for folder in self._home.views.iterdir():
            if folder.name not in known and not _writer_lives(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _writer_lives(path: Path) -> bool:
    """True when ``path`` is ``<process id>-...part`` of another process that still runs."""
    pid = path.name.partition("-")[0]
    return (
        path.suffix == ".part" and pid.isdigit() and int(pid) != os.getpid() and psutil.pid_exists(int(pid))
    )


def _same(one: Path, other: Path) -> bool:
    a, b = one.stat(), other.stat()
    return os.path.samestat(a, b) or (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def _remove_file(path: Path) -> int:
    """Remove a file and return the bytes that this frees."""
    try:
        stat = path.stat()
        path.unlink()
    except FileNotFoundError:
        return 0
    return stat.st_size if stat.st_nlink == 1 else 0
