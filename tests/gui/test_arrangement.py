"""What a person arranged comes back with the next window; what is narrow folds by itself."""

from __future__ import annotations

import json

import pytest
from pytestqt.qtbot import QtBot

from bancada.gui.desk import Desk
from bancada.gui.pages.jobs import JobsPage
from bancada.gui.pages.playground.page import PlaygroundPage
from bancada.storage import settings


def playground(desk: Desk) -> PlaygroundPage:
    """The Playground in the window, as wide as it is now."""
    desk.window.show()
    desk.navigate("playground")
    page = desk.page("playground")
    assert isinstance(page, PlaygroundPage)
    return page


def test_columns_and_filter_of_a_table_come_back(desk: Desk, qtbot: QtBot) -> None:
    desk.window.show()
    desk.navigate("jobs")
    page = desk.page("jobs")
    assert isinstance(page, JobsPage)
    page.table.filter.setText("import")
    page.table.view.horizontalHeader().moveSection(1, 3)
    page.table.sort_by("took")
    page.table.arranged.emit()
    before = page.table.arrangement()
    page._arrangement.flush()
    key = "window.jobs"
    qtbot.waitUntil(lambda: settings.get(desk.context.database, key) != "{}")
    page.table.arrange({"hidden": [], "order": [], "widths": {}, "sort": "title", "filter": ""})
    assert page.table.arrangement() != before
    page.table.arrange(json.loads(settings.get(desk.context.database, key))["tables"]["jobs"])
    assert page.table.arrangement() == before


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"splitters": 3}', '{"splitters": {"panes": [1]}, "folded": 7}', "[" * 9_000]
)
def test_an_arrangement_that_does_not_fit_is_left_out(desk: Desk, text: str) -> None:
    settings.set(desk.context.database, "window.playground", text)
    page = playground(desk)
    assert not page.parts.pane.isHidden()


def test_a_folded_pane_stays_folded_after_a_restart(desk: Desk, qtbot: QtBot) -> None:
    settings.set(desk.context.database, "window.playground", json.dumps({"folded": ["parameters"]}))
    desk.window.resize(1280, 800)
    page = playground(desk)
    assert page.parts.panel.isHidden()
    page.parts._panel_button.click()
    assert not page.parts.panel.isHidden()
    page.parts._list_button.click()
    page.parts.arrangement.flush()

    def kept() -> list[str]:
        found: list[str] = json.loads(settings.get(desk.context.database, "window.playground"))["folded"]
        return found

    qtbot.waitUntil(lambda: kept() == ["conversations"])


def test_panes_fold_in_a_narrow_window_and_come_back(desk: Desk, qtbot: QtBot) -> None:
    desk.window.resize(1280, 800)
    page = playground(desk)
    parts = page.parts
    assert parts.panel.isVisible()
    desk.window.resize(640, 480)
    qtbot.waitUntil(lambda: not parts.panel.isVisible() and not parts.pane.isVisible())
    parts._panel_button.click()
    assert parts.panel.isVisible()
    parts._list_button.click()
    assert parts.pane.isVisible()
    assert not parts.panel.isVisible(), "there is room for one"
    assert parts.folding.folded == [], "lack of room is no wish"
    desk.window.resize(1280, 800)
    qtbot.waitUntil(lambda: parts.panel.isVisible() and parts.pane.isVisible())
