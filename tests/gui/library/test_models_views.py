"""The views of the Models page: built when they are visited, moved among by keys, remembered."""

from __future__ import annotations

from typing import ClassVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from bancada.gui.desk import Desk
from bancada.gui.pages.models import page as host_module
from bancada.gui.pages.models.page import ModelsPage
from bancada.gui.pages.models.views import VIEWS, ModelsView, ViewSpec
from bancada.gui.shell import Shell
from bancada.storage import settings

WAIT = 30_000


class OtherView(ModelsView):
    """A second view that notes what happens to it."""

    built: ClassVar[int] = 0

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        type(self).built += 1
        self.seen: list[dict[str, object]] = []
        self.reads = self.found = 0
        self.tools = QPushButton("Search the shelf")
        shell.actions.add("other.find", "Find", self.look_for, shortcut="Ctrl+F", page="models.other")

    def opened(self, **arguments: object) -> None:
        self.seen.append(arguments)

    def refresh(self) -> None:
        self.reads += 1

    def look_for(self) -> None:
        self.found += 1


@pytest.fixture
def page(desk: Desk, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> ModelsPage:
    """The page with a second view, on the screen."""
    OtherView.built = 0
    monkeypatch.setattr(
        host_module, "VIEWS", (VIEWS[0], ViewSpec("other", "Shelf", f"{__name__}:{OtherView.__name__}"))
    )
    with qtbot.waitActive(desk.window):
        desk.window.show()
        desk.window.activateWindow()
    desk.navigate("models")
    found = desk.page("models")
    assert isinstance(found, ModelsPage)
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)
    return found


def other(page: ModelsPage) -> OtherView:
    found = page.views["other"]
    assert isinstance(found, OtherView)
    return found


def test_a_single_view_needs_no_buttons(desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "VIEWS", VIEWS[:1])
    desk.window.show()
    desk.navigate("models")
    found = desk.page("models")
    assert isinstance(found, ModelsPage)
    assert not found.segments.isVisible()
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)


def test_a_view_is_built_at_its_first_visit_and_gets_its_arguments(
    page: ModelsPage, desk: Desk, qtbot: QtBot
) -> None:
    assert page.segments.isVisible()
    assert page.view_id == "library"
    assert OtherView.built == 0
    desk.navigate("models", view="other", text="small")
    assert other(page).seen == [{"text": "small"}]
    assert other(page).isVisible()
    tools = other(page).tools
    assert tools is not None
    assert tools.isVisible()
    assert not page.view("library").isVisible()
    library_tools = page.view("library").tools
    assert library_tools is not None
    assert not library_tools.isVisible()
    qtbot.waitUntil(lambda: other(page).reads == 1)
    desk._refresh()
    assert other(page).reads == 2
    # what names no view is the library's
    desk.navigate("models", version_id="x")
    assert page.view_id == "library"
    # and nothing at all goes where one was
    desk.navigate("models", view="other")
    desk.navigate("home")
    desk.navigate("models")
    assert page.view_id == "other"
    assert OtherView.built == 1
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)


def test_the_arrow_keys_move_among_the_views(page: ModelsPage, desk: Desk, qtbot: QtBot) -> None:
    button = page.segments.buttons["library"]
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Right)
    assert page.view_id == "other"
    assert QApplication.focusWidget() is page.segments.buttons["other"]
    QTest.keyClick(page.segments.buttons["other"], Qt.Key.Key_Left)
    assert page.view_id == "library"
    QTest.keyClick(desk.window, Qt.Key.Key_PageDown, Qt.KeyboardModifier.ControlModifier)
    assert page.view_id == "other"
    assert page.segments.current == "other"
    assert all(one.accessibleName() and one.accessibleDescription() for one in page.segments.buttons.values())
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)


def test_the_same_keys_belong_to_the_view_that_is_shown(page: ModelsPage, desk: Desk, qtbot: QtBot) -> None:
    page.show_view("other")
    QTest.keyClick(desk.window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert other(page).found == 1
    assert not desk.actions["models.filter"].isVisible()
    assert desk.actions["models.import_file"].isVisible()
    page.show_view("library")
    assert desk.actions["models.filter"].isVisible()
    assert not desk.actions["other.find"].isVisible()
    QTest.keyClick(desk.window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert other(page).found == 1
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)


def test_the_last_view_is_remembered(page: ModelsPage, desk: Desk, qtbot: QtBot) -> None:
    page.segments.buttons["other"].click()
    qtbot.waitUntil(
        lambda: settings.get(desk.context.database, "window.models_view") == "other", timeout=WAIT
    )
    assert page._kept() == "other"
    settings.set(desk.context.database, "window.models_view", "gone")
    assert page._kept() == "library"
