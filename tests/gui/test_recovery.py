"""A workspace that cannot be opened: the window says why, and every way out works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.gui.background import Background
from bancada.gui.recovery import RecoveryView
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import PlainButton
from bancada.storage import backup, conversations


@pytest.fixture
def background(qapp: QApplication) -> Iterator[Background]:
    made = Background()
    yield made
    made.close()


@pytest.fixture
def damaged(tmp_path: Path) -> Home:
    """A workspace with one conversation, a copy of it, and a database that was overwritten."""
    context = AppContext.open(tmp_path / "home")
    conversations.create(context.database, "Kept")
    backup.backup(context.database)
    home = context.home
    context.close()
    content = bytearray(home.database.read_bytes())
    content[:4096] = bytes(4096)
    home.database.write_bytes(content)
    return home


def error_of(home: Home) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        AppContext.open(home.root)
    return caught.value


def make(theme: Theme, home: Home, error: BancadaError, background: Background, qtbot: QtBot) -> RecoveryView:
    view = RecoveryView(theme, home.root, error, background)
    qtbot.addWidget(view)
    view.resize(1000, 700)
    view.show()
    return view


def titles(home: Home) -> list[str]:
    context = AppContext.open(home.root)
    try:
        return [one.title for one in conversations.list_page(context.database)]
    finally:
        context.close()


def test_a_copy_is_restored(theme: Theme, damaged: Home, background: Background, qtbot: QtBot) -> None:
    error = error_of(damaged)
    assert error.code == "database.damaged"
    view = make(theme, damaged, error, background, qtbot)
    assert view.panel.isVisible()
    with qtbot.waitSignal(view.retry, timeout=30_000):
        view.restore_button.click()
    assert titles(damaged) == ["Kept"]


def test_what_can_be_read_is_saved(theme: Theme, damaged: Home, background: Background, qtbot: QtBot) -> None:
    view = make(theme, damaged, error_of(damaged), background, qtbot)
    before = len(view.choices)
    view.salvage_button.click()
    qtbot.waitUntil(lambda: len(view.choices) == before + 1, timeout=30_000)
    assert view.choices[0][0].isChecked()
    assert view.result.text()
    with qtbot.waitSignal(view.retry, timeout=30_000):
        view.restore_button.click()
    assert titles(damaged) == ["Kept"]


def test_a_restore_that_fails_is_said(
    theme: Theme, damaged: Home, background: Background, qtbot: QtBot
) -> None:
    view = make(theme, damaged, error_of(damaged), background, qtbot)
    for one in damaged.backups.glob("*.db"):
        one.write_bytes(b"no database")
    view.restore_button.click()
    qtbot.waitUntil(lambda: view.isEnabled() and not background.busy, timeout=30_000)
    assert view.panel.isVisible()


def test_a_missing_database_is_never_silently_an_empty_one(
    theme: Theme, damaged: Home, background: Background, qtbot: QtBot
) -> None:
    for one in damaged.root.glob("bancada.db*"):
        one.unlink()
    error = error_of(damaged)
    assert error.code == "database.missing"
    view = make(theme, damaged, error, background, qtbot)
    assert not view.salvage_button.isEnabled()
    anew = next(one for one in view.findChildren(PlainButton) if "empty" in one.text())
    with qtbot.waitSignal(view.retry, timeout=30_000):
        anew.click()
    assert titles(damaged) == []
    assert backup.list_backups(damaged)


def test_a_newer_database_offers_other_ways(
    theme: Theme, tmp_path: Path, background: Background, qtbot: QtBot
) -> None:
    error = BancadaError("database.newer", path=str(tmp_path), found=9, known=1)
    view = make(theme, Home(tmp_path), error, background, qtbot)
    assert not view.choices
    buttons = {one.text(): one for one in view.findChildren(PlainButton)}
    with qtbot.waitSignal(view.retry):
        buttons["Try again"].click()
    with qtbot.waitSignal(view.quit):
        buttons["Quit"].click()


def test_a_passphrase_is_asked(theme: Theme, tmp_path: Path, background: Background, qtbot: QtBot) -> None:
    error = BancadaError("database.locked", path=str(tmp_path))
    view = make(theme, Home(tmp_path), error, background, qtbot)
    view.passphrase.setText("a secret")
    with qtbot.waitSignal(view.retry) as caught:
        view.passphrase.returnPressed.emit()
    assert caught.args == ["a secret"]


def test_no_copy_at_all(theme: Theme, tmp_path: Path, background: Background, qtbot: QtBot) -> None:
    (tmp_path / "backups").mkdir()
    error = BancadaError("database.damaged", path=str(tmp_path), detail="x", backups=[])
    view = make(theme, Home(tmp_path), error, background, qtbot)
    assert not view.choices
