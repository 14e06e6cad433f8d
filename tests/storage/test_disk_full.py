"""A full disk: said with need and have; the program still records, deletes and starts (F06)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import backup, conversations, models, settings
from bancada.storage.blobs import BlobStore
from bancada.storage.connection import Database
from bancada.storage.database import open_database
from bancada.storage.reserve import RESERVE_BYTES, Reserve
from bancada.storage.salvage import salvage
from bancada.storage.sqlite_errors import free_bytes
from storage.conftest import SmallDisk

_DISK_BYTES = 80 << 20


@pytest.fixture
def small(disk: SmallDisk) -> Home:
    disk.mount(_DISK_BYTES)
    return Home(disk.path / "home")


def _write_until_full(db: Database) -> BancadaError:
    for _ in range(1000):
        try:
            conversations.create(db, "x" * 500_000)
        except BancadaError as error:
            return error
    raise AssertionError("the disk never got full")


def test_the_reserve_is_there_and_takes_real_space(small: Home) -> None:
    before = free_bytes(small.root)
    db = open_database(small)
    assert small.reserve.stat().st_size == RESERVE_BYTES
    assert free_bytes(small.root) <= before - RESERVE_BYTES
    db.close()


def test_a_write_that_fills_the_disk_is_typed_and_small_ones_go_on(small: Home, disk: SmallDisk) -> None:
    db = open_database(small)
    disk.fill(leave_bytes=3 << 20)
    error = _write_until_full(db)
    assert error.code == "disk.full"
    assert error.params["need"]
    assert small.reserve.stat().st_size == RESERVE_BYTES // 2 or free_bytes(small.root) >= RESERVE_BYTES // 2
    rows = conversations.list_page(db, limit=1000)
    assert db.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    for one in rows:
        conversations.purge(db, one.id)
    settings.set(db, "appearance.theme", "dark")
    assert conversations.list_page(db) == []
    db.close()


def test_starts_records_and_deletes_while_the_disk_is_full(small: Home, disk: SmallDisk) -> None:
    db = open_database(small)
    blob = BlobStore(small, db).put_bytes(bytes(8 << 20))
    new = models.NewVersion("gguf", "llama", "Q4", 1, 4.5, 2, 100, "", blob.size_bytes, blob.sha256, "here")
    file = models.FileRecord("m.gguf", blob.sha256, blob.size_bytes)
    version = models.add_version(db, "m", new, [file])
    db.close()
    ballast = disk.fill()
    assert free_bytes(small.root) == 0
    db = open_database(small)
    assert small.reserve.stat().st_size == RESERVE_BYTES // 2
    conversations.create(db, "written on a full disk")
    models.remove_version(db, version.id)
    assert BlobStore(small, db).collect_garbage() == 8 << 20
    ballast.unlink()
    assert db.refill_reserve()
    db.close()
    assert small.reserve.stat().st_size == RESERVE_BYTES


def test_the_reserve_goes_in_halves_and_comes_back_with_room(small: Home, disk: SmallDisk) -> None:
    db = open_database(small)
    ballast = disk.fill()
    settings.set(db, "language", "pt")
    assert small.reserve.stat().st_size == RESERVE_BYTES // 2
    db.close()
    disk.fill()
    open_database(small).close()
    assert not small.reserve.exists()
    disk.fill(leave_bytes=1 << 20)
    open_database(small).close()
    assert not small.reserve.exists()
    ballast.unlink()
    open_database(small).close()
    assert small.reserve.stat().st_size == RESERVE_BYTES


def test_every_long_write_asks_first_and_leaves_nothing(small: Home, disk: SmallDisk, tmp_path: Path) -> None:
    db = open_database(small)
    conversations.create(db, "x" * 2_000_000)
    made = backup.backup(db)
    source = tmp_path / "model.gguf"
    source.write_bytes(bytes(30 << 20))
    disk.fill(leave_bytes=2 << 20)
    before = {path for path in small.root.rglob("*") if path.is_file()}
    store = BlobStore(small, db)
    attempts: list[Callable[[], object]] = [
        lambda: store.put_file(source, link=True),
        lambda: store.put_bytes(bytes(3 << 20)),
        lambda: backup.backup(db),
        lambda: backup.restore(small, made.path),
        lambda: salvage(small),
    ]
    for attempt in attempts:
        with pytest.raises(BancadaError) as caught:
            attempt()
        assert caught.value.code == "disk.full"
        assert "MB" in caught.value.params["need"]
    assert {path for path in small.root.rglob("*") if path.is_file()} == before
    db.close()


def test_no_new_workspace_on_a_full_disk(disk: SmallDisk) -> None:
    disk.mount(4 << 20)
    disk.fill()
    home = Home(disk.path / "home")
    with pytest.raises(BancadaError) as caught:
        open_database(home)
    assert caught.value.code == "disk.full"
    assert not home.database.exists()


def test_a_disk_too_small_for_the_reserve_works_without(disk: SmallDisk) -> None:
    disk.mount(10 << 20)
    home = Home(disk.path / "home")
    db = open_database(home)
    conversations.create(db, "fits")
    assert not home.reserve.exists()
    db.close()
    assert not Reserve(home.reserve).release()


def test_a_file_size_limit_is_typed(home: Home, child: Callable[..., subprocess.Popen[str]]) -> None:
    """Where the limit is on the file, not the disk: a clean error, and a whole database after it."""
    open_database(home).close()
    process = child(
        """
        import resource, sys
        from pathlib import Path
        from bancada.core.errors import BancadaError
        from bancada.core.paths import Home
        from bancada.storage import conversations
        from bancada.storage.database import open_database
        db = open_database(Home(Path(sys.argv[1])))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            conversations.create(db, "x" * (2 << 20))
        except BancadaError as error:
            print(error.code)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        conversations.create(db, "small")
        """,
        home.root,
    )
    output, _ = process.communicate()
    assert process.returncode == 0
    assert output.strip() in ("disk.full", "database.unreadable")
    db = open_database(home)
    assert [one.title for one in conversations.list_page(db)] == ["small"]
    db.close()
