"""The benchmark as files: the charts as a picture, the results and one run as CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QMenu

from bancada.bench.report import report, to_csv
from bancada.core.errors import BancadaError
from bancada.gui.pages.benchmark.board import ChartBoard
from bancada.gui.pages.benchmark.results import ResultsPanel
from bancada.gui.pages.page import Page
from bancada.gui.widgets.charts.export import replace_file


class Exporting(QObject):
    """The menu of the button Export."""

    def __init__(self, page: Page, board: ChartBoard, results: ResultsPanel) -> None:
        super().__init__(page)
        self._page, self._board, self._results = page, board, results
        self._shell = page.shell
        self.menu = QMenu(page)
        self.menu.addAction(
            self.tr("Charts as PNG\N{HORIZONTAL ELLIPSIS}"), lambda: self._ask("png", self.save_charts)
        )
        self.menu.addAction(
            self.tr("Results as CSV\N{HORIZONTAL ELLIPSIS}"), lambda: self._ask("csv", self.save_table)
        )
        self._run = self.menu.addAction(
            self.tr("All statistics of the selected run as CSV\N{HORIZONTAL ELLIPSIS}"),
            lambda: self._ask("csv", self.save_run),
        )
        self.menu.aboutToShow.connect(lambda: self._run.setEnabled(bool(results.selected_runs)))

    def save_charts(self, path: Path) -> None:
        """Write all charts as one picture."""
        try:
            self._board.save_png(path)
        except BancadaError as error:
            self._shell.show_error(error)
        else:
            self._saved(path)

    def save_table(self, path: Path) -> None:
        """Write the rows and columns of the table as they are shown."""
        self._write(path, self._results.table.text(separator=","))

    def save_run(self, path: Path) -> None:
        """Write every statistic of the first selected run."""
        database, chosen = self._shell.context.database, self._results.selected_runs
        if chosen:
            self._shell.background.run(
                lambda: to_csv(report(database, chosen[0])),
                lambda text: self._write(path, text),
                self._shell.show_error,
                owner=self,
            )

    def _ask(self, ending: str, save: Callable[[Path], None]) -> None:
        dialog = QFileDialog(self._page, self.tr("Export the benchmark"), f"benchmark.{ending}")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(f"{ending.upper()} (*.{ending})")
        dialog.setDefaultSuffix(ending)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: save(Path(path)))
        dialog.open()

    def _write(self, path: Path, text: str) -> None:
        def write(part: Path) -> None:
            part.write_text(text, encoding="utf-8", newline="")

        self._shell.background.run(
            lambda: replace_file(path, write),
            lambda _: self._saved(path),
            self._shell.show_error,
            owner=self,
        )

    def _saved(self, path: Path) -> None:
        self._shell.notify("success", self.tr("Saved as %1.").replace("%1", str(path)))
