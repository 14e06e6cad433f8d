"""The Transfer view on a real window, and another office that sends bundles to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.core import load_keyring
from pytestqt.qtbot import QtBot

from bancada.catalog.bundles import keys
from bancada.context import AppContext
from bancada.gui.desk import Desk
from bancada.storage.signing_keys import KeyRecord
from bundle_office import Office
from gui.transfer.scene import Scene


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system without a keyring, no passphrase in the environment, and keys that open quickly."""
    monkeypatch.setitem(keys._SCRYPT, "n", 1 << 4)
    monkeypatch.delenv(keys.PASSPHRASE_VARIABLE, raising=False)
    before = keyring.get_keyring()
    keyring.set_keyring(load_keyring("keyring.backends.fail.Keyring"))
    yield
    keyring.set_keyring(before)


@pytest.fixture
def scene(desk: Desk, context: AppContext, qtbot: QtBot, tmp_path: Path) -> Iterator[Scene]:
    """This office with its window, and the one that sends."""
    sender = Office.open(tmp_path / "sender")
    yield Scene(desk, Office(context.home, context.database, context.blobs), sender, qtbot)
    sender.close()


@pytest.fixture
def alice(scene: Scene) -> KeyRecord:
    """A key of the sender that is trusted here."""
    record = scene.sender.key("Alice")
    scene.here.trust(record)
    return record


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    return tmp_path / "stick"
