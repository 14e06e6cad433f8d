"""A program that owns a job or a session and does not end by itself: the tests end it hard.

Usage: owner_program.py HOME job ACTION COUNT SECONDS | session; it prints the worker's pid and the id.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bancada.core.events import EventBus
from bancada.core.paths import Home
from bancada.jobs.manager import JobManager
from bancada.jobs.sessions import SessionManager
from bancada.storage.database import open_database
from bancada.worker.handlers.trial import TrialParams
from worker.trials import TRIAL, log_of, until


def main() -> None:
    """Start what is asked for, say who does it, then wait for the end."""
    home = Home(Path(sys.argv[1]))
    database = open_database(home)
    if sys.argv[2] == "session":
        session = SessionManager(home, EventBus()).open("trial", TrialParams("child", seconds=600.0))
        print(session.pid, session.report["value"], flush=True)
        time.sleep(600)
    manager = JobManager(home, database, EventBus(), {"trial": TRIAL})
    manager.start()
    params = TrialParams(sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
    job_id = manager.submit(TRIAL, params, title="owned")
    process = until(lambda: manager.process(job_id))
    until(lambda: log_of(home, job_id) or manager.progress(job_id))
    print(process.pid, job_id, flush=True)
    manager.wait(job_id)


if __name__ == "__main__":
    main()
