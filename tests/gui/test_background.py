"""Work in threads, answers in the GUI thread, nothing left at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from bancada.core.errors import BancadaError, Canceled
from bancada.gui.background import THREADS, Background


@pytest.fixture
def background(qapp: QApplication) -> Iterator[Background]:
    made = Background()
    yield made
    made.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("background")]


def test_the_answer_comes_back(background: Background, qtbot: QtBot) -> None:
    got: list[tuple[int, bool, bool]] = []
    main = threading.current_thread()

    def work() -> bool:
        return threading.current_thread() is main

    background.run(
        work, lambda in_main: got.append((1, in_main, threading.current_thread() is main)), owner=background
    )
    assert background.busy
    qtbot.waitUntil(lambda: bool(got))
    assert got == [(1, False, True)]
    assert not background.busy


def test_an_error_goes_to_whoever_asked(background: Background, qtbot: QtBot) -> None:
    got: list[BaseException] = []

    def work() -> None:
        raise BancadaError("internal.error", detail="x")

    background.run(work, lambda _: None, got.append, owner=background)
    qtbot.waitUntil(lambda: bool(got))
    assert isinstance(got[0], BancadaError)


def test_an_error_that_nobody_takes_is_said(background: Background, qtbot: QtBot) -> None:
    got: list[BaseException] = []
    background.unhandled.connect(got.append)

    def cancel() -> None:
        raise Canceled

    def fail() -> None:
        raise ZeroDivisionError

    background.run(cancel, lambda _: None, owner=background)
    background.run(fail, lambda _: None, owner=background)
    qtbot.waitUntil(lambda: not background.busy)
    assert [type(one) for one in got] == [ZeroDivisionError]


def test_a_gone_owner_hears_nothing(background: Background, qtbot: QtBot) -> None:
    owner, started, go = QObject(), threading.Event(), threading.Event()
    got: list[object] = []

    def work() -> int:
        started.set()
        go.wait()
        return 1

    background.run(work, got.append, got.append, owner=owner)
    started.wait()
    delete(owner)
    go.set()
    qtbot.waitUntil(lambda: not background.busy)
    assert not got


def test_threads_are_few(background: Background, qtbot: QtBot) -> None:
    names: list[str] = []
    for _ in range(40):
        background.run(lambda: threading.current_thread().name, names.append, owner=background)
    qtbot.waitUntil(lambda: len(names) == 40)
    assert 1 <= len(set(names)) <= THREADS


def test_after_the_end_nothing_starts(qapp: QApplication) -> None:
    background = Background()
    background.close()
    background.run(lambda: 1, lambda _: None, owner=background)
    assert not background.busy
