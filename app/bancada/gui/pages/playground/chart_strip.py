"""Two small charts of the answer under way: time per token, and memory of the worker with its forecast."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QWidget

from bancada.gui.pages.playground.answer_run import AnswerRun
from bancada.gui.pages.playground.column import Column
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts.chart import TimeChart
from bancada.gui.widgets.format import memory_text

#: each chart is drawn once a second, and never both in one turn: a drawing is the longest thing we do
_DRAW_MS = 500
_MIB = 1024 * 1024


class ChartStrip(QWidget):
    """Polls the column's run and its session in turn while something can change."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._column: Column | None = None
        self._run: AnswerRun | None = None
        self._drawn = 0
        self._session_id = ""
        self._start = self._latest = 0
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self.times = TimeChart(theme, self.tr("Time per token"), "ms", x_title=self.tr("Token"), x_unit="")
        self.memory = TimeChart(theme, self.tr("Memory of the worker"), "MiB")
        self.times.set_empty_text(self.tr("Drawn with the next answer"))
        self.memory.set_empty_text(self.tr("Drawn while a model is loaded"))
        for chart in (self.times, self.memory):
            chart.setFixedHeight(150)
            row.addWidget(chart, 1)
        self._memory_next = False
        self._timer = QTimer(self, interval=_DRAW_MS)
        self._timer.timeout.connect(self._draw_one)

    def follow(self, column: Column) -> None:
        """Draw what happens in a column from now on."""
        self._column = column
        self.draw()

    def set_running(self, *, running: bool) -> None:
        """Poll only while something can change."""
        for chart in (self.times, self.memory):
            chart.set_growing(growing=running)
        if running:
            self._timer.start()
        else:
            self._timer.stop()
            self.draw()

    def draw(self) -> None:
        """Take what is new."""
        if self._column is None:
            return
        self._draw_times(self._column.run)
        self._draw_memory(self._column)

    def _draw_one(self) -> None:
        if self._column is not None:
            if self._memory_next:
                self._draw_memory(self._column)
            else:
                self._draw_times(self._column.run)
            self._memory_next = not self._memory_next

    def _draw_times(self, run: AnswerRun | None) -> None:
        if run is None:
            return
        name = self.tr("Time per token")
        if run is not self._run:
            self._run, self._drawn = run, 1
            self.times.set_series(name, [], [])
        times = run.times
        if len(times) > self._drawn:
            steps = range(self._drawn, len(times))
            values = [(times[step] - times[step - 1]) / 1e6 for step in steps]
            self.times.extend_series(name, [float(step) for step in steps], values)
            self._drawn = len(times)

    def _draw_memory(self, column: Column) -> None:
        session = column.header.session
        if session is None:
            return
        name = self.tr("Memory")
        samples = session.samples()
        if session.id != self._session_id:
            self._session_id = session.id
            self._start = self._latest = samples[0].t_ns - 1 if samples else 0
            self.memory.clear()
            forecast = column.header.forecast
            if forecast:
                label = self.tr("Forecast %1").replace("%1", memory_text(forecast))
                self.memory.set_reference(label, forecast / _MIB)
        fresh = [one for one in samples if one.t_ns > self._latest]
        if fresh:
            self._latest = fresh[-1].t_ns
            xs = [(one.t_ns - self._start) / 1e9 for one in fresh]
            self.memory.extend_series(name, xs, [one.rss_bytes / _MIB for one in fresh])
