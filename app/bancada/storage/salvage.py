"""What can still be read from a damaged database, copied into a new one.

The damaged file is never written: the work is done on a copy. The result is put among the
backups, from where it can be restored.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlcipher3

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import health, migrations
from bancada.storage.backup import BackupRecord, make_single_file, new_path, record_of
from bancada.storage.connection import APPLICATION_ID, connect
from bancada.storage.files import publish
from bancada.storage.sqlite_errors import disk_full, free_bytes, is_disk_full, typed_errors

_PAGE: Final = 4096


@dataclass(frozen=True, slots=True)
class SalvageReport:
    """What was saved: rows by table, the tables of which a part could not be read, and the copy."""

    rows: dict[str, int]
    incomplete: tuple[str, ...]
    backup: BackupRecord


def salvage(home: Home, *, key: str | None = None) -> SalvageReport:
    """Copy every readable row of the damaged database into a fresh one among the backups.

    Rows that refer to a lost row lose the reference, or go with it when they mean nothing without.

    Raises:
        BancadaError: ``database.not_salvageable`` when nothing can be read; ``disk.full``;
            ``database.unreadable``.
    """
    size = health.size_of(home.database) + health.size_of(health.wal_of(home.database))
    if free_bytes(home.temporary) < 2 * size:
        raise disk_full(home.temporary, 2 * size)
    work = home.temporary / "salvage"
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        damaged, fresh = work / "damaged.db", work / "fresh.db"
        shutil.copyfile(home.database, damaged)
        if health.wal_of(home.database).exists():
            shutil.copyfile(health.wal_of(home.database), health.wal_of(damaged))
        rows, incomplete = _rebuild(damaged, fresh, key)
        if not any(rows.values()):
            raise BancadaError("database.not_salvageable", path=str(home.database))
        target = new_path(home, "salvaged")
        publish(fresh, target)
        return SalvageReport(rows, incomplete, record_of(home, target))
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(home.temporary, 2 * size) from error
        raise BancadaError("database.unreadable", path=str(home.database), detail=str(error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _rebuild(damaged: Path, fresh: Path, key: str | None) -> tuple[dict[str, int], tuple[str, ...]]:
    with typed_errors(fresh):
        target = connect(fresh, key, mode="rwc")
        try:
            target.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            migrations.run(target)
            if key is None and not _has_schema(damaged, key):
                _graft_first_page(damaged, fresh)
            result = _copy_tables(damaged, key, target)
            make_single_file(target)
        finally:
            target.close()
    return result


def _has_schema(path: Path, key: str | None) -> bool:
    try:
        connection = connect(path, key)
        try:
            return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        finally:
            connection.close()
    except sqlcipher3.Error:
        return False


def _graft_first_page(damaged: Path, fresh: Path) -> None:
    """Put a fresh first page on a file that lost its own.

    Every database is made by the same statements in the same order, so the pages where the tables
    begin are the same in all of them.
    """
    with fresh.open("rb") as file:
        page = bytearray(file.read(_PAGE))
    struct.pack_into(">I", page, 28, max(1, health.size_of(damaged) // _PAGE))
    struct.pack_into(">II", page, 32, 0, 0)  # no free pages: those of the damaged file are not known
    with damaged.open("r+b") as file:
        file.write(page)


def _copy_tables(
    damaged: Path, key: str | None, target: sqlcipher3.Connection
) -> tuple[dict[str, int], tuple[str, ...]]:
    rows: dict[str, int] = {}
    incomplete = []
    try:
        source = connect(damaged, key)
    except sqlcipher3.Error:
        return {}, ()
    source.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        target.execute("PRAGMA foreign_keys = OFF")
        target.execute("BEGIN IMMEDIATE")
        for table in _tables(target):
            rows[table], whole = _copy_table(source, target, table)
            if not whole:
                incomplete.append(table)
        _drop_dangling(target)
        target.execute("COMMIT")
    finally:
        source.close()
    return rows, tuple(incomplete)


def _tables(connection: sqlcipher3.Connection) -> list[str]:
    """The ordinary tables; the full-text indexes fill themselves by triggers."""
    listed = connection.execute("PRAGMA main.table_list").fetchall()
    return [name for _, name, kind, *_ in listed if kind == "table" and not name.startswith("sqlite_")]


def _copy_table(source: sqlcipher3.Connection, target: sqlcipher3.Connection, table: str) -> tuple[int, bool]:
    """Copy a table; returns the rows saved and whether it was read to both ends."""
    names = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
    try:
        there = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
    except sqlcipher3.Error:
        there = set()
    columns = ", ".join(name for name in names if name in there)
    if not columns:
        return 0, False
    insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})"
    saved, whole = 0, True
    # from the front to the damage; then from the back to it
    for order in ("ASC", "DESC"):
        rows = _Readable(source, f"SELECT {columns} FROM {table} ORDER BY {_key(target, table)} {order}")
        for row in rows:
            try:
                saved += target.execute(insert, row).rowcount
            except sqlcipher3.Error:  # what was read is no longer valid in its column
                whole = False
        if not rows.broken:
            break
        whole = False
    return saved, whole


class _Readable:
    """The rows of a query until SQLite meets damage; ``broken`` says that it did."""

    def __init__(self, connection: sqlcipher3.Connection, query: str) -> None:
        self._connection = connection
        self._query = query
        self.broken = False

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(self._query)
        except sqlcipher3.Error:
            self.broken = True


def _key(connection: sqlcipher3.Connection, table: str) -> str:
    """What a table is stored by: reading in this order needs no index and no sorting."""
    options = connection.execute(f"PRAGMA main.table_list({table})").fetchone()
    if not options[4]:
        return "rowid"
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return ", ".join(row[1] for row in sorted(columns, key=lambda row: int(row[5])) if row[5])


def _drop_dangling(target: sqlcipher3.Connection) -> None:
    """Clear references to rows that are lost; remove rows that may not be without them."""
    changed = True
    while changed:
        changed = False
        for table in _tables(target):
            required = {row[1] for row in target.execute(f"PRAGMA table_info({table})") if row[3] or row[5]}
            references = target.execute(f"PRAGMA foreign_key_list({table})").fetchall()
            for parent, column, other in ((row[2], row[3], row[4]) for row in references):
                dangling = f"{column} IS NOT NULL AND {column} NOT IN (SELECT {other} FROM {parent})"
                action = (
                    f"DELETE FROM {table}" if column in required else f"UPDATE {table} SET {column} = NULL"
                )
                changed |= target.execute(f"{action} WHERE {dangling}").rowcount > 0
