"""Locks, threads and kills: nothing acknowledged is lost (F01, F10)."""

from __future__ import annotations

import gc
import subprocess
import threading
from collections.abc import Callable

import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import conversations, requests
from bancada.storage.connection import Database
from bancada.storage.database import open_database

Child = Callable[..., "subprocess.Popen[str]"]

# one process that forks writers and kills them: starting an interpreter for each would take the time
_KILLER = """
import os, random, select, signal, sys, time
from pathlib import Path
from bancada.core.paths import Home
from bancada.storage import requests
from bancada.storage.database import attach, open_database

def write(pipe, name):
    db = attach(home)
    for number in range(100_000):
        requests.add(db, requests.RequestRecord(f"{name}-{number}", "chat", "finished"))
        os.write(pipe, f"{name}-{number}\\n".encode())

def start(name):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        write(writer, name)
    os.close(writer)
    return pid, reader

home, chance = Home(Path(sys.argv[1])), random.Random(7)
for turn in range(25):
    pair = [start(f"{turn}-{which}") for which in "ab"]
    for pid, reader in pair:
        select.select([reader], [], [])
        time.sleep(chance.uniform(0, 0.03))
        os.kill(pid, signal.SIGKILL)
    for pid, reader in pair:
        os.waitpid(pid, 0)
        with os.fdopen(reader) as pipe:
            print(pipe.read(), end="")
    db = open_database(home)
    assert db.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}], turn
    db.close()
"""

_OPENER = """
import os, random, signal, sys, time
from pathlib import Path
from bancada.core.paths import Home
from bancada.storage.database import open_database

chance = random.Random(3)
for turn in range(20):
    home = Home(Path(sys.argv[1]) / str(turn))
    pid = os.fork()
    if pid == 0:
        open_database(home).close()
        time.sleep(60)
    time.sleep(chance.uniform(0, 0.04))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    open_database(home).close()
    print(turn)
"""


def test_50_kills_lose_nothing_that_was_acknowledged(home: Home, child: Child) -> None:
    open_database(home).close()
    process = child(_KILLER, home.root)
    output, _ = process.communicate()
    assert process.returncode == 0
    acknowledged = set(output.split())
    db = open_database(home)
    stored = {row["id"] for row in db.rows("SELECT id FROM requests")}
    db.close()
    assert len(acknowledged) >= 50
    assert acknowledged <= stored


def test_kills_while_a_workspace_is_made_leave_it_whole_or_not_there(home: Home, child: Child) -> None:
    process = child(_OPENER, home.root)
    output, _ = process.communicate()
    assert process.returncode == 0
    assert len(output.split()) == 20


def test_a_lock_of_another_process_is_said_after_the_timeout_and_can_be_tried_again(home: Home) -> None:
    open_database(home).close()
    other, ours = Database(home.database), Database(home.database, busy_timeout_ms=100)
    with other.transaction() as handle:
        handle.execute("DELETE FROM drafts")
        with pytest.raises(BancadaError) as caught:
            conversations.create(ours, "first try")
        assert caught.value.code == "database.busy"
        assert conversations.list_page(ours) == []
    conversations.create(ours, "second try")
    assert len(conversations.list_page(ours)) == 1
    ours.close()
    other.close()


def test_a_short_lock_is_waited_for(home: Home) -> None:
    open_database(home).close()
    other, ours = Database(home.database), Database(home.database)
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with other.transaction():
            locked.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    timer = threading.Timer(0.2, release.set)
    timer.start()
    conversations.create(ours, "waited")
    timer.join()
    holder.join()
    ours.close()
    other.close()


def test_readers_are_not_blocked_by_a_writer(home: Home, db: Database) -> None:
    conversations.create(db, "there")
    reader = Database(home.database, busy_timeout_ms=0)
    with db.transaction():
        conversations.create(db, "not yet")
        assert len(conversations.list_page(reader)) == 1
    assert len(conversations.list_page(reader)) == 2
    reader.close()


def test_threads_write_together_and_leave_no_connection(db: Database) -> None:
    def write(name: int) -> None:
        for number in range(20):
            requests.add(db, requests.RequestRecord(f"{name}-{number}", "chat", "finished"))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    del thread, threads
    gc.collect()
    assert requests.summary(db).count == 80
    assert len(db._open) == 1


def test_an_error_inside_takes_everything_back_and_nested_ones_only_their_own(db: Database) -> None:

    def fail(title: str) -> None:
        with db.transaction():
            conversations.create(db, title)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail("gone")
    with db.transaction():
        conversations.create(db, "outer")
        with pytest.raises(ZeroDivisionError):
            fail("inner")
    assert [one.title for one in conversations.list_page(db)] == ["outer"]


def test_every_error_is_typed(home: Home, db: Database) -> None:
    with pytest.raises(BancadaError) as caught:
        db.rows("SELECT * FROM nothing")
    assert caught.value.code == "internal.error"
    with pytest.raises(BancadaError) as caught:
        requests.add(db, requests.RequestRecord("r", "chat", "finished", seed=2**70))
    assert caught.value.code == "database.value_refused"
    with pytest.raises(BancadaError) as caught:
        requests.add(db, requests.RequestRecord("r", "chat", "unheard of"))
    assert caught.value.code == "database.value_refused"
    with pytest.raises(BancadaError) as caught:
        requests.add(db, requests.RequestRecord("r", "chat", "finished", params={"x": float("nan")}))
    assert caught.value.code == "database.value_refused"
    with pytest.raises(BancadaError) as caught:
        Database(home.root / "absent.db").rows("SELECT 1")
    assert caught.value.code == "database.unreadable"
    assert requests.summary(db).count == 0


def test_damage_found_while_working_is_typed(home: Home, db: Database) -> None:
    for number in range(300):
        conversations.create(db, f"{number}" + "x" * 500)
    db.close()
    with home.database.open("r+b") as file:
        file.seek(4096 * 60)
        file.write(bytes(4096 * 20))
    damaged = Database(home.database)
    with pytest.raises(BancadaError) as caught:
        damaged.rows("SELECT * FROM conversations ORDER BY seq")
    assert caught.value.code == "database.damaged"
    damaged.close()
