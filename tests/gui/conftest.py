"""Fixtures of the window's tests: one application, one workspace on a temporary folder, one real window."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QTimer
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from bancada.context import AppContext
from bancada.gui.background import Background
from bancada.gui.desk import Desk
from bancada.gui.main_window import MainWindow
from bancada.gui.shell import Shell
from bancada.gui.theme.theme import Theme
from bancada.storage import settings


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """A light theme of the one application; whatever listens to it goes with it."""
    made = Theme(qapp, "light")
    yield made
    made.deleteLater()
    qapp.sendPostedEvents(made, QEvent.Type.DeferredDelete)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[AppContext]:
    """A real workspace in a temporary folder."""
    opened = AppContext.open(tmp_path / "home")
    # the starter model is 98 MB: tests that want a model take a tiny one
    settings.set(opened.database, "models.starter_offered", value=True)
    yield opened
    opened.close(cancel_jobs=True)


@pytest.fixture
def desk(qapp: QApplication, theme: Theme, context: AppContext) -> Iterator[Desk]:
    """A real window with the workspace on it. It leaves no thread and no running timer behind."""
    before = set(threading.enumerate())
    window = MainWindow(theme)
    made = Desk(window, context, Background())
    yield made
    window.may_close = lambda: True
    window.close()
    made.close()
    running = _running_timers(window)
    deadline = time.monotonic() + 3
    while running and time.monotonic() < deadline:  # those that fire once have their time
        qapp.processEvents()
        running = _running_timers(window)
    window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not running, f"running timers: {running}"
    left = [one for one in set(threading.enumerate()) - before if one.name.startswith("background")]
    assert not left, f"threads left: {left}"


def _running_timers(window: MainWindow) -> list[str]:
    """In words, as a timer that Qt has deleted can still be known to Python by its old address."""
    return [
        f"{one.interval()} ms of {type(one.parent()).__name__}"
        for one in window.findChildren(QTimer)
        if isValid(one) and one.isActive()
    ]


@pytest.fixture
def window(desk: Desk) -> MainWindow:
    """The window of the shell; a test that needs it on the screen shows it."""
    return desk.window


@pytest.fixture
def shell(desk: Desk) -> Shell:
    """The real shell that pages get."""
    return desk
