"""Settings are written in the order of the clicks, however slow a write is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from bancada.context import Settings
from bancada.core.events import Changed, EventBus
from bancada.gui.background import Background
from bancada.gui.desk import Desk
from bancada.gui.pages.settings import SettingsPage
from bancada.gui.setting_writer import SettingWriter
from bancada.storage import settings
from bancada.storage.database import Database

KEY = "chat.idle_minutes"
#: how long the first write lasts at most: as long as another one might overtake it
HELD_S = 0.4


class HeldSettings(Settings):
    """The real settings, on a disk whose first write is slow: it ends after the second one, if that comes."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.begun: list[tuple[str, Any]] = []
        self.second = threading.Event()

    def set(self, key: str, value: Any) -> None:
        self.begun.append((key, value))
        first = len(self.begun) == 1
        if first:
            self.second.wait(HELD_S)
        super().set(key, value)
        if not first:
            self.second.set()


@pytest.fixture
def held(desk: Desk) -> HeldSettings:
    """The window's settings on that disk."""
    made = HeldSettings(desk.context.database)
    desk.context.settings = made
    desk.settings._settings = made
    return made


@pytest.fixture
def page(desk: Desk, held: HeldSettings, qtbot: QtBot) -> Iterator[SettingsPage]:
    desk.window.show()
    desk.navigate("settings")
    made = desk.pages["settings"]
    assert isinstance(made, SettingsPage)
    qtbot.waitUntil(lambda: bool(made.backup_text.text()))
    yield made
    qtbot.waitUntil(lambda: not desk.background.busy)


def test_the_last_of_two_quick_changes_is_kept(
    page: SettingsPage, desk: Desk, held: HeldSettings, qtbot: QtBot
) -> None:
    page.idle.setValue(5)
    qtbot.waitUntil(lambda: len(held.begun) == 1)
    page.idle.setValue(6)
    page.idle.setValue(7)
    qtbot.waitUntil(lambda: not desk.background.busy)
    assert settings.get(desk.context.database, KEY) == 7
    assert held.begun == [(KEY, 5), (KEY, 7)]  # the value in between was overtaken


def test_a_refresh_takes_nothing_back(
    page: SettingsPage, desk: Desk, held: HeldSettings, qtbot: QtBot
) -> None:
    page.context_tokens.setValue(1024)
    page.idle.setValue(9)
    qtbot.waitUntil(lambda: len(held.begun) == 1)
    page.refresh()
    assert settings.get(desk.context.database, "chat.context") == 4096
    assert (page.context_tokens.value(), page.idle.value()) == (1024, 9)
    qtbot.waitUntil(lambda: not desk.background.busy)
    assert settings.get(desk.context.database, KEY) == 9
    assert settings.get(desk.context.database, "chat.context") == 1024


@pytest.fixture
def told() -> list[tuple[str, object]]:
    return []


def test_every_write_is_told_with_its_error(desk: Desk, told: list[tuple[str, object]], qtbot: QtBot) -> None:
    changed: list[tuple[str, ...]] = []
    desk.context.events.subscribe(Changed, lambda event: changed.append(event.ids))
    desk.settings.written.connect(lambda key, error: told.append((key, error)))
    desk.settings.store("chat.context", 1)
    desk.settings.store(KEY, 3)
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told[0][0] == "chat.context"
    assert getattr(told[0][1], "code", "") == "settings.out_of_range"
    assert told[1] == (KEY, None)
    assert changed == [(KEY,)]
    assert not desk.settings.busy


def test_closing_loses_no_choice(desk: Desk) -> None:
    """What a closed window could not hand to its threads any more is written at the end."""
    background = Background()
    writer = SettingWriter(desk.context.settings, EventBus(), background)
    background.close()
    writer.store(KEY, 11)
    writer.store("chat.context", 1)  # refused, and nobody to tell
    writer.store("chat.context", 2048)
    assert (writer.value(KEY), writer.busy) == (11, True)
    writer.finish()
    assert settings.get(desk.context.database, KEY) == 11
    assert settings.get(desk.context.database, "chat.context") == 2048
