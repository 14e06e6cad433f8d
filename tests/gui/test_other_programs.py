"""What another program writes is shown without a key being pressed."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from bancada.core.events import Changed
from bancada.gui.desk import Desk
from bancada.storage import conversations
from bancada.storage.database import attach


def test_what_another_connection_wrote_is_published(desk: Desk, qtbot: QtBot) -> None:
    told: list[str] = []
    unsubscribe = desk.context.events.subscribe(Changed, lambda event: told.append(event.kind))
    desk.others.look()
    qtbot.waitUntil(lambda: bool(desk.others._marks))
    assert told == []
    other = attach(desk.context.home)
    conversations.create(other, "From elsewhere")
    other.close()
    desk.others.look()
    qtbot.waitUntil(lambda: told == ["conversation"])
    unsubscribe()
