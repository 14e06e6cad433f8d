"""Whether a file is our database, and whole: asked before anything is written to it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import sqlcipher3

from bancada.core.errors import BancadaError
from bancada.storage import encryption, migrations
from bancada.storage.connection import APPLICATION_ID, connect
from bancada.storage.sqlite_errors import translate

#: files up to this size are checked at every start; larger ones when they are backed up, daily
CHECK_LIMIT_BYTES: Final = 32 << 20

_HEADER_BYTES: Final = 100


def wal_of(path: Path) -> Path:
    """The write-ahead log of a database file."""
    return path.with_name(f"{path.name}-wal")


def shm_of(path: Path) -> Path:
    """The shared-memory file of a database file."""
    return path.with_name(f"{path.name}-shm")


def size_of(path: Path) -> int:
    """Bytes of a file, 0 when it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def check_file(path: Path, key: str | None, *, known_version: int = migrations.LATEST) -> None:
    """Judge a database by its first 100 bytes, without opening it as one.

    The fields are those of sqlite.org/fileformat.html, section 1.3. An encrypted file shows
    nothing here and is judged by :func:`check_content`.

    Raises:
        BancadaError: ``database.damaged``, ``database.foreign`` or ``database.newer``.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if key is not None and len(header) == _HEADER_BYTES:
        return
    if len(header) < _HEADER_BYTES or not header.startswith(encryption.MAGIC):
        raise damaged(path, "the file does not begin as a database")
    (page_size,) = struct.unpack_from(">H", header, 16)
    page_size = 65_536 if page_size == 1 else page_size
    changes, pages = struct.unpack_from(">II", header, 24)
    (version,) = struct.unpack_from(">i", header, 60)
    (application_id,) = struct.unpack_from(">I", header, 68)
    (valid_for,) = struct.unpack_from(">I", header, 92)
    check_identity(path, application_id, version, known_version)
    # while a log waits, a checkpoint may have written the first page and not yet the last ones
    if valid_for == changes and size_of(path) < pages * page_size and size_of(wal_of(path)) == 0:
        raise damaged(path, f"{size_of(path)} of {pages * page_size} bytes are there")


def check_identity(path: Path, application_id: int, version: int, known_version: int) -> None:
    """Raise ``database.foreign`` or ``database.newer`` unless this program may write the file."""
    if application_id != APPLICATION_ID or version < 1:
        raise BancadaError("database.foreign", path=str(path), application_id=f"0x{application_id:08x}")
    if version > known_version:
        raise BancadaError("database.newer", path=str(path), found=version, known=known_version)


def check_content(
    path: Path,
    key: str | None,
    *,
    mode: str = "rw",
    full: bool = False,
    steps: tuple[migrations.Migration, ...] = migrations.MIGRATIONS,
) -> int:
    """Open a database, judge what is inside, and return the number of its schema.

    ``full`` also compares indexes with tables, and checks however large the file is.

    Raises:
        BancadaError: ``database.damaged``, ``database.foreign``, ``database.newer``, ``database.tampered``
            (triggers or views that no version of Bancada made), ``database.busy`` ...
    """
    try:
        connection = connect(path, key, mode=mode)
        try:
            return _judge(connection, path, steps, full=full)
        finally:
            connection.close()
    except sqlcipher3.Error as error:
        raise translate(error, path) from error


def check_integrity(path: Path, key: str | None) -> None:
    """Compare everything in a database with everything, indexes included; raises ``database.damaged``."""
    try:
        connection = connect(path, key)
        try:
            _require_ok(connection, path, "integrity_check(1)")
        finally:
            connection.close()
    except sqlcipher3.Error as error:
        raise translate(error, path) from error


def damaged(path: Path, detail: str) -> BancadaError:
    """The error for a database that cannot be trusted."""
    return BancadaError("database.damaged", path=str(path), detail=detail)


def _judge(
    connection: sqlcipher3.Connection, path: Path, steps: tuple[migrations.Migration, ...], *, full: bool
) -> int:
    application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = migrations.version_of(connection)
    check_identity(path, application_id, version, steps[-1].version)
    if full or size_of(path) <= CHECK_LIMIT_BYTES:
        _require_ok(connection, path, "integrity_check(1)" if full else "quick_check(1)")
    strange = migrations.active_schema(connection) ^ migrations.expected_active_schema(version, steps)
    if strange:
        names = ", ".join(sorted({name for _, name, _ in strange}))[:200]
        raise BancadaError("database.tampered", path=str(path), names=names)
    return version


def _require_ok(connection: sqlcipher3.Connection, path: Path, check: str) -> None:
    verdict = str(connection.execute(f"PRAGMA {check}").fetchone()[0])
    if verdict != "ok":
        raise damaged(path, verdict)
