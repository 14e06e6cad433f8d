"""The jobs table: pages, states, and who may change what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import jobs
from bancada.storage.database import Database, open_database
from bancada.storage.jobs import JobStatus


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    home = Home(tmp_path)
    home.create()
    one = open_database(home)
    yield one
    one.close()


def add(database: Database, job_id: str, owner: str = "me") -> jobs.JobRecord:
    return jobs.insert(
        database, job_id=job_id, kind="k", title="t\ud800", params={"a": 1}, lane="disk", owner=owner
    )


def test_a_life_from_queue_to_end(database: Database) -> None:
    record = add(database, "a")
    assert (record.status, record.params, record.title) == (JobStatus.QUEUED, {"a": 1}, "t?")
    assert jobs.claim(database, "a", "other") is None
    claimed = jobs.claim(database, "a", "me")
    assert claimed is not None
    assert (claimed.status, claimed.attempt) == (JobStatus.RUNNING, 1)
    assert jobs.claim(database, "a", "me") is None
    jobs.set_progress(database, "a", {"done": 1})
    jobs.set_canceling(database, "a")
    assert jobs.get(database, "a").status is JobStatus.CANCELING
    jobs.finish(database, "a", JobStatus.FAILED, error={"code": "jobs.closed", "params": {"job": "x"}})
    ended = jobs.get(database, "a")
    assert ended.status.ended
    assert ended.progress == {"done": 1}
    assert ended.failure is not None
    assert ended.failure.code == "jobs.closed"
    again = jobs.requeue(database, "a", "next")
    assert (again.status, again.owner, again.cancel_requested) == (JobStatus.QUEUED, "next", False)
    with pytest.raises(BancadaError, match="cannot be resumed"):
        jobs.requeue(database, "a", "next")
    with pytest.raises(BancadaError, match="no job b"):
        jobs.requeue(database, "b", "next")


def test_pages_are_in_the_order_of_asking(database: Database) -> None:
    for number in range(7):
        add(database, f"{9 - number}")  # ids against the order, as after a set clock
    jobs.claim(database, "9", "me")
    pages: list[list[str]] = []
    before = None
    while page := jobs.list_page(database, before=before, limit=3):
        pages.append([one.id for one in page])
        before = page[-1].id
    assert pages == [["3", "4", "5"], ["6", "7", "8"], ["9"]]
    assert [one.id for one in jobs.list_page(database, "running")] == ["9"]
    assert len(jobs.list_page(database, ["running", JobStatus.QUEUED])) == 7
    assert [one.id for one in jobs.unfinished(database)] == ["9", "8", "7", "6", "5", "4", "3"]


def test_cancel_and_interruption(database: Database) -> None:
    for name in "abc":
        add(database, name)
        if name != "a":
            jobs.claim(database, name, "me")
    assert jobs.request_cancel(database, "a").status is JobStatus.CANCELED
    assert jobs.request_cancel(database, "b").status is JobStatus.RUNNING
    assert sorted(jobs.cancel_requests(database, "me")) == ["a", "b"]
    assert jobs.cancel_requests(database, "other") == []
    assert not jobs.mark_interrupted(database, "c", "other")
    assert jobs.mark_interrupted(database, "c", "me")
    assert jobs.mark_interrupted(database, "b", "me")
    assert not jobs.mark_interrupted(database, "b", "me")
    assert jobs.get(database, "b").status is JobStatus.CANCELED
    assert jobs.get(database, "c").status is JobStatus.INTERRUPTED
    with pytest.raises(BancadaError, match="no job x"):
        jobs.request_cancel(database, "x")
