"""Workspaces for the tests of the whole program, with models that answer by a script."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psutil

from bancada.context import AppContext
from bancada.storage import models, settings
from bancada.storage.models import FileRecord, NewVersion, VersionRecord
from e2e.driven_window import lives

PATIENCE_S: Final = 60.0


def times(name: str, default: int) -> int:
    """How often a loop runs: few times in the suite, as often as the variable ``name`` says by hand."""
    return int(os.environ.get(name, default))


def prepare(home: Path, **scripts: dict[str, Any]) -> dict[str, str]:
    """Make a workspace with a scripted model for each keyword; returns their version ids by name."""
    with closing(AppContext.open(home)) as context:
        settings.set(context.database, "models.starter_offered", value=True)
        made = {name: add_model(context, name, **script).id for name, script in scripts.items()}
        with context.database.transaction() as handle:
            # what a living process has just stored is no garbage to others: this one lives on
            handle.execute("UPDATE blobs SET put_by = NULL")
        return made


def add_model(context: AppContext, name: str, **script: Any) -> VersionRecord:
    """Add a model that answers as ``script`` says, see :class:`bancada.inference.scripted.Script`."""
    data = json.dumps(script).encode()
    blob = context.blobs.put_bytes(data)
    new = NewVersion(
        format="scripted",
        architecture="script",
        quantization="",
        parameters=1_000_000,
        bits_per_weight=8.0,
        layers=1,
        context_length=8_192,
        license="Apache-2.0",
        size_bytes=len(data),
        sha256=blob.sha256,
        source=f"made by a test: {name}",
        chat_template="{{ messages }}",
    )
    return models.add_version(
        context.database, name, new, [FileRecord("script.json", blob.sha256, len(data))]
    )


def gone(processes: Iterable[psutil.Process], seconds: float = PATIENCE_S) -> float:
    """Wait until all of these have ended; the seconds that it took."""
    began = time.monotonic()
    left = list(processes)
    until(lambda: not any(lives(one) for one in left), "end of the workers", seconds)
    return time.monotonic() - began


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """Wait for a condition; its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.01)
    return value
