"""The mirror as the window and the command line turn it on: a worker that serves until it is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.seal import check_open, is_loopback
from bancada.jobs.codec import decode
from bancada.jobs.sessions import Session, SessionManager
from bancada.storage import settings
from bancada.storage.connection import Database

KIND: Final = "mirror"
#: the one call of the session: its answer is a MirrorState
STATE: Final = "state"
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class MirrorParams:
    """Where to listen; ``port`` 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """Where the mirror can be reached, what a client must show, and how many repositories there are."""

    addresses: tuple[str, ...]
    token: str
    repositories: int


def check_allowed(database: Database, host: str) -> None:
    """Raise BancadaError ``mirror.lan_off`` or ``network.sealed`` unless it may listen on ``host``."""
    if is_loopback(host):
        return
    if not settings.get(database, "mirror.lan"):
        raise BancadaError("mirror.lan_off", host=host[:200])
    check_open(host, sealed=bool(settings.get(database, "network.sealed")))


def serve(
    sessions: SessionManager, database: Database, *, host: str = LOOPBACK, port: int | None = None
) -> tuple[Session, MirrorReport]:
    """Start the mirror; closing the session ends it.

    Args:
        sessions: start the worker.
        database: the workspace whose library is served.
        host: an address of this machine; others than loopback only if the settings allow it.
        port: None takes the setting ``mirror.port``.

    Raises:
        BancadaError: ``mirror.lan_off``, ``network.sealed``, ``mirror.port_taken``.
    """
    check_allowed(database, host)
    number = int(settings.get(database, "mirror.port")) if port is None else port
    session = sessions.open(KIND, MirrorParams(host, number))
    return session, decode(MirrorReport, session.report)
