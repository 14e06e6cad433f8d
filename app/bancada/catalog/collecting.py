"""Blobs that nothing refers to are removed, but never those of an import that is still under way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from bancada.core.paths import Home
from bancada.storage.blobs import BlobStore

_WORK: Final = "work-"


@contextmanager
def working(home: Home, job_id: str) -> Iterator[Path]:
    """A folder of a job's own for what it makes, on the disk of the blobs; gone at the end, however it ends.

    What a killed job left is removed first.
    """
    prune_work(home)
    folder = home.temporary / f"{_WORK}{job_id}"
    path = home.locks / f"{_WORK}{job_id}.lock"
    try:
        with FileLock(path):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700, parents=True)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        path.unlink(missing_ok=True)


def prune_work(home: Home) -> None:
    """Remove the folders of jobs that were killed."""
    for folder in home.temporary.glob(f"{_WORK}*"):
        if _stale(home.locks / f"{folder.name}.lock"):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def importing(home: Home, job_id: str) -> Iterator[None]:
    """Between the first stored file and the row that refers to it: nobody collects meanwhile."""
    path = home.locks / f"import-{job_id}.lock"
    with FileLock(path):
        yield
    path.unlink(missing_ok=True)


def collect(home: Home, blobs: BlobStore) -> int:
    """Remove what nothing refers to and return the bytes freed; 0 while an import runs."""
    prune_work(home)
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
