"""The card of a model in the real window: who answers for it, its family, its texts, comparing, exporting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLabel
from pytestqt.qtbot import QtBot

from bancada.catalog import lifecycle
from bancada.catalog.forecaster import this_machine
from bancada.context import AppContext
from bancada.core.account import account_name
from bancada.core.events import Changed
from bancada.gui.models.library import ModelRow
from bancada.gui.pages.models.library.compare_sheet import CompareSheet
from bancada.gui.pages.models.library.duty_dialogs import AliasDialog, StageDialog
from bancada.gui.pages.models.library.storage_sheet import StorageSheet
from bancada.gui.pages.models.library.view import LibraryView
from bancada.gui.widgets.ask import Question
from bancada.storage import audit, certificates, devices, memory, models, requests, runs
from bancada.storage import lifecycle as stored
from bancada.storage.certificates import NewCertificate
from bancada.storage.memory import MemoryMeasurement
from bancada.storage.models import FileRecord, NewVersion, VersionRecord
from bancada.storage.requests import RequestRecord
from gui.library.conftest import WAIT, settle
from tiny_gguf import TinyModel, write_tiny_gguf

Take = Callable[..., ModelRow]


@pytest.fixture
def row(take: Take, tmp_path: Path) -> ModelRow:
    """A model whose card is shown."""
    return take(write_tiny_gguf(tmp_path / "tiny.gguf", TinyModel(name="Tiny")))


def child_of(context: AppContext, parent: VersionRecord) -> VersionRecord:
    """A version that a run made of another one."""
    run = runs.start(context.database, "quantize", "Q4_0 of Tiny", {"type": "Q4_0"}, {})
    blob = context.blobs.put_bytes(b"smaller")
    new = NewVersion(
        "gguf", "llama", "Q4_0", parent.parameters, 4.5, 2, 2_048, "MIT", blob.size_bytes, blob.sha256, "x",
        parent_version_id=parent.id, produced_by_run_id=run,
    )  # fmt: skip
    version = models.add_version(
        context.database, "Tiny", new, [FileRecord("model.gguf", blob.sha256, blob.size_bytes)]
    )
    context.events.publish(Changed("model"))
    return version


def shown(page: LibraryView, qtbot: QtBot, version_id: str) -> None:
    """Select a version and wait for its card."""
    qtbot.waitUntil(lambda: page.model.row_of(version_id) >= 0, timeout=WAIT)
    page.table.select(version_id)
    qtbot.waitUntil(
        lambda: page._detail is not None and page._detail.row.version.id == version_id, timeout=WAIT
    )
    settle(page, qtbot)


def reread(page: LibraryView, qtbot: QtBot, ready: Callable[[], bool]) -> None:
    """Read everything again until the card shows it."""
    page.shell.context.events.publish(Changed("model"))
    qtbot.waitUntil(ready, timeout=WAIT)
    settle(page, qtbot)


def dialog(page: LibraryView, qtbot: QtBot, kind: type[QDialog]) -> QDialog:
    """The dialog of a kind that is open."""
    found: list[QDialog] = []

    def look() -> bool:
        found[:] = [one for one in page.window().findChildren(kind) if one.isVisible()]
        return bool(found)

    qtbot.waitUntil(look, timeout=WAIT)
    return found[0]


def test_a_stage_is_set_with_a_reason(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext
) -> None:
    page.detail.about_tab.duty.stage_button.click()
    asked = dialog(page, qtbot, StageDialog)
    assert isinstance(asked, StageDialog)
    assert asked.override is None
    asked.choices["approved"].setChecked(True)
    asked.go.click()
    qtbot.waitUntil(asked.problem.isVisible, timeout=WAIT)
    assert "needs a reason" in asked.problem.text()
    asked.reason.setText("passed the suite")
    asked.go.click()
    qtbot.waitUntil(lambda: stored.stage_of(context.database, row.version.id) == "approved", timeout=WAIT)
    duty = page.detail.about_tab.duty
    qtbot.waitUntil(lambda: duty.stage.text() == "approved", timeout=WAIT)
    assert duty.why.text() == f"{account_name()}: passed the suite"
    assert "version 1 is approved" in page.detail.history_tab.history.toPlainText()
    qtbot.waitUntil(lambda: page.model.records()[0].duty.stage == "approved", timeout=WAIT)
    settle(page, qtbot)


def test_a_red_certificate_asks_why_in_spite_of_it(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext
) -> None:
    version = row.version
    certificates.add(
        context.database, NewCertificate(version.id, None, version.sha256, "0" * 64, "red", "{}")
    )
    reread(page, qtbot, lambda: page._detail is not None and page._detail.card.red)
    assert "certificate is red" in page.detail._warnings.text()
    page.change_aliases()
    asked = dialog(page, qtbot, AliasDialog)
    assert isinstance(asked, AliasDialog)
    assert asked.override is not None
    asked.alias.setText("Draft")
    asked.go.click()
    qtbot.waitUntil(asked.problem.isVisible, timeout=WAIT)
    assert "red certificate" in asked.problem.text()
    asked.override.setText("for drafts alone")
    asked.go.click()
    qtbot.waitUntil(lambda: page.detail.about_tab.duty.aliases.text() == "@draft", timeout=WAIT)
    qtbot.waitUntil(lambda: "for drafts alone" in page.detail.history_tab.history.toPlainText(), timeout=WAIT)
    page.change_aliases()
    again = dialog(page, qtbot, AliasDialog)
    assert isinstance(again, AliasDialog)
    again.removals["draft"].click()
    qtbot.waitUntil(lambda: page.detail.about_tab.duty.aliases.text() == "none", timeout=WAIT)
    settle(page, qtbot)


def test_tags_are_words_in_a_field(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext
) -> None:
    field = page.detail.about_tab.duty.tags
    field.setFocus()
    QTest.keyClicks(field, "office, English ,")
    QTest.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(
        lambda: stored.tags(context.database, row.version.model_id) == ("English", "office"), timeout=WAIT
    )
    qtbot.waitUntil(lambda: page.model.records()[0].duty.tags == ("English", "office"), timeout=WAIT)
    settle(page, qtbot)
    page.table.filter.setText("english")
    assert page.table.proxy.rowCount() == 1
    page.table.filter.setText("french")
    assert page.table.proxy.rowCount() == 0
    page.table.filter.clear()
    settle(page, qtbot)


def test_tags_that_are_being_typed_stay_with_their_model(
    page: LibraryView, take: Take, qtbot: QtBot, context: AppContext, tmp_path: Path
) -> None:
    row = take(write_tiny_gguf(tmp_path / "tiny.gguf"))
    other = take(write_tiny_gguf(tmp_path / "other.gguf", TinyModel(name="Other", seed=4)))
    shown(page, qtbot, row.version.id)
    field = page.detail.about_tab.duty.tags
    with qtbot.waitActive(page.window()):
        page.window().activateWindow()
    field.setFocus()
    QTest.keyClicks(field, "half a w")
    page.refresh()
    settle(page, qtbot)
    assert field.text() == "half a w"
    shown(page, qtbot, other.version.id)
    assert field.text() == ""
    assert stored.all_tags(context.database) == {}


def test_the_family_is_a_tree_that_leads_to_its_members(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext
) -> None:
    child = child_of(context, row.version)
    tab = page.detail.history_tab
    qtbot.waitUntil(lambda: len(tab._kin) == 2, timeout=WAIT)
    root = tab.tree.topLevelItem(0)
    assert root is not None
    assert root.text(0).startswith("Tiny:1")
    made = root.child(0)
    assert made is not None
    assert made.text(0) == "Tiny:2  Q4_0"
    tab.tree.setCurrentItem(made)
    assert "Q4_0 of Tiny" in tab.words.text()
    assert "type: Q4_0" in tab.words.text()
    tab.open_button.click()
    qtbot.waitUntil(
        lambda: page._detail is not None and page._detail.row.version.id == child.id, timeout=WAIT
    )
    qtbot.waitUntil(lambda: page.table.selected_ids() == [child.id], timeout=WAIT)
    settle(page, qtbot)


def test_loads_and_speeds_are_shown_and_nothing_that_is_zero(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext
) -> None:
    tab = page.detail.memory_tab
    page.detail.tabs.setCurrentIndex(1)
    assert tab.nothing.isVisible()
    assert not tab.table.isVisible()
    assert not tab.memory._values["repacked"].isVisible()
    assert tab.memory._values["weights"].isVisible()
    device = devices.ensure_device(context.database, this_machine().facts())
    for at in range(3):
        memory.store(
            context.database,
            MemoryMeasurement(
                f"s{at}", device, "llama 1", "gguf", row.version.sha256, 512 * (at + 1), "f16",
                flash_attention=True, items={"weights": 100_000_000}, forecast_bytes=100_000_000,
                corrected_bytes=90_000_000, measured_bytes=100_000_000, filled_tokens=500,
            ),
        )  # fmt: skip
    requests.add(
        context.database,
        RequestRecord("r", "chat", "finished", row.version.id, decode_tokens_per_s=41.5, ttft_ms=120),
    )
    reread(page, qtbot, lambda: tab.table.isVisible() and not tab.nothing.isVisible())
    texts = tab.table.text(separator=",")
    assert texts.splitlines()[0].startswith("Context,Forecast,Measured,Error")
    assert texts.count("-10.0 %") == 3
    said = {name.text(): value.text() for name, value in tab._labels if name.isVisible()}
    assert said["Answer speed"] == "41.5 tok/s"
    assert "Peak memory" not in said
    assert tab.basis.text() == "Of 1 answer"


def test_files_can_be_checked_elsewhere_and_the_licence_is_explained(
    page: LibraryView, row: ModelRow, qtbot: QtBot
) -> None:
    tab = page.detail.files_tab
    tab.copy_button.click()
    assert QGuiApplication.clipboard().text() == f"{row.version.sha256}  model.gguf\n"
    assert tab.licence.toPlainText()
    page.detail.texts_tab.search.setText("general architecture")
    assert page.detail.metadata.toPlainText() == "general.architecture: llama"
    page.detail.texts_tab.search.setText("nothing like it")
    assert page.detail.metadata.toPlainText() == "Nothing fits."
    settle(page, qtbot)


def test_the_template_is_filled_in_by_a_worker(page: LibraryView, row: ModelRow, qtbot: QtBot) -> None:
    tab = page.detail.texts_tab
    assert row.version.chat_template is not None
    assert tab.template.toPlainText() == row.version.chat_template
    tab.choice.buttons["preview"].click()
    qtbot.waitUntil(lambda: "What is a workbench?" in tab.template.toPlainText(), timeout=WAIT)
    tab.choice.buttons["source"].click()
    assert tab.template.toPlainText() == row.version.chat_template
    tab.choice.buttons["preview"].click()
    assert "What is a workbench?" in tab.template.toPlainText()  # it is not asked twice
    settle(page, qtbot)


def test_two_models_stand_side_by_side(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext
) -> None:
    page.compare()  # alone it has nothing to be compared with
    assert not [one for one in page.window().findChildren(CompareSheet) if one.isVisible()]
    child = child_of(context, row.version)
    qtbot.waitUntil(lambda: len(page.model.records()) == 2, timeout=WAIT)
    settle(page, qtbot)
    page.detail.compare_button.click()
    sheet = dialog(page, qtbot, CompareSheet)
    assert isinstance(sheet, CompareSheet)
    qtbot.waitUntil(lambda: sheet.model.rowCount() > 0, timeout=WAIT)
    assert {sheet.left.currentData(), sheet.right.currentData()} == {row.version.id, child.id}
    names = [one.name for one in sheet.model.records()]
    assert "Quantization" in names
    assert "Parameters" not in names
    assert all(one.differs for one in sheet.model.records())
    sheet.all_check.setChecked(True)
    assert "Parameters" in [one.name for one in sheet.model.records()]
    sheet.right.setCurrentIndex(sheet.left.currentIndex())
    qtbot.waitUntil(lambda: sheet.summary.text().startswith("They do not differ"), timeout=WAIT)
    sheet.close()
    settle(page, qtbot)


def test_an_export_says_where_it_is(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext, tmp_path: Path
) -> None:
    place = tmp_path / "out"
    place.mkdir()
    page.care.export_to(row, place)
    target = place / "Tiny-v1"
    qtbot.waitUntil((target / "model-card.json").exists, timeout=WAIT)
    settle(page, qtbot)
    assert json.loads((target / "model-card.json").read_text("utf-8"))["name"] == "Tiny"
    qtbot.waitUntil(
        lambda: any("Exported to" in one.text() for one in page.window().findChildren(QLabel)), timeout=WAIT
    )
    page.care.export_to(row, place)
    qtbot.waitUntil(page.strips.error.isVisible, timeout=WAIT)
    assert any(event.action == "model.exported" for event in audit.list_page(context.database))
    qtbot.waitUntil(lambda: not page.shell.background.busy, timeout=WAIT)


def test_removal_names_the_aliases(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext
) -> None:
    lifecycle.set_alias(context.database, row.version.id, "production")
    page.detail.remove_button.click()
    asked = dialog(page, qtbot, Question)
    assert "@production" in asked.accessibleDescription()
    asked.close()
    settle(page, qtbot)


def test_the_storage_sheet_cleans_what_it_names(
    page: LibraryView, row: ModelRow, qtbot: QtBot, context: AppContext
) -> None:
    part = context.home.downloads / "left.part"
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(bytes(40_000))
    page.storage_button.click()
    sheet = dialog(page, qtbot, StorageSheet)
    assert isinstance(sheet, StorageSheet)
    qtbot.waitUntil(lambda: "downloads" in sheet.clean_buttons, timeout=WAIT)
    assert sheet.sizes["models"].text() == "157 kB"
    assert not sheet.sizes["quarantine"].isVisible()  # there is none
    button = sheet.clean_buttons["downloads"]
    assert button.isVisible()
    assert button.accessibleName() == "Clean up: Unfinished downloads"
    button.click()
    asked = dialog(page, qtbot, Question)
    assert isinstance(asked, Question)
    assert "left.part" in asked.accessibleDescription()
    asked.buttons[0].click()
    qtbot.waitUntil(lambda: not part.exists(), timeout=WAIT)
    qtbot.waitUntil(lambda: not button.isVisible(), timeout=WAIT)
    sheet.close()
    settle(page, qtbot)


def test_the_card_can_be_walked_by_keys(page: LibraryView, row: ModelRow, qtbot: QtBot) -> None:
    bar = page.detail.tabs.tabBar()
    page.window().activateWindow()
    bar.setFocus()
    for at in range(1, page.detail.tabs.count()):
        QTest.keyClick(bar, Qt.Key.Key_Right)
        assert page.detail.tabs.currentIndex() == at
    assert row.version.name == "Tiny"
    settle(page, qtbot)
