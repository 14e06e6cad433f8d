"""How the bytes of a blob are taken: linked, cloned or copied, and hashed on the way."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from bancada.core.errors import BancadaError, Canceled

if sys.platform == "linux":
    import fcntl

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]

_BLOCK: Final = 4 << 20

#: ioctl FICLONE of linux/fs.h: share the blocks of another file (btrfs, XFS)
_FICLONE: Final = 0x40049409


def no_progress(_done: int, _total: int) -> None:
    """Report to nobody."""


def never() -> bool:
    """Do not stop."""
    return False


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading; a pipe or device is refused without waiting for it.

    Raises:
        BancadaError: ``model.file_missing`` or ``model.file_unreadable``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise BancadaError("model.file_missing", path=str(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BancadaError("model.file_unreadable", path=str(path), detail="it is not a regular file")
    return os.fdopen(descriptor, "rb")


def unreadable(path: Path, error: Exception) -> BancadaError:
    """The typed error for a file that the system refuses."""
    return BancadaError(
        "model.file_unreadable", path=str(path), detail=getattr(error, "strerror", None) or str(error)
    )


def hard_link(source: Path, file: IO[bytes], part: Path) -> bool:
    """Link the opened ``source`` as ``part``; False where the file system or its rules refuse."""
    try:
        # resolved: linking a symbolic link itself would store a pointer instead of the content
        os.link(source.resolve(strict=True), part)
    except OSError:
        return False
    if os.path.samestat(part.stat(), os.fstat(file.fileno())):
        return True
    part.unlink()  # the name was given to another file meanwhile
    return False


def clone(file: IO[bytes], part: Path) -> bool:
    """Make ``part`` share the blocks of ``file``; False where the file system cannot."""
    if sys.platform != "linux":
        return False
    with part.open("wb") as target:
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, file.fileno())
        except OSError:
            return False
    return True


def digest(file: IO[bytes], progress: Progress, should_stop: ShouldStop) -> tuple[str, os.stat_result]:
    """Hash a file from its start.

    Returns:
        The sha256 as hexadecimal digits, and the file's status from before the first byte was read,
        so that a later change shows.

    Raises:
        BancadaError: ``model.file_changed`` when someone wrote into it meanwhile.
        Canceled: ``should_stop`` said so.
    """
    before = os.fstat(file.fileno())
    sha256, done = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(_BLOCK):
        if should_stop():
            raise Canceled
        sha256.update(block)
        done += len(block)
        if done > before.st_size:
            break  # it grows under our hands, perhaps for ever
        progress(done, before.st_size)
    after = os.fstat(file.fileno())
    if (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
        raise BancadaError("model.file_changed", path=str(file.name))
    return sha256.hexdigest(), before


def copy(
    file: IO[bytes], part: Path, progress: Progress, should_stop: ShouldStop
) -> tuple[str, os.stat_result]:
    """Copy a file from its start into ``part``, hashing what is written, and sync it.

    Returns:
        The sha256 of the bytes written, and the status of ``part``.

    Raises:
        BancadaError: ``model.file_changed`` when it grows meanwhile.
        OSError: reading or writing failed.
        Canceled: ``should_stop`` said so.
    """
    total = os.fstat(file.fileno()).st_size
    sha256, done = hashlib.sha256(), 0
    file.seek(0)
    with part.open("wb") as target:
        while block := file.read(_BLOCK):
            if should_stop():
                raise Canceled
            target.write(block)
            sha256.update(block)
            done += len(block)
            if done > total:
                raise BancadaError("model.file_changed", path=str(file.name))
            progress(done, total)
        target.flush()
        os.fsync(target.fileno())
        return sha256.hexdigest(), os.fstat(target.fileno())
