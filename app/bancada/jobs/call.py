"""One call of a session, on the side of the caller."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from bancada.core.ids import new_id

log = logging.getLogger(__name__)


class Call:
    """The answer to come. Safe from any thread."""

    def __init__(
        self, on_cancel: Callable[[str], None], on_message: Callable[[Any], None] | None = None
    ) -> None:
        self.id = new_id()
        self._on_cancel = on_cancel
        self._on_message = on_message
        self._condition = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Call], None]] = []
        self._cancel_at: float | None = None

    @property
    def done(self) -> bool:
        """Whether the answer, or why there is none, is known."""
        return self._done

    def cancel(self) -> None:
        """Ask for its end; what came until then is its result, or :meth:`wait` raises Canceled."""
        with self._condition:
            if self._done or self._cancel_at is not None:
                return
            self._cancel_at = time.monotonic()
        self._on_cancel(self.id)

    def wait(self, timeout: float | None = None) -> Any:
        """The result as JSON values.

        Raises:
            BancadaError: what it failed with.
            Canceled: it was canceled, or the session was closed.
            TimeoutError: it is not done after ``timeout`` seconds.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self._done, timeout):
                raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._value

    def add_done_callback(self, callback: Callable[[Call], None]) -> None:
        """Call ``callback`` once it is done, on the thread that learns it; at once if it is done."""
        with self._condition:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def cancel_is_late(self, now: float, allowed_s: float) -> bool:
        """Whether a cancel was asked for more than ``allowed_s`` seconds ago."""
        return self._cancel_at is not None and now - self._cancel_at > allowed_s

    def part(self, body: Any) -> None:
        """A piece of the answer arrived."""
        if self._on_message is not None:
            self._on_message(body)

    def finish(self, value: Any, error: BaseException | None) -> None:
        """Set the end, once."""
        with self._condition:
            if self._done:
                return
            self._done = True
            self._value, self._error = value, error
            callbacks, self._callbacks = self._callbacks, []
            self._condition.notify_all()
        for callback in callbacks:
            try:
                callback(self)
            except Exception:
                log.exception("a listener to the end of call %s failed", self.id)
