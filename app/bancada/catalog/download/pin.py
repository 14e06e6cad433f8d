"""What a download job began with, kept beside its unfinished files until it succeeds or is discarded."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bancada.catalog.hub.names import COMMIT
from bancada.core.paths import Home
from bancada.storage.files import write_durably

_KEY: Final = re.compile(r"[0-9a-f]{64}")
_PREFIX: Final = "job-"


@dataclass(frozen=True, slots=True)
class Pin:
    """The commit (a branch may move on before the job is resumed), the contents to come, and their bytes."""

    job_id: str
    commit: str = ""
    keys: tuple[str, ...] = ()
    total_bytes: int = 0

    def write(self, home: Home) -> None:
        """Keep it for the next try; raises OSError."""
        home.downloads.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = {"commit": self.commit, "keys": list(self.keys), "total_bytes": self.total_bytes}
        write_durably(_path(home, self.job_id), json.dumps(known).encode())

    def planned(self, keys: Sequence[str], total_bytes: int) -> Pin:
        """The same with what is to be fetched."""
        return replace(self, keys=tuple(keys), total_bytes=total_bytes)

    def remove(self, home: Home) -> None:
        """The job is done, or given up."""
        _path(home, self.job_id).unlink(missing_ok=True)


def read_pin(home: Home, job_id: str) -> Pin | None:
    """What a job kept; None where it never came so far, or what it kept is unusable."""
    return _read(_path(home, job_id), job_id)


def all_pins(home: Home) -> list[Pin]:
    """Those of all jobs."""
    found = sorted(home.downloads.glob(f"{_PREFIX}*.json"))
    pins = (_read(one, one.stem.removeprefix(_PREFIX)) for one in found)
    return [one for one in pins if one is not None]


def _read(path: Path, job_id: str) -> Pin | None:
    try:
        known: Any = json.loads(path.read_bytes())
        commit, keys, total = known["commit"], known.get("keys", []), known.get("total_bytes", 0)
        if not COMMIT.fullmatch(commit):
            return None
        good = tuple(one for one in keys if isinstance(one, str) and _KEY.fullmatch(one))
        return Pin(job_id, commit, good, total if type(total) is int else 0)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _path(home: Home, job_id: str) -> Path:
    return home.downloads / f"{_PREFIX}{job_id}.json"
