"""The parts of the Playground that need no model."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from bancada.core.errors import BancadaError
from bancada.gui.desk import Desk
from bancada.gui.pages.playground.answer_form import AnswerForm
from bancada.gui.pages.playground.cleaning import FILE_LIMIT, TEXT_LIMIT, clean, quoted_file, read_text_file
from bancada.gui.pages.playground.composer import Composer
from bancada.gui.pages.playground.context_meter import ContextDecision, ContextMeter, larger_context
from bancada.gui.pages.playground.parameter_panel import ParameterPanel
from bancada.gui.pages.playground.parameters import (
    GRAMMAR,
    PRESETS,
    SCHEMA,
    Parameters,
    check_schema,
    stop_strings,
    stop_text,
)
from bancada.gui.pages.playground.thread import Figures, without_oldest
from bancada.gui.pages.playground.words import figure_words, stage_words, status_words, stop_words
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.markdown_view import MarkdownView
from bancada.gui.widgets.token_text import ProbabilityLegend, TokenInfo, band, percent, visible
from bancada.inference.types import Alternative, Message, PromptCheck, Token
from bancada.storage.presets import PresetRecord

# -- cleaning


def test_what_cannot_be_stored_or_reverses_text_is_taken_out() -> None:
    made = clean("a\x00b\ud800c\u202ed\r\ne\tf\x7f")
    assert made.text == "abcd\ne\tf"
    assert made.removed == 4
    assert made.changed


def test_ten_million_characters_are_cut_and_counted() -> None:
    made = clean("x" * 10_000_000)
    assert len(made.text) == TEXT_LIMIT
    assert made.cut == 10_000_000 - TEXT_LIMIT


def test_scripts_keep_their_marks() -> None:
    text = "\u05e9\u05dc\u05d5\u05dd \u200f\u2067abc\u2069 caf\u00e9 e\u0301"
    assert not clean(text).changed
    assert clean(text).text == text


def test_a_text_file_is_quoted_with_a_fence_that_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("before\n```\ncode\n```\n", encoding="utf-8")
    made = quoted_file("a\nb.md", read_text_file(path))
    assert made.startswith("a b.md:\n````\nbefore")
    assert made.endswith("````\n")


def test_files_that_cannot_be_quoted_say_why(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (FILE_LIMIT + 1))
    (tmp_path / "zero").write_bytes(b"a\0b")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    wanted = {
        "big": "chat.file_too_large",
        "zero": "chat.file_not_text",
        "latin": "chat.file_not_text",
        "gone": "chat.file_unreadable",
        ".": "chat.file_unreadable",
    }
    for name, code in wanted.items():
        with pytest.raises(BancadaError) as caught:
            read_text_file(tmp_path / name)
        assert caught.value.code == code


# -- parameters


def test_parameters_survive_json_and_foreign_rows() -> None:
    values = Parameters(temperature=0.3, seed=7, stop=("\n\n", "END"), form=SCHEMA, schema="{}", colored=True)
    assert Parameters.from_json(values.to_json()) == values
    odd = {"temperature": "hot", "top_k": True, "top_p": 99, "seed": -5, "form": "x", "stop": 3, "nope": 1}
    assert Parameters.from_json(odd) == Parameters(top_p=1.0, seed=0)
    assert Parameters.from_json({"temperature": float("nan"), "schema": "x" * 200_000}) == Parameters()
    assert Parameters.from_json([1]) == Parameters()


def test_a_request_carries_one_form_and_alternatives_only_when_coloured() -> None:
    messages = (Message("user", "hi"),)
    made = Parameters(form=GRAMMAR, grammar="root ::= x", schema="{}", colored=True).request(messages, None)
    assert (made.grammar, made.schema, made.logprobs) == ("root ::= x", None, 5)
    raw = Parameters(form=SCHEMA, schema="{}").request(messages, "hi")
    assert (raw.messages, raw.prompt, raw.schema, raw.logprobs) == ((), "hi", "{}", 0)


def test_stop_strings_are_lines_with_escapes() -> None:
    assert stop_strings("\\n\\n\nEND\nEND\n\n") == ("\n\n", "END")
    assert stop_text(("\n\n", "END")) == "\\n\\n\nEND"


def test_a_schema_is_checked_with_the_place_of_the_fault() -> None:
    problem = check_schema('{\n  "type": }')
    assert problem is not None
    assert (problem.kind, problem.line) == ("syntax", 2)
    broken = check_schema("[1]")
    assert broken is not None
    assert broken.kind == "object"
    assert check_schema("[" * 100_000) is not None
    assert check_schema("{}") is None


def test_the_panel_shows_and_returns_values(qtbot: QtBot, theme: Theme) -> None:
    panel = ParameterPanel(theme)
    qtbot.addWidget(panel)
    panel.set_presets([PresetRecord("Mine", Parameters(temperature=0.33).to_json(), "Be short.", "")])
    values = Parameters(temperature=0.25, seed=3, stop=("END",), context=2_048, colored=True)
    panel.set_values(values, "Answer in English.")
    assert panel.values == values
    assert panel.system_prompt == "Answer in English."
    panel.set_values(PRESETS["exact"], "")
    assert panel.presets.box.currentData() == "exact"
    with qtbot.waitSignal(panel.changed):
        panel.presets.box.setCurrentIndex(panel.presets.box.findData("own:Mine"))
        panel.presets.chosen.emit(panel.presets.key)
    assert panel.values.temperature == 0.33
    assert panel.system_prompt == "Be short."
    panel._numbers["temperature"].slider.setValue(0)
    assert panel.values.temperature == 0.0
    assert panel.presets.box.currentIndex() == -1
    panel._reset()
    assert panel.values.same_sampling(PRESETS["balanced"])
    with qtbot.waitSignal(panel.presets.removed):
        panel.presets.box.setCurrentIndex(panel.presets.box.findData("own:Mine"))
        panel.presets._ask_removal()
    panel.set_model(4_096, 8_192, {2_048: 10**8})
    panel.set_context(8_192)
    assert panel.values.context == 8_192
    panel.agree_to_drop(agreed=True)
    assert panel.values.drop_oldest
    panel.flush()


def test_the_form_of_the_answer_says_whether_it_can_be_used(qtbot: QtBot, theme: Theme) -> None:
    form = AnswerForm(theme)
    qtbot.addWidget(form)
    form._choice.setCurrentIndex(1)
    form._chosen()
    assert form.form == SCHEMA
    assert "Valid" in form.verdict
    form._editor.setPlainText("{")
    assert form.verdict.startswith("Line 1, column 2")
    form._editor.setPlainText("[]")
    assert "object" in form.verdict
    form.set_values(GRAMMAR, "", "x ::= y")
    assert "root" in form.verdict


def test_every_control_of_the_panel_has_a_name(qtbot: QtBot, theme: Theme) -> None:
    panel = ParameterPanel(theme)
    qtbot.addWidget(panel)
    for one in panel.findChildren(QWidget):
        focusable = one.focusPolicy() & Qt.FocusPolicy.TabFocus
        inner = one.objectName().startswith("qt_") or one.window() is not panel
        if focusable and not inner:
            assert one.accessibleName() or getattr(one, "text", str)(), one


# -- composer and meter


def test_a_file_that_is_dropped_becomes_a_quotation(qtbot: QtBot, desk: Desk, tmp_path: Path) -> None:
    composer = Composer(desk)
    qtbot.addWidget(composer)
    path = tmp_path / "note.txt"
    path.write_text("the note", encoding="utf-8")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    composer.field.insertFromMimeData(data)
    qtbot.waitUntil(lambda: "the note" in composer.text)
    composer.insert_file(tmp_path / "gone.txt")
    qtbot.waitUntil(lambda: not desk.background.busy)


def test_a_paste_is_cleaned_with_a_notice_and_ctrl_enter_sends(qtbot: QtBot, desk: Desk) -> None:
    composer = Composer(desk)
    qtbot.addWidget(composer)
    data = QMimeData()
    data.setText("a\u202eb\x00")
    composer.field.insertFromMimeData(data)
    assert composer.text == "ab"
    assert desk.notices.shown()
    with qtbot.waitSignal(composer.sent) as sent:
        QTest.keyClick(composer.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert sent.args == ["ab"]
    composer.set_busy(busy=True)
    with qtbot.waitSignal(composer.stopped):
        composer.button.click()
    composer.set_busy(busy=False)
    composer.set_text("")
    assert not composer.button.isEnabled()
    composer.flush()


def test_the_meter_warns_in_words(qtbot: QtBot, theme: Theme) -> None:
    meter, decision = ContextMeter(theme), ContextDecision(theme)
    qtbot.addWidget(meter)
    qtbot.addWidget(decision)
    meter.show_check(PromptCheck(100, 4_096, 0), 512)
    assert meter.accessibleName() == "Context 100 of 4,096"
    meter.show_check(PromptCheck(4_000, 4_096, 0), 512)
    assert "may be cut" in meter.accessibleName()
    meter.show_check(PromptCheck(5_000, 4_096, 2), 512)
    assert "does not fit" in meter.accessibleName()
    meter.show_unknown(4_096)
    decision.show_check(PromptCheck(5_000, 4_096, 2), 8_192)
    assert "oldest 2 messages" in decision.accessibleName()
    decision.show_check(PromptCheck(5_000, 4_096, 0), 0)
    assert "alone does not fit" in decision.accessibleName()
    decision.focus_first()


def test_a_larger_context_is_a_power_of_two_within_the_model() -> None:
    assert larger_context(5_000, 32_768) == 8_192
    assert larger_context(5_000, 6_000) == 6_000
    assert larger_context(9_000, 8_192) == 0


def test_the_oldest_go_first_and_the_question_never() -> None:
    said = tuple(Message(role, role) for role in ("system", "user", "assistant", "user"))
    assert [one.role for one in without_oldest(said, 2)] == ["system", "user"]
    assert [one.role for one in without_oldest(said, 9)] == ["system", "user"]


def test_figures_are_words() -> None:
    figures = Figures(38.0, 1212.0, 164.0, 20, 3, 92, "end", 7, 10**8)
    assert [text for text, _ in figure_words(figures)] == [
        "TTFT 38.0 ms",
        "1,212 tok/s prompt",
        "164 tok/s answer",
        "92 tokens",
        "stopped: end of answer",
        "seed 7",
    ]
    assert figure_words(Figures()) == []
    assert stop_words("canceled") == "stopped by you"
    assert status_words("complete") == ""
    assert stage_words("loading", 2.0).endswith("2.0 s")


# -- text


def test_tokens_survive_json_and_foreign_rows() -> None:
    token = Token(1, " a", 0, -0.1, (Alternative(1, " a", -0.1), Alternative(2, "b", -3.0)))
    made = TokenInfo.of(token)
    again = TokenInfo.from_json(made.to_json())
    assert again is not None
    assert again.text == " a"
    assert again.probability == pytest.approx(0.90484)
    assert TokenInfo.from_json(["a", "x", []]) is None
    assert TokenInfo.from_json({"a": 1}) is None
    assert [band(one) for one in (None, 0.95, 0.6, 0.2, 0.01)] == [0, 0, 1, 2, 3]
    assert (percent(0.004), percent(0.5), visible(" a\n")) == ("<1 %", "50 %", "\u00b7a\u21b5")


def test_probabilities_find_their_words_in_drawn_markdown(qtbot: QtBot, theme: Theme) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    view = MarkdownView(theme, "Answer", window)
    pieces = [
        "# Ti",
        "tle\n\n",
        "- **so",
        "me** ",
        "[li",
        "nk](http://a.b) ",
        "x\n\n",
        "|a|\n|-|\n",
        "|ce",
        "ll|\n",
    ]
    tokens = [TokenInfo(text, 0.2 if text == "ll|\n" else 0.99, ((text, 0.2),)) for text in pieces]
    for count in range(1, len(pieces) + 1):
        view.set_tokens(tokens[:count], colored=True)
        view.set_markdown("".join(pieces[:count]), finished=count == len(pieces))
    text = view.toPlainText()
    for word, token in (("Ti", "# Ti"), ("tle", "tle\n\n"), ("me", "me** "), ("li", "[li"), ("ll", "ll|\n")):
        found = view.token_at(text.index(word))
        assert found is not None, word
        assert found.text == token
    window.resize(400, 300)
    window.show()
    view.setFocus()
    assert view.step_uncertain(1)
    assert view.toPlainText()[view.textCursor().position() :].startswith("ll")
    assert not view.step_uncertain(1)
    QTest.keyClick(view, Qt.Key.Key_F8, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    view.set_tokens(tokens, colored=False)
    assert view.token_at(2) is None
    legend = ProbabilityLegend(theme)
    qtbot.addWidget(legend)
    legend.grab()


def test_links_are_handed_out_and_nothing_is_loaded(qtbot: QtBot, theme: Theme) -> None:
    view = MarkdownView(theme, "Answer")
    qtbot.addWidget(view)
    view.set_markdown("```py\na = 1\nb\n```\n> q\n\n---\n[x](http://a.b)")
    with qtbot.waitSignal(view.link_activated) as activated:
        view.anchorClicked.emit(QUrl("http://\u0430.example/"))
    assert activated.args == ["http://xn--80a.example/"]
    view.anchorClicked.emit(QUrl("bancada-copy:1"))
    assert QGuiApplication.clipboard().text() == "a = 1\nb"
    assert view.loadResource(2, QUrl("file:///etc/passwd")) is None
    view.resize(400, 300)
    view.grab()
    theme.choose("dark")
    assert "a = 1" in view.toPlainText()
    theme.choose("light")
    view.set_plain("<b>plain</b>")
    assert view.toPlainText() == "<b>plain</b>"


def test_a_growing_text_is_drawn_like_a_finished_one(qtbot: QtBot, theme: Theme) -> None:
    text = "# A\n\n1. x\n2. y\n   - z\n\n|a|b|\n|-|-|\n|1|2|\n\n|c|\n|-|\n|3|\n\n> q\n> r\n"
    text += "\n```py\nx\n\ny\n```\nend"
    grown, whole = MarkdownView(theme, "a"), MarkdownView(theme, "b")
    for view in (grown, whole):
        qtbot.addWidget(view)
    for end in range(len(text) + 1):
        grown.set_markdown(text[:end], finished=end == len(text))
    whole.set_markdown(text)
    assert grown.toPlainText() == whole.toPlainText()
    assert grown.document().toHtml() == whole.document().toHtml()
