"""Pictures of every page in every theme, for reports and for the eyes of those who build it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QSize, QTimer, Signal

from bancada.gui.pages import PAGES
from bancada.gui.theme.tokens import THEMES

if TYPE_CHECKING:
    from bancada.gui.desk import Desk

SIZE: Final = QSize(1280, 800)
_LOOK_MS: Final = 100
_QUIET_LOOKS: Final = 3
_MOST_LOOKS: Final = 100


class PictureTour(QObject):
    """Shows page after page and saves ``<page>-<theme>.png`` when no work is left in the background.

    ``finished`` carries the exit code: 1 when a file could not be written.
    """

    finished = Signal(int)

    def __init__(self, desk: Desk, folder: Path) -> None:
        super().__init__(desk)
        self._desk = desk
        self._folder = folder
        self._stops = list(product(THEMES, PAGES))
        self._at = -1
        self._looks = self._quiet = 0
        self._failed = False
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)

    def start(self) -> None:
        """Begin; the window gets the size of the pictures."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            self._failed = True
        self._desk.window.resize(SIZE)
        self._next()
        self._timer.start()

    def close(self) -> None:
        self._timer.stop()

    def _next(self) -> None:
        self._at += 1
        self._looks = self._quiet = 0
        if self._at == len(self._stops) or self._failed:
            self._timer.stop()
            self.finished.emit(int(self._failed))
            return
        theme, spec = self._stops[self._at]
        self._desk.theme.choose(theme)
        self._desk.navigate(spec.id)

    def _look(self) -> None:
        self._looks += 1
        self._quiet = 0 if self._desk.background.busy else self._quiet + 1
        if self._quiet < _QUIET_LOOKS and self._looks < _MOST_LOOKS:
            return
        theme, spec = self._stops[self._at]
        file = self._folder / f"{spec.id}-{theme}.png"
        self._failed = not self._desk.window.grab().save(str(file))
        self._next()
