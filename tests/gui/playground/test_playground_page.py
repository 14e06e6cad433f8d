"""The Playground at work: real windows, a real workspace, real worker processes that answer by a script."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from bancada.catalog.jobs import IMPORT, ImportParams
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.gui.desk import Desk
from bancada.gui.main_window import MainWindow
from bancada.gui.models.conversations import PAGE, ConversationList
from bancada.gui.pages.playground.cards import AnswerCard, QuestionCard
from bancada.gui.pages.playground.page import PlaygroundPage
from bancada.gui.widgets.ask import Question
from bancada.gui.widgets.model_picker import ModelChoice, ModelPicker, query_choices
from bancada.storage import conversations, drafts, requests
from bancada.storage.models import VersionRecord

AddModel = Callable[..., VersionRecord]

WAIT = 30_000


def choose(qtbot: QtBot, page: PlaygroundPage, version: VersionRecord, column: int = 0) -> None:
    page.refresh()
    qtbot.waitUntil(lambda: version.id in page.chat.names, timeout=WAIT)
    chosen = page.chat.columns[column]
    chosen.header.picker.set_current(version.id)
    chosen.header.picker.chosen.emit(version.id)
    qtbot.waitUntil(lambda: chosen.version_id == version.id, timeout=WAIT)


def settled(qtbot: QtBot, page: PlaygroundPage) -> None:
    background = page.shell.background
    qtbot.waitUntil(lambda: not page.chat.busy and not background.busy, timeout=WAIT)


def ask(qtbot: QtBot, page: PlaygroundPage, text: str) -> None:
    page.parts.composer.set_text(text)
    QTest.keyClick(page.parts.composer.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert page.chat.busy
    settled(qtbot, page)


def answer(page: PlaygroundPage, column: int = 0) -> AnswerCard:
    card = page.chat.columns[column].transcript.last_answer()
    assert card is not None
    return card


def test_nothing_is_loaded_unasked_and_a_first_question_loads(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext
) -> None:
    choose(qtbot, page, add_model())
    assert context.sessions.sessions() == []
    assert page.chat.columns[0].header.chip.text() == "on disk"
    ask(qtbot, page, "Hi there, who are you?")
    assert page.chat.columns[0].header.chip.text() == "loaded"
    (record,) = conversations.list_page(context.database)
    assert record.title == "Hi there, who are you?"
    question, said = conversations.branch(context.database, record.id)
    assert (question.role, said.content, said.status) == ("user", "Hello **you**.", "complete")
    assert said.request_id
    assert requests.get(context.database, said.request_id).purpose == "chat"
    assert "Hello you." in answer(page).view.toPlainText()
    assert "stopped:\u00a0end\u00a0of\u00a0answer" in answer(page)._figures.text()
    assert page.parts.composer.text == ""
    qtbot.waitUntil(lambda: "of 4,096" in page.parts.composer.meter.accessibleName(), timeout=WAIT)


def test_an_answer_has_versions_and_a_question_branches(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext
) -> None:
    choose(qtbot, page, add_model(answer=None, tokens=12))
    ask(qtbot, page, "First?")
    first = answer(page).turn.message.content
    page.shell.actions["playground.regenerate"].trigger()
    settled(qtbot, page)
    assert (answer(page).turn.number, len(answer(page).turn.versions)) == (2, 2)
    QTest.keyClick(answer(page), Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: answer(page).turn.number == 1, timeout=WAIT)
    assert answer(page).turn.message.content == first
    page.shell.actions["playground.after"].trigger()
    qtbot.waitUntil(lambda: answer(page).turn.number == 2, timeout=WAIT)
    card = page.chat.columns[0].transcript.cards[0]
    assert isinstance(card, QuestionCard)
    QTest.keyClick(card, Qt.Key.Key_Return)
    assert card._editor is not None
    QTest.keyClick(card, Qt.Key.Key_Escape)
    card.start_editing()
    card._editor.setPlainText("Second?")
    QTest.keyClick(card, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settled(qtbot, page)
    shown = page.chat.columns[0].transcript.turns
    assert shown[0].message.content == "Second?"
    assert (shown[0].number, len(shown[0].versions)) == (2, 2)
    assert len(conversations.export(context.database, page.chat.conversation_id)["messages"]) == 5
    page.chat.fork(page.chat.columns[0], shown[-1])
    old = page.chat.conversation_id
    qtbot.waitUntil(lambda: page.chat.conversation_id != old, timeout=WAIT)
    assert page.chat.columns[0].transcript.turns[0].message.content == "Second?"


def test_escape_keeps_what_came(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext
) -> None:
    choose(qtbot, page, add_model(answer="word " * 500, delay_ms=20))
    page.send("Go on")
    qtbot.waitUntil(
        lambda: bool(page.chat.columns[0].run and len(page.chat.columns[0].run.tokens) > 5), timeout=WAIT
    )
    qtbot.waitUntil(
        lambda: bool(conversations.branch(context.database, page.chat.conversation_id)[-1].content),
        timeout=WAIT,
    )
    QTest.keyClick(page.parts.composer.field, Qt.Key.Key_Escape)
    settled(qtbot, page)
    said = conversations.branch(context.database, page.chat.conversation_id)[-1]
    assert said.status == "stopped"
    assert 0 < len(said.content) < 2_500
    assert "kept" in answer(page)._note.text()


def test_stop_while_loading_leaves_the_question_to_be_answered(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel
) -> None:
    choose(qtbot, page, add_model(load_ms=1_500))
    page.send("Hi")
    qtbot.waitUntil(lambda: page.chat.columns[0].busy, timeout=WAIT)
    page.chat.stop()
    assert not page.chat.busy
    column = page.chat.columns[0]
    assert [one.message.role for one in column.transcript.turns] == ["user"]
    qtbot.waitUntil(lambda: not page.shell.background.busy, timeout=WAIT)
    column.transcript.answer_asked.emit()
    settled(qtbot, page)
    assert answer(page).turn.message.status == "complete"


def test_a_crash_says_so_beside_retry_and_the_fourth_time_needs_force(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext
) -> None:
    version = add_model(answer="one two three four", die_at=2, delay_ms=30)
    choose(qtbot, page, version)
    ask(qtbot, page, "Will it work?")
    for _ in range(2):
        assert answer(page).turn.message.error is not None
        answer(page).regenerate_asked.emit()
        settled(qtbot, page)
    assert answer(page).turn.message.status == "failed"
    answer(page).regenerate_asked.emit()
    settled(qtbot, page)
    error = answer(page).turn.message.error
    assert error is not None
    assert error["code"] == "model.put_aside"
    answer(page).force_asked.emit()
    settled(qtbot, page)
    error = answer(page).turn.message.error
    assert error is not None
    assert error["code"].startswith("worker.")
    again = conversations.branch(context.database, page.chat.conversation_id)
    assert [one.status for one in again] == ["complete", "failed"]


def test_two_models_are_asked_one_after_another(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext
) -> None:
    first, second = add_model("A", answer="from A"), add_model("B", answer="from B")
    choose(qtbot, page, first)
    page.columns.set_side_by_side(on=True)
    choose(qtbot, page, second, column=1)
    ask(qtbot, page, "Same?")
    assert answer(page, 0).turn.message.content == "from A"
    assert answer(page, 1).turn.message.content == "from B"
    ask(qtbot, page, "Again?")
    messages = conversations.export(context.database, page.chat.conversation_id)["messages"]
    assert [one["role"] for one in messages] == [
        "user",
        "assistant",
        "assistant",
        "user",
        "user",
        "assistant",
        "assistant",
    ]
    page.shell.actions["playground.side"].trigger()
    assert len(page.chat.columns) == 1
    page.chat.open(page.chat.conversation_id)
    settled(qtbot, page)
    assert len(page.chat.columns[0].transcript.turns) == 4


def test_probabilities_and_charts_follow_an_answer(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext
) -> None:
    choose(qtbot, page, add_model(answer="**one** two three four", delay_ms=5))
    page.parts.panel._colored.setChecked(True)
    qtbot.waitUntil(lambda: page.charts.strip is not None, timeout=20_000)
    ask(qtbot, page, "Show")
    said = conversations.branch(context.database, page.chat.conversation_id)[-1]
    assert said.tokens
    assert answer(page).view.colored
    charts = page.charts.strip
    assert charts is not None
    assert charts.times.series_names
    assert charts.memory.series_names
    page.parts.panel._colored.setChecked(False)
    page.parts.panel.flush()
    assert not answer(page).view.colored
    page.shell.actions["playground.charts"].trigger()
    assert charts.isHidden()
    page.shell.actions["playground.charts"].trigger()
    assert not charts.isHidden()


def test_what_would_be_dropped_is_asked_first(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext
) -> None:
    context.settings.set("chat.context", 256)
    choose(qtbot, page, add_model(answer="word " * 100, context_length=4_096))
    ask(qtbot, page, "word " * 90)
    ask(qtbot, page, "more " * 60)
    decision = page.parts.decision
    assert decision.isVisible()
    assert "would not be sent" in decision.accessibleName()
    assert page.chat.columns[0].transcript.turns[-1].message.role == "user"
    decision._drop.click()
    assert page.chat.busy
    settled(qtbot, page)
    assert answer(page).turn.message.status == "complete"
    page.parts.panel.agree_to_drop(agreed=False)
    page.parts.composer.set_text("and " * 60)
    page.parts.composer.edited.emit()
    qtbot.waitUntil(lambda: not page.guard.may_send(), timeout=WAIT)
    decision._raise.click()
    assert page.parts.panel.values.context >= 512
    ask(qtbot, page, "and " * 60)
    session = page.chat.columns[0].session
    assert session is not None
    assert session.report.context == page.parts.panel.values.context
    assert answer(page).turn.message.status == "complete"
    decision.new_chosen.emit()
    assert page.chat.record is None


def test_a_model_without_a_template_completes_raw_text(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel
) -> None:
    choose(qtbot, page, add_model(has_chat_template=False))
    ask(qtbot, page, "Once upon a time")
    assert page.parts.raw_note.isVisible()
    assert answer(page).turn.message.content == "Hello **you**."


def test_thumbs_system_prompt_parameters_and_drafts_are_kept(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext
) -> None:
    choose(qtbot, page, add_model())
    page.parts.panel._system.setPlainText("Be short.")
    ask(qtbot, page, "Hi")
    answer(page)._up.click()
    page.parts.panel._fixed.setChecked(True)
    page.parts.panel._seed.setValue(7)
    page.parts.composer.field.setPlainText("not sent yet")
    page.keeper.flush()
    settled(qtbot, page)
    record = conversations.get(context.database, page.chat.conversation_id)
    assert (record.system_prompt, record.parameters["seed"]) == ("Be short.", 7)
    assert conversations.branch(context.database, record.id)[-1].rating == 1
    assert drafts.get(context.database, f"chat:{record.id}") == "not sent yet"
    page.new_conversation()
    qtbot.waitUntil(lambda: page.parts.composer.text == "", timeout=WAIT)
    page.opened(conversation_id=record.id)
    qtbot.waitUntil(lambda: page.parts.composer.text == "not sent yet", timeout=WAIT)
    answer(page)._up.click()
    settled(qtbot, page)
    assert conversations.branch(context.database, record.id)[-1].rating is None
    page.parts.panel.presets.saved.emit("Mine")
    qtbot.waitUntil(lambda: page.parts.panel.presets.box.findData("own:Mine") >= 0, timeout=WAIT)
    page.parts.panel.presets.removed.emit("Mine")
    qtbot.waitUntil(lambda: page.parts.panel.presets.box.findData("own:Mine") < 0, timeout=WAIT)


def test_conversations_are_found_renamed_deleted_and_exported(
    qtbot: QtBot, page: PlaygroundPage, desk: Desk, context: AppContext, tmp_path: Path
) -> None:
    made = [conversations.create(context.database, f"Talk {number}") for number in range(3)]
    conversations.add_message(context.database, made[1].id, None, "user", "about azulejos <b>")
    pane = page.parts.pane
    pane.model.reload()
    qtbot.waitUntil(lambda: pane.model.rowCount() == 3, timeout=WAIT)
    page.shell.actions["playground.find"].trigger()
    pane.search.setText("azulej")
    qtbot.waitUntil(lambda: pane.model.rowCount() == 1, timeout=WAIT)
    QTest.keyClick(pane.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.chat.conversation_id == made[1].id, timeout=WAIT)
    pane.search.setText("nothing has this")
    qtbot.waitUntil(lambda: pane.model.rowCount() == 0, timeout=WAIT)
    pane.search.clear()
    qtbot.waitUntil(lambda: pane.model.rowCount() == 3, timeout=WAIT)
    row = pane.model.row_of(made[1].id)
    assert pane.model.setData(pane.model.index(row), "  Tiles  ")
    qtbot.waitUntil(lambda: pane.model.index(0).data() == "Tiles", timeout=WAIT)
    for name in ("a.md", "a.json"):
        page.keeper.write_export(made[1].id, tmp_path / name)
    settled(qtbot, page)
    assert "azulejos <b>" in (tmp_path / "a.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["title"] == "Tiles"
    page.keeper.write_export(made[1].id, tmp_path / "none" / "a.md")
    settled(qtbot, page)
    pane.mark(made[1].id)
    QTest.keyClick(pane.view, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: pane.model.rowCount() == 2, timeout=WAIT)
    assert page.chat.record is None
    conversations.restore(context.database, made[1].id)
    pane.model.refresh([made[1].id])
    qtbot.waitUntil(lambda: pane.model.rowCount() == 3, timeout=WAIT)


def _grown(model: ConversationList, before: int) -> bool:
    return model.rowCount() > before


def test_ten_thousand_conversations_come_in_pages(qtbot: QtBot, desk: Desk, context: AppContext) -> None:
    with context.database.transaction():
        for number in range(350):
            conversations.create(context.database, f"Talk {number}")
    model = ConversationList(context.database, desk.background, desk)
    model.reload()
    qtbot.waitUntil(lambda: model.rowCount() == PAGE, timeout=WAIT)
    while model.canFetchMore(QModelIndex()):
        before = model.rowCount()
        model.fetchMore(QModelIndex())
        qtbot.waitUntil(partial(_grown, model, before), timeout=WAIT)
    assert model.rowCount() == 350
    last = model.record(349)
    assert last is not None
    conversations.rename(context.database, last.id, "Now first")
    model.refresh([last.id])
    qtbot.waitUntil(lambda: model.index(0).data() == "Now first", timeout=WAIT)
    assert model.row_of(last.id) == 0


@pytest.mark.qt_log_ignore("does not support")
def test_the_picker_says_what_fits_and_can_be_filtered(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, context: AppContext, window: MainWindow
) -> None:
    small, other = add_model("Small"), add_model("Other", answer="x")
    found = query_choices(context)
    assert [one.version.id for one in found] == [other.id, small.id]
    tight = [
        ModelChoice(one.version, loaded=False, context=4_096, forecast=10**9, free=10**8) for one in found
    ]
    picker = ModelPicker(page.shell.theme)
    qtbot.addWidget(picker)
    picker.set_choices(tight)
    picker.open_list()
    popup = picker._popup
    assert "may not fit" in str(popup._model.index(0).data(Qt.ItemDataRole.AccessibleTextRole))
    popup.grab()
    QTest.keyClicks(popup._filter, "smal")
    assert popup._model.rowCount() == 1
    with qtbot.waitSignal(picker.chosen) as chosen:
        QTest.keyClick(popup._filter, Qt.Key.Key_Down)
        QTest.keyClick(popup._filter, Qt.Key.Key_Return)
    assert chosen.args == [small.id]


def test_a_source_for_conversions_is_shown_and_cannot_be_chosen(
    qtbot: QtBot, page: PlaygroundPage, add_model: AddModel, window: MainWindow
) -> None:
    folder = replace(add_model("Folder"), format="hf")
    picker = ModelPicker(page.shell.theme)
    qtbot.addWidget(picker)
    picker.set_choices([ModelChoice(folder, loaded=False, context=4_096, forecast=None, free=10**8)])
    picker.open_list()
    index = picker._popup._model.index(0)
    assert "convert it to GGUF or ONNX first" in str(index.data(Qt.ItemDataRole.AccessibleTextRole))
    with qtbot.assertNotEmitted(picker.chosen):
        QTest.keyClick(picker._popup._filter, Qt.Key.Key_Return)
    picker._popup.hide()


@pytest.mark.qt_log_ignore("does not support")
def test_a_link_shows_its_target_and_waits(qtbot: QtBot, page: PlaygroundPage, window: MainWindow) -> None:
    page.keeper.confirm_link("https://example.org/a")
    (question,) = window.findChildren(Question)
    assert "https://example.org/a" in question.accessibleDescription()
    assert question.buttons[-1].isDefault()
    question.buttons[-1].click()


def test_without_a_model_a_question_is_kept_and_said(qtbot: QtBot, page: PlaygroundPage) -> None:
    page.parts.composer.set_text("Hi")
    page.send("Hi")
    assert page.parts.composer.text == "Hi"
    assert page.chat.record is None


def test_load_and_unload_by_command(qtbot: QtBot, page: PlaygroundPage, add_model: AddModel) -> None:
    choose(qtbot, page, add_model())
    page.shell.actions["playground.load"].trigger()
    qtbot.waitUntil(lambda: page.chat.columns[0].session is not None, timeout=WAIT)
    page.shell.actions["playground.unload"].trigger()
    qtbot.waitUntil(lambda: page.chat.columns[0].session is None, timeout=WAIT)


def test_the_real_model_answers_in_the_window(
    qtbot: QtBot, page: PlaygroundPage, context: AppContext, smollm2: Path
) -> None:
    job = context.jobs.submit(IMPORT, ImportParams(str(smollm2), "SmolLM2"), title="import")
    context.jobs.wait(job, timeout=60)
    (version,) = context.library.list()
    choose(qtbot, page, version)
    page.parts.panel._numbers["max_tokens"].field.setValue(12)
    page.parts.panel._colored.setChecked(True)
    ask(qtbot, page, "What is 2+2?")
    card = answer(page)
    assert card.turn.message.status == "complete"
    assert card.turn.tokens
    assert all(one.probability is not None and math.isfinite(one.probability) for one in card.turn.tokens)


def test_the_trash_gives_back_and_deletes_for_good(
    qtbot: QtBot, page: PlaygroundPage, context: AppContext
) -> None:
    pane, database = page.parts.pane, context.database
    kept = conversations.create(database, "Kept")
    gone = conversations.create(database, "Gone")
    for one in (kept, gone):
        conversations.trash(database, one.id)
    pane.trash.click()
    qtbot.waitUntil(lambda: pane.model.rowCount() == 2)
    pane.view.setCurrentIndex(pane.model.index(pane.model.row_of(kept.id)))
    QTest.keyClick(pane.view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: pane.model.rowCount() == 1)
    assert conversations.get(database, kept.id).deleted_at is None
    pane.view.setCurrentIndex(pane.model.index(0))
    pane.trash_current()
    question = page.window().findChild(Question)
    assert question is not None
    question.buttons[0].click()
    qtbot.waitUntil(lambda: pane.model.rowCount() == 0)
    with pytest.raises(BancadaError):
        conversations.get(database, gone.id)
    pane.trash.click()
    qtbot.waitUntil(lambda: pane.model.row_of(kept.id) >= 0)
