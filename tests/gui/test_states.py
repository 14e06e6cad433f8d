"""Errors in words, empty states, notices, questions, progress."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from bancada.core.errors import BancadaError
from bancada.core.events import JobProgress
from bancada.gui.notices import Notices
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.banner import Banner
from bancada.gui.widgets.basics import (
    Card,
    Chip,
    DecimalBox,
    ElidedLabel,
    IconButton,
    Line,
    NumberBox,
    PageHeader,
    PlainButton,
    SectionLabel,
)
from bancada.gui.widgets.progress import ProgressStrip, progress_words
from bancada.gui.widgets.states import EmptyState, ErrorPanel

DISK_FULL = BancadaError("disk.full", path="/data", need="4.4 GB", have="1.2 GB")


def texts(widget: QWidget) -> str:
    return " ".join(
        str(one.property("text"))
        for one in widget.findChildren(QWidget)
        if one.property("text") and one.isVisible()
    )


def test_an_error_says_what_meaning_and_remedy(theme: Theme, qtbot: QtBot) -> None:
    panel = ErrorPanel(theme, closable=True)
    qtbot.addWidget(panel)
    assert panel.isHidden()
    panel.show_error(DISK_FULL, log_tail="last line")
    assert "4.4 GB" in texts(panel)
    assert "Remove models" in texts(panel)
    details = panel.findChild(QPlainTextEdit)
    assert details is not None
    assert details.isHidden()
    fold, copy = (one for one in panel.findChildren(PlainButton) if one.property("kind") == "link")
    fold.click()
    assert details.isVisible()
    assert "disk.full" in details.toPlainText()
    assert "last line" in details.toPlainText()
    copy.click()
    assert "disk.full" in QGuiApplication.clipboard().text()
    fold.click()
    assert details.isHidden()
    done: list[int] = []
    panel.add_button("Make room", lambda: done.append(1), primary=True).click()
    assert done == [1]
    panel.close_button.click()
    assert panel.isHidden()


def test_an_unexpected_error_becomes_words(theme: Theme, qtbot: QtBot) -> None:
    panel = ErrorPanel(theme)
    qtbot.addWidget(panel)
    panel.show_error(ZeroDivisionError("division by zero"))
    assert "ZeroDivisionError: division by zero" in texts(panel)


def test_foreign_text_is_never_html(theme: Theme, qtbot: QtBot) -> None:
    panel = ErrorPanel(theme)
    qtbot.addWidget(panel)
    panel.show_error(BancadaError("internal.error", detail="<img src='http://example.invalid/x'><b>bold</b>"))
    assert "<b>bold</b>" in texts(panel)


def test_an_empty_state_leads_on(theme: Theme, qtbot: QtBot) -> None:
    done: list[int] = []
    state = EmptyState(theme, "cube", "Nothing here", "Begin", lambda: done.append(1), "It is easy.")
    qtbot.addWidget(state)
    state.show()
    assert "Nothing here" in texts(state)
    state.button.click()
    assert done == [1]
    state.set_text("Still nothing")
    assert "It is easy." not in texts(state)


def test_notices_come_stay_and_go(theme: Theme, qtbot: QtBot, qapp: QApplication) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    host.resize(800, 600)
    notices = Notices(theme, host)
    host.show()
    done: list[int] = []
    first = notices.add("info", "First")
    notices.add("error", "Second", action_text="Show", action=lambda: done.append(1))
    assert [one.text for one in notices.shown()] == ["First", "Second"]
    assert host.rect().contains(notices.geometry())
    assert all(one.height() >= one.sizeHint().height() for one in notices.shown())
    inside = QPointF(1, 1)
    qapp.sendEvent(first, QEnterEvent(inside, inside, inside))
    qapp.sendEvent(first, QEvent(QEvent.Type.Leave))
    button = next(one for one in notices.shown()[1].findChildren(PlainButton))
    button.click()
    assert done == [1]
    notices.add("success", "First")
    assert [one.text for one in notices.shown()] == ["First"]
    for at in range(9):
        notices.add("warning", f"Warning {at}")
    assert len(notices.shown()) <= 4
    host.resize(400, 300)
    assert notices.width() <= 400 - 32
    notices.clear()
    assert not notices.shown()


def test_a_question_ends_in_the_safe_answer(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    host.show()
    chosen: list[str] = []
    answers = [
        Answer("Remove the model", lambda: chosen.append("remove"), "danger"),
        Answer("Keep it", lambda: chosen.append("keep"), "primary"),
    ]
    question = ask(host, "Remove the model?", "Its file goes with it.", answers)
    assert question.buttons[-1].isDefault()
    question.buttons[0].click()
    assert chosen == ["remove"]
    question = ask(host, "Remove the model?", "Its file goes with it.", answers)
    QTest.keyClick(question, Qt.Key.Key_Escape)
    assert chosen == ["remove"]


def test_progress_says_speed_and_remaining_time(theme: Theme, qtbot: QtBot) -> None:
    strip = ProgressStrip(theme)
    qtbot.addWidget(strip)
    strip.show_progress("Import", None)
    assert strip.bar.maximum() == 0
    progress = JobProgress("j", "hashing", 64e6, 100e6, "bytes", 12.3e6, 8.4)
    strip.show_progress("Import", progress)
    assert strip.bar.value() == 640
    for part in ("Import", "hashing", "64 %", "12.3 MB/s", "8.4 s left"):
        assert part in strip.text.text()
    assert progress_words(JobProgress("j", "", 12, None, "files")) == ["12 files"]
    assert progress_words(JobProgress("j", "reading", 2e6, None, "bytes")) == ["reading", "2.0 MB"]
    strip.show_progress("Import", JobProgress("j", "", 1, None, "files"))
    assert strip.bar.maximum() == 0
    with qtbot.waitSignal(strip.canceled):
        strip.cancel.click()


def test_small_parts(theme: Theme, qtbot: QtBot) -> None:
    card = Card("Models")
    qtbot.addWidget(card)
    assert card.title.text() == "MODELS"
    assert card.title.accessibleName() == "Models"
    section = SectionLabel("Straße")
    section.set_title("Größe")
    assert section.accessibleName() == "Größe"
    chip = Chip("loaded", "accent")
    chip.set("failed", "bad")
    assert (chip.text(), chip.property("tone")) == ("failed", "bad")
    header = PageHeader("Benchmark")
    qtbot.addWidget(header)
    header.add_beside_title(chip)
    header.add(PlainButton("Export"))
    button = IconButton(theme, "copy", "Copy the answer")
    qtbot.addWidget(button)
    button.set_icon("check", "good")
    assert button.accessibleName() == button.toolTip() == "Copy the answer"
    box, decimal = NumberBox(0, 100_000, " tokens"), DecimalBox(0.0, 2.0)
    qtbot.addWidget(box)
    qtbot.addWidget(decimal)
    box.setValue(8192)
    decimal.setValue(0.7)
    assert box.text().endswith(" tokens")
    banner, line = Banner(theme, "warning", "Read only"), Line()
    qtbot.addWidget(banner)
    qtbot.addWidget(line)
    assert banner.accessibleName() == "Read only"


def test_a_long_text_gives_way(qtbot: QtBot) -> None:
    label = ElidedLabel("Donaudampfschifffahrtsgesellschaftskapitän " * 5)
    qtbot.addWidget(label)
    label.resize(120, 20)
    label.show()
    label.grab()
    assert label.toolTip() == label.text()
