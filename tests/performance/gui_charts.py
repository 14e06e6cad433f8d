"""Prints what it costs to add to a line of a million points and draw it, against pyqtgraph's downsampling.

Run it alone: ``QT_QPA_PLATFORM=offscreen PYTHONPATH=app python tests/performance/gui_charts.py``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication, QWidget

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts import TimeChart

POINTS = 1_000_000
ADDED = 50  # what arrives in 50 ms at 1,000 points a second
ROUNDS = 100
SIZE = (520, 240)


def timed(step: Callable[[int], None]) -> float:
    """The median of one step with its drawing, in milliseconds."""
    spans = []
    for round_number in range(ROUNDS):
        start = time.process_time()
        step(round_number)
        spans.append((time.process_time() - start) * 1000)
    return statistics.median(spans)


def draw(widget: QWidget) -> None:
    QApplication.processEvents()
    widget.repaint()


def main() -> None:
    application = QApplication([])
    random = np.random.default_rng(7)
    xs, ys = np.arange(POINTS, dtype=np.float64), random.normal(100, 5, POINTS)
    more = random.normal(100, 5, (ROUNDS, ADDED))

    chart = TimeChart(Theme(application, "light"), "Memory", "MiB")
    chart.resize(*SIZE)
    chart.show()
    chart.set_series("line", xs, ys)
    draw(chart)

    def own(number: int) -> None:
        chart.extend_series(
            "line", np.arange(ADDED, dtype=np.float64) + POINTS + number * ADDED, more[number]
        )
        draw(chart.plot)

    ours = timed(own)

    plain = pg.PlotWidget()
    plain.resize(*SIZE)
    item = pg.PlotDataItem()
    plain.plotItem.addItem(item)
    item.setDownsampling(auto=True, method="peak")
    item.setClipToView(True)
    item.setData(xs, ys)
    plain.show()
    draw(plain)
    state = {"x": xs, "y": ys}

    def library(number: int) -> None:
        state["x"] = np.append(state["x"], np.arange(ADDED) + POINTS + number * ADDED)
        state["y"] = np.append(state["y"], more[number])
        item.setData(state["x"], state["y"])
        draw(plain)

    theirs = timed(library)
    print(f"points {POINTS:,} + {ADDED} each time, {SIZE[0]} x {SIZE[1]} pixels, median of {ROUNDS}")
    print(f"bancada: append, fit, draw   {ours:6.2f} ms")
    print(f"pyqtgraph: auto-downsample   {theirs:6.2f} ms")
    print(f"ratio                        {theirs / ours:6.1f}")


if __name__ == "__main__":
    main()
