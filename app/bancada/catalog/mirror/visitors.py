"""Who came to the mirror, and what was given to them: for the one who shares, kept in memory alone."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

#: addresses that are remembered; those that were away for longest are forgotten first
MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Visitor:
    """One address: files begun and bytes of them sent, requests refused, seconds since the last request."""

    address: str
    files: int
    sent_bytes: int
    refused: int
    last_s: float


@dataclass(frozen=True, slots=True)
class MirrorState:
    """Open connections, all bytes of files sent since the start, and the visitors, the latest first."""

    connections: int
    sent_bytes: int
    visitors: tuple[Visitor, ...]


@dataclass(slots=True)
class _Known:
    files: int = 0
    sent_bytes: int = 0
    refused: int = 0
    last: float = 0.0


class Visitors:
    """Counts, from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._sent_bytes = 0

    def came(self, address: str, *, files: int = 0, sent_bytes: int = 0, refused: int = 0) -> None:
        """Count what an address asked for and got."""
        with self._lock:
            known = self._known.setdefault(address, _Known())
            known.files += files
            known.sent_bytes += sent_bytes
            known.refused += refused
            known.last = time.monotonic()
            self._sent_bytes += sent_bytes
            if len(self._known) > MOST:
                del self._known[min(self._known, key=lambda one: self._known[one].last)]

    def state(self, connections: int) -> MirrorState:
        """What is known now."""
        with self._lock:
            now = time.monotonic()
            latest = sorted(self._known.items(), key=lambda one: -one[1].last)
            found = tuple(
                Visitor(address, one.files, one.sent_bytes, one.refused, max(0.0, now - one.last))
                for address, one in latest
            )
            return MirrorState(connections, self._sent_bytes, found)
