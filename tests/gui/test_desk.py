"""The window with its services: pages, palette, sheets, drops, errors, closing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QTextBrowser
from pytestqt.qtbot import QtBot

from bancada.core.errors import BancadaError
from bancada.core.events import Notice, SessionState
from bancada.gui.actions import ActionRegistry
from bancada.gui.desk import Desk
from bancada.gui.engine_watch import device_words, engine_words, reason_words
from bancada.gui.fuzzy import score
from bancada.gui.pages import PAGES
from bancada.gui.sheets import HelpSheet, ShortcutSheet
from bancada.gui.widgets.basics import Label
from bancada.inference.types import LoadReport
from bancada.storage import conversations
from gui.keys import press

REPORT = LoadReport(
    engine="llama.cpp",
    engine_version="0.3.36",
    device="CPU",
    cpu_features=("AVX2", "AMX_INT8"),
    layers=30,
    gpu_layers=0,
    device_reason="engine.gpu_not_built",
    context=4096,
    threads=2,
    threads_batch=2,
    flash_attention=True,
    passive_wait=False,
    has_chat_template=True,
    vocabulary=49152,
    load_ms=100.0,
    rss_bytes=1,
)


@pytest.fixture
def shown(desk: Desk, qtbot: QtBot) -> Desk:
    with qtbot.waitActive(desk.window):
        desk.window.show()
        desk.window.activateWindow()
    desk.start()
    desk.navigate("settings")
    return desk


def test_pages_are_built_at_the_first_visit(desk: Desk) -> None:
    assert not desk.pages
    desk.navigate("settings")
    assert list(desk.pages) == ["settings"]
    first = desk.pages["settings"]
    desk.navigate("jobs")
    desk.navigate("settings")
    assert desk.pages["settings"] is first
    assert desk.window.stack.currentWidget() is first
    with pytest.raises(KeyError):
        desk.navigate("nowhere")


def test_the_rail_and_the_keys_lead_to_pages(shown: Desk, qtbot: QtBot) -> None:
    rail = {one.accessibleName(): one for one in shown.window.rail.findChildren(QPushButton)}
    assert list(rail) == [spec.title for spec in PAGES]
    QTest.mouseClick(rail["Jobs"], Qt.MouseButton.LeftButton)
    assert shown.page_id == "jobs"
    assert rail["Jobs"].isChecked()
    press(shown.window, "Ctrl+,")
    assert shown.page_id == "settings"
    press(shown.window, "Ctrl+6")
    assert shown.page_id == "jobs"


def test_the_last_page_is_kept(desk: Desk) -> None:
    assert desk.last_page() == "home"
    desk.context.settings.set("window.page", "jobs")
    assert desk.last_page() == "jobs"
    desk.context.settings.set("window.page", "gone")
    assert desk.last_page() == "home"


def test_the_palette_finds_and_runs(shown: Desk, qtbot: QtBot) -> None:
    conversations.create(shown.context.database, "Letter to the citizens")
    press(shown.window, "Ctrl+K")
    palette = shown.palette
    assert palette.isVisible()
    assert palette.model.rowCount() > 8
    palette.field.setText("jbs")
    assert palette.model.entries[0].text == "Jobs"
    palette.field.setText("letcit")
    qtbot.waitUntil(lambda: palette.model.rowCount() == 1)
    assert palette.model.entries[0].detail == "conversation"
    palette.field.setText("zzzz")
    assert palette.model.rowCount() == 0
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    palette.field.setText("")
    for key in (Qt.Key.Key_Down, Qt.Key.Key_PageDown, Qt.Key.Key_Up, Qt.Key.Key_PageUp, Qt.Key.Key_PageUp):
        QTest.keyClick(palette.field, key)
    assert palette.view.currentIndex().row() == 0
    palette.field.setText("home")
    QTest.keyClick(palette.field, Qt.Key.Key_Escape)
    assert palette.isHidden()
    assert shown.page_id == "settings"
    palette.toggle()
    palette.field.setText("jobs")
    palette.view.grab()
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isHidden()
    assert shown.page_id == "jobs"
    palette.toggle()
    palette.toggle()
    assert palette.isHidden()


def test_fuzzy_scores() -> None:
    assert score("", "anything") == 0.0
    assert score("xyz", "Models") is None
    ranked = sorted(
        ("Theme of the desktop", "Models", "Import a model"), key=lambda text: -(score("mod", text) or -1)
    )
    assert ranked[0] == "Models"
    word_start, inside = score("kb", "Keyboard shortcuts"), score("kb", "Checkable")
    assert word_start is not None
    assert inside is None or word_start > inside
    assert (score("jobs", "Jobs") or 0) > (score("jobs", "Just open both sides") or 0)


def test_the_shortcut_sheet_lists_the_registry(shown: Desk) -> None:
    shown.navigate("jobs")
    press(shown.window, "Ctrl+/")
    sheet = shown.window.findChild(ShortcutSheet)
    assert sheet is not None
    listed = {one.text() for one in sheet.findChildren(Label)}
    for entry in shown.actions:
        if entry.action.shortcuts():
            assert entry.action.text() in listed
    assert "Ctrl+K" in listed
    sheet.done_button.click()


@pytest.mark.parametrize("page_id", [spec.id for spec in PAGES])
def test_every_page_has_help(shown: Desk, page_id: str) -> None:
    sheet = HelpSheet(shown, page_id)
    text = sheet.findChild(QTextBrowser)
    assert text is not None
    assert "time to first token" in text.toPlainText()
    assert len(text.toPlainText()) > 900
    sheet.close()


def test_f1_and_f5(shown: Desk) -> None:
    press(shown.window, "F1")
    sheet = shown.window.findChild(HelpSheet)
    assert sheet is not None
    assert sheet.windowTitle() == "Settings"
    sheet.close()
    press(shown.window, "F5")


def test_themes_are_commands(shown: Desk, qtbot: QtBot) -> None:
    shown.actions["window.dark"].trigger()
    assert shown.theme.name == "dark"
    qtbot.waitUntil(lambda: shown.context.settings.get("appearance.theme") == "dark")
    shown.actions["window.light"].trigger()
    assert shown.theme.name == "light"


def test_actions_of_pages_sleep_elsewhere(shown: Desk) -> None:
    registry = shown.actions
    done: list[str] = []
    registry.add("jobs.test", "For jobs", lambda: done.append("jobs"), shortcut="Ctrl+Shift+X", page="jobs")
    registry.add(
        "settings.test", "Here", lambda: done.append("settings"), shortcut="Ctrl+Shift+X", page="settings"
    )
    press(shown.window, "Ctrl+Shift+X")
    shown.navigate("jobs")
    press(shown.window, "Ctrl+Shift+X")
    assert done == ["settings", "jobs"]
    with pytest.raises(ValueError, match=r"jobs\.test"):
        registry.add("jobs.test", "Again", lambda: None)
    assert isinstance(registry, ActionRegistry)


def test_no_two_keys_mean_the_same_place(desk: Desk) -> None:
    for spec in PAGES:
        desk.page(spec.id)
    for spec in PAGES:
        taken: dict[str, str] = {}
        for entry in desk.actions:
            if entry.page in ("", spec.id):
                for keys in entry.action.shortcuts():
                    assert taken.setdefault(keys.toString(), entry.id) == entry.id


def test_an_error_opens_beside_its_cause(shown: Desk) -> None:
    page = shown.pages["settings"]
    button = page.findChildren(QPushButton)[-1]
    shown.show_error(BancadaError("internal.error", detail="x"), near=button)
    panel = shown._popover
    assert panel.isVisible()
    assert shown.window.stack.rect().contains(panel.geometry())
    assert shown.window.focusWidget() is panel.close_button
    press(panel.close_button, "Escape")
    assert panel.isHidden()
    shown.show_error(RuntimeError("y"))
    assert panel.x() == (shown.window.stack.width() - panel.width()) // 2
    shown.navigate("jobs")
    assert panel.isHidden()


def test_notices_of_the_core_are_said(shown: Desk, qtbot: QtBot) -> None:
    shown.context.events.publish(Notice("warning", "internal.error", {"detail": "the clock jumped"}))
    qtbot.waitUntil(lambda: bool(shown.notices.shown()))
    assert "the clock jumped" in shown.notices.shown()[0].text


def test_a_file_dropped_on_the_window_is_imported(
    shown: Desk, qapp: QApplication, tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / "model with space.gguf"
    file.write_bytes(b"")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(500, 300), copy, data, left, none)
    qapp.sendEvent(shown.window, enter)
    assert enter.isAccepted()
    assert shown.drops.target.isVisible()
    qapp.sendEvent(shown.window, QDragLeaveEvent())
    assert shown.drops.target.isHidden()
    two = QMimeData()
    two.setUrls([QUrl.fromLocalFile(str(file)), QUrl("https://example.invalid/x.gguf")])
    refused = QDragEnterEvent(QPoint(500, 300), copy, two, left, none)
    qapp.sendEvent(shown.window, refused)
    assert not refused.isAccepted()
    qapp.sendEvent(shown.window, QDragEnterEvent(QPoint(500, 300), copy, data, left, none))
    drop = QDropEvent(QPointF(500, 300), copy, data, left, none)
    qapp.sendEvent(shown.window, drop)
    assert drop.isAccepted()
    assert shown.page_id == "models"
    qtbot.waitUntil(lambda: not shown.background.busy)


def test_the_engine_is_said_honestly(shown: Desk) -> None:
    assert engine_words(REPORT) == "llama.cpp · AMX · 2 threads"
    assert device_words(REPORT) == "CPU only"
    assert "GPU" in reason_words(REPORT)
    shown.status.set_engine(engine_words(REPORT), device_words(REPORT), reason_words(REPORT))
    assert shown.status.device.isVisible()
    assert shown.status.device.toolTip() == reason_words(REPORT)
    shown.bridge.session_state.emit(SessionState("unknown", "closed"))
    shown.bridge.session_state.emit(SessionState("unknown", "ready"))
    assert shown.status.engine.text() == "llama.cpp · AMX · 2 threads"


def test_layers_on_the_graphics_processor(desk: Desk) -> None:
    values = {name: getattr(REPORT, name) for name in LoadReport.__dataclass_fields__}
    part = LoadReport(**(values | {"gpu_layers": 12, "device": "NVIDIA H200", "threads": 1}))
    assert device_words(part) == "12 of 30 layers on NVIDIA H200"
    assert engine_words(part).endswith("1 thread")
    whole = LoadReport(**(values | {"gpu_layers": 30, "device": "NVIDIA H200"}))
    assert device_words(whole) == "NVIDIA H200"


def test_the_lamp_has_a_word(shown: Desk) -> None:
    assert shown.status.network.text() == "Sealed"
    shown.status.set_sealed(sealed=False)
    assert shown.status.network.text() == "Network open"
    assert "RAM" in shown.status.memory.text()


@pytest.mark.parametrize("size", [(640, 480), (800, 600), (1280, 800), (2560, 1600)])
def test_every_size_works(shown: Desk, size: tuple[int, int], qapp: QApplication) -> None:
    shown.window.resize(*size)
    for page_id in ("home", "jobs", "settings"):
        shown.navigate(page_id)
        qapp.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        assert (shown.window.width(), shown.window.height()) == size
        shown.window.grab()
