"""The hub's view beside a hub that runs on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.core import load_keyring
from pytestqt.qtbot import QtBot

from bancada.gui.desk import Desk
from bancada.gui.pages.models.hub.view import HubView
from bancada.gui.pages.models.page import ModelsPage
from bancada.storage import settings
from hub_server import HubServer, hub_server

WAIT = 60_000


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A keyring in a file, for this process and its workers."""
    path = tmp_path / "keys.json"
    monkeypatch.setenv("TEST_KEYRING", str(path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "file_keyring.FileKeyring")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    before = keyring.get_keyring()
    keyring.set_keyring(load_keyring("file_keyring.FileKeyring"))
    yield path
    keyring.set_keyring(before)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as server:
        yield server


@pytest.fixture
def sealed_view(desk: Desk, qtbot: QtBot) -> HubView:
    """The view with the settings of a new workspace."""
    desk.window.show()
    return open_view(desk, qtbot)


@pytest.fixture
def view(hub: HubServer, desk: Desk, qtbot: QtBot) -> Iterator[HubView]:
    """The view with the hub of this machine as its source."""
    settings.set(desk.context.database, "hub.endpoint", hub.url)
    desk.window.show()
    desk.jobs.start()
    made = open_view(desk, qtbot)
    yield made
    hub.bytes_per_s = 0
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)


def open_view(desk: Desk, qtbot: QtBot) -> HubView:
    desk.navigate("models", view="hub")
    page = desk.pages["models"]
    assert isinstance(page, ModelsPage)
    made = page.views["hub"]
    assert isinstance(made, HubView)
    qtbot.waitUntil(lambda: bool(made.endpoint) and not desk.background.busy, timeout=WAIT)
    return made
