"""Every page and control: a name for those who cannot see it, a way without a mouse, no stray window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from bancada.gui.desk import Desk
from bancada.gui.pages import PAGES
from bancada.gui.theme.tokens import THEMES

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
)
IDS = [spec.id for spec in PAGES]


class StrayWindows(QObject):
    """Notes every window that is shown, which while pages are built must be none."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(f"{type(watched).__name__} {watched.objectName()}")
        return False


@pytest.fixture
def shown(desk: Desk, qtbot: QtBot) -> Desk:
    with qtbot.waitActive(desk.window):
        desk.window.show()
        desk.window.activateWindow()
    desk.start()
    return desk


@pytest.fixture
def stray(qapp: QApplication) -> Iterator[StrayWindows]:
    watcher = StrayWindows()
    qapp.installEventFilter(watcher)
    yield watcher
    qapp.removeEventFilter(watcher)


def open_page(desk: Desk, page_id: str, qtbot: QtBot) -> QWidget:
    desk.navigate(page_id)
    qtbot.waitUntil(lambda: not desk.background.busy)
    QApplication.processEvents()
    return desk.pages[page_id]


def controls(page: QWidget) -> list[QWidget]:
    """What a user can act on; parts inside a control (a combo box's list) belong to it."""
    found: list[QWidget] = []
    for one in page.findChildren(QWidget):
        inside = one.parentWidget()
        if not isinstance(one, CONTROLS) or isinstance(one, QScrollBar) or not one.isVisibleTo(page):
            continue
        if one.objectName().startswith("qt_") or isinstance(inside, QComboBox | QAbstractSpinBox | QLineEdit):
            continue
        if isinstance(inside, QAbstractItemView) or type(one).__name__ == "QTableCornerButton":
            continue
        found.append(one)
    return found


def name_of(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    assert interface is not None
    return interface.text(QAccessible.Text.Name).strip()


@pytest.mark.parametrize("page_id", IDS)
def test_building_a_page_opens_no_other_window(
    shown: Desk, stray: StrayWindows, page_id: str, qtbot: QtBot
) -> None:
    open_page(shown, page_id, qtbot)
    assert not stray.shown
    assert shown.window.isActiveWindow()


@pytest.mark.parametrize("page_id", IDS)
def test_every_control_has_a_name(shown: Desk, page_id: str, qtbot: QtBot) -> None:
    page = open_page(shown, page_id, qtbot)
    nameless = [
        f"{type(one).__name__} in {type(one.parentWidget()).__name__}"
        for one in controls(page)
        if not name_of(one)
    ]
    assert not nameless


@pytest.mark.parametrize("page_id", IDS)
def test_the_keyboard_reaches_every_control(shown: Desk, page_id: str, qtbot: QtBot) -> None:
    page = open_page(shown, page_id, qtbot)
    wanted = {one for one in controls(page) if one.isEnabled()}
    unreachable = [
        f"{type(one).__name__} {name_of(one)}"
        for one in wanted
        if not one.focusPolicy() & Qt.FocusPolicy.TabFocus and not _grouped(one)
    ]
    assert not unreachable
    page.setFocus()
    seen: set[QWidget] = set()
    for _ in range(len(wanted) * 3 + 40):
        if not shown.window.focusNextPrevChild(True):
            break
        focused = QApplication.focusWidget()
        if focused is None or focused in seen:
            continue
        seen.add(focused)
    missed = [
        f"{type(one).__name__} {name_of(one)}"
        for one in wanted
        if one not in seen and not _grouped(one) and not any(one.isAncestorOf(other) for other in seen)
    ]
    assert not missed


def _grouped(widget: QWidget) -> bool:
    """Radio buttons and exclusive buttons are one stop of Tab; the arrow keys go on from there."""
    return isinstance(widget, QAbstractButton) and (widget.autoExclusive() or widget.group() is not None)


@pytest.mark.parametrize("theme_name", THEMES)
def test_every_page_is_drawn_in_every_theme(shown: Desk, theme_name: str, qtbot: QtBot) -> None:
    """What is painted takes its ground from the theme: no white boxes in the dark."""
    shown.theme.choose(theme_name)
    try:
        for page_id in IDS:
            page = open_page(shown, page_id, qtbot)
            image = page.grab().toImage()
            ground = shown.theme.color("background").lightness()
            bright = dark = 0
            # steps that no distance of the 8 px grid is a multiple of, or a whole border counts
            for x in range(0, image.width(), 13):
                for y in range(0, image.height(), 13):
                    lightness = image.pixelColor(x, y).lightness()
                    bright += lightness > 180
                    dark += lightness < 75
            if ground < 75:
                assert dark > 10 * bright, page_id
            else:
                assert bright > 10 * dark, page_id
    finally:
        shown.theme.choose("light")


@pytest.mark.parametrize("page_id", IDS)
def test_texts_are_plain(shown: Desk, page_id: str, qtbot: QtBot) -> None:
    """A label that guesses would draw foreign text as HTML."""
    page = open_page(shown, page_id, qtbot)
    guessing = [
        one.text()[:40]
        for one in page.findChildren(QLabel)
        if one.textFormat() == Qt.TextFormat.AutoText and one.text()
    ]
    assert not guessing


@pytest.mark.parametrize("page_id", IDS)
def test_nothing_is_cut_off_sideways(shown: Desk, page_id: str, qtbot: QtBot) -> None:
    page = open_page(shown, page_id, qtbot)
    for size in ((1280, 800), (800, 600)):
        shown.window.resize(*size)
        QApplication.processEvents()
        assert shown.window.width() == size[0]
        for area in page.findChildren(QAbstractScrollArea):
            inner = area.findChild(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
            if isinstance(area, QAbstractItemView | QTextEdit | QPlainTextEdit) or inner is None:
                continue
            if area.isVisibleTo(page) and size[0] == 1280:
                assert area.horizontalScrollBar().maximum() == 0, type(area).__name__
