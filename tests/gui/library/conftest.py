"""The library on the screen, and models in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from bancada.gui.desk import Desk
from bancada.gui.models.library import ModelRow
from bancada.gui.pages.models.library.view import LibraryView
from bancada.gui.pages.models.page import ModelsPage

WAIT = 30_000


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> LibraryView:
    """The library on the screen, read."""
    desk.window.resize(1280, 800)
    desk.window.show()
    desk.navigate("models")
    host = desk.page("models")
    assert isinstance(host, ModelsPage)
    found = host.view("library")
    assert isinstance(found, LibraryView)
    qtbot.waitUntil(lambda: found._stack.currentIndex() > 0 and not desk.background.busy, timeout=WAIT)
    return found


def settle(page: LibraryView, qtbot: QtBot) -> None:
    """Wait until nothing is asked in the background and no import runs."""
    desk = page.shell
    qtbot.waitUntil(lambda: not desk.background.busy and page.strips.isHidden(), timeout=WAIT)


@pytest.fixture
def take(page: LibraryView, qtbot: QtBot) -> Callable[..., ModelRow]:
    """Import a file through the sheet, as a person does, and return its row."""

    def run(path: Path, *, copy: bool = True) -> ModelRow:
        before = {one.version.id for one in page.model.records()}
        page.opened(import_path=path)
        qtbot.waitUntil(page.sheet.go.isEnabled, timeout=WAIT)
        (page.sheet.copy if copy else page.sheet.link).setChecked(True)
        page.sheet.go.click()
        qtbot.waitUntil(
            lambda: len({one.version.id for one in page.model.records()} - before) == 1, timeout=WAIT
        )
        settle(page, qtbot)
        return next(one for one in page.model.records() if one.version.id not in before)

    return run
