"""Sharing the library from the window: a real worker serves, a real client fetches."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from bancada.catalog.library import Library
from bancada.core.events import Changed
from bancada.gui.desk import Desk
from bancada.gui.pages.settings import SettingsPage
from bancada.gui.pages.sharing_card import SharingCard
from bancada.gui.widgets.ask import Question
from bancada.storage import settings
from bancada.storage.models import list_versions
from library_worker import Worker
from tiny_gguf import write_tiny_gguf

WAIT = 30_000
TOKEN = "a-secret-of-the-office"


@pytest.fixture
def card(desk: Desk, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SharingCard]:
    monkeypatch.setenv("BANCADA_MIRROR_TOKEN", TOKEN)
    Worker(desk.context.home).take_in(write_tiny_gguf(tmp_path / "tiny.gguf"), "Ours")
    settings.set(desk.context.database, "mirror.port", 0)
    desk.window.show()
    desk.navigate("settings")
    page = desk.pages["settings"]
    assert isinstance(page, SettingsPage)
    yield page.sharing
    desk.navigate("home")
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)


def address(card: SharingCard) -> str:
    report = card._sharing.report
    assert report is not None
    return f"http://127.0.0.1:{report.addresses[0].rpartition(':')[2]}"


def get(url: str) -> httpx.Response:
    return httpx.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)


def question(desk: Desk) -> Question:
    return next(one for one in desk.window.findChildren(Question) if one.isVisible())


def test_it_is_off_until_it_is_turned_on(card: SharingCard, desk: Desk) -> None:
    assert card.chip.text() == "off"
    assert not card.stop_button.isVisible()
    assert not desk.status.sharing.isVisible()
    assert desk.context.sessions.sessions() == []


def test_this_machine_alone_needs_no_open_network(card: SharingCard, desk: Desk, qtbot: QtBot) -> None:
    card.alone_button.click()
    assert card.chip.text() == "starting"
    qtbot.waitUntil(card.stop_button.isVisible, timeout=WAIT)
    url = address(card)
    assert desk.status.sharing.isVisible()
    assert url in desk.status.sharing.toolTip()
    assert desk.status.engine.text() == "No model loaded"
    assert settings.get(desk.context.database, "network.sealed") is True
    assert card.token.echoMode() is QLineEdit.EchoMode.Password
    card.reveal_button.click()
    assert card.token.echoMode() is QLineEdit.EchoMode.Normal
    card.copy_token_button.click()
    assert QGuiApplication.clipboard().text() == TOKEN
    (version,) = list_versions(desk.context.database)
    answer = get(f"{url}/local/Ours/resolve/main/Ours.gguf")
    assert len(answer.content) == version.size_bytes
    assert httpx.get(f"{url}/api/models", trust_env=False).status_code == 401
    qtbot.waitUntil(
        lambda: "files 1," in card.visitors.text() and "refused requests 1," in card.visitors.text(),
        timeout=WAIT,
    )
    assert "127.0.0.1" in card.visitors.text()
    card.stop_button.click()
    qtbot.waitUntil(lambda: not desk.context.sessions.sessions(), timeout=WAIT)
    assert card.chip.text() == "off"
    assert not desk.status.sharing.isVisible()
    with pytest.raises(httpx.ConnectError):
        get(url)


def test_the_network_is_shared_with_on_a_word_and_left_when_it_is_sealed(
    card: SharingCard, desk: Desk, qtbot: QtBot
) -> None:
    card.start_button.click()
    question(desk).buttons[-1].click()  # Not now
    assert card.chip.text() == "off"
    assert settings.get(desk.context.database, "mirror.lan") is False
    card.start_button.click()
    question(desk).buttons[0].click()
    qtbot.waitUntil(card.stop_button.isVisible, timeout=WAIT)
    assert settings.get(desk.context.database, "mirror.lan") is True
    assert desk.status.network.text() == "Network open"
    url = address(card)
    assert get(f"{url}/api/models").status_code == 200
    # by the command line, or by another window
    settings.set(desk.context.database, "network.sealed", True)
    desk.context.events.publish(Changed("setting"))
    qtbot.waitUntil(lambda: card.chip.text() == "off", timeout=WAIT)
    qtbot.waitUntil(lambda: not desk.context.sessions.sessions(), timeout=WAIT)
    with pytest.raises(httpx.ConnectError):
        get(url)


def test_stopping_offers_the_seal_again(card: SharingCard, desk: Desk, qtbot: QtBot) -> None:
    settings.set(desk.context.database, "mirror.lan", True)
    settings.set(desk.context.database, "network.sealed", False)
    card.start_button.click()  # both settings allow it: nothing is asked
    qtbot.waitUntil(card.stop_button.isVisible, timeout=WAIT)
    card.stop_button.click()
    assert desk.notices.shown()
    qtbot.waitUntil(lambda: not desk.context.sessions.sessions(), timeout=WAIT)


def test_a_taken_port_is_explained(card: SharingCard, desk: Desk, qtbot: QtBot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.set(desk.context.database, "mirror.port", taken.getsockname()[1])
        card.alone_button.click()
        qtbot.waitUntil(card.error.isVisible, timeout=WAIT)
    assert "cannot listen" in card.error.accessibleName()
    assert card.chip.text() == "off"
    assert card.start_button.isEnabled()


def test_a_mirror_that_dies_is_told(card: SharingCard, desk: Desk, qtbot: QtBot) -> None:
    card.alone_button.click()
    qtbot.waitUntil(card.stop_button.isVisible, timeout=WAIT)
    (session,) = desk.context.sessions.sessions()
    os.kill(session.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: card.chip.text() == "off" and card.error.isVisible(), timeout=WAIT)
    assert not desk.status.sharing.isVisible()
    assert Library(desk.context.database, desk.context.blobs).list()
