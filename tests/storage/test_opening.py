"""A database is created, opened, or refused by name; never replaced in silence."""

from __future__ import annotations

import os
import struct
from contextlib import closing
from pathlib import Path

import pytest
import sqlcipher3

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import backup, conversations, migrations, settings
from bancada.storage.connection import APPLICATION_ID, Database, connect
from bancada.storage.database import attach, open_database, start_empty
from bancada.storage.health import wal_of
from storage.conftest import SmallDisk


def _code(home: Home) -> str:
    with pytest.raises(BancadaError) as caught:
        open_database(home)
    return caught.value.code


def _fill(db: Database, count: int = 200) -> None:
    for number in range(count):
        conversations.create(db, f"conversation {number} " + "x" * 200)


def _closed(home: Home) -> bytes:
    """A database with content, closed, and a backup of it; returns its bytes."""
    db = open_database(home)
    _fill(db)
    backup.backup(db)
    db.close()
    assert not wal_of(home.database).exists()
    return home.database.read_bytes()


def test_creates_a_database_with_the_settings_that_keep_it_whole(db: Database) -> None:
    pragmas = {name: db.rows(f"PRAGMA {name}")[0][name] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    for name, value in (("foreign_keys", 1), ("trusted_schema", 0), ("application_id", APPLICATION_ID)):
        assert db.rows(f"PRAGMA {name}") == [{name: value}]
    assert sqlcipher3.sqlite_version_info >= (3, 51, 3)


def test_every_table_is_strict(db: Database) -> None:
    tables = db.rows("PRAGMA main.table_list")
    ordinary = [one for one in tables if one["type"] == "table" and not one["name"].startswith("sqlite_")]
    assert len(ordinary) > 15
    assert all(one["strict"] for one in ordinary)


def test_opens_again_with_everything(home: Home) -> None:
    _closed(home)
    db = open_database(home)
    assert len(conversations.list_page(db, limit=1000)) == 200
    db.close()


@pytest.mark.parametrize("size", [0, 1, 50, 99])
def test_a_file_too_short_for_a_database_is_damaged_and_kept(home: Home, size: int) -> None:
    content = _closed(home)[:size]
    home.database.write_bytes(content)
    assert _code(home) == "database.damaged"
    assert home.database.read_bytes() == content


def test_a_zeroed_file_is_damaged_and_lists_the_backups(home: Home) -> None:
    size = len(_closed(home))
    home.database.write_bytes(bytes(size))
    with pytest.raises(BancadaError) as caught:
        open_database(home)
    assert caught.value.code == "database.damaged"
    assert caught.value.params["backups"] == [one.path.name for one in backup.list_backups(home)] != []
    assert home.database.read_bytes() == bytes(size)


def test_a_truncated_file_is_damaged(home: Home) -> None:
    content = _closed(home)
    home.database.write_bytes(content[: len(content) // 2])
    assert _code(home) == "database.damaged"
    assert home.database.stat().st_size == len(content) // 2


def test_random_pages_are_damaged_wherever_they_hold_content(home: Home) -> None:
    content = _closed(home)
    pages = len(content) // 4096
    for page in range(0, pages, max(1, pages // 12)):
        home.database.write_bytes(content[: page * 4096] + os.urandom(4096) + content[(page + 1) * 4096 :])
        assert _code(home) == "database.damaged", f"page {page} of {pages}"


def test_a_foreign_database_is_refused_and_untouched(home: Home) -> None:
    home.create()
    other = sqlcipher3.connect(str(home.database))
    other.execute("CREATE TABLE precious (x)")
    other.execute("PRAGMA application_id = 1234")
    other.close()
    before = home.database.read_bytes()
    with pytest.raises(BancadaError) as caught:
        open_database(home)
    assert caught.value.code == "database.foreign"
    assert caught.value.params["application_id"] == "0x000004d2"
    assert home.database.read_bytes() == before
    assert not wal_of(home.database).exists()


def test_a_newer_database_is_refused_with_both_versions_and_untouched(home: Home) -> None:
    content = bytearray(_closed(home))
    struct.pack_into(">i", content, 60, 99)
    home.database.write_bytes(content)
    with pytest.raises(BancadaError) as caught:
        open_database(home)
    assert caught.value.code == "database.newer"
    assert caught.value.params["found"] == 99
    assert caught.value.params["known"] == migrations.LATEST
    assert "99" in str(caught.value)
    assert home.database.read_bytes() == content


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE TRIGGER evil AFTER INSERT ON messages BEGIN DELETE FROM events; END",
        "CREATE VIEW evil AS SELECT * FROM settings",
        "DROP TRIGGER events_no_delete",
    ],
)
def test_planted_triggers_and_views_are_refused(home: Home, planted: str) -> None:
    _closed(home)
    connection = connect(home.database)
    connection.execute(planted)
    connection.close()
    assert _code(home) == "database.tampered"


def test_backups_without_a_database_are_no_new_workspace(home: Home) -> None:
    _closed(home)
    home.database.unlink()
    assert _code(home) == "database.missing"
    assert not home.database.exists()
    db = start_empty(home)
    assert conversations.list_page(db) == []
    db.close()


def test_start_empty_keeps_what_was_there(home: Home) -> None:
    content = _closed(home)
    home.database.write_bytes(content[:5000])
    start_empty(home).close()
    (kept,) = home.root.glob("aside/*/bancada.db")
    assert kept.read_bytes() == content[:5000]


def test_a_log_left_behind_never_flows_into_a_new_database(home: Home) -> None:
    db = open_database(home)
    _fill(db, 3)
    log = wal_of(home.database).read_bytes()
    db.close()
    home.database.unlink()
    wal_of(home.database).write_bytes(log)
    db = open_database(home)
    assert conversations.list_page(db) == []
    db.close()


def test_attach_opens_what_is_there_and_creates_nothing(home: Home) -> None:
    with pytest.raises(BancadaError) as caught:
        attach(home)
    assert caught.value.code == "database.missing"
    open_database(home).close()
    db = attach(home)
    settings.set(db, "appearance.theme", "dark")
    db.close()


def test_a_folder_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert _code(Home(tmp_path / "home")) == "database.unreadable"


def test_read_only_media_open_for_reading(disk: SmallDisk) -> None:
    disk.mount(64 << 20)
    home = Home(disk.path / "home")
    db = open_database(home)
    _fill(db, 3)
    db.close()
    disk.make_read_only()
    db = open_database(home)
    assert db.read_only
    assert len(conversations.list_page(db)) == 3
    with pytest.raises(BancadaError) as caught:
        conversations.create(db, "no")
    assert caught.value.code == "database.read_only"
    db.close()


def test_read_only_media_without_a_database_are_said(disk: SmallDisk) -> None:
    disk.mount(8 << 20)
    disk.make_read_only()
    assert _code(Home(disk.path / "home")) == "database.read_only"


def test_read_only_media_with_a_damaged_database_are_said(disk: SmallDisk) -> None:
    disk.mount(64 << 20)
    home = Home(disk.path / "home")
    open_database(home).close()
    home.database.write_bytes(b"")
    disk.make_read_only()
    assert _code(home) == "database.damaged"


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "home")
    with closing(open_database(home)) as db:
        settings.set(db, "language", "pt")
        made = backup.backup(db)
        assert _rights(home.root) == 0o700
        assert {_rights(one) for one in home.root.iterdir() if one.is_dir()} == {0o700}
        files = [home.database, *home.root.glob("bancada.db-*"), made.path]
        assert len(files) == 4
        assert {_rights(one) for one in files} == {0o600}
    # a workspace of before, or one that was copied about
    home.database.chmod(0o644)
    open_database(home).close()
    assert _rights(home.database) == 0o600


def _rights(path: Path) -> int:
    return path.stat().st_mode & 0o777
