"""Backups: rotation, the restore drill, and salvage of what a damaged file still holds."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import audit, backup, conversations, health, requests
from bancada.storage.connection import Database
from bancada.storage.database import open_database
from bancada.storage.salvage import salvage


def _counts(db: Database) -> dict[str, int]:
    tables = db.rows("PRAGMA main.table_list")
    names = [one["name"] for one in tables if one["type"] == "table" and one["name"] != "sqlite_schema"]
    return {name: db.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in names}


def _fill(db: Database, count: int = 100) -> None:
    with db.transaction():
        for number in range(count):
            talk = conversations.create(db, f"talk {number}")
            asked = conversations.add_message(db, talk.id, None, "user", f"question {number} " + "q" * 300)
            conversations.add_message(db, talk.id, asked.id, "assistant", "answer " + "a" * 300)
            requests.add(db, requests.RequestRecord(f"r{number}", "chat", "finished"))


def test_restore_drill(home: Home, db: Database) -> None:
    _fill(db, 20)
    made = backup.backup(db)
    before = _counts(db)
    _fill_more = conversations.create(db, "after the backup")
    db.close()
    home.database.write_bytes(os.urandom(50_000))
    with pytest.raises(BancadaError):
        open_database(home)
    backup.restore(home, made.path)
    restored = open_database(home)
    after = _counts(restored)
    assert after.pop("events") == before.pop("events") + 1
    assert after == before
    assert audit.list_page(restored)[0].action == "database.restored"
    assert audit.verify(restored).ok
    found = conversations.list_page(restored, search="question 7")
    assert [one.title for one in found] == ["talk 7"]
    assert restored.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert [path.stat().st_size for path in home.root.glob("aside/*/bancada.db")] == [50_000]
    restored.close()


def test_restoring_over_a_whole_database_keeps_it_as_a_backup(home: Home, db: Database) -> None:
    made = backup.backup(db)
    conversations.create(db, "newer")
    db.close()
    backup.restore(home, made.path)
    newest = backup.list_backups(home)[0]
    assert newest.reason == "restore"
    backup.restore(home, newest.path)
    again = open_database(home)
    assert [one.title for one in conversations.list_page(again)] == ["newer"]
    again.close()


def test_restoring_while_the_database_is_open_is_refused(home: Home, db: Database) -> None:
    made = backup.backup(db)
    conversations.create(db, "kept")
    with pytest.raises(BancadaError) as caught:
        backup.restore(home, made.path)
    assert caught.value.code == "database.busy"
    assert len(conversations.list_page(db)) == 1


def test_a_damaged_backup_is_refused_and_nothing_changes(home: Home, db: Database) -> None:
    made = backup.backup(db)
    db.close()
    before = home.database.read_bytes()
    made.path.write_bytes(bytes(10_000))
    with pytest.raises(BancadaError) as caught:
        backup.restore(home, made.path)
    assert caught.value.code == "database.damaged"
    with pytest.raises(BancadaError) as caught:
        backup.restore(home, Path("bancada.db"))
    assert caught.value.code == "backup.not_found"
    assert home.database.read_bytes() == before


def test_a_backup_never_contains_damage(home: Home, db: Database) -> None:
    _fill(db)
    with db.transaction() as handle:
        handle.conn.execute("PRAGMA writable_schema = ON")
        handle.conn.execute("UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'drafts'")
    with pytest.raises(BancadaError) as caught:
        backup.backup(db)
    assert caught.value.code == "database.damaged"
    assert list(home.backups.iterdir()) == []


def test_backup_while_another_thread_writes_is_one_moment(home: Home, db: Database) -> None:
    _fill(db, 5)
    writer = Database(home.database)
    with writer.transaction() as handle:
        handle.execute("DELETE FROM conversations")
        made = backup.backup(db)
    writer.close()
    copy = Database(made.path)
    assert _counts(copy)["conversations"] == 5
    copy.close()


def test_keeps_7_daily_and_4_weekly_and_all_manual(home: Home) -> None:
    home.create()
    today = datetime.now(UTC)
    for age in range(80, 0, -1):
        number, stamp = 1000 - age, (today - timedelta(days=age)).strftime("%Y%m%dT%H%M%SZ")
        (home.backups / f"{number:06d}-{stamp}-daily.db").write_bytes(b"")
        if age % 10 == 0:
            for reason in ("manual", "migration"):
                (home.backups / f"{number + 1000:06d}-{stamp}-{reason}.db").write_bytes(b"")
    (home.backups / "notes.db").write_bytes(b"of the user")
    backup.rotate(home)
    records = backup.list_backups(home)
    ages = [(today - one.made_at).days for one in records if one.reason == "daily"]
    assert ages[:7] == [1, 2, 3, 4, 5, 6, 7]
    assert len(ages) == 11
    assert len({(today - timedelta(days=age)).isocalendar()[:2] for age in ages[7:]}) == 4
    assert sum(one.reason == "manual" for one in records) == 8
    assert sum(one.reason == "migration" for one in records) == 3
    assert (home.backups / "notes.db").exists()


def test_one_backup_a_day_even_when_the_clock_jumps(home: Home, db: Database) -> None:
    assert backup.backup_if_due(db) is not None
    assert backup.backup_if_due(db) is None
    (only,) = backup.list_backups(home)
    only.path.rename(
        home.backups / f"000001-{datetime.now(UTC) + timedelta(days=3650):%Y%m%dT%H%M%SZ}-daily.db"
    )
    made = backup.backup_if_due(db)
    assert made is not None
    assert made.number == 2


def test_opening_makes_the_days_backup(home: Home) -> None:
    open_database(home).close()
    assert backup.list_backups(home) == []
    open_database(home).close()
    open_database(home).close()
    assert [one.reason for one in backup.list_backups(home)] == ["daily"]


def _damage(home: Home, page: int) -> None:
    with home.database.open("r+b") as file:
        file.seek(page * 4096)
        file.write(os.urandom(4096))


@pytest.mark.parametrize("where", [0.0, 0.3, 0.5, 0.7, 0.9])
def test_salvage_reads_around_a_damaged_page(home: Home, where: float) -> None:
    db = open_database(home)
    _fill(db)
    counts = _counts(db)
    db.close()
    pages = home.database.stat().st_size // 4096
    _damage(home, int(pages * where))
    before = home.database.read_bytes()
    report = salvage(home)
    assert home.database.read_bytes() == before
    total = sum(counts[name] for name in ("conversations", "messages", "requests"))
    saved = sum(report.rows[name] for name in ("conversations", "messages", "requests"))
    assert saved >= 0.75 * total
    backup.restore(home, report.backup.path)
    db = open_database(home)
    assert db.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert db.rows("PRAGMA foreign_key_check") == []
    assert len(conversations.list_page(db, search="question", limit=1000)) > 70
    db.close()


def test_salvage_brings_what_only_the_log_holds(home: Home, db: Database) -> None:
    _fill(db, 3)
    assert health.size_of(health.wal_of(home.database)) > 0
    report = salvage(home)
    assert report.rows["messages"] == 6
    assert report.incomplete == ()


def test_nothing_to_salvage_is_said(home: Home) -> None:
    db = open_database(home)
    _fill(db, 3)
    db.close()
    home.database.write_bytes(os.urandom(200_000))
    with pytest.raises(BancadaError) as caught:
        salvage(home)
    assert caught.value.code == "database.not_salvageable"
    assert backup.list_backups(home) == []
    home.database.unlink()
    with pytest.raises(BancadaError) as caught:
        salvage(home)
    assert caught.value.code == "database.unreadable"
