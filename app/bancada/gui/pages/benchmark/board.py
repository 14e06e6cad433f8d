"""The charts of the Benchmark page: one line for each row of the results that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QGridLayout, QWidget

from bancada.gui.models.bench import GAP_KEY, REPETITION_KEYS, Piece
from bancada.gui.shell import Shell
from bancada.gui.widgets.charts import TimeChart
from bancada.gui.widgets.charts.export import picture, save_image
from bancada.gui.widgets.charts.numbers import number_text
from bancada.gui.widgets.charts.style import STYLES, Style
from bancada.gui.widgets.format import number

MEMORY: Final = "memory"


class ChartBoard(QWidget):
    """Five charts. ``begin`` says which lines are shown, ``add`` brings what was measured."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._theme = shell.theme
        self._labels: dict[str, str] = {}
        theme, count = shell.theme, self.tr("Repetition")
        speed = self.tr("tok/s")
        ttft, prompt, answer = REPETITION_KEYS
        self.charts: dict[str, TimeChart] = {
            ttft: TimeChart(theme, self.tr("Time to first token"), "ms", x_title=count, x_unit=""),
            prompt: TimeChart(theme, self.tr("Prompt speed"), speed, x_title=count, x_unit=""),
            answer: TimeChart(theme, self.tr("Answer speed"), speed, x_title=count, x_unit=""),
            GAP_KEY: TimeChart(
                theme, self.tr("Inter-token latency"), "ms", x_title=self.tr("Token"), x_unit=""
            ),
            MEMORY: TimeChart(theme, self.tr("Memory of the worker"), "MiB"),
        }
        self._values: dict[tuple[str, str], list[float]] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(12)
        places = (
            (ttft, 0, 0, 2),
            (prompt, 0, 2, 2),
            (answer, 0, 4, 2),
            (GAP_KEY, 1, 0, 3),
            (MEMORY, 1, 3, 3),
        )
        for key, row, column, span in places:
            chart = self.charts[key]
            chart.set_empty_text(self.tr("Choose a model and start, or select a run below."))
            chart.failed.connect(shell.show_error)
            chart.saved.connect(
                lambda path: shell.notify("success", self.tr("Saved as %1.").replace("%1", path))
            )
            grid.addWidget(chart, row, column, 1, span)
        for column in range(6):
            grid.setColumnStretch(column, 1)
        for row in range(2):
            grid.setRowStretch(row, 1)

    def begin(self, labels: Mapping[str, str]) -> list[str]:
        """Show these lines, by id with their names; others are taken away.

        Returns:
            The runs of lines that are new: :meth:`add` must bring them whole.
        """
        before = set(self._labels)
        for line in [one for one in self._labels if labels.get(one) != self._labels[one]]:
            for key, chart in self.charts.items():
                chart.remove_series(self._labels[line])
                self._values.pop((line, key), None)
            before.discard(line)
        self._labels = dict(labels)
        if not self._labels:
            for chart in self.charts.values():
                chart.clear()
        for line in self._labels:
            if line not in before:
                self._name(line)
        self._say_figures()
        return list(dict.fromkeys(_run(line) for line in self._labels if line not in before))

    @property
    def shown(self) -> list[str]:
        """The ids of the lines that are drawn."""
        return list(self._labels)

    def line_style(self, line: str) -> Style:
        """The style of a line: by its place among the shown ones."""
        return STYLES[list(self._labels).index(line) % len(STYLES)]

    def add(self, piece: Piece, *, whole: bool = False) -> None:
        """Draw what was measured since the last piece of the same run; ``whole``: in place of it."""
        mine = [line for line in self._labels if _run(line) == piece.run_id]
        for line in mine:
            style = self.line_style(line)
            for key, (xs, ys) in piece.lines.get(line, {}).items():
                known = self._values.setdefault((line, key), [])
                if whole:
                    known.clear()
                if known:
                    self.charts[key].extend_series(self._labels[line], xs, ys)
                else:
                    self.charts[key].set_series(self._labels[line], xs, ys, style)
                known.extend(ys)
        if mine and piece.memory[0]:
            # memory is the worker's, whatever the lengths: the first of the run's lines stands for it
            self.charts[MEMORY].set_series(self._labels[mine[0]], *piece.memory, self.line_style(mine[0]))
            self._values[mine[0], MEMORY] = piece.memory[1]
        if mine and mine[0] == next(iter(self._labels)):
            self._show_forecast(piece.forecast_mib)
        self._say_figures()

    def show_tables(self, *, shown: bool) -> None:
        """Show all charts as tables, or as drawings again."""
        for chart in self.charts.values():
            chart.show_table(shown=shown)

    def save_png(self, path: Path) -> None:
        """Write all charts as one picture. Raises BancadaError ``chart.not_saved``."""
        pictures = [picture(one.figure) for one in self.charts.values()]
        rows = [pictures[:3], pictures[3:]]
        width = max(sum(_size(one).width() for one in row) for row in rows)
        heights = [max(_size(one).height() for one in row) for row in rows]
        whole = QImage(QSize(width, sum(heights)) * 2, QImage.Format.Format_ARGB32)
        whole.setDevicePixelRatio(2)
        whole.fill(self._theme.color("surface"))
        painter = QPainter(whole)
        top = 0
        for row, height in zip(rows, heights, strict=True):
            left = 0
            for one in row:
                painter.drawImage(left, top, one)
                left += _size(one).width()
            top += height
        painter.end()
        save_image(whole, path)

    def _name(self, line: str) -> None:
        """Give a line its place in the legends before its values arrive, in whatever order they do."""
        first = next(one for one in self._labels if _run(one) == _run(line))
        for key, chart in self.charts.items():
            if key != MEMORY or line == first:
                chart.set_series(self._labels[line], (), (), self.line_style(line))

    def _show_forecast(self, forecast_mib: float | None) -> None:
        references = self.charts[MEMORY].plot.references
        for label in list(references.values):
            if forecast_mib is None or references.values[label] != forecast_mib:
                self.charts[MEMORY].set_reference(label, None)
        if forecast_mib is not None:
            text = self.tr("forecast %1 MiB").replace("%1", number(forecast_mib))
            self.charts[MEMORY].set_reference(text, forecast_mib, Style("warn", (12.0, 6.0)))

    def _say_figures(self) -> None:
        """Beside each title: the median of the first line's values; of memory the highest."""
        first = next(iter(self._labels), "")
        for key, chart in self.charts.items():
            values: Sequence[float] = self._values.get((first, key), ())
            if len(values):
                text = self.tr("%1 peak") if key == MEMORY else self.tr("%1 p50")
                unit = text.replace("%1", chart.unit)
                chart.set_figure(
                    number_text(max(values) if key == MEMORY else float(np.median(values))), unit
                )
            else:
                chart.set_figure("", " ")


def _run(line: str) -> str:
    return line.split("/", maxsplit=1)[0]


def _size(image: QImage) -> QSize:
    return image.deviceIndependentSize().toSize()
