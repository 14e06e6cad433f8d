"""Logs: one rotating file for each entry point, one bounded file for each worker, no secrets in either."""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
import time
from collections import deque
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_SECRETS: Final = re.compile(
    rb"(?i)\b(?P<name>pass(?:word|phrase|wd)|secret|token|api[_-]?key|authorization)\b"
    rb"(?P<between>[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?)(?P<value>[^\s\"',;&}\x00]{4,})"
    rb"|\b(?:hf_|sk-|ghp_)[A-Za-z0-9_-]{16,}"
)
_FORMAT: Final = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"
_KEPT_WORKER_LOGS: Final = 200


def redact(data: bytes) -> bytes:
    """Replace passwords, tokens and keys by ``[secret]``."""
    return _SECRETS.sub(_hide, data)


def configure(folder: Path, name: str, *, level: int = logging.INFO) -> None:
    """Send this process's log to ``folder/name.log``: 2 MB, three older ones kept.

    A folder that cannot be written leaves the log on standard error instead.
    """
    root = logging.getLogger()
    root.setLevel(level)
    handler: logging.Handler
    try:
        handler = logging.handlers.RotatingFileHandler(
            folder / f"{name}.log", maxBytes=2_000_000, backupCount=3, encoding="utf-8", delay=False
        )
    except OSError:
        handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter())
    for old in [one for one in root.handlers if isinstance(one.formatter, RedactingFormatter)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)


class RedactingFormatter(logging.Formatter):
    """UTC times; secrets replaced in the finished line, tracebacks included."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(_FORMAT, "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """One record as text without secrets."""
        return redact(super().format(record).encode("utf-8", "backslashreplace")).decode("utf-8")


class WorkerLog:
    """What a worker wrote on standard error: a file of bounded size and the last lines in memory.

    At ``limit`` bytes the file becomes ``<name>.1`` and a new one begins, so that the start of the
    last part and the end are always there. A log that cannot be written (full disk) is given up
    without harm to the worker; the tail in memory stays.
    """

    def __init__(self, path: Path, *, limit: int = 2_000_000, tail_bytes: int = 8_192) -> None:
        self.path = path
        self._limit = limit
        self._tail_bytes = tail_bytes
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._held = b""
        self._size = 0
        self._file: RawIOBase | None = None
        with suppress(OSError):
            self._file = path.open("ab", buffering=0)
            self._size = self._file.tell()

    def write(self, data: bytes) -> None:
        """Add what arrived; whole lines are redacted, an unfinished one waits for its end."""
        whole, newline, rest = (self._held + data).rpartition(b"\n")
        if len(rest) > self._tail_bytes:
            whole, newline, rest = whole + newline + rest, b"\n", b""
        self._held = rest
        if newline:
            self._keep(redact(whole + newline))

    def note(self, text: str) -> None:
        """Add a line of our own."""
        start = "\n" if self._held else ""
        self.write(f"{start}[bancada] {text}\n".encode("utf-8", "backslashreplace"))

    def tail(self, lines: int = 40) -> str:
        """The last lines as text."""
        text = (b"".join(self._tail) + redact(self._held)).decode("utf-8", "replace")
        return "\n".join(text[-self._tail_bytes :].splitlines()[-lines:])

    def close(self) -> None:
        """Write the unfinished line and close the file."""
        if self._held:
            self.write(b"\n")
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self, data: bytes) -> None:
        piece = data[-self._tail_bytes :]
        self._tail.append(piece)
        self._tail_size += len(piece)
        while self._tail_size - len(self._tail[0]) >= self._tail_bytes:
            self._tail_size -= len(self._tail.popleft())
        if self._file is None:
            return
        try:
            if self._size + len(data) > self._limit:
                self._rotate()
            self._file.write(data[-self._limit :])
            self._size += min(len(data), self._limit)
        except OSError:
            self._file.close()
            self._file = None

    def _rotate(self) -> None:
        if self._file is not None:
            self._file.close()
        self.path.replace(self.path.with_name(self.path.name + ".1"))
        self._file = self.path.open("wb", buffering=0)
        self._size = 0


def prune_worker_logs(folder: Path) -> int:
    """Keep the newest worker logs and remove the others; returns how many went."""
    dated = []
    for one in folder.glob("worker-*.log*"):
        try:
            dated.append((one.stat().st_mtime_ns, one))
        except OSError:
            continue
    old = sorted(dated, reverse=True)[_KEPT_WORKER_LOGS:]
    for _, one in old:
        one.unlink(missing_ok=True)
    return len(old)


def _hide(match: re.Match[bytes]) -> bytes:
    if match["name"] is None:
        return b"[secret]"
    return match["name"] + match["between"] + b"[secret]"
