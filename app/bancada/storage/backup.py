"""Copies of the database: made while it is in use, checked, rotated, and put back."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import sqlcipher3

from bancada.core.errors import BancadaError
from bancada.core.paths import Home, private_folder
from bancada.storage import audit, health
from bancada.storage.connection import Database, connect
from bancada.storage.files import make_private, publish, sync_folder
from bancada.storage.sqlite_errors import disk_full, free_bytes, is_disk_full, typed_errors

log = logging.getLogger(__name__)

KEEP_DAILY: Final = 7
KEEP_WEEKLY: Final = 4
#: of the copies made before migrations and restores
KEEP_OTHERS: Final = 3

_DAILY: Final = "daily"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"(\d{6,})-(\d{8}T\d{6}Z)-([a-z]+)\.db")


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """One copy. ``number`` is the order of making, ``made_at`` what the clock said."""

    path: Path
    number: int
    made_at: datetime
    reason: str
    size_bytes: int


def list_backups(home: Home) -> list[BackupRecord]:
    """All copies, newest first."""
    records = []
    for path in home.backups.glob("*.db"):
        match = _NAME.fullmatch(path.name)
        if match:
            made_at = datetime.strptime(match[2], _STAMP).replace(tzinfo=UTC)
            records.append(BackupRecord(path, int(match[1]), made_at, match[3], path.stat().st_size))
    return sorted(records, key=lambda one: one.number, reverse=True)


def new_path(home: Home, reason: str) -> Path:
    """A name for the next copy; ``reason`` is one lower-case word."""
    number = max((one.number for one in list_backups(home)), default=0) + 1
    return home.backups / f"{number:06d}-{datetime.now(UTC):{_STAMP}}-{reason}.db"


def record_of(home: Home, path: Path) -> BackupRecord:
    """The record of one copy; raises BancadaError ``backup.not_found``."""
    for one in list_backups(home):
        if one.path.name == path.name:
            return one
    raise BancadaError("backup.not_found", path=str(path))


def backup(db: Database, reason: str = "manual") -> BackupRecord:
    """Copy the database while it is in use, check the copy, and drop copies that are too many.

    Raises:
        BancadaError: ``disk.full`` (need and have), ``database.damaged`` when the copy fails its check.
    """
    home = Home(db.path.parent)
    target = new_path(home, reason)
    need = health.size_of(db.path) + health.size_of(health.wal_of(db.path))
    if free_bytes(home.backups) < need:
        raise disk_full(home.backups, need)
    part = target.with_name(f"{target.name}.part")
    try:
        with typed_errors(db.path):
            _copy(db, part)
        health.check_integrity(part, db.key)
        publish(part, target)
    finally:
        _remove_with_logs(part)
    rotate(home)
    return record_of(home, target)


def backup_if_due(db: Database) -> BackupRecord | None:
    """Make the day's copy unless there is one; a full disk is logged, not raised.

    A day is 24 hours in either direction: a clock that was set back makes a copy due.
    """
    daily = [one for one in list_backups(Home(db.path.parent)) if one.reason == _DAILY]
    if daily and abs(datetime.now(UTC) - daily[0].made_at) < timedelta(days=1):
        return None
    try:
        return backup(db, _DAILY)
    except BancadaError as error:
        if error.code != "disk.full":
            raise
        log.warning("no daily backup: %s", error)
        return None


def rotate(home: Home) -> None:
    """Keep 7 daily copies, then one a week for 4 weeks, 3 of each other kind, and all manual ones."""
    records = list_backups(home)
    for record in set(records) - set(_kept(records)):
        record.path.unlink(missing_ok=True)


def restore(home: Home, path: Path, *, key: str | None = None) -> None:
    """Put a copy in the place of the database. Nothing else may have the database open.

    What was there is kept: as another copy when it is whole, else aside in the folder ``aside``.

    Args:
        home: the workspace.
        path: one of :func:`list_backups`.
        key: the raw key of an encrypted workspace, see :func:`bancada.storage.encryption.key_of`.

    Raises:
        BancadaError: ``backup.not_found``; ``database.damaged`` and the like when the copy is no good;
            ``database.busy`` when another process uses the database; ``disk.full``. Nothing changed then.
    """
    record = record_of(home, path)
    part = home.root / f"{home.database.name}.part"
    if free_bytes(home.root) < 2 * record.size_bytes:
        raise disk_full(home.root, 2 * record.size_bytes)
    try:
        health.check_content(record.path, key, mode="ro", full=True)
        make_private(part)
        shutil.copyfile(record.path, part)
        _note_restore(part, key, record)
        _keep_current(home, key)
        swap_in(home, part)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(home.root, record.size_bytes) from error
        raise BancadaError("database.unreadable", path=str(record.path), detail=str(error)) from error
    finally:
        _remove_with_logs(part)


def put_back(home: Home, copy: Path) -> None:
    """Put the copy made before a migration in the database's place, as it is.

    Raises:
        BancadaError: ``disk.full`` or ``database.unreadable``; the database stays as it was.
    """
    part = home.root / f"{home.database.name}.part"
    try:
        make_private(part)
        shutil.copyfile(copy, part)
        for one in _files(home.database):
            # the copy holds all that these hold, apart from the steps that are undone
            one.unlink(missing_ok=True)
        publish(part, home.database)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(home.root, health.size_of(copy)) from error
        raise BancadaError("database.unreadable", path=str(copy), detail=str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def swap_in(home: Home, part: Path) -> None:
    """Move the finished file ``part`` to the database's place, and what was there aside.

    The database goes before its log: a kill in between leaves no database, which is reported, and
    never the old one without its last transactions.
    """
    if any(one.exists() for one in _files(home.database)):
        aside = home.root / "aside" / f"{datetime.now(UTC):{_STAMP}}-{len(list(home.root.glob('aside/*')))}"
        private_folder(aside)
        for one in _files(home.database):
            if one.exists():
                one.rename(aside / one.name)
    publish(part, home.database)


def make_single_file(connection: sqlcipher3.Connection) -> None:
    """Fold the write-ahead log into the file; raises sqlcipher3.OperationalError when others use it."""
    connection.execute("PRAGMA journal_mode = DELETE")


def _copy(db: Database, part: Path) -> None:
    target = connect(part, db.key, mode="rwc")
    try:
        db.handle.conn.backup(target)
        make_single_file(target)
    finally:
        target.close()


def _note_restore(part: Path, key: str | None, record: BackupRecord) -> None:
    copy = Database(part, key=key)
    try:
        audit.append(copy, "user", "database.restored", record.path.name, {"made_at": str(record.made_at)})
        with typed_errors(part):
            make_single_file(copy.handle.conn)
    finally:
        copy.close()


def _keep_current(home: Home, key: str | None) -> None:
    """Make a last copy of a database that is whole; one that is not is kept aside by :func:`swap_in`."""
    if not home.database.exists():
        return
    current = Database(home.database, key=key)
    try:
        health.check_file(home.database, key)
        backup(current, "restore")
        with typed_errors(home.database):
            make_single_file(current.handle.conn)
    except BancadaError as error:
        if error.code in ("database.busy", "disk.full"):
            raise
        log.warning("the database that is replaced is kept aside as it is: %s", error)
        return
    finally:
        current.close()
    home.database.unlink()
    sync_folder(home.root)


def _kept(records: Sequence[BackupRecord]) -> list[BackupRecord]:
    kept = [one for one in records if one.reason not in (_DAILY, "migration", "restore")]
    for reason in ("migration", "restore"):
        kept += [one for one in records if one.reason == reason][:KEEP_OTHERS]
    daily = [one for one in records if one.reason == _DAILY]
    kept += daily[:KEEP_DAILY]
    weeks: dict[tuple[int, int], BackupRecord] = {}
    for one in daily[KEEP_DAILY:]:
        year, week, _ = one.made_at.isocalendar()
        weeks.setdefault((year, week), one)
    return kept + list(weeks.values())[:KEEP_WEEKLY]


def _files(path: Path) -> tuple[Path, Path, Path]:
    return (path, health.wal_of(path), health.shm_of(path))


def _remove_with_logs(path: Path) -> None:
    for one in (*_files(path), path.with_name(f"{path.name}-journal")):
        one.unlink(missing_ok=True)
