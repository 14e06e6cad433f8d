"""What every page shares: the shell it stands in, and when it queries again."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from bancada.gui.shell import Shell


class Page(QWidget):
    """A page lays out widgets, submits jobs and asks queries; it holds no rule, no SQL, no process.

    :meth:`refresh` is called at the first show, and after rows of one of its ``kinds`` changed: at
    once (several changes make one call) while it is visible, else when it is shown next.
    """

    #: the kinds of :class:`bancada.core.events.Changed` that this page shows
    kinds: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.shell = shell
        self._stale = True
        self._refresh_timer = QTimer(self, singleShot=True, interval=0)
        self._refresh_timer.timeout.connect(self._refresh_now)
        shell.bridge.changed.connect(self._kind_changed)

    def opened(self, **arguments: object) -> None:
        """The user came here; ``arguments`` are those of ``Shell.navigate``."""

    @property
    def foot(self) -> int:
        """The height at the bottom, in pixels, that notices leave free: what is used there all the time."""
        return 0

    def refresh(self) -> None:
        """Query again what is shown."""

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what changed while the page was hidden."""
        super().showEvent(event)
        if self._stale:
            self._refresh_timer.start()

    def _kind_changed(self, kind: str, _ids: list[str]) -> None:
        if kind in self.kinds:
            self._stale = True
            if self.isVisible():
                self._refresh_timer.start()

    def _refresh_now(self) -> None:
        if self._stale and self.isVisible():
            self._stale = False
            self.refresh()
