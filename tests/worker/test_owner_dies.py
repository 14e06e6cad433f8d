"""F02: kill -9 of the program with a running worker, and what the next start makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bancada.core.paths import Home
from bancada.jobs.manager import JobManager
from bancada.jobs.spec import JobStatus
from bancada.storage import jobs, runs
from bancada.storage.database import Database
from bancada.worker.handlers.trial import TrialParams
from worker.trials import TRIAL, WAIT_S, runs_now, until

PROGRAM = Path(__file__).with_name("owner_program.py")
SOURCES = [str(PROGRAM.parents[2] / "app"), str(PROGRAM.parents[1])]


@contextmanager
def owner(home: Home, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Another process that owns a worker; gives it and the words that it printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(SOURCES)}
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, str(PROGRAM), str(home.root), *arguments],
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        yield process, process.stdout.readline().split()


@pytest.mark.parametrize("action", ["sleep", "hold", "hang"])
def test_the_worker_ends_with_its_program_and_the_job_can_be_resumed(
    home: Home, database: Database, make_manager: Callable[..., JobManager], action: str
) -> None:
    with owner(home, "job", action, "1", "600") as (process, (pid, job_id)):
        assert runs_now(int(pid))
        process.kill()
        process.wait()
        until(lambda: not runs_now(int(pid)), "end of the worker")
    assert jobs.get(database, job_id).status is JobStatus.RUNNING
    manager = make_manager()
    record = jobs.get(database, job_id)
    assert record.status is JobStatus.INTERRUPTED
    assert record.error is None
    manager.resume(job_id)
    until(lambda: manager.process(job_id))
    assert jobs.get(database, job_id).attempt == 2
    manager.cancel(job_id)
    assert manager.wait(job_id, WAIT_S).status is JobStatus.CANCELED


def test_what_a_session_started_ends_with_the_program_too(home: Home, database: Database) -> None:
    with owner(home, "session") as (process, (pid, child)):
        assert runs_now(int(pid))
        assert runs_now(int(child))
        process.kill()
        process.wait()
        until(lambda: not runs_now(int(pid)), "end of the worker")
        until(lambda: not runs_now(int(child)), "end of its child")


def test_rows_that_were_acknowledged_survive_and_the_job_goes_on(
    home: Home, database: Database, make_manager: Callable[..., JobManager]
) -> None:
    """F01 and F22 for jobs: the whole is the same as without the kills."""
    with owner(home, "job", "rows", "300", "0.002") as (process, (_, job_id)):
        until(lambda: (run := runs.of_job(database, job_id)) and len(runs.metrics(database, run.id)) > 5)
        process.kill()
        process.wait()
    log = (home.logs / f"worker-job-{job_id}.log").read_text(encoding="utf-8")
    manager = make_manager()
    run = runs.of_job(database, job_id)
    assert run is not None
    rows = len(runs.metrics(database, run.id))
    assert log.count("acknowledged") <= rows
    manager.resume(job_id)
    record = manager.wait(job_id, WAIT_S)
    assert record.status is JobStatus.SUCCEEDED
    assert record.result["value"] == 300 - rows
    assert [one.value for one in runs.metrics(database, run.id)] == list(range(300))


def test_cancel_and_lanes_work_across_programs(
    home: Home, database: Database, make_manager: Callable[..., JobManager]
) -> None:
    with owner(home, "job", "sleep", "100000", "0.01") as (process, (_, foreign)):
        manager = make_manager()
        assert jobs.get(database, foreign).status is JobStatus.RUNNING
        mine = manager.submit(TRIAL, TrialParams("sleep"), title="waits for the other's lane")
        assert manager.wait(mine, 0.6).status is JobStatus.QUEUED
        until(lambda: manager.progress(foreign))
        assert [one.id for one in manager.running()] == [foreign]
        manager.cancel(foreign)
        assert manager.wait(foreign, WAIT_S).status is JobStatus.CANCELED
        assert manager.wait(mine, WAIT_S).status is JobStatus.SUCCEEDED
        process.wait(WAIT_S)


def test_a_job_whose_program_dies_while_another_waits_for_it(
    home: Home, database: Database, make_manager: Callable[..., JobManager]
) -> None:
    with owner(home, "job", "sleep", "100000", "0.01") as (process, (_, foreign)):
        manager = make_manager()
        process.kill()
        process.wait()
        assert manager.wait(foreign, WAIT_S).status is JobStatus.INTERRUPTED
        mine = manager.submit(TRIAL, TrialParams("sleep"), title="the lane is free again")
        assert manager.wait(mine, WAIT_S).status is JobStatus.SUCCEEDED
