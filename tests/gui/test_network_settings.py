"""The settings of the network: each is checked before it is stored, and says beside itself what is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from bancada.gui.desk import Desk
from bancada.gui.pages.network_card import NetworkCard
from bancada.gui.pages.settings import SettingsPage
from bancada.gui.widgets.ask import Question
from bancada.storage import settings


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> Iterator[SettingsPage]:
    desk.window.show()
    desk.navigate("settings")
    made = desk.pages["settings"]
    assert isinstance(made, SettingsPage)
    qtbot.waitUntil(lambda: bool(made.backup_text.text()))
    yield made
    qtbot.waitUntil(lambda: not desk.background.busy)


@pytest.fixture
def card(page: SettingsPage) -> NetworkCard:
    return page.network_card


def is_stored(desk: Desk, key: str, value: object) -> bool:
    return bool(settings.get(desk.context.database, key) == value)


def type_in(card: NetworkCard, key: str, text: str) -> None:
    """As a person does: select all, type, leave with Enter."""
    field = card.texts[key]
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text) if text else QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClick(field, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("key", "text", "kept"),
    [
        ("hub.endpoint", " http://mirror.office:8765/ ", "http://mirror.office:8765"),
        ("hub.proxy", "http://proxy:3128", "http://proxy:3128"),
        ("mirror.names", "library.office, models", "library.office, models"),
    ],
)
def test_a_good_text_is_stored(page: SettingsPage, key: str, text: str, kept: str, qtbot: QtBot) -> None:
    card = page.network_card
    type_in(card, key, text)
    qtbot.waitUntil(lambda: page.shell.context.settings.get(key) == kept)
    qtbot.waitUntil(lambda: card.texts[key].text() == kept)
    assert card.errors[key].isHidden()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("hub.endpoint", "ftp://mirror"),
        ("hub.endpoint", "http://me:word@mirror"),
        ("hub.proxy", "http://me:word@proxy:3128"),
        ("hub.ca_file", "/no/such/file.pem"),
    ],
)
def test_a_bad_text_is_explained_beside_it_and_not_stored(
    page: SettingsPage, desk: Desk, key: str, text: str, qtbot: QtBot
) -> None:
    before = settings.get(desk.context.database, key)
    card = page.network_card
    type_in(card, key, text)
    qtbot.waitUntil(card.errors[key].isVisible)
    assert "word@" not in card.errors[key].text() or key == "hub.endpoint"
    page.refresh()
    assert card.texts[key].text() == text  # what was typed is there to be mended
    assert settings.get(desk.context.database, key) == before
    type_in(card, key, "")
    qtbot.waitUntil(lambda: card.errors[key].isHidden() or key == "hub.endpoint")


def test_the_newest_text_wins(card: NetworkCard, desk: Desk, qtbot: QtBot) -> None:
    for port in range(1, 30):
        card.texts["hub.proxy"].put(f"http://proxy:{port}")
    qtbot.waitUntil(lambda: not desk.background.busy)
    assert settings.get(desk.context.database, "hub.proxy") == "http://proxy:29"
    assert card.texts["hub.proxy"].text() == "http://proxy:29"


def test_a_file_of_authorities_is_read_before_it_is_taken(
    card: NetworkCard, desk: Desk, tmp_path: Path, qtbot: QtBot
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Office")])
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=9_000))
        .sign(key, hashes.SHA256())
    )
    good, bad = tmp_path / "office.pem", tmp_path / "bad.pem"
    good.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    bad.write_text("no certificate", encoding="utf-8")
    card.texts["hub.ca_file"].put(str(bad))
    qtbot.waitUntil(card.errors["hub.ca_file"].isVisible)
    card._choose_file()
    dialog = card.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(good))
    dialog.reject()
    qtbot.waitUntil(partial(is_stored, desk, "hub.ca_file", str(good)))
    qtbot.waitUntil(card.errors["hub.ca_file"].isHidden)


def test_numbers_and_the_public_hub(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    card = page.network_card
    assert card.numbers["hub.bandwidth_kb_per_s"].text() == "no limit"
    card.numbers["hub.bandwidth_kb_per_s"].setValue(500)
    card.numbers["hub.parallel_files"].setValue(8)
    card.numbers["mirror.port"].setValue(0)
    card.lan.click()
    for key, value in (
        ("hub.bandwidth_kb_per_s", 500),
        ("hub.parallel_files", 8),
        ("mirror.port", 0),
        ("mirror.lan", True),
    ):
        qtbot.waitUntil(partial(is_stored, desk, key, value))
    settings.set(desk.context.database, "hub.endpoint", "http://mirror")
    settings.set(desk.context.database, "hub.parallel_files", 2)
    page.refresh()
    assert card.texts["hub.endpoint"].text() == "http://mirror"
    assert card.numbers["hub.parallel_files"].value() == 2
    card.texts["hub.endpoint"].put("https://huggingface.co")
    qtbot.waitUntil(partial(is_stored, desk, "hub.endpoint", "https://huggingface.co"))


def test_the_seal_is_opened_on_a_word_and_closed_at_once(
    page: SettingsPage, desk: Desk, qtbot: QtBot
) -> None:
    card = page.network_card
    card.sealed.click()
    question = desk.window.findChild(Question)
    assert question is not None
    assert card.sealed.isChecked()
    question.buttons[0].click()
    qtbot.waitUntil(lambda: not card.sealed.isChecked())
    qtbot.waitUntil(lambda: desk.status.network.text() == "Network open")
    assert page.network.text() == "Network open"
    card.sealed.click()
    qtbot.waitUntil(partial(is_stored, desk, "network.sealed", True))
    qtbot.waitUntil(lambda: desk.status.network.text() == "Sealed")


def test_another_page_leads_to_a_setting(page: SettingsPage, desk: Desk, qtbot: QtBot) -> None:
    with qtbot.waitActive(desk.window):
        desk.window.activateWindow()
    desk.navigate("home")
    desk.navigate("settings", setting="hub.endpoint")
    field = page.network_card.texts["hub.endpoint"]
    qtbot.waitUntil(lambda: QApplication.focusWidget() is field)
    assert not field.visibleRegion().isEmpty()
    desk.navigate("settings", setting="sharing")
    qtbot.waitUntil(lambda: QApplication.focusWidget() is page.sharing.start_button)
    desk.navigate("settings", setting="no such setting")
