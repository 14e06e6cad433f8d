"""The window's way to store settings: one write after the other, and of each key the newest value."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from bancada.core.errors import BancadaError
from bancada.core.events import Changed, EventBus
from bancada.gui.background import Background

if TYPE_CHECKING:
    from bancada.context import Settings


class SettingWriter(QObject):
    """Writes wait here, as the threads of :class:`Background` keep no order among themselves.

    At most one write is under way; of several values for a key only the newest one follows it.
    """

    #: a key was written (None), or could not be (the error); no signal comes for a value that was overtaken
    written = Signal(str, object)

    def __init__(
        self, settings: Settings, events: EventBus, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._events = events
        self._background = background
        self._lock = threading.Lock()
        self._waiting: dict[str, Any] = {}
        self._writing: dict[str, Any] = {}
        self._asked = False

    def store(self, key: str, value: Any) -> None:
        """Store a value soon; ``written`` says how it went."""
        with self._lock:
            self._waiting.pop(key, None)  # the order is that of the newest wishes
            self._waiting[key] = value
        self._next()

    def value(self, key: str) -> Any:
        """What the user has chosen, stored already or not; raises BancadaError for an unknown key."""
        with self._lock:
            for chosen in (self._waiting, self._writing):
                if key in chosen:
                    return chosen[key]
        return self._settings.get(key)

    @property
    def busy(self) -> bool:
        """Whether something is not stored yet."""
        with self._lock:
            return self._asked or bool(self._waiting)

    def finish(self) -> None:
        """Write what still waits, when the background has ended: closing the window loses no choice."""
        while (item := self._take()) is not None:
            try:
                self._settings.set(*item)
            except BancadaError:
                pass  # there is nobody left to tell
            self._writing.clear()

    def _next(self) -> None:
        with self._lock:
            if self._asked or not self._waiting:
                return
            self._asked = True
        self._background.run(self._write, self._wrote, self._broke, owner=self)

    def _take(self) -> tuple[str, Any] | None:
        with self._lock:
            if not self._waiting:
                return None
            key = next(iter(self._waiting))
            self._writing[key] = self._waiting.pop(key)
            return key, self._writing[key]

    def _write(self) -> tuple[str, BaseException | None]:
        """On a thread of the background: one write, with its error as an answer."""
        item = self._take()
        assert item is not None
        try:
            self._settings.set(*item)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said beside its setting
            return item[0], error
        finally:
            with self._lock:
                self._writing.clear()
        return item[0], None

    def _wrote(self, answer: tuple[str, BaseException | None]) -> None:
        key, error = answer
        self._asked = False
        self._next()
        with self._lock:
            overtaken = key in self._waiting or key in self._writing
        if error is None:
            self._events.publish(Changed("setting", (key,)))
        if not overtaken:
            self.written.emit(key, error)

    def _broke(self, _error: BaseException) -> None:
        self._asked = False
