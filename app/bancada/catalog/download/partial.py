"""Unfinished downloads on the disk: one ``.part`` file for each content, and what is known of it.

They lie beside the blobs (so that a finished one is moved, not copied), under a name made from what
the content is to be, so that another job, or the same file from a mirror, goes on where one stopped.
A file that turned out wrong is put into quarantine with the reason.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from filelock import FileLock, Timeout

from bancada.catalog.hub.records import RepoFile
from bancada.core.paths import Home
from bancada.storage.connection import now
from bancada.storage.files import sync_folder
from bancada.storage.sqlite_errors import disk_full, is_disk_full

#: leftovers that nobody went on with for so long are removed
KEPT_S: Final = 30 * 24 * 3600
QUARANTINE_KEPT_S: Final = 7 * 24 * 3600


def key_of(file: RepoFile, repo: str, commit: str) -> str:
    """The name of a content to come: its sha256, or a hash of where it is from while that is not known."""
    return file.sha256 or hashlib.sha256(f"{repo}\n{commit}\n{file.path}".encode()).hexdigest()


class Partial:
    """One unfinished file; locked against other processes from ``with`` to its end."""

    def __init__(self, home: Home, key: str) -> None:
        self._folder = home.downloads
        self._lock = FileLock(home.locks / f"part-{key}.lock", thread_local=False)
        self._path = self._folder / f"{key}.part"
        self._facts = self._folder / f"{key}.json"
        #: a second name of a finished file: no clean-up takes it while others are still fetched
        self.kept = self._folder / f"{key}.kept"
        self._key = key
        self._file: IO[bytes] | None = None

    @property
    def path(self) -> Path:
        """Where the bytes are."""
        return self._path

    def try_lock(self) -> bool:
        """Take it for this process; False while another one has it."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._lock.release()

    @property
    def size(self) -> int:
        """Bytes that are there."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def there(self) -> int:
        """Bytes that need not be fetched again, finished ones that are only kept for others included."""
        try:
            return max(self.size, self.kept.stat().st_size)
        except FileNotFoundError:
            return self.size

    def etag(self, origin: str) -> str:
        """The strong ETag that the server ``origin`` gave the content, "" when it is not known."""
        try:
            facts = json.loads(self._facts.read_bytes())
        except (OSError, ValueError):
            return ""
        known = isinstance(facts, dict) and facts.get("origin") == origin
        etag = facts.get("etag") if known else ""
        return etag if isinstance(etag, str) else ""

    def begin(self, origin: str, etag: str) -> None:
        """Note which content the bytes are of, before the first of them is written."""
        part = self._facts.with_suffix(".json.new")
        part.write_text(json.dumps({"origin": origin, "etag": etag}), encoding="utf-8")
        part.replace(self._facts)

    def append(self, data: bytes) -> None:
        """Add bytes at the end; they are the system's when this returns, whatever becomes of this process.

        Raises:
            BancadaError: ``disk.full``.
            OSError: writing failed.
        """
        try:
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            if is_disk_full(error):
                raise disk_full(self._folder, len(data)) from error
            raise

    def restart(self) -> None:
        """Forget what is there."""
        self.close()
        self._path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def keep(self, stored: Path) -> None:
        """Give the stored file a second name here, where the disk can."""
        with contextlib.suppress(OSError):
            os.link(stored, self.kept)

    def quarantine(self, home: Home, reason: Mapping[str, str]) -> Path:
        """Put the file aside with the reason; returns where it is. An older one of the same content goes."""
        self.close()
        home.quarantine.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = home.quarantine / f"{self._key}.bad"
        text = json.dumps({**reason, "at": now()}, indent=1)
        target.with_suffix(".json").write_text(text, encoding="utf-8")
        self._path.replace(target)
        sync_folder(home.quarantine)
        self._facts.unlink(missing_ok=True)
        return target


def prune(home: Home) -> int:
    """Remove leftovers that are old; returns the bytes freed (a second name of a stored file counts none)."""
    freed = 0
    for folder, kept_s in ((home.downloads, KEPT_S), (home.quarantine, QUARANTINE_KEPT_S)):
        for path in folder.glob("*") if folder.is_dir() else ():
            with contextlib.suppress(OSError):
                stat = path.stat()
                if path.is_file() and time.time() - stat.st_mtime > kept_s and not _in_use(home, path):
                    path.unlink()
                    freed += stat.st_size if stat.st_nlink == 1 else 0
    for path in home.locks.glob("part-*.lock"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT_S and not _held(path):
                path.unlink()
    return freed


def _in_use(home: Home, path: Path) -> bool:
    return path.parent == home.downloads and _held(home.locks / f"part-{path.name.partition('.')[0]}.lock")


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
