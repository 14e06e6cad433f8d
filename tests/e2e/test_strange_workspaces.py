"""F07, F09, F19, F21, F24 on the real program: two starts, stale locks, odd places, damaged files."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from bancada.context import AppContext
from bancada.core.paths import Home
from bancada.storage import backup, conversations, settings
from e2e.driven_window import Window
from e2e.test_surroundings import bancada
from e2e.workspaces import prepare
from storage.conftest import SmallDisk, disk

__all__ = ["disk"]

_VERSION_AT: Final = 60
_PAGE: Final = 4096


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A workspace with content and a copy of it."""
    made = Home(tmp_path / "home")
    prepare(made.root, Quick={"answer": "hello there"})
    with closing(AppContext.open(made.root)) as context:
        with context.database.transaction():
            for number in range(300):
                kept = conversations.create(context.database, f"talk {number} " + "x" * 200)
                conversations.add_message(context.database, kept.id, None, "user", "kept " * 40)
        backup.backup(context.database)
    return made


def test_a_second_start_raises_the_first_window(home: Home) -> None:
    with Window("--home", str(home.root)) as first:
        first.ready()
        first.do("window.showMinimized()")
        second = bancada("--home", home.root, "gui")
        assert second.returncode == 0
        first.until("not window.isMinimized()")
        # another spelling of the same folder is the same workspace
        link = home.root.with_name("link")
        link.symlink_to(home.root)
        assert bancada("--home", link, "gui").returncode == 0
        assert first.close() == 0


def test_what_a_killed_window_left_does_not_block(home: Home) -> None:
    for _ in range(2):
        with Window("--home", str(home.root)) as window:
            window.ready()
            window.kill()
    assert (home.locks / "window.lock").exists()
    # a process number in it means nothing: it may be another program's by now
    (home.locks / "window.lock").write_text(f"{os.getpid()}\npython3\n")
    with Window("--home", str(home.root)) as window:
        window.ready()
        assert bancada("--home", home.root, "gui").returncode == 0
        assert window.close() == 0


@pytest.mark.parametrize(
    "name",
    [
        "casa própria 作業台 ' and \" and %20 # ? ;",
        "new\nline",
        "/".join(["deep folder of a long path " + "x" * 40] * 4),
    ],
)
def test_homes_in_odd_places(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    model = prepare(place, Quick={"answer": "hello there"})["Quick"]
    with Window("--home", str(place)) as window:
        window.ready()
        window.do("desk.navigate('playground')", "page = desk.page('playground')")
        window.until("page.columns.choices")
        window.do("page.send('who?')")
        window.until("not page.chat.busy and page.chat.record")
        turns = window.ask("[one.message.content for one in page.chat.columns[0].transcript.turns]")
        errors = window.ask("[one.message.error for one in page.chat.columns[0].transcript.turns]")
        assert turns == ["who?", "hello there"], errors
        assert bancada("--home", place, "gui").returncode == 0
        assert window.close() == 0
    assert bancada("--home", place, "chat", model, "-p", "hi").returncode == 0


def test_a_home_that_can_only_be_read(home: Home, disk: SmallDisk) -> None:
    disk.mount(64 << 20)
    place = disk.path / "home"
    shutil.copytree(home.root, place)
    disk.make_read_only()
    with Window("--home", str(place)) as window:
        window.ready()
        texts = window.ask("[one.text() for one in window.findChildren(QLabel)]")
        assert any("can only be read" in one for one in texts)
        for page in ("playground", "models", "benchmark", "jobs", "settings", "home"):
            window.do(f"desk.navigate('{page}')")
            window.until("not desk.background.busy")
        window.do("desk.navigate('playground')", "page = desk.page('playground')", "page.send('who?')")
        window.until("not page.chat.busy")
        assert window.ask("desk._popover.isVisible()")
        assert window.close() == 0
    assert bancada("--home", place, "models", "list").returncode == 0
    refused = bancada("--home", place, "settings", "set", "language", "pt")
    assert refused.returncode == 1
    assert b"only be read" in refused.stderr


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    """Random 4 KiB over pages that hold rows."""
    chance = random.Random(5)
    with path.open("r+b") as file:
        for _ in range(6):
            file.seek(chance.randrange(8, path.stat().st_size // _PAGE) * _PAGE)
            file.write(chance.randbytes(_PAGE))


@pytest.mark.parametrize("damage", [zero, cut, empty, overwrite])
def test_a_damaged_database_on_the_command_line(home: Home, damage: Callable[[Path], None]) -> None:
    damage(home.database)
    before = home.database.read_bytes()
    said = bancada("--home", home.root, "models", "list")
    assert said.returncode == 1
    assert b"damaged" in said.stderr
    assert b"Restore" in said.stderr
    assert home.database.read_bytes() == before


@pytest.mark.parametrize("damage", [zero, overwrite])
def test_a_damaged_database_in_the_window(home: Home, damage: Callable[[Path], None]) -> None:
    damage(home.database)
    before = home.database.read_bytes()
    with Window("--home", str(home.root)) as window:
        texts = window.until("recovers()")
        assert any("damaged" in one for one in texts)
        assert "Restore the chosen copy" in texts
        assert home.database.read_bytes() == before
        window.do("window.stack.currentWidget().restore_button.click()")
        window.until("desk and desk.page_id and not desk.background.busy")
        assert window.close() == 0
    with closing(AppContext.open(home.root)) as context:
        assert len(conversations.list_page(context.database, limit=1000)) == 300
    assert list((home.root / "aside").iterdir())


def test_a_place_with_too_long_a_path(tmp_path: Path) -> None:
    place = tmp_path / "/".join(["x" * 100] * 5)
    said = bancada("--home", place, "models", "list")
    assert said.returncode == 1
    assert b"too long" in said.stderr
    assert not place.exists()


def test_a_newer_database(home: Home) -> None:
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    with home.database.open("r+b") as file:
        file.seek(_VERSION_AT)
        file.write(struct.pack(">i", 99))
    before = home.database.read_bytes()
    said = bancada("--home", home.root, "models", "list")
    assert said.returncode == 1
    assert b"99" in said.stderr
    with Window("--home", str(home.root)) as window:
        texts = window.until("recovers()")
        assert any("99" in one for one in texts)
        assert "Restore the chosen copy" not in texts
        assert window.close() == 0
    assert home.database.read_bytes() == before


def test_zeroed_settings(home: Home) -> None:
    """F24: values that cannot be used become the defaults, and it is said."""
    with closing(AppContext.open(home.root)) as context:
        settings.set(context.database, "appearance.theme", "dark")
        settings.set(context.database, "chat.context", 2048)
        with context.database.transaction() as handle:
            handle.execute("UPDATE settings SET value = 'null'")
    (home.root / "window.ini").write_bytes(bytes(500))
    with Window("--home", str(home.root)) as window:
        window.ready()
        assert window.ask("desk.context.settings.get('chat.context')") == 4096
        window.until("desk._popover.isVisible()")
        assert window.close() == 0
