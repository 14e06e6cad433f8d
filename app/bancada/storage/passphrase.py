"""Turning encryption on and off, and changing the passphrase."""

from __future__ import annotations

from pathlib import Path

import sqlcipher3

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import backup, encryption, health, migrations
from bancada.storage.connection import APPLICATION_ID, connect
from bancada.storage.files import publish
from bancada.storage.sqlite_errors import disk_full, free_bytes, typed_errors


def change(home: Home, *, current: str | None, new: str | None) -> None:
    """Encrypt the database and its backups with ``new``; None makes them readable for everybody.

    Nothing else may have the database open. A kill in between leaves each file whole, under the
    old or the new passphrase. Model files are never encrypted; copies that were kept in the
    folder ``aside`` stay as they are.

    Args:
        home: the workspace.
        current: today's passphrase, None when it is not encrypted or the keyring has it.
        new: the next passphrase.

    Raises:
        BancadaError: ``database.locked``, ``database.busy`` when another process uses it, ``disk.full``.
    """
    key = encryption.key_of(home, current)
    next_key = None if new is None else encryption.new_key(new)
    need = 2 * health.size_of(home.database)
    if free_bytes(home.root) < need:
        raise disk_full(home.root, need)
    # before the file: whichever of the two a kill leaves there, the marker knows its key
    encryption.write_marker(home, key, next_key)
    try:
        _convert(home.database, key, next_key)
    except BaseException:
        encryption.write_marker(home, key)
        raise
    encryption.write_marker(home, next_key)
    for one in backup.list_backups(home):
        _convert(one.path, key, next_key)
    encryption.forget(home)


def _convert(path: Path, key: str | None, next_key: str | None) -> None:
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with typed_errors(path):
        connection = connect(path, key)
        try:
            # refused while another connection is open, and leaves no log behind
            backup.make_single_file(connection)
            _export(connection, part, next_key)
        finally:
            connection.close()
    try:
        if health.check_content(part, next_key, full=True) < 1:
            raise BancadaError("database.damaged", path=str(part), detail="the copy is empty")
        publish(part, path)
    finally:
        part.unlink(missing_ok=True)


def _export(connection: sqlcipher3.Connection, part: Path, next_key: str | None) -> None:
    literal = "''" if next_key is None else f"\"x'{next_key}'\""
    connection.execute(f"ATTACH ? AS copy KEY {literal}", (str(part),))
    connection.execute("SELECT sqlcipher_export('copy')")
    version = migrations.version_of(connection)
    connection.execute(f"PRAGMA copy.application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA copy.user_version = {version}")
    connection.execute("DETACH copy")
