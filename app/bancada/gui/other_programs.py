"""Shows what the command line, or another program, did to the workspace behind the window's back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer

from bancada.core.events import Changed
from bancada.storage import revisions

if TYPE_CHECKING:
    from bancada.gui.desk import Desk

LOOK_MS: Final = 2_000


class OtherPrograms(QObject):
    """Compares marks every two seconds, in the background, and publishes the kinds that changed.

    What this window wrote itself is told a second time; the pages that show it query once more.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._marks: dict[str, str] = {}
        self._looking = False
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Begin to look."""
        self.look()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def look(self) -> None:
        """Look now; an answer that is still awaited is enough."""
        if self._looking:
            return
        self._looking = True
        database = self._desk.context.database
        self._desk.background.run(lambda: revisions.marks(database), self._compare, self._missed, owner=self)

    def _compare(self, found: dict[str, str]) -> None:
        self._looking = False
        before, self._marks = self._marks, found
        for kind, mark in found.items():
            if before and before.get(kind) != mark:
                self._desk.context.events.publish(Changed(kind))

    def _missed(self, _error: BaseException) -> None:
        self._looking = False  # whoever needs the database says what is wrong with it
