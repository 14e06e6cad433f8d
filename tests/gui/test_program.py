"""The whole program as a process: one window per workspace, also after a kill; pictures; clear refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

import bancada
from bancada.core.paths import Home
from bancada.gui import application
from bancada.gui.pages import PAGES
from bancada.gui.theme.tokens import THEMES
from bancada.storage import settings
from bancada.storage.database import open_database

WAIT_S = 60.0
SOURCE = Path(bancada.__file__).parent.parent

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace that does not begin with the import of 98 MB."""
    root = tmp_path / "home with space"
    database = open_database(Home(root))
    settings.set(database, "models.starter_offered", value=True)
    database.close()
    return root


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def run(*arguments: str, **more: str) -> subprocess.Popen[str]:
            environment = {**os.environ, "PYTHONPATH": str(SOURCE), "QT_QPA_PLATFORM": "offscreen", **more}
            process = subprocess.Popen(
                [sys.executable, "-m", "bancada", "--home", str(home), "gui", *arguments],
                env={key: value for key, value in environment.items() if value},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(_end, process)
            return process

        yield run


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.02)


def is_open(home: Path) -> bool:
    """The window's log begins when the workspace is open, after the server for second starts."""
    return (home / "logs" / "window.log").exists()


def test_a_second_start_raises_the_first_window(start: Start, home: Path) -> None:
    first = start()
    until(lambda: is_open(home), "the workspace")
    second = start()
    assert second.wait(WAIT_S) == 0
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert first.wait(WAIT_S) == 0
    assert (home / "window.ini").exists()


def test_a_killed_window_does_not_block_the_next(start: Start, home: Path) -> None:
    first = start()
    until(lambda: is_open(home), "the workspace")
    first.kill()
    first.wait(WAIT_S)
    (home / "logs" / "window.log").unlink()
    second = start()
    until(lambda: is_open(home), "the workspace again")
    second.send_signal(signal.SIGINT)
    assert second.wait(WAIT_S) == 0


def test_pictures_of_every_page_in_every_theme(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    process = start("--pictures", str(folder))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    names = {f"{spec.id}-{theme}.png" for spec in PAGES for theme in THEMES}
    assert {one.name for one in folder.iterdir()} == names
    image = QImage(str(folder / "home-dark.png"))
    assert (image.width(), image.height()) == (1280, 800)


def test_pictures_that_cannot_be_written_fail(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    process = start("--pictures", str(tmp_path / "file" / "pictures"))
    assert process.wait(WAIT_S) == 1


def test_a_damaged_workspace_opens_no_window_of_pictures(start: Start, home: Path, tmp_path: Path) -> None:
    (home / "bancada.db").write_bytes(b"\0" * 8192)
    process = start("--pictures", str(tmp_path / "pictures"))
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert errors.startswith("bancada: ")
    assert "Traceback" not in errors


def test_a_damaged_workspace_waits_for_the_user(start: Start, home: Path) -> None:
    (home / "bancada.db").write_bytes(b"\0" * 8192)
    before = (home / "bancada.db").read_bytes()
    process = start()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == 0
    assert (home / "bancada.db").read_bytes() == before


def test_without_a_display_one_line_says_so(start: Start) -> None:
    process = start(QT_QPA_PLATFORM="", DISPLAY="", WAYLAND_DISPLAY="")
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert errors.count("\n") == 1
    assert "bancada tour" in errors


def test_a_display_that_does_not_answer_is_one_line(start: Start) -> None:
    process = start(QT_QPA_PLATFORM="xcb", DISPLAY=":987")
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert errors.count("\n") == 1
    assert errors.startswith("bancada: the window cannot open")


def test_a_missing_library_names_its_package(capsys: pytest.CaptureFixture[str]) -> None:
    line = application._missing_library("libEGL.so.1: cannot open shared object file: No such file")
    assert line.endswith("apt install libegl1")
    assert "apt" not in application._missing_library("libwhatever.so.9: cannot open shared object file")
    assert application._refuse(line) == 1
    assert capsys.readouterr().err.count("\n") == 1
