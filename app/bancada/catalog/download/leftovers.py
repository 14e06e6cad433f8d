"""What downloads left on the disk: unfinished files to go on with, and files that were put aside."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bancada.catalog.download.partial import Partial
from bancada.catalog.download.pin import all_pins, read_pin
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import jobs
from bancada.storage.connection import Database

_BAD: Final = re.compile(r"([0-9a-f]{64})\.bad")
_SHOWN: Final = 500


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What a download job has fetched and not finished, in bytes; ``total_bytes`` 0: not known."""

    job_id: str
    kept_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that was not what it should be: which one, from where, why, and since when."""

    key: str
    path: str
    size_bytes: int
    reason: str
    source: str
    wanted: str
    found: str
    at: str


def unfinished(home: Home) -> dict[str, Unfinished]:
    """By the id of their jobs; a content that several jobs wait for counts for each of them."""
    found = {}
    for pin in all_pins(home):
        kept = sum(Partial(home, key).there for key in pin.keys)
        found[pin.job_id] = Unfinished(pin.job_id, kept, pin.total_bytes)
    return found


def discard(home: Home, database: Database, job_id: str) -> int:
    """Give up what an ended job has fetched; returns the bytes freed.

    What another job waits for, or fetches at the moment, stays.

    Raises:
        BancadaError: ``download.running`` while the job has not ended.
        OSError: a file cannot be removed.
    """
    record = _job(database, job_id)
    if record is not None and not record.status.ended:
        raise BancadaError("download.running", title=record.title)
    pin = read_pin(home, job_id)
    if pin is None:
        return 0
    others = {key for other in all_pins(home) if other.job_id != job_id for key in other.keys}
    freed = sum(_remove(home, key) for key in pin.keys if key not in others)
    pin.remove(home)
    return freed


def has_ended(database: Database, job_id: str) -> bool:
    """Whether nobody works on it; a job that was removed from the list has ended."""
    return (record := _job(database, job_id)) is None or record.status.ended


def _job(database: Database, job_id: str) -> jobs.JobRecord | None:
    try:
        return jobs.get(database, job_id)
    except BancadaError:
        return None


def _remove(home: Home, key: str) -> int:
    with Partial(home, key) as part:
        if not part.try_lock():
            return 0
        # a second name of a stored file frees nothing
        kept = part.kept
        freed = part.size + (kept.stat().st_size if kept.exists() and kept.stat().st_nlink == 1 else 0)
        part.restart()
        kept.unlink(missing_ok=True)
        return freed


def quarantined(home: Home) -> list[Quarantined]:
    """The files that were put aside, the newest first."""
    found = []
    for path in home.quarantine.glob("*.bad") if home.quarantine.is_dir() else ():
        name = _BAD.fullmatch(path.name)
        if name is not None:
            with contextlib.suppress(OSError):
                found.append(_quarantined(path, name[1]))
    return sorted(found, key=lambda one: one.at, reverse=True)


def remove_quarantined(home: Home, key: str) -> int:
    """Remove one of them; returns the bytes freed.

    Raises:
        BancadaError: ``download.not_quarantined``.
        OSError: it cannot be removed.
    """
    path = home.quarantine / f"{key}.bad"
    if not _BAD.fullmatch(path.name) or not path.exists():
        raise BancadaError("download.not_quarantined", key=key[:80])
    size = path.stat().st_size
    path.unlink()
    path.with_suffix(".json").unlink(missing_ok=True)
    return size


def _quarantined(path: Path, key: str) -> Quarantined:
    try:
        told: Any = json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError, RecursionError):
        told = None
    told = told if isinstance(told, dict) else {}
    words = {
        name: str(told.get(name, ""))[:_SHOWN]
        for name in ("path", "reason", "source", "wanted", "found", "at")
    }
    return Quarantined(key=key, size_bytes=path.stat().st_size, **words)
