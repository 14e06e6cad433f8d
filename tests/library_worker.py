"""The library's handlers without a process of their own, to look at what they do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bancada.catalog.jobs import ImportParams
from bancada.core.paths import Home
from bancada.jobs.job_context import JobContext
from bancada.worker.handlers.library import run_import


class Worker:
    """Runs handlers as a worker would; ``sent`` is what it said, ``canceled`` asks it to stop,
    ``listener`` hears what it says while it works."""

    def __init__(self, home: Home) -> None:
        self.sent: list[Any] = []
        self.listener: Callable[[Any], None] = self.sent.append
        self.canceled = threading.Event()
        self.context = JobContext("job1", home, self._hear, self.canceled)

    def _hear(self, message: Any) -> None:
        self.listener(message)

    def take_in(self, path: Path, name: str = "", *, link: bool = False) -> dict[str, Any]:
        return run_import(self.context, ImportParams(str(path), name, link))
