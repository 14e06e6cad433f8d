"""The filter below every table: right beside Qt's own tester, selections kept, no row asked twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bancada.gui.models.record_filter import RecordFilter
from bancada.gui.models.records import Column, RecordModel
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.table import Table


@dataclass(frozen=True)
class Thing:
    id: str
    name: str
    size: int | None


ASKED: list[str] = []


def _name(one: Thing) -> str:
    ASKED.append(one.id)
    return one.name


COLUMNS = (
    Column[Thing]("name", "Name", lambda one: one.name, _name),
    Column[Thing]("size", "Size", lambda one: one.size, lambda one: str(one.size)),
)
WORDS = ("red", "blue", "green", "round", "square")


def things(count: int, seed: int = 1) -> list[Thing]:
    chance = random.Random(seed)
    return [
        Thing(f"t{at}", " ".join(chance.sample(WORDS, 2)), chance.choice([None, *range(9)]))
        for at in range(count)
    ]


@pytest.fixture
def model(qapp: QApplication, theme: Theme) -> RecordModel[Thing]:
    return RecordModel(theme, COLUMNS, lambda one: one.id)


@pytest.fixture
def proxy(model: RecordModel[Thing]) -> Iterator[RecordFilter]:
    made = RecordFilter(model)
    testers = [
        QAbstractItemModelTester(one, QAbstractItemModelTester.FailureReportingMode.Fatal)
        for one in (model, made)
    ]
    yield made
    for one in testers:
        one.deleteLater()
    made.deleteLater()


def shown(proxy: RecordFilter) -> list[Thing]:
    model = proxy.sourceModel()
    assert isinstance(model, RecordModel)
    every = model.records()
    return [every[proxy.mapToSource(proxy.index(at, 0)).row()] for at in range(proxy.rowCount())]


def expected(every: list[Thing], words: list[str], *, by_size: bool, descending: bool) -> list[Thing]:
    kept = [one for one in every if all(word in f"{one.name} {one.size}".casefold() for word in words)]
    if not by_size:
        return kept
    return sorted(kept, key=lambda one: (one.size is None, one.size or 0), reverse=descending)


def test_any_change_gives_what_filtering_anew_would(model: RecordModel[Thing], proxy: RecordFilter) -> None:
    chance = random.Random(7)
    every, words, by_size, descending = things(60), list[str](), False, False
    model.set_records(every)
    for step in range(300):
        what = chance.randrange(5)
        if what == 0:
            words = chance.sample(WORDS, chance.randrange(3))
            proxy.set_text(" ".join(words).upper())
        elif what == 1:
            by_size, descending = chance.random() < 0.8, chance.random() < 0.5
            order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
            proxy.sort(1 if by_size else -1, order)
        elif what == 2:
            every = [one for one in every if chance.random() < 0.9]
            new = [replace(one, id=f"n{step}-{at}") for at, one in enumerate(things(4, step))]
            for one in new:
                every.insert(chance.randrange(len(every) + 1), one)
            model.set_records(every)
        elif what == 3 and every:
            at = chance.randrange(len(every))
            every = [*every[:at], replace(things(1, step)[0], id=every[at].id), *every[at + 1 :]]
            model.update_record(every[at])
        else:
            chance.shuffle(every)
            model.set_records(list(every))
            every = model.records()
        assert shown(proxy) == expected(every, words, by_size=by_size, descending=descending), step
        for at in range(proxy.rowCount()):
            assert proxy.mapFromSource(proxy.mapToSource(proxy.index(at, 1))) == proxy.index(at, 1)


def test_whoever_points_at_a_row_keeps_it(model: RecordModel[Thing], proxy: RecordFilter) -> None:
    model.set_records([Thing("a", "red", 3), Thing("b", "blue", 1), Thing("c", "green", 2)])
    blue, green = (QPersistentModelIndex(proxy.index(at, 0)) for at in (1, 2))
    proxy.sort(1)
    assert (blue.row(), blue.data()) == (0, "blue")
    proxy.set_text("e")
    proxy.set_text("green")
    assert not blue.isValid()
    assert (green.row(), green.data()) == (0, "green")
    assert not proxy.mapFromSource(model.index(0, 0)).isValid()


def test_a_rows_text_is_put_together_once(model: RecordModel[Thing], qtbot: QtBot) -> None:
    proxy = RecordFilter(model, model)  # without Qt's testers, which ask for texts as well
    every = things(400)
    ASKED.clear()
    model.set_records(every)
    qtbot.waitUntil(lambda: len(set(ASKED)) == len(every))  # before anybody types
    ASKED.clear()
    for text in ("r", "re", "red", "red b", ""):
        proxy.set_text(text)
    assert not ASKED
    model.update_record(replace(every[0], name="violet"))
    proxy.set_text("viol")
    assert [one.name for one in shown(proxy)] == ["violet"]
    assert set(ASKED) == {every[0].id}


def test_a_table_follows_its_filter_with_the_selection(
    theme: Theme, model: RecordModel[Thing], qtbot: QtBot
) -> None:
    table = Table(theme, model, "Things")
    qtbot.addWidget(table)
    table.show()
    model.set_records([Thing("a", "red", 3), Thing("b", "blue", 1), Thing("c", "round blue", 2)])
    said: list[list[str]] = []
    table.selected.connect(said.append)
    table.select("c")
    table.filter.setText("blue")
    assert table.selected_ids() == ["c"]
    table.sort_by("size", descending=True)
    assert table.selected_ids() == ["c"]
    assert said == [["c"]]
    table.filter.setText("red")  # what was selected is gone: the first row takes its place
    assert said[-1] == table.selected_ids() == ["a"]
    table.filter.setText("nothing at all")
    assert said[-1] == table.selected_ids() == []
    table.filter.clear()
    assert table.proxy.rowCount() == 3
