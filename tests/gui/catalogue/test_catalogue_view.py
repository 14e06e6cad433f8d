"""The catalogue in the window: searched, narrowed, weighed, led on to the hub, all without a network."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bancada.catalog.catalogue.shelf import shipped
from bancada.gui.desk import Desk
from bancada.gui.models.catalogue import (
    CatalogueRow,
    facet_text,
    facts_of,
    files_wanted,
    languages_text,
    need_text,
)
from bancada.gui.pages.models.catalogue.view import CatalogueView
from bancada.gui.pages.models.page import ModelsPage
from bancada.storage.blobs import BlobStore
from bancada.storage.models import FileRecord, NewVersion, add_version
from gui.keys import press

WAIT = 30_000


@pytest.fixture
def view(desk: Desk, qtbot: QtBot) -> CatalogueView:
    """The view with the shipped catalogue, on the screen."""
    with qtbot.waitActive(desk.window):
        desk.window.show()
        desk.window.activateWindow()
    desk.navigate("models", view="catalogue")
    page = desk.page("models")
    assert isinstance(page, ModelsPage)
    found = page.views["catalogue"]
    assert isinstance(found, CatalogueView)
    qtbot.waitUntil(lambda: bool(found.model.records()) and not desk.background.busy, timeout=WAIT)
    return found


def shown(view: CatalogueView) -> list[CatalogueRow]:
    proxy = view.table.proxy
    return [view.model.at(proxy.mapToSource(proxy.index(at, 0)).row()) for at in range(proxy.rowCount())]


def test_all_of_it_is_there_and_the_first_is_explained(view: CatalogueView) -> None:
    rows = shown(view)
    assert len(rows) == len(shipped().entries)
    order = [("fits", "tight", "large").index(one.found.fit.verdict) for one in rows]
    assert order == sorted(order)
    assert view.card.name.text() == rows[0].entry.name
    assert view.card.obligations.text()
    assert str(len(rows)) in view.count.text()


def test_typing_and_boxes_narrow(view: CatalogueView) -> None:
    QTest.keyClicks(view.search, "granite")
    assert {one.entry.publisher for one in shown(view)} == {"IBM"}
    view.facets.choose("kind", "embedder")
    rows = shown(view)
    assert rows
    assert {one.entry.kind for one in rows} == {"embedder"}
    assert view.facets.clear_button.isEnabled()
    assert str(len(rows)) in view.count.text()
    QTest.keyClicks(view.search, " nothing like it")
    assert view.results.currentWidget() is view.nothing
    view.nothing.button.click()
    assert len(shown(view)) == len(shipped().entries)
    assert view.results.currentWidget() is view.table
    view.search.setText("portuguese")
    assert all("pt" in one.entry.languages for one in shown(view))


def test_the_card_says_what_the_licence_asks_for(view: CatalogueView) -> None:
    view.opened(entry="qwen2.5-3b-instruct")
    card = view.card
    assert card.name.text() == "Qwen2.5 3B Instruct"
    assert "not allowed" in card.allowed.text()
    assert "research" in card.obligations.text().casefold()
    assert card.checked.text() == "Not verified"
    row = view.model.record("qwen2.5-3b-instruct")
    assert row is not None
    assert card.model.rowCount() == len(row.found.fit.quantizations)
    assert "licence" in card.evidence.toPlainText()
    view.opened(entry="mistral-nemo-instruct-2407")
    assert card.checked.text() == "Checked"
    assert "consent" in card.allowed.text()
    assert not card.owned.isVisible()


def test_it_leads_on_to_the_hub_with_the_file_that_fits(
    view: CatalogueView, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(
        type(view.shell), "navigate", lambda _self, page, **arguments: asked.append((page, arguments))
    )
    view.opened(entry="llama-3.1-8b-instruct")
    row = view.model.record("llama-3.1-8b-instruct")
    assert row is not None
    repo, files = files_wanted(row)
    view.card.find_button.click()
    view.table.setFocus()
    press(view.window(), "Ctrl+Return")
    wanted = ("models", {"view": "hub", "repo": repo, "files": files})
    assert asked == [wanted, wanted]
    assert repo == row.entry.gguf_repo
    assert files[0].endswith(".gguf")


def test_what_is_in_the_library_is_marked(view: CatalogueView, desk: Desk, qtbot: QtBot) -> None:
    entry = next(one for one in shipped().entries if one.id == "qwen3-8b")
    context = desk.context
    blob = BlobStore(context.home, context.database).put_bytes(b"weights")
    new = NewVersion(
        format="gguf", architecture="qwen3", quantization="Q4_K_M", parameters=8_190_735_360,
        bits_per_weight=4.9, layers=36, context_length=40_960, license="apache-2.0",
        size_bytes=blob.size_bytes,
        sha256=blob.sha256, source=f"http://mirror/{entry.gguf_repo}@{'0' * 40}",
    )  # fmt: skip
    version = add_version(context.database, "Mine", new, [FileRecord("m.gguf", blob.sha256, blob.size_bytes)])
    view.refresh()
    qtbot.waitUntil(lambda: any(one.owned for one in view.model.records()), timeout=WAIT)
    view.opened(entry="qwen3-8b")
    qtbot.waitUntil(view.card.owned.isVisible, timeout=WAIT)
    assert view.card.owned.toolTip() == "Mine:1"
    asked: list[str] = []
    view.card.open_library.connect(asked.append)
    view.card.library_button.click()
    assert asked == [version.id]
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)


def test_by_keyboard_alone(view: CatalogueView, qapp: QApplication) -> None:
    press(view.window(), "Ctrl+F")
    assert qapp.focusWidget() is view.search
    QTest.keyClicks(view.search, "smollm3")
    assert [one.entry.id for one in shown(view)] == ["smollm3-3b"]
    assert view.table.selected_ids() == ["smollm3-3b"]
    QTest.keyClick(view.search, Qt.Key.Key_Escape)
    assert not view.search.text()
    for box in view.facets.boxes.values():
        assert box.accessibleName()
        assert box.count() > 1


def test_words_for_people(view: CatalogueView) -> None:
    for row in view.model.records():
        assert all(name and value for name, value in facts_of(row)), row.entry.id
    gemma = view.model.record("gemma-3-4b-it")
    assert gemma is not None
    assert languages_text(gemma.entry) == "140 languages"
    unknown = view.model.record("granite-4.0-h-tiny")
    assert unknown is not None
    assert need_text(unknown.found.fit.best, whole=False).startswith("\N{GREATER-THAN OR EQUAL TO}")
    assert facet_text("language", "it") == "Italian"
    assert facet_text("tools", "yes") == "Calls tools"
