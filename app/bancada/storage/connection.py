"""Connections to one SQLite file, opened with the settings that keep it whole."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import sqlcipher3
import sqlite_utils

from bancada.core.errors import BancadaError
from bancada.storage.files import make_private
from bancada.storage.reserve import Reserve
from bancada.storage.sqlite_errors import translate, typed_errors

APPLICATION_ID: Final = 0x42414E43  # "BANC"
BUSY_TIMEOUT_MS: Final = 5_000

Row = dict[str, Any]
Parameters = Sequence[Any] | dict[str, Any]


def connect(
    path: Path, key: str | None = None, *, mode: str = "rw", busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> sqlcipher3.Connection:
    """Open a connection in autocommit; transactions are begun in words.

    Args:
        path: the database file.
        key: SQLCipher's raw key as hexadecimal digits (32 bytes of key, 16 of salt); None for plain files.
        mode: ``ro``, ``rw``, ``rwc`` (create it), or ``immutable`` for media that nobody can write.
        busy_timeout_ms: how long a lock of another connection is waited for.

    Raises:
        sqlcipher3.Error: whatever SQLite says.
    """
    if mode == "rwc":
        with suppress(OSError):  # SQLite says it better
            make_private(path)  # its log and its shared memory take the rights of the file
    query = "mode=ro&immutable=1" if mode == "immutable" else f"mode={mode}"
    connection = sqlcipher3.connect(
        f"{path.absolute().as_uri()}?{query}",
        uri=True,
        timeout=busy_timeout_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    if key is not None:
        # a wrong key is an answer, not something to print on stderr
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key}'\"")
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF", "cell_size_check=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class Database:
    """Connections to one workspace's database: one for each thread, made at first use.

    Every write happens inside :meth:`transaction` (``BEGIN IMMEDIATE``), so that two processes
    that read before they write wait for each other instead of failing. What SQLite raises in
    here comes out as :class:`BancadaError`: ``database.busy`` (try again), ``disk.full``,
    ``database.damaged``, ``database.read_only``, ``database.value_refused``.

    Use :func:`bancada.storage.database.open_database` for a workspace: it creates, checks and migrates.
    """

    def __init__(
        self,
        path: Path,
        *,
        key: str | None = None,
        mode: str = "rw",
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        reserve: Reserve | None = None,
    ) -> None:
        self.path = path
        self.key = key
        self.read_only = mode in ("ro", "immutable")
        self._mode = mode
        self._busy_timeout_ms = busy_timeout_ms
        self._reserve = reserve
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[sqlite_utils.Database] = weakref.WeakSet()

    @property
    def handle(self) -> sqlite_utils.Database:
        """The calling thread's sqlite-utils database; closed when the thread ends."""
        handle: sqlite_utils.Database | None = getattr(self._local, "handle", None)
        if handle is None:
            with typed_errors(self.path):
                handle = self._local.handle = self._connect()
        return handle

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run a query and return its rows as dictionaries."""
        with typed_errors(self.path):
            return list(self.handle.query(sql, parameters))

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a query, or None."""
        with typed_errors(self.path):
            return next(iter(self.handle.query(sql, parameters)), None)

    @contextmanager
    def transaction(self) -> Iterator[sqlite_utils.Database]:
        """All or nothing, durable when it returns. Inside another transaction it is part of that one.

        Raises:
            BancadaError: ``database.busy`` when another process keeps the lock beyond the timeout
                (nothing was written, try again), ``disk.full`` (the reserve was given back:
                small writes succeed now), ``database.read_only`` and the others of the class.
        """
        if self.read_only:
            raise BancadaError("database.read_only", path=str(self.path), detail="")
        handle = self.handle
        try:
            if handle.conn.in_transaction:
                with handle.atomic():
                    yield handle
                return
            if self._reserve is not None:
                self._reserve.release_if_low()
            handle.conn.execute("BEGIN IMMEDIATE")
            try:
                yield handle
                handle.conn.execute("COMMIT")
            except BaseException:
                handle.rollback()
                raise
        except (sqlcipher3.Error, OverflowError, UnicodeEncodeError) as error:
            typed = translate(error, self.path)
            if typed.code == "disk.full" and self._reserve is not None:
                self._reserve.release()
            raise typed from error

    def refill_reserve(self) -> bool:
        """Make the reserve again after space was freed; returns whether it is there."""
        return self._reserve is not None and not self.read_only and self._reserve.refill()

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for handle in list(self._open):
                handle.conn.close()
            self._open.clear()
        self._local = threading.local()

    def _connect(self) -> sqlite_utils.Database:
        connection = connect(self.path, self.key, mode=self._mode, busy_timeout_ms=self._busy_timeout_ms)
        # sqlcipher3 is the standard library's module built on a newer SQLite: same interface. Plugins of
        # sqlite-utils that happen to be installed have no business here, and looking for them takes time
        handle = sqlite_utils.Database(
            cast("Any", connection), recursive_triggers=False, strict=True, execute_plugins=False
        )
        weakref.finalize(handle, connection.close)
        with self._lock:
            self._open.add(handle)
        return handle


def now() -> str:
    """The wall clock as ISO 8601 UTC text with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def storable(text: str) -> str:
    """Return ``text`` without lone surrogates, which UTF-8 and so SQLite cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def to_json(value: Any) -> str:
    """JSON text for a column.

    Raises:
        BancadaError: ``database.value_refused`` when the value is no JSON (NaN, an object).
    """
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise BancadaError("database.value_refused", detail=str(error)) from error
