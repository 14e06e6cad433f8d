"""SIGINT and SIGTERM end the program in order. Qt's loop sleeps in C: a socket wakes it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier


class Signals(QObject):
    """Calls ``ended`` in the GUI thread when the process is asked to end."""

    def __init__(self, ended: Callable[[], None]) -> None:
        super().__init__()
        self._ended = ended
        self._read, self._write = socket.socketpair()
        self._read.settimeout(0)
        self._write.settimeout(0)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._arrived)
        self._old_wakeup = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        # Python must have a handler of its own, or it writes nothing to the socket
        self._old = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGINT, signal.SIGTERM)}

    def close(self) -> None:
        """Put the old handlers back."""
        for number, handler in self._old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        self._notifier.setEnabled(False)
        self._read.close()
        self._write.close()

    def _arrived(self) -> None:
        try:
            received = self._read.recv(64)
        except BlockingIOError:
            return
        if set(received) & {signal.SIGINT, signal.SIGTERM}:
            self._ended()
