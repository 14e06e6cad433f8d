"""What the tests of this folder share: a kind of job that misbehaves, quick rules, patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bancada.core.paths import Home
from bancada.jobs.process import WorkerRules
from bancada.jobs.spec import JobKind
from bancada.storage.database import Database
from bancada.worker.handlers.trial import TrialParams

WAIT_S: Final = 60.0
TRIAL: Final = JobKind("trial", TrialParams, "compute")
#: quick ladders: what takes 5 s and 3 s for people takes tenths here
RULES: Final = WorkerRules(heartbeat_timeout_s=30.0, terminate_after_s=0.4, kill_after_s=0.4)


def until(condition: Callable[[], Any], what: str = "condition") -> Any:
    """Wait for a condition of another process; what is waited for must come, however busy the machine is."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come")


def log_of(home: Home, job_id: str) -> str:
    """What the worker of a job has logged so far."""
    path = home.logs / f"worker-job-{job_id}.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def runs_now(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def forecast_too_much(_database: Database, _params: TrialParams) -> int:
    """A petabyte."""
    return 10**15


def forecast_little(_database: Database, _params: TrialParams) -> int:
    """A megabyte."""
    return 1_000_000
