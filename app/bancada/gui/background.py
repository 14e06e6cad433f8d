"""Work that may take longer than a frame, away from the GUI thread; its answer comes back into it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from bancada.core.errors import BancadaError, Canceled

T = TypeVar("T")

THREADS: Final = 3


@dataclass(slots=True)
class _Task:
    function: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[BaseException], None] | None
    owner: QObject
    result: Any = None
    error: BaseException | None = None


class Background(QObject):
    """A few threads of our own rather than Qt's pool.

    The database keeps one connection per thread: so these are as many as they ever become, and
    they end before the database is closed.
    """

    #: an error that no one took, for the window to show
    unhandled = Signal(object)
    _finished = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        function: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[BaseException], None] | None = None,
        *,
        owner: QObject,
    ) -> None:
        """Call ``function`` in a thread, then ``done(result)`` or ``failed(error)`` in the GUI thread.

        Neither is called when ``owner`` was deleted meanwhile. Without ``failed`` an error goes to
        the ``unhandled`` signal; Canceled is no error and goes nowhere.
        """
        if self._closed:
            return
        self._waiting += 1
        if self._waiting > len(self._threads) < THREADS:
            thread = threading.Thread(target=self._work, name=f"background-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put(_Task(function, done, failed, owner))

    @property
    def busy(self) -> bool:
        """Whether anything was asked that has not been delivered."""
        return self._waiting > 0

    def close(self) -> None:
        """Finish what has begun, drop the rest and end the threads."""
        self._closed = True
        while not self._tasks.empty():
            self._tasks.get_nowait()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task.result = task.function()
            except (BancadaError, Canceled) as error:
                task.error = error
            except Exception as error:  # noqa: BLE001 - whatever it is, the window says it
                task.error = error
            self._finished.emit(task)

    def _deliver(self, task: _Task) -> None:
        self._waiting -= 1
        if self._closed or not isValid(task.owner):
            return
        if task.error is None:
            task.done(task.result)
        elif task.failed is not None:
            task.failed(task.error)
        elif not isinstance(task.error, Canceled):
            self.unhandled.emit(task.error)
