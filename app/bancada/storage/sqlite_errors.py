"""SQLite's errors as errors that say themselves."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlcipher3

from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text

#: below this much free space an I/O error is a full disk (SQLite says IOERR for the shared-memory file)
LOW_SPACE_BYTES: Final = 1 << 20

_CODES: Final = {
    sqlcipher3.SQLITE_BUSY: "database.busy",
    sqlcipher3.SQLITE_LOCKED: "database.busy",
    sqlcipher3.SQLITE_CORRUPT: "database.damaged",
    sqlcipher3.SQLITE_NOTADB: "database.damaged",
    sqlcipher3.SQLITE_READONLY: "database.read_only",
    sqlcipher3.SQLITE_CANTOPEN: "database.unreadable",
    sqlcipher3.SQLITE_PERM: "database.unreadable",
    sqlcipher3.SQLITE_IOERR: "database.unreadable",
    sqlcipher3.SQLITE_CONSTRAINT: "database.value_refused",
    sqlcipher3.SQLITE_TOOBIG: "database.value_refused",
}


def free_bytes(path: Path) -> int:
    """Free space for this user where ``path`` is, or would be; 0 when that cannot be asked."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return 0


def disk_full(path: Path, need: int) -> BancadaError:
    """The error for a disk that has less than ``need`` bytes left where ``path`` is."""
    return BancadaError("disk.full", need=bytes_text(need), have=bytes_text(free_bytes(path)), path=str(path))


def is_disk_full(error: OSError) -> bool:
    """True for the errors of a full disk, a used-up quota and a file over the allowed size."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def translate(error: Exception, path: Path) -> BancadaError:
    """The typed error for what SQLite (or the binding of a value) raised about the database ``path``."""
    detail = str(error)
    if not isinstance(error, sqlcipher3.Error):
        return BancadaError("database.value_refused", detail=detail)
    # the primary code is the low byte of the extended one
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    full = primary == sqlcipher3.SQLITE_FULL
    if full or (primary == sqlcipher3.SQLITE_IOERR and free_bytes(path) < LOW_SPACE_BYTES):
        return disk_full(path.parent, LOW_SPACE_BYTES)
    code = _CODES.get(primary)
    if code is None:
        return BancadaError("internal.error", detail=detail)
    return BancadaError(code, path=str(path), detail=detail)


@contextmanager
def typed_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises inside into :class:`BancadaError`."""
    try:
        yield
    except (sqlcipher3.Error, OverflowError, UnicodeEncodeError) as error:
        raise translate(error, path) from error
