"""The worker's end of the channel: private copies of its streams, a lock around each line."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

from bancada.core.errors import BancadaError
from bancada.jobs import protocol


class Channel:
    """Sends and receives messages. Nothing else in the process can read or write these descriptors."""

    def __init__(self) -> None:
        # inherited by no child: os.dup makes descriptors that close at exec
        self._in, self._out = os.dup(0), os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        # from here on, what native code prints goes to the log
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, message: Any) -> None:
        """Write one message; waits when the program does not read.

        Raises:
            BancadaError: ``message.too_large`` or ``message.malformed``.
        """
        view = memoryview(protocol.encode_line(message, protocol.MAX_FROM_WORKER))
        with self._lock:
            while view:
                view = view[os.write(self._out, view) :]

    def receive(self) -> Iterator[Any]:
        """Messages until the program closes its end; lines that are no message are skipped."""
        for line in protocol.read_lines(lambda size: os.read(self._in, size), protocol.MAX_TO_WORKER):
            if line is None:
                continue
            try:
                yield protocol.decode_line(line, protocol.TO_WORKER)
            except BancadaError as error:
                os.write(2, f"a line was skipped: {error.params}\n".encode("utf-8", "replace"))
