"""What the window remembers before its database is open, and one window per workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bancada.gui.first_look import FirstLook, read, write
from bancada.gui.raise_server import RaiseServer, raise_first, server_name
from bancada.gui.window_lock import WindowLock


def test_the_look_is_kept(qapp: QApplication, tmp_path: Path) -> None:
    assert read(tmp_path) == FirstLook()
    look = FirstLook("dark", 1.25, b"\x01\xd9\xd0\xcb\x00")
    write(tmp_path, look)
    assert read(tmp_path) == look


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 512, b"[General\nscale=x", b"scale=99\ntheme=@Invalid()\ngeometry=5"]
)
def test_a_damaged_file_gives_the_defaults(qapp: QApplication, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "window.ini").write_bytes(content)
    look = read(tmp_path)
    assert look.scale == 1.0
    assert look.geometry == b""


def test_an_unknown_theme_is_the_desktops(qapp: QApplication, tmp_path: Path) -> None:
    write(tmp_path, FirstLook("no-such-theme", 1.0, b""))
    assert read(tmp_path).theme == "no-such-theme"


def test_a_place_that_cannot_be_written_does_no_harm(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    write(tmp_path / "file" / "home", FirstLook("dark", 1.0, b""))
    assert WindowLock(tmp_path / "file" / "home").acquire()


def test_the_lock_is_held_once(qapp: QApplication, tmp_path: Path) -> None:
    first, second = WindowLock(tmp_path), WindowLock(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_the_first_window_hears_of_the_second(qapp: QApplication, tmp_path: Path, qtbot: QtBot) -> None:
    server = RaiseServer(tmp_path)
    with qtbot.waitSignal(server.asked):
        connected = raise_first(tmp_path)
    assert connected in (True, False)  # in one process no loop runs while it waits for the answer
    server.close()
    assert not raise_first(tmp_path)
    again = RaiseServer(tmp_path)
    again.close()


def test_names_of_sockets_are_short(tmp_path: Path) -> None:
    assert len(server_name(tmp_path / ("x" * 200))) < 40
    assert server_name(tmp_path / "a") != server_name(tmp_path / "b")
