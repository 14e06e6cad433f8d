"""Watches whether other programs keep the processor busy, and says so before anything is measured."""

from __future__ import annotations

import os
from typing import Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout

from bancada.bench.machine import OthersLoad
from bancada.bench.measures import BUSY_CORES
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import IconLabel, Label
from bancada.gui.widgets.format import number

WATCH_MS: Final = 2_000


class LoadWatch(QFrame):
    """A line that appears while others are busy; hidden while they are not."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "card")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 12, 6)
        row.addWidget(IconLabel(theme, "warning", "warn"), 0, Qt.AlignmentFlag.AlignTop)
        self.text = Label("", wrap=True)
        row.addWidget(self.text, 1)
        self._load = OthersLoad()
        self._timer = QTimer(self, interval=WATCH_MS)
        self._timer.timeout.connect(self._look)
        self.hide()

    def watch(self, *, on: bool) -> None:
        """Look every two seconds while the page is seen and nothing of ours is measured."""
        if on and not self._timer.isActive():
            self._load.cores()
            self._timer.start()
        elif not on:
            self._timer.stop()

    def say(self, cores: float, *, running: bool) -> None:
        """Tell how many cores others keep busy, or hide when it is too few to matter."""
        self.setVisible(cores > BUSY_CORES)
        if cores <= BUSY_CORES:
            return
        text = (
            self.tr(
                "Other programs keep %1 of %2 processor cores busy while this is measured: the figures "
                "are below what this machine can do, and the run will say so."
            )
            if running
            else self.tr(
                "Other programs keep %1 of %2 processor cores busy: figures measured now would be below "
                "what this machine can do. Close them, or wait."
            )
        )
        self.text.setText(text.replace("%1", number(cores, 1)).replace("%2", number(os.cpu_count() or 1)))

    def _look(self) -> None:
        self.say(self._load.cores(), running=False)
