"""Filtering as one types: a catalogue of 5,000 entries and a library of 2,000 models, beside the naive way.

    python tests/performance/gui_filter.py [OUT.json]

Real widgets, offscreen. Measured is the time from a key's stroke until the table has been painted anew: the
filter, the view's new layout and the painting. The naive way is Qt's own sorting proxy with the filter in
Python, cell by cell, as one would write it first. Words are typed letter by letter and taken back again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "app"), str(ROOT / "tests")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QObject, QSortFilterProxyModel, Qt  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication, QLineEdit, QTableView, QVBoxLayout, QWidget  # noqa: E402

from bancada.catalog.catalogue.fitting import Place, fit  # noqa: E402
from bancada.catalog.catalogue.looking import Look  # noqa: E402
from bancada.catalog.catalogue.searching import Found  # noqa: E402
from bancada.catalog.catalogue.shelf import Current, shipped  # noqa: E402
from bancada.catalog.forecaster import Forecaster  # noqa: E402
from bancada.gui.models import catalogue as shown  # noqa: E402
from bancada.gui.models import library  # noqa: E402
from bancada.gui.models.records import SORT_ROLE, Index, RecordModel  # noqa: E402
from bancada.gui.theme.theme import Theme  # noqa: E402
from bancada.gui.widgets.table import Table  # noqa: E402
from bancada.storage.models import VersionRecord  # noqa: E402

ENTRIES: Final = 5_000
MODELS: Final = 2_000
GOAL_MS: Final = 50.0
_ROUNDS: Final = 4
_WORDS: Final = ("qwen 7b", "italian open", "granite 4", "e", "llama 3 instruct")
#: the naive way takes its time
_NAIVE_WORDS: Final = ("qwen", "ita")
_SETTLE_S: Final = 2.0


class NaiveFilter(QSortFilterProxyModel):
    """Every cell is asked for at every key, and every comparison asks for two."""

    def __init__(self) -> None:
        super().__init__()
        self._words: tuple[str, ...] = ()
        self.setSortRole(SORT_ROLE)

    def set_text(self, text: str) -> None:
        self.beginFilterChange()
        self._words = tuple(text.casefold().split())
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802 - Qt's name
        model = self.sourceModel()
        cells = (model.index(row, column, parent).data() for column in range(model.columnCount()))
        text = " ".join(str(one or "") for one in cells).casefold()
        return all(word in text for word in self._words)

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802
        return bool(left.data(SORT_ROLE) < right.data(SORT_ROLE))


class Naive(QWidget):
    """A field and a table, as one would write them first."""

    def __init__(self, model: RecordModel[Any]) -> None:
        super().__init__()
        self.filter, self.view, self.proxy = QLineEdit(), QTableView(), NaiveFilter()
        self.proxy.setSourceModel(model)
        self.view.setModel(self.proxy)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.filter.textChanged.connect(self.proxy.set_text)
        column = QVBoxLayout(self)
        column.addWidget(self.filter)
        column.addWidget(self.view)


class Watched(QObject):
    """Counts the paintings of a view, which are done when the loop of events comes back."""

    def __init__(self, view: QTableView) -> None:
        super().__init__(view)
        self.painted = 0
        view.viewport().installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        self.painted += event.type() == QEvent.Type.Paint
        return False


def many_entries() -> Look:
    """The shipped catalogue again and again, each time under other names."""
    catalogue, place, known = shipped(), Place(12_000_000_000, 16_000_000_000), Forecaster()
    found = []
    for number in range(ENTRIES):
        one = catalogue.entries[number % len(catalogue.entries)]
        turn = number // len(catalogue.entries)
        twin = replace(one, id=f"{one.id}-{turn}", name=f"{one.name} {turn}") if turn else one
        found.append(Found(twin, fit(twin, place, known, 4096)))
    entries = tuple(one.entry for one in found)
    return Look(Current(replace(catalogue, entries=entries), brought=False), tuple(found), place, 4096)


def many_models() -> list[library.ModelRow]:
    """Versions as a library has them, without files."""
    families = ("Llama", "Qwen", "Granite", "SmolLM", "Mistral", "EuroLLM", "Phi", "Gemma")
    rows = []
    for number in range(MODELS):
        family = families[number % len(families)]
        version = VersionRecord(
            id=f"v{number}", model_id=f"m{number}", name=f"{family} {number} Instruct",
            version=1 + number % 3, format="gguf", architecture=family.lower(),
            quantization=("Q4_K_M", "Q8_0")[number % 2],
            parameters=10**9 + number, bits_per_weight=4.5 + number % 4, layers=32, context_length=4096,
            license=("Apache-2.0", "MIT")[number % 2], chat_template="x", size_bytes=10**9 + number * 1000,
            sha256=f"{number:064x}", metadata={}, warnings=(), source="a file", parent_version_id=None,
            produced_by_run_id=None, crashes=0, created_at="2026-11-25T00:00:00Z", files=(),
        )  # fmt: skip
        rows.append(library.ModelRow(version, "ready", 10**9 + number, 12 * 10**9))
    return rows


def strokes(application: QApplication, widget: Any, words: Sequence[str]) -> list[float]:
    """Type the words and take them back, letter by letter; milliseconds from key to painted table."""
    watched = Watched(widget.view)
    widget.resize(900, 600)
    widget.show()
    end = perf_counter() + _SETTLE_S
    while perf_counter() < end:
        application.processEvents()
    times = []
    for word in words:
        for key in [*word, *([Qt.Key.Key_Backspace] * len(word))]:
            before = watched.painted
            began = perf_counter()
            if isinstance(key, str):
                QTest.keyClicks(widget.filter, key)
            else:
                QTest.keyClick(widget.filter, key)
            if watched.painted == before:
                widget.view.viewport().update()  # a key that changes no row paints nothing
            while watched.painted == before:
                application.processEvents()
            times.append(1000 * (perf_counter() - began))
    widget.close()
    return times


def summary(times: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and the longest, in milliseconds."""
    return {"median": median(times), "p95": quantiles(times, n=20)[-1], "max": max(times)}


def main() -> None:
    """Measure both tables in both ways and say whether the goal is met."""
    application = QApplication([])
    theme = Theme(application, "light")
    look = many_entries()
    models: dict[str, RecordModel[Any]] = {
        f"catalogue, {ENTRIES:,} entries": RecordModel(theme, shown.columns(), lambda one: one.entry.id),
        f"library, {MODELS:,} models": RecordModel(theme, library.columns(), lambda one: one.version.id),
    }
    records: list[list[Any]] = [shown.rows_of(look), many_models()]
    result: dict[str, Any] = {}
    for (name, model), rows in zip(models.items(), records, strict=True):
        model.set_records(rows)
        table = Table(theme, model, name)
        table.sort_by("name")
        ours = summary(strokes(application, table, _WORDS * _ROUNDS))
        naive = summary(strokes(application, Naive(model), _NAIVE_WORDS))
        ratio = ours["median"] / naive["median"]
        result[name] = {"ours_ms": ours, "naive_ms": naive, "ratio": ratio, "met": ours["max"] < GOAL_MS}
        for way, found in (("ours", ours), ("naive", naive)):
            words = ", ".join(f"{key} {value:.1f}" for key, value in found.items())
            print(f"{name:28} {way:6} ms: {words}")
        print(f"{name:28} ratio of the medians {ratio:.3f}, under {GOAL_MS:.0f} ms: {ours['max'] < GOAL_MS}")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
