"""The runs that were kept, as a table; several of them side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QCoreApplication, QItemSelection, QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QLineEdit, QTabWidget, QVBoxLayout, QWidget

from bancada.bench.report import ComparedMeasure, Comparison, compare
from bancada.core.events import Changed
from bancada.gui.models.bench import ResultRow, columns, figure_text
from bancada.gui.models.records import Column, RecordModel
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.basics import Label, PlainButton
from bancada.gui.widgets.format import UNKNOWN, number
from bancada.gui.widgets.table import Table
from bancada.storage import runs

#: as many rows are drawn as there are styles of lines
MOST: int = 5


class ResultsPanel(QTabWidget):
    """``shown`` carries the ids of the selected rows, from top to bottom: their lines are drawn."""

    shown = Signal(list)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.tabBar().setAccessibleName(self.tr("Views of the results"))
        self.setAccessibleName(self.tr("Results of benchmarks"))
        self._shell = shell
        self._quiet = False
        self.model = RecordModel[ResultRow](shell.theme, columns(), lambda row: row.id, self)
        self.table = Table(shell.theme, self.model, self.tr("Results of benchmarks"))
        self.table.sort_by("started", descending=True)
        self.rename_button = PlainButton(self.tr("Rename\N{HORIZONTAL ELLIPSIS}"))
        self.remove_button = PlainButton(self.tr("Remove\N{HORIZONTAL ELLIPSIS}"))
        for button, slot in ((self.rename_button, self.rename), (self.remove_button, self.remove)):
            button.setEnabled(False)
            button.clicked.connect(slot)
        self.table.selected.connect(self._selected)
        self._comparison = QWidget()
        self._column = QVBoxLayout(self._comparison)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._hint = Label("", "muted", wrap=True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column.addWidget(self._hint)
        self._compared: Table | None = None
        self.setCornerWidget(self._make_corner())
        self.addTab(self.table, self.tr("Results"))
        self.addTab(self._comparison, self.tr("Comparison"))
        self.currentChanged.connect(self._compare)

    def _make_corner(self) -> QWidget:
        """Filter and buttons stand in the line of the tabs: the charts need the height."""
        corner = QWidget()
        row = QHBoxLayout(corner)
        row.setContentsMargins(0, 0, 0, 2)
        row.setSpacing(8)
        self.table.filter.setFixedWidth(220)
        for widget in (self.table.filter, self.rename_button, self.remove_button, self.table.menu_button):
            row.addWidget(widget)
        return corner

    @property
    def selected_runs(self) -> list[str]:
        """The ids of the runs of the selected rows, each once."""
        return list(dict.fromkeys(one.split("/")[0] for one in self.table.selected_ids()))

    def show_rows(self, rows: list[ResultRow]) -> None:
        """Show the results; the selection stays."""
        self._quiet = True
        self.model.set_records(rows)
        self._quiet = False

    def select_run(self, run_id: str) -> None:
        """Select the rows of a run alone; an unknown run changes nothing."""
        rows = [one.id for one in self.model.records() if one.run_id == run_id]
        if not rows:
            return
        selection = QItemSelection()
        for row in rows:
            index = self.table.proxy.mapFromSource(self.model.index(self.model.row_of(row), 0))
            selection.select(index, index)
        view = self.table.view
        flag = QItemSelectionModel.SelectionFlag
        view.selectionModel().select(selection, flag.ClearAndSelect | flag.Rows)
        view.scrollTo(selection.indexes()[0])

    def color_rows(self, tokens: dict[str, str]) -> None:
        """Write the names of the drawn rows in the colours of their lines."""
        for row in self.model.records():
            self.model.update_record(replace(row, token=tokens.get(row.id, "")))

    # -- rename and remove

    def rename(self) -> None:
        """Ask for another name of the first selected run."""
        if not self.selected_runs:
            return
        run_id = self.selected_runs[0]
        name = next(one.name for one in self.model.records() if one.run_id == run_id)
        dialog = QInputDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("Rename the run"))
        dialog.setLabelText(self.tr("Name"))
        dialog.setTextValue(name)
        dialog.setOkButtonText(self.tr("Rename"))
        field = dialog.findChild(QLineEdit)
        if field is not None:
            field.setMaxLength(200)
        dialog.textValueSelected.connect(lambda text: self._rename(run_id, text))
        dialog.open()

    def _rename(self, run_id: str, name: str) -> None:
        if name.strip():
            database = self._shell.context.database
            self._write(lambda: runs.rename(database, run_id, name.strip()))

    def remove(self) -> None:
        """Ask before the selected runs are removed with their values."""
        chosen = self.selected_runs
        if not chosen:
            return
        names = [next(one.name for one in self.model.records() if one.run_id == run_id) for run_id in chosen]
        single = self.tr("Remove %1").replace("%1", names[0])
        several = self.tr("Remove %1 runs").replace("%1", number(len(chosen)))
        verb = single if len(chosen) == 1 else several
        ask(
            self,
            f"{verb}?",
            self.tr("Every value that was measured goes with it. This cannot be undone."),
            (
                Answer(verb, lambda: self._remove(chosen), "danger"),
                Answer(self.tr("Keep"), lambda: None),
            ),
        )

    def _remove(self, chosen: list[str]) -> None:
        database = self._shell.context.database

        def work() -> None:
            for run_id in chosen:
                runs.remove(database, run_id)

        self._write(work)

    def _write(self, work: Callable[[], None]) -> None:
        events = self._shell.context.events
        self._shell.background.run(work, lambda _: events.publish(Changed("run")), owner=self)

    # -- selection and comparison

    def _selected(self, _ids: list[str]) -> None:
        chosen = self.selected_runs
        statuses = {one.run_id: one.status for one in self.model.records()}
        self.rename_button.setEnabled(len(chosen) == 1)
        self.remove_button.setEnabled(bool(chosen) and all(statuses.get(one) != "running" for one in chosen))
        title = self.tr("Comparison")
        self.setTabText(1, f"{title} ({len(chosen)})" if len(chosen) > 1 else title)
        if not self._quiet:
            rows = self.table.selected_ids()
            self.shown.emit(rows[:MOST])
            if len(rows) > MOST:
                text = self.tr("The charts show the first %1 of the selected rows.")
                self._shell.notify("info", text.replace("%1", number(MOST)))
        self._compare()

    def _compare(self) -> None:
        chosen = self.selected_runs
        if self.currentIndex() != 1:
            return
        if len(chosen) < 2:
            self._show_comparison(None)
            return
        database = self._shell.context.database
        self._shell.background.run(
            lambda: compare(database, chosen), self._show_comparison, self._shell.show_error, owner=self
        )

    def _show_comparison(self, comparison: Comparison | None) -> None:
        if self._compared is not None:
            self._column.removeWidget(self._compared)
            self._compared.deleteLater()
            self._compared = None
        nothing = comparison is None or not comparison.rows
        self._hint.setVisible(nothing)
        self._hint.setText(
            self.tr("Select two or more runs (Ctrl+click) to put them side by side.")
            if comparison is None
            else self.tr("These runs have no lengths of prompt and answer in common.")
        )
        if comparison is not None and not nothing:
            model = RecordModel[ComparedMeasure](
                self._shell.theme, comparison_columns(comparison), _comparison_key, self
            )
            self._compared = Table(self._shell.theme, model, self.tr("Comparison"), filter_row=False)
            self._compared.view.setSortingEnabled(False)
            model.set_records(comparison.rows)
            self._column.addWidget(self._compared)

    def comparison_columns(self) -> list[str]:
        """The titles of the comparison that is shown."""
        return [] if self._compared is None else [one.title for one in self._compared.model.columns]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Benchmark", text)


def _comparison_key(row: ComparedMeasure) -> str:
    return f"{row.measure.key}/{row.prompt_tokens}/{row.answer_tokens}"


def comparison_columns(comparison: Comparison) -> list[Column[ComparedMeasure]]:
    """Measure, lengths, the median of each run, and each median relative to the first run's."""
    made: list[Column[ComparedMeasure]] = [
        Column("measure", _tr("Measure"), lambda row: row.measure.name, width=190,
               text=lambda row: f"{row.measure.name} ({row.measure.unit})"),
        Column("lengths", _tr("Tokens"), lambda row: (row.prompt_tokens, row.answer_tokens), figures=True,
               text=lambda row: f"{number(row.prompt_tokens)} + {number(row.answer_tokens)}", width=92),
    ]  # fmt: skip
    for at, report in enumerate(comparison.reports):
        made.append(_median_column(at, report.name))
        if at:
            made.append(_ratio_column(at))
    return made


