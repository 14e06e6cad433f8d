"""Migrations: each released version comes up to today's; a failure or a kill puts the copy back."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlcipher3

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import audit, backup, conversations, migrations, models
from bancada.storage.database import open_database
from bancada.storage.migrations import LATEST, MIGRATIONS, Migration
from storage import later_version

FIXTURES = sorted((Path(__file__).parents[1] / "migrations" / "fixtures").glob("v*.db.gz"))


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name)
def test_every_released_version_comes_up_to_date(home: Home, fixture: Path) -> None:
    home.create()
    home.database.write_bytes(gzip.decompress(fixture.read_bytes()))
    db = open_database(home)
    assert db.rows("PRAGMA user_version") == [{"user_version": migrations.LATEST}]
    assert [one.title for one in conversations.list_page(db, search="zebra")] == ["The zebra question"]
    assert models.find(db, "fixture-model:1").files[0].path == "model.gguf"
    assert audit.verify(db).ok
    assert db.rows("PRAGMA foreign_key_check") == []
    db.close()


def test_there_is_a_fixture_of_every_version() -> None:
    assert [path.name[:5] for path in FIXTURES] == [f"v{one.version:04d}" for one in MIGRATIONS]


def test_versions_are_numbered_without_gaps() -> None:
    assert [one.version for one in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def _old(home: Home) -> None:
    db = open_database(home)
    conversations.create(db, "kept")
    db.close()


def test_migrates_with_a_backup_before(home: Home) -> None:
    _old(home)
    db = open_database(home, steps=later_version.steps())
    assert db.rows("PRAGMA user_version") == [{"user_version": LATEST + 2}]
    assert db.rows("SELECT word FROM later") == [{"word": "second"}, {"word": "third"}]
    assert [one.reason for one in backup.list_backups(home)][-1] == "migration"
    db.close()
    with pytest.raises(BancadaError) as caught:
        open_database(home)
    assert caught.value.code == "database.newer"
    assert (caught.value.params["found"], caught.value.params["known"]) == (LATEST + 2, LATEST)


def test_a_failing_step_puts_the_copy_back(home: Home) -> None:
    _old(home)

    def fail(connection: sqlcipher3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        raise ZeroDivisionError("no luck")

    steps = (*later_version.steps()[:-1], Migration(LATEST + 2, "fails", fail))
    with pytest.raises(BancadaError) as caught:
        open_database(home, steps=steps)
    assert caught.value.code == "database.migration_failed"
    db = open_database(home)
    assert [one.title for one in conversations.list_page(db)] == ["kept"]
    assert db.rows("SELECT name FROM sqlite_master WHERE name IN ('later', 'half')") == []
    db.close()


@pytest.mark.parametrize("point", later_version.POINTS)
def test_a_kill_inside_a_migration_starts_again_from_the_copy(
    home: Home, point: str, child: Callable[..., subprocess.Popen[str]]
) -> None:
    _old(home)
    process = child(
        """
        import sys
        from pathlib import Path
        from bancada.core.paths import Home
        from bancada.storage.database import open_database
        from storage import later_version
        open_database(Home(Path(sys.argv[1])), steps=later_version.steps(kill_at=sys.argv[2]))
        """,
        home.root,
        point,
    )
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    seen: list[int] = []
    db = open_database(home, steps=later_version.steps(started_from=seen))
    assert seen == [LATEST]
    assert db.rows("SELECT word FROM later") == [{"word": "second"}, {"word": "third"}]
    assert [one.title for one in conversations.list_page(db)] == ["kept"]
    assert not (home.root / "migration.json").exists()
    db.close()


def test_an_older_program_opens_the_copy_after_a_kill(
    home: Home, child: Callable[..., subprocess.Popen[str]]
) -> None:
    _old(home)
    db = open_database(home)
    copy = backup.backup(db, "migration")
    db.close()
    later = open_database(home, steps=later_version.steps()[:-1])
    later.close()
    (home.root / "migration.json").write_text(
        f'{{"backup": "{copy.path.name}", "from": {LATEST}, "to": {LATEST + 2}}}'
    )
    db = open_database(home)
    assert [one.title for one in conversations.list_page(db)] == ["kept"]
    db.close()


@pytest.mark.parametrize("note", [b"", bytes(40), b"[]", b'{"backup": "none.db"}'])
def test_a_damaged_note_of_a_migration_is_dropped(home: Home, note: bytes) -> None:
    _old(home)
    (home.root / "migration.json").write_bytes(note)
    db = open_database(home)
    assert len(conversations.list_page(db)) == 1
    db.close()
    assert not (home.root / "migration.json").exists()


def test_a_script_that_ends_inside_a_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="inside a statement"):
        list(migrations.statements("CREATE TABLE a (x);\nCREATE TABLE b ("))


def test_the_fixture_of_todays_version_is_made_by_its_script(tmp_path: Path) -> None:
    script = FIXTURES[0].parent / "make_fixture.py"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, script, tmp_path], check=True, env=environment)
    made = gzip.decompress((tmp_path / FIXTURES[-1].name).read_bytes())
    assert len(made) == len(gzip.decompress(FIXTURES[-1].read_bytes()))
