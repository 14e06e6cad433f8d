"""Tables: changes by row, sorting by value, filter, columns, copies without formulas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bancada.gui.models.records import SORT_ROLE, Column, RecordModel
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.table import Table


@dataclass(frozen=True)
class Thing:
    id: str
    name: str
    size: int | None
    share: float | None = None


COLUMNS = (
    Column[Thing]("name", "Name", lambda one: one.name, tip=lambda one: one.id, stretch=True),
    Column[Thing](
        "size",
        "Size",
        lambda one: one.size,
        lambda one: "" if one.size is None else f"{one.size} MB",
        figures=True,
        tone=lambda one: "bad" if one.size is None else "",
        progress=lambda one: one.share,
    ),
    Column[Thing]("id", "Id", lambda one: one.id, hidden=True),
)
THINGS = [Thing("a", "Alpha", 30), Thing("b", "beta", None, 0.4), Thing("c", "=cmd()", 4)]


@pytest.fixture
def model(qapp: QApplication, theme: Theme) -> Iterator[RecordModel[Thing]]:
    made = RecordModel(theme, COLUMNS, lambda one: one.id)
    tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    made.set_records(THINGS)
    yield made
    tester.deleteLater()


@pytest.fixture
def table(theme: Theme, model: RecordModel[Thing], qtbot: QtBot) -> Table:
    made = Table(theme, model, "Things")
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.show()
    return made


def shown(table: Table) -> list[str]:
    return [str(table.proxy.index(row, 0).data()) for row in range(table.proxy.rowCount())]


def test_only_what_differs_changes(model: RecordModel[Thing]) -> None:
    seen: list[tuple[str, int]] = []
    model.dataChanged.connect(lambda first, _last, _roles: seen.append(("changed", first.row())))
    model.rowsInserted.connect(lambda _parent, first, _last: seen.append(("in", first)))
    model.rowsRemoved.connect(lambda _parent, first, _last: seen.append(("out", first)))
    model.modelReset.connect(lambda: seen.append(("reset", 0)))
    model.set_records(THINGS)
    assert not seen
    model.set_records([THINGS[0], Thing("b", "beta", 7), THINGS[2]])
    assert seen == [("changed", 1)]
    seen.clear()
    model.set_records([Thing("z", "new", 1), THINGS[0], THINGS[2]])
    assert seen == [("out", 1), ("in", 0)]
    seen.clear()
    model.set_records([THINGS[2], THINGS[0]])
    assert ("reset", 0) in seen
    assert [one.id for one in model.records()] == ["c", "a"]


def test_one_record_is_updated(model: RecordModel[Thing]) -> None:
    model.update_record(Thing("a", "Alpha", 31))
    model.update_record(Thing("unknown", "", 1))
    assert model.record("a") == Thing("a", "Alpha", 31)
    assert model.record("unknown") is None
    assert model.row_of("c") == 2


def test_cells_say_what_they_hold(model: RecordModel[Thing]) -> None:
    size = model.index(1, 1)
    assert not size.data()
    assert size.data(SORT_ROLE) is None
    assert size.data(Qt.ItemDataRole.ForegroundRole) is not None
    assert model.index(0, 1).data(Qt.ItemDataRole.ForegroundRole) is None
    assert model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole) == "a"
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Size"
    assert model.headerData(9, Qt.Orientation.Horizontal) is None
    assert model.rowCount(model.index(0, 0)) == 0
    assert model.rowCount(QModelIndex()) == 3


def test_unknown_values_come_last_or_first(table: Table) -> None:
    table.sort_by("size")
    assert shown(table) == ["=cmd()", "Alpha", "beta"]
    table.sort_by("size", descending=True)
    assert shown(table) == ["beta", "Alpha", "=cmd()"]


def test_the_filter_takes_words_of_any_column(table: Table) -> None:
    table.filter.setText("ALPHA 30")
    assert shown(table) == ["Alpha"]
    table.filter.setText("nothing")
    assert not shown(table)
    table.filter.clear()
    assert len(shown(table)) == 3


def test_selection_survives_changes(table: Table, model: RecordModel[Thing]) -> None:
    got: list[list[str]] = []
    table.selected.connect(got.append)
    table.select("c")
    table.select("unknown")
    assert table.selected_ids() == ["c"]
    assert got[-1] == ["c"]
    model.set_records([Thing("z", "new", 1), *THINGS])
    assert table.selected_ids() == ["c"]


def test_copies_defuse_formulas(table: Table, tmp_path: Path) -> None:
    table.sort_by("name")
    table.copy()
    assert "'=cmd()\t4 MB" in QGuiApplication.clipboard().text()
    table.select("a")
    table.copy()
    assert QGuiApplication.clipboard().text() == "Name\tSize\nAlpha\t30 MB\n"
    table.export_csv(tmp_path / "things.csv")
    assert (tmp_path / "things.csv").read_text("utf-8-sig").startswith("Name,Size\n")


def test_columns_are_chosen_in_the_menu(table: Table) -> None:
    assert table.arrangement()["hidden"] == ["id"]
    menu = table.menu()
    actions = {one.text(): one for one in menu.actions()}
    actions["Size"].setChecked(False)
    actions["Id"].setChecked(True)
    assert table.arrangement()["hidden"] == ["size"]
    table.arrange({"hidden": ["id", "size"]})
    assert table.text(separator=",").splitlines()[0] == "Name"
    menu.deleteLater()


def test_the_keyboard_opens_a_row(table: Table, qtbot: QtBot) -> None:
    opened: list[str] = []
    table.opened.connect(opened.append)
    table.view.setFocus()
    table.view.selectionModel().setCurrentIndex(
        table.proxy.index(0, 0), QItemSelectionModel.SelectionFlag.SelectCurrent
    )
    QTest.keyClick(table.view, Qt.Key.Key_Return)
    assert len(opened) == 1


def test_a_bar_is_drawn_where_work_is_done(table: Table, theme: Theme) -> None:
    image = table.view.viewport().grab().toImage()
    row = table.model.row_of("b")
    rect = table.view.visualRect(table.proxy.mapFromSource(table.model.index(row, 1)))
    line = rect.bottom() - 4
    ratio = image.devicePixelRatio()
    colors = {
        image.pixelColor(int(x * ratio), int(line * ratio)).name() for x in range(rect.left(), rect.right())
    }
    assert theme.color("accent").name() in colors


def test_ten_thousand_rows_come_and_go(qapp: QApplication, theme: Theme) -> None:
    model = RecordModel(theme, COLUMNS, lambda one: one.id)
    many = [Thing(f"{at:05}", f"thing {at}", at) for at in range(10_000)]
    model.set_records(many)
    assert model.rowCount() == 10_000
    model.set_records(many[5:])
    assert model.rowCount() == 9_995
    assert model.row_of("00005") == 0


def test_columns_follow_the_size_of_text_and_the_name_stays_readable(table: Table, theme: Theme) -> None:
    header = table.view.horizontalHeader()
    size = table.view.columnWidth(1)
    theme.choose("light", 2.0)
    assert table.view.columnWidth(1) >= 2 * size
    assert table.view.rowHeight(0) == 64
    assert table.arrangement()["widths"]["size"] == pytest.approx(table.view.columnWidth(1) / 2, abs=1)
    table.resize(260, 300)
    assert header.sectionSize(0) >= 120, "the column that stretches is never squeezed to nothing"
    theme.choose("light", 1.0)
    assert table.view.columnWidth(1) == pytest.approx(size, abs=1)


def test_no_column_is_narrower_than_its_heading(qapp: QApplication, theme: Theme, qtbot: QtBot) -> None:
    columns = (
        Column[Thing]("size", "A heading of many words", lambda one: one.size, width=40, figures=True),
    )
    made = Table(theme, RecordModel(theme, columns, lambda one: one.id), "Things")
    qtbot.addWidget(made)
    header = made.view.horizontalHeader()
    assert header.sectionSize(0) > header.fontMetrics().horizontalAdvance("A heading of many words")


def test_a_table_that_is_first_shown_narrow_has_a_readable_rest(
    theme: Theme, model: RecordModel[Thing], qtbot: QtBot
) -> None:
    made = Table(theme, model, "Things")
    qtbot.addWidget(made)
    made.view.setColumnWidth(1, 300)
    made.resize(360, 300)
    made.show()
    qtbot.waitUntil(lambda: made.view.viewport().width() <= 360)
    assert made.view.horizontalHeader().sectionSize(0) >= 120
