"""Opening a workspace's database: create it, check it, bring it up to date, or say why not."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import backup, encryption, health, migrations
from bancada.storage.connection import APPLICATION_ID, Database, connect, now, storable, to_json
from bancada.storage.files import keep_private, write_durably
from bancada.storage.migrations import MIGRATIONS, Migration
from bancada.storage.reserve import Reserve
from bancada.storage.sqlite_errors import disk_full, is_disk_full, typed_errors

__all__ = [
    "APPLICATION_ID",
    "Database",
    "attach",
    "now",
    "open_database",
    "start_empty",
    "storable",
    "to_json",
]

log = logging.getLogger(__name__)

_LOCK_TIMEOUT_S: Final = 30
#: SQLite opens paths of up to 512 bytes (MAX_PATHNAME of its os_unix.c); our longest names take under 100
_LONGEST_PLACE: Final = 400


def open_database(
    home: Home, *, passphrase: str | None = None, steps: Sequence[Migration] = MIGRATIONS
) -> Database:
    """Open the workspace's database: create it when there is none, check, migrate, back up daily.

    Where nothing can be written the database is opened for reading: ``Database.read_only`` is true.

    Args:
        home: the workspace; its folders are made.
        passphrase: of an encrypted database, or of one to be created encrypted; None asks the keyring.
        steps: the migrations that this program knows.

    Raises:
        BancadaError: ``database.damaged`` (with ``backups``), ``database.missing`` (backups but no file),
            ``database.newer``, ``database.foreign``, ``database.tampered``, ``database.locked``,
            ``database.not_encrypted``, ``database.busy``, ``database.migration_failed``, ``disk.full``,
            ``home.path_too_long``,
            ``database.read_only`` (and nothing to read). None of them changes the file.
    """
    _check_place(home)
    if not _is_writable(home):
        return _open_for_reading(home, passphrase, steps)
    _make_folders(home)
    reserve = Reserve(home.reserve)
    reserve.release_if_low(all_of_it=True)
    try:
        with _exclusively(home):
            _undo_interrupted_migration(home)
            is_new = not home.database.exists()
            for path in (home.database, health.wal_of(home.database), health.shm_of(home.database)):
                keep_private(path)
            key = _prepare(home, passphrase, steps)
            database = Database(home.database, key=key, reserve=reserve)
            # copies are kept without a log; what was restored from one gets it again
            database.row("PRAGMA journal_mode = WAL")
            if not is_new and health.size_of(home.database) <= health.CHECK_LIMIT_BYTES:
                backup.backup_if_due(database)
    except BancadaError as error:
        if error.code == "database.damaged":
            error.params["backups"] = [one.path.name for one in backup.list_backups(home)]
        raise
    reserve.refill()
    return database


def attach(home: Home, *, passphrase: str | None = None) -> Database:
    """Open a database that another process of this program has open and has checked (for workers).

    Raises:
        BancadaError: ``database.missing``, ``database.locked``, ``database.newer`` ...
    """
    if not home.database.exists():
        raise BancadaError("database.missing", path=str(home.database), backups=[])
    key = encryption.key_of(home, passphrase)
    health.check_file(home.database, key)
    return Database(home.database, key=key, reserve=Reserve(home.reserve))


def start_empty(home: Home, *, passphrase: str | None = None) -> Database:
    """Begin a new database on the user's word; what was there is kept in the folder ``aside``.

    Raises:
        BancadaError: as :func:`open_database`.
    """
    _make_folders(home)
    with _exclusively(home):
        _migration_marker(home).unlink(missing_ok=True)
        _create(home, None if passphrase is None else encryption.new_key(passphrase), MIGRATIONS)
    return open_database(home, passphrase=passphrase)


def _prepare(home: Home, passphrase: str | None, steps: Sequence[Migration]) -> str | None:
    """Create or check and migrate; returns the raw key, None for an unencrypted file."""
    if not home.database.exists():
        copies = [one.path.name for one in backup.list_backups(home)]
        if copies:
            raise BancadaError("database.missing", path=str(home.database), backups=copies)
        key = None if passphrase is None else encryption.new_key(passphrase)
        _create(home, key, steps)
        return key
    key = encryption.key_of(home, passphrase)
    health.check_file(home.database, key, known_version=steps[-1].version)
    version = health.check_content(home.database, key, steps=tuple(steps))
    encryption.ensure_marker(home, key)
    if version < steps[-1].version:
        _migrate(home, key, version, steps)
    return key


def _create(home: Home, key: str | None, steps: Sequence[Migration]) -> None:
    """Build the database under another name: an empty or half-made file is never taken for a new one."""
    part = home.root / f"{home.database.name}.part"
    part.unlink(missing_ok=True)
    try:
        with typed_errors(part):
            connection = connect(part, key, mode="rwc")
            try:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                migrations.run(connection, steps)
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        encryption.write_marker(home, key)
        backup.swap_in(home, part)
    except OSError as error:
        raise _folder_error(home, error) from error
    finally:
        part.unlink(missing_ok=True)


def _migrate(home: Home, key: str | None, version: int, steps: Sequence[Migration]) -> None:
    """Run the missing steps; when one fails or the program dies, the copy made before is put back."""
    database = Database(home.database, key=key)
    try:
        copy = backup.backup(database, "migration")
    finally:
        database.close()
    note = {"backup": copy.path.name, "from": version, "to": steps[-1].version}
    write_durably(_migration_marker(home), json.dumps(note).encode())
    try:
        connection = connect(home.database, key)
        try:
            migrations.run(connection, steps)
        finally:
            connection.close()
    except Exception as error:
        log.exception("the migration failed; the copy made before it is put back")
        backup.put_back(home, copy.path)
        _migration_marker(home).unlink()
        raise BancadaError(
            "database.migration_failed", found=version, known=steps[-1].version, detail=str(error)
        ) from error
    _migration_marker(home).unlink()


def _undo_interrupted_migration(home: Home) -> None:
    """After a kill inside a migration: put the copy back, from which it starts again."""
    try:
        note = json.loads(_migration_marker(home).read_bytes())
        copy = home.backups / str(note["backup"])
    except FileNotFoundError:
        return
    except (ValueError, TypeError, KeyError):
        # the note itself was damaged: each step is one transaction, so the file is at the start of some step
        log.warning("the note of an interrupted migration cannot be read")
        _migration_marker(home).unlink()
        return
    if copy.exists():
        log.warning("a migration was interrupted; %s is put back", copy.name)
        backup.put_back(home, copy)
    _migration_marker(home).unlink()


def _open_for_reading(home: Home, passphrase: str | None, steps: Sequence[Migration]) -> Database:
    path = home.database
    if not path.exists():
        raise BancadaError("database.read_only", path=str(path), detail="there is no database to read")
    try:
        key = encryption.key_of(home, passphrase)
        health.check_file(path, key, known_version=steps[-1].version)
    except OSError as error:
        raise BancadaError("database.unreadable", path=str(path), detail=str(error)) from error
    # "immutable" takes no locks and reads no log: right only where nobody writes and the log is folded in
    in_use = health.size_of(health.wal_of(path)) > 0 or health.shm_of(path).exists()
    mode = "ro" if in_use else "immutable"
    version = health.check_content(path, key, mode=mode, steps=tuple(steps))
    if version < steps[-1].version:
        detail = f"its version {version} must be brought to {steps[-1].version} first"
        raise BancadaError("database.read_only", path=str(path), detail=detail)
    return Database(path, key=key, mode=mode)


def _check_place(home: Home) -> None:
    length = len(os.fsencode(home.root.absolute()))
    if length > _LONGEST_PLACE:
        raise BancadaError("home.path_too_long", path=str(home.root), length=length, limit=_LONGEST_PLACE)


def _is_writable(home: Home) -> bool:
    place = home.root
    while not place.exists() and place != place.parent:
        place = place.parent
    return os.access(place, os.W_OK) and (not home.database.exists() or os.access(home.database, os.W_OK))


def _make_folders(home: Home) -> None:
    try:
        home.create()
    except OSError as error:
        # a full disk gives its reserve back; folders that exist need none
        if not (is_disk_full(error) and Reserve(home.reserve).release()):
            raise _folder_error(home, error) from error
        home.create()


def _folder_error(home: Home, error: OSError) -> BancadaError:
    if is_disk_full(error):
        return disk_full(home.root, 1 << 20)
    return BancadaError("database.unreadable", path=str(home.root), detail=str(error))


@contextmanager
def _exclusively(home: Home) -> Iterator[None]:
    """One process at a time creates, migrates or restores."""
    path = home.locks / "database.lock"
    try:
        with FileLock(path, timeout=_LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise BancadaError("database.busy", path=str(path), detail="") from error


def _migration_marker(home: Home) -> Path:
    return home.root / "migration.json"