def _median_column(at: int, name: str) -> Column[ComparedMeasure]:
    return Column(
        f"p50.{at}",
        f"{name} p50",
        lambda row: row.statistics[at].p50,
        lambda row: figure_text(row.measure.key, row.statistics[at].p50),
        figures=True,
        width=190,
    )


def _ratio_column(at: int) -> Column[ComparedMeasure]:
    """The ratio, in the tone of better or worse where the intervals keep apart."""

    def tone(row: ComparedMeasure) -> str:
        ratio = row.ratios[at]
        if ratio is None or not row.clear[at] or not row.measure.better:
            return "muted"
        return "good" if (ratio > 1) == (row.measure.better == "higher") else "bad"

    def text(row: ComparedMeasure) -> str:
        ratio = row.ratios[at]
        if ratio is None:
            return UNKNOWN
        sign = "" if row.clear[at] else " ~"
        return f"\N{MULTIPLICATION SIGN}{number(ratio, 2)}{sign}"

    def tip(row: ComparedMeasure) -> str:
        if row.clear[at]:
            return _tr("The intervals keep apart: the difference is more than noise.")
        return _tr("~ The intervals overlap, or there are too few values: it may be noise.")

    return Column(
        f"ratio.{at}",
        _tr("Ratio"),
        lambda row: row.ratios[at],
        text,
        figures=True,
        tone=tone,
        width=92,
        tip=tip,
    )
