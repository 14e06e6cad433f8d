"""Blobs that nothing refers to are removed, but never those of an import that is still under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bancada.core.paths import Home
from bancada.storage.blobs import BlobStore


@contextmanager
def importing(home: Home, job_id: str) -> Iterator[None]:
    """Between the first stored file and the row that refers to it: nobody collects meanwhile."""
    path = home.locks / f"import-{job_id}.lock"
    with FileLock(path):
        yield
    path.unlink(missing_ok=True)


def collect(home: Home, blobs: BlobStore) -> int:
    """Remove what nothing refers to and return the bytes freed; 0 while an import runs."""
    for path in home.locks.glob("import-*.lock"):
        if not _stale(path):
            return 0
    return blobs.collect_garbage()


def _stale(path: Path) -> bool:
    """Whether the process that held the lock is gone; its lock is then removed."""
    try:
        with FileLock(path, timeout=0):
            path.unlink(missing_ok=True)
            return True
    except Timeout:
        return False
