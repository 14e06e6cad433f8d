"""Settings take effect at once, are kept, and say beside themselves when they cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from bancada.core.errors import BancadaError
from bancada.gui.desk import Desk
from bancada.gui.pages.about import version
from bancada.gui.pages.settings import SettingsPage
from bancada.gui.widgets.basics import PlainButton


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> Iterator[SettingsPage]:
    desk.window.show()
    desk.navigate("settings")
    made = desk.pages["settings"]
    assert isinstance(made, SettingsPage)
    qtbot.waitUntil(lambda: bool(made.backup_text.text()))
    yield made
    qtbot.waitUntil(lambda: not desk.background.busy)
    desk.theme.choose("light", 1.0)


def stored(page: SettingsPage, key: str) -> object:
    return page.shell.context.settings.get(key)


def is_stored(page: SettingsPage, key: str, value: object) -> bool:
    return stored(page, key) == value


def test_the_theme_switches_and_is_kept(page: SettingsPage, qtbot: QtBot) -> None:
    page._choices["dark"].click()
    assert page.shell.theme.name == "dark"
    qtbot.waitUntil(lambda: stored(page, "appearance.theme") == "dark")
    page.shell.theme.choose("contrast")
    assert page._choices["contrast"].isChecked()


def test_the_size_of_text_follows_the_slider(page: SettingsPage, qtbot: QtBot) -> None:
    page.scale.setFocus()
    QTest.keyClick(page.scale, Qt.Key.Key_PageUp)
    assert page.scale_text.text() == "110 %"
    assert page.shell.theme.scale == pytest.approx(1.1)
    qtbot.waitUntil(lambda: stored(page, "appearance.scale") == pytest.approx(1.1))


def test_numbers_and_boxes_are_kept(page: SettingsPage, qtbot: QtBot) -> None:
    page.idle.setValue(0)
    assert page.idle.text() == "never"
    page.context_tokens.setValue(8192)
    page.link.click()
    page.memory_check.click()
    for key, value in (
        ("chat.idle_minutes", 0),
        ("chat.context", 8192),
        ("models.link_on_import", False),
        ("jobs.memory_check", False),
    ):
        qtbot.waitUntil(partial(is_stored, page, key, value))


def test_what_the_command_line_changed_is_shown(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    desk.context.settings.set("chat.idle_minutes", 44)
    page.refresh()
    assert page.idle.value() == 44
    qtbot.waitUntil(lambda: not desk.background.busy)


def test_an_error_stands_beside_its_setting(page: SettingsPage, qtbot: QtBot) -> None:
    page.store("chat.idle_minutes", 99_999)
    label = page.errors["chat.idle_minutes"]
    qtbot.waitUntil(label.isVisible)
    assert "99999" in label.text().replace(",", "")
    assert all(one.isHidden() for key, one in page.errors.items() if key != "chat.idle_minutes")
    page.store("chat.idle_minutes", 5)
    qtbot.waitUntil(label.isHidden)
    page._say("chat.context", OSError("the disk went away"))
    assert page.errors["chat.context"].text() == "the disk went away"


def test_a_copy_of_the_database_is_made(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    assert page.backup_text.text()
    page.backup_button.click()
    assert not page.backup_button.isEnabled()
    qtbot.waitUntil(page.backup_button.isEnabled)
    assert "Copies of the database: 1" in page.backup_text.text()
    assert list(desk.context.home.backups.glob("*.db"))
    assert desk.notices.shown()


def test_a_copy_that_fails_says_so(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    folder = desk.context.home.backups
    for one in folder.iterdir():
        one.unlink()
    folder.rmdir()
    folder.write_text("no folder", encoding="utf-8")
    page.backup_button.click()
    qtbot.waitUntil(desk._popover.isVisible)
    assert page.backup_button.isEnabled()


def test_the_data_folder_and_the_versions_are_shown(page: SettingsPage, desk: Desk) -> None:
    texts = {one.text() for one in page.findChildren(QLabel)}
    assert str(desk.context.home.root) in texts
    assert version("numpy") in texts
    assert version("no-such-distribution") == "\N{EN DASH}"
    copy = next(one for one in page.about.findChildren(PlainButton))
    copy.click()
    assert "Bancada" in QGuiApplication.clipboard().text()
    assert any("Sealed" in text for text in texts)


def test_the_page_is_reached_by_keys(page: SettingsPage) -> None:
    assert page.findChildren(QPushButton)
    assert isinstance(BancadaError("settings.unknown", key="x"), Exception)


def test_an_open_network_is_not_called_sealed(page: SettingsPage) -> None:
    page.shell.context.settings.set("network.sealed", False)
    page.refresh()
    assert page.network.text() == "Network open"
