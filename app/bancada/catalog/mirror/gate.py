"""Who is let in to the mirror: how many at once, for how long without a request, and under which names."""

from __future__ import annotations

import contextlib
import hmac
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

import psutil

from bancada.core.seal import is_loopback


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections, and seconds of patience. ``header_s`` is for a whole request, not for each byte of it."""

    connections: int = 32
    per_address: int = 12
    header_s: float = 10.0
    idle_s: float = 15.0
    stall_s: float = 30.0


class Gate:
    """Counts connections and ends those that dawdle; one thread looks after them."""

    _TICK_S: Final = 0.25

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._addresses: Counter[str] = Counter()
        self._deadlines: dict[socket.socket, float] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mirror-gate", daemon=True)
        self._thread.start()

    def enter(self, address: str) -> bool:
        """Whether there is room for one more connection from there; if so it is counted."""
        with self._lock:
            full = self._addresses.total() >= self._limits.connections
            if full or self._addresses[address] >= self._limits.per_address:
                return False
            self._addresses[address] += 1
            return True

    def leave(self, address: str) -> None:
        """A connection that was let in has ended."""
        with self._lock:
            self._addresses[address] -= 1
            self._addresses += Counter()  # drops what is zero

    @property
    def connections(self) -> int:
        """How many are open."""
        with self._lock:
            return self._addresses.total()

    def expect(self, connection: socket.socket, seconds: float) -> None:
        """A request must be there within ``seconds``."""
        with self._lock:
            self._deadlines[connection] = time.monotonic() + seconds

    def arrived(self, connection: socket.socket) -> None:
        """It is there, or the connection is gone."""
        with self._lock:
            self._deadlines.pop(connection, None)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(self._TICK_S):
            now = time.monotonic()
            with self._lock:
                late = [one for one, deadline in self._deadlines.items() if deadline < now]
                for one in late:
                    del self._deadlines[one]
            for one in late:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def own_names(host: str, further: str) -> frozenset[str]:
    """The names that a request may call this machine by: a page of a stranger's name gets nothing.

    Without this check a web page could point its own name at this machine and read the answers.
    """
    names = {"localhost", "127.0.0.1", "::1", *(one.strip().lower() for one in further.split(","))}
    if not is_loopback(host):
        names |= {host.lower(), *lan_addresses()}
        own = socket.gethostname().lower()
        names |= {own, own.partition(".")[0], f"{own.partition('.')[0]}.local"}
    return frozenset(names - {"", "0.0.0.0", "::"})  # noqa: S104 - these are no names of anybody


def lan_addresses() -> list[str]:
    """The addresses of this machine's network interfaces, without loopback and link-local ones."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            text = one.address.partition("%")[0].lower()
            local = text.startswith(("fe80:", "169.254."))
            if one.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(text) and not local:
                found.append(text)
    return sorted(found, key=lambda text: (":" in text, text))


def host_name(header: str) -> str:
    """The name in a Host header, without its port."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def shows_token(header: str, token: str) -> bool:
    """Whether an Authorization header carries the token; takes as long for a wrong one."""
    scheme, _, value = header.partition(" ")
    given = value.strip().encode("utf-8", "replace")
    return hmac.compare_digest(given, token.encode()) and scheme.lower() == "bearer"
