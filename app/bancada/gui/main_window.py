"""The window's frame: rail, pages, status line. It is painted before anything else is imported.

What needs the workspace (:mod:`bancada.gui.desk`) joins after the first paint. This module and what it
imports stay away from the namespace ``Qt``, whose making costs as much as the whole frame.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from bancada.gui.rail import Rail
from bancada.gui.theme.theme import Theme


class MainWindow(QMainWindow):
    """Rail, stack of pages, status line; ``painted`` is emitted once, after the first paint."""

    painted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        #: asked when the window is about to close; False keeps it open
        self.may_close: Callable[[], bool] = lambda: True
        self._was_painted = False
        self.setWindowTitle("Bancada")
        self.setMinimumSize(640, 480)
        self.resize(1280, 800)
        self.rail = Rail(theme)
        self.stack = QStackedWidget()
        self.stack.setProperty("role", "page")
        #: above the page: banners
        self.top = QVBoxLayout()
        self.status = QFrame()
        self.status.setProperty("role", "status")
        self.status.setMinimumHeight(30)
        centre = QWidget()
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addLayout(self.top)
        column.addWidget(self.stack, 1)
        column.addWidget(self.status)
        row.addLayout(column, 1)
        self.setCentralWidget(centre)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint, and the first time say so when all of it is on the screen."""
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self.painted.emit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the pages the room that the names of the sections would take."""
        super().resizeEvent(event)
        self.rail.fit(event.size().width())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close when nothing speaks against it."""
        if self.may_close():
            event.accept()
        else:
            event.ignore()
