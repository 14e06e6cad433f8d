"""A second start raises the first window and ends: how the two talk."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_TIMEOUT_MS: Final = 2_000
_RAISE: Final = b"raise\n"


class RaiseServer(QObject):
    """Hears of second starts. ``asked`` is emitted for each."""

    asked = Signal()

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._accept)
        name = server_name(home)
        # left over by a process that was killed: the lock says that no one listens there
        QLocalServer.removeServer(name)
        self._server.listen(name)

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while (connection := self._server.nextPendingConnection()) is not None:
            connection.disconnected.connect(connection.deleteLater)
            connection.disconnectFromServer()
            self.asked.emit()


def raise_first(home: Path) -> bool:
    """Ask the window that has the workspace to come to the front; False: it does not answer."""
    socket = QLocalSocket()
    socket.connectToServer(server_name(home))
    if not socket.waitForConnected(_TIMEOUT_MS):
        return False
    socket.write(_RAISE)
    socket.flush()
    # the server hangs up when it has heard
    return socket.state() == QLocalSocket.LocalSocketState.UnconnectedState or socket.waitForDisconnected(
        _TIMEOUT_MS
    )


def server_name(home: Path) -> str:
    """The name of a workspace's local socket: short, whatever the path is."""
    return (
        "bancada-" + hashlib.sha256(str(home.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    )
