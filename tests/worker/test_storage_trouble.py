"""F06 and F10 for jobs: what cannot be written now is not lost, and is written later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from bancada.core.errors import describe
from bancada.core.events import EventBus
from bancada.core.paths import Home
from bancada.inference.session import ModelSessions
from bancada.jobs.manager import JobManager
from bancada.jobs.sessions import SessionManager
from bancada.jobs.spec import JobStatus
from bancada.storage import jobs, runs
from bancada.storage.database import Database, open_database
from bancada.worker.handlers.trial import TrialParams
from storage.conftest import SmallDisk, disk
from worker.trials import RULES, TRIAL, WAIT_S, until

__all__ = ["disk"]


@pytest.fixture
def impatient(home: Home, database: Database) -> Iterator[Database]:
    """The same database, with less patience for locks."""
    one = Database(home.database, busy_timeout_ms=50)
    yield one
    one.close()


def test_an_end_that_cannot_be_stored_is_known_and_stored_later(
    home: Home, database: Database, impatient: Database, events: EventBus
) -> None:
    manager = JobManager(home, impatient, events, {"trial": TRIAL}, rules=RULES)
    first = manager.submit(TRIAL, TrialParams("sleep", 10, 0.1), title="first")
    second = manager.submit(TRIAL, TrialParams("sleep"), title="second")
    until(lambda: manager.progress(first))
    with database.transaction():
        record = manager.wait(first, WAIT_S)
        assert record.status is JobStatus.SUCCEEDED
        assert record.result == {"action": "sleep", "value": 10}
        assert jobs.get(impatient, first).status is JobStatus.RUNNING
        assert not manager.wait(second, 0.5).status.ended
    assert manager.wait(second, WAIT_S).status is JobStatus.SUCCEEDED
    until(lambda: jobs.get(database, first).status is JobStatus.SUCCEEDED)
    manager.close()


def test_closing_while_nothing_can_be_stored_leaves_jobs_to_the_next_start(
    home: Home, database: Database, impatient: Database, events: EventBus
) -> None:
    manager = JobManager(home, impatient, events, {"trial": TRIAL}, rules=RULES)
    first = manager.submit(TRIAL, TrialParams("sleep", 10_000, 0.1), title="first")
    second = manager.submit(TRIAL, TrialParams("sleep"), title="second")
    until(lambda: manager.progress(first))
    with database.transaction():
        manager.close()
    assert jobs.get(database, first).status is JobStatus.RUNNING
    assert jobs.get(database, second).status is JobStatus.QUEUED


def test_a_full_disk_fails_the_job_and_the_program_goes_on(disk: SmallDisk, events: EventBus) -> None:
    disk.mount(96 << 20)
    home = Home(disk.path / "home")
    database = open_database(home)
    manager = JobManager(home, database, events, {"trial": TRIAL}, rules=RULES)
    record = manager.wait(manager.submit(TRIAL, TrialParams("fill", 200), title="fill"), WAIT_S)
    assert record.failure is not None
    assert record.failure.code == "worker.disk_full"
    assert "The disk is full" in describe(record.failure.code, record.failure.params).what
    assert list(home.temporary.iterdir()) == []
    rows = manager.submit(TRIAL, TrialParams("rows", 300, 0.01), title="rows")
    until(lambda: manager.progress(rows))
    ballast = disk.path / "ballast"
    with suppress(OSError):  # the worker writes meanwhile
        disk.fill()
    ended = manager.wait(rows, WAIT_S)
    assert ended.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)
    manager.close()
    database.close()
    # it starts while the disk is full, and goes on when there is room
    database = open_database(home)
    manager = JobManager(home, database, events, {"trial": TRIAL}, rules=RULES)
    manager.start()
    stored = jobs.get(database, rows).status
    assert stored in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.INTERRUPTED)
    ballast.unlink()
    if stored is not JobStatus.SUCCEEDED:
        manager.resume(rows)
        assert manager.wait(rows, WAIT_S).status is JobStatus.SUCCEEDED
    run = runs.of_job(database, rows)
    assert run is not None
    assert [one.value for one in runs.metrics(database, run.id)] == list(range(300))
    manager.close()
    database.close()


def test_workers_open_an_encrypted_workspace(home: Home, events: EventBus) -> None:
    database = open_database(home, passphrase="correct horse")
    assert database.key
    manager = JobManager(home, database, events, {"trial": TRIAL}, rules=RULES)
    record = manager.wait(manager.submit(TRIAL, TrialParams("rows", 2), title="rows"), WAIT_S)
    assert record.result == {"action": "rows", "value": 2}
    manager.close()
    assert not any(database.key in one.read_text() for one in home.logs.iterdir())
    sessions = SessionManager(home, events, rules=RULES, database_key=database.key)
    models = ModelSessions(sessions, database)
    models.close_all()
    sessions.close_all()
    database.close()
