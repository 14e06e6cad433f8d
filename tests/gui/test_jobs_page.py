"""The jobs page and the strip in the status line, with real workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bancada.catalog.jobs import IMPORT, ImportParams
from bancada.gui.desk import Desk
from bancada.gui.pages.jobs import JobsPage, took_s
from bancada.gui.widgets.ask import Question
from bancada.jobs.codec import encode
from bancada.jobs.spec import JobKind
from bancada.storage import jobs, samples
from bancada.storage.jobs import JobStatus
from bancada.worker.handlers.trial import TrialParams
from tiny_gguf import write_tiny_gguf

TRIAL = JobKind("trial", TrialParams, "compute")
WAIT_MS = 30_000


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> Iterator[JobsPage]:
    desk.window.show()
    desk.start()
    desk.navigate("jobs")
    made = desk.pages["jobs"]
    assert isinstance(made, JobsPage)
    yield made
    qtbot.waitUntil(lambda: not desk.background.busy)


def settled(page: JobsPage, qtbot: QtBot) -> None:
    def quiet() -> bool:
        QApplication.processEvents()
        return not page.shell.background.busy

    qtbot.waitUntil(quiet)
    QTest.qWait(120)
    qtbot.waitUntil(quiet)


def ended(
    desk: Desk,
    title: str,
    status: JobStatus,
    *,
    result: dict[str, Any] | None = None,
    error: dict[str, Any] | None = None,
    peak_memory_bytes: int | None = None,
) -> str:
    """A job that has ended before the window was looked at."""
    database = desk.context.database
    record = jobs.insert(
        database, job_id=f"job{title}", kind="trial", title=title, params={}, lane="disk", owner="1:1"
    )
    jobs.claim(database, record.id, "1:1")
    jobs.finish(database, record.id, status, result=result, error=error, peak_memory_bytes=peak_memory_bytes)
    return record.id


def test_nothing_has_run_yet(page: JobsPage, qtbot: QtBot) -> None:
    settled(page, qtbot)
    assert page.stack.currentWidget() is page.empty
    page.empty.button.click()
    assert page.shell.context is not None


def test_a_running_job_is_followed_and_canceled(page: JobsPage, desk: Desk, qtbot: QtBot) -> None:
    params = TrialParams("sleep", count=1000, seconds=0.02)
    job_id = desk.context.jobs.submit(TRIAL, params, title="A long job")
    qtbot.waitUntil(lambda: page.model.record(job_id) is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "running" in status_of(page, job_id), timeout=WAIT_MS)
    qtbot.waitUntil(desk.status.job.isVisible, timeout=WAIT_MS)
    assert "A long job" in desk.status.job.text.text()
    page.opened(job_id=job_id)
    settled(page, qtbot)
    assert page.table.selected_ids() == [job_id]
    assert page.detail.cancel_button.isVisible()
    assert not page.detail.resume_button.isVisible()
    desk.status.job.cancel.click()
    qtbot.waitUntil(lambda: status_of(page, job_id) == "canceled", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not desk.status.job.isVisible(), timeout=WAIT_MS)
    assert not desk.notices.shown()


def test_a_crash_says_itself_with_the_log(page: JobsPage, desk: Desk, qtbot: QtBot) -> None:
    job_id = desk.context.jobs.submit(TRIAL, TrialParams("abort"), title="A crash")
    qtbot.waitUntil(lambda: status_of(page, job_id) == "failed", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bool(desk.notices.shown()), timeout=WAIT_MS)
    assert "A crash" in desk.notices.shown()[0].text
    page.table.select(job_id)
    settled(page, qtbot)
    assert page.detail.error.isVisible()
    assert page.detail.chip.text() == "failed"
    record = jobs.get(desk.context.database, job_id)
    assert page.detail.log.toPlainText() == record.log_tail


def test_an_interrupted_import_is_resumed(page: JobsPage, desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf")
    database = desk.context.database
    params = encode(ImportParams(str(file), "Tiny", link=False))
    record = jobs.insert(
        database,
        job_id="j1",
        kind=IMPORT.name,
        title="Import Tiny",
        params=params,
        lane="disk",
        owner="1:1",
    )
    assert jobs.claim(database, record.id, "1:1") is not None
    assert jobs.mark_interrupted(database, record.id, "1:1")
    page.opened(job_id="j1")
    settled(page, qtbot)
    assert page.detail.resume_button.isVisible()
    page.detail.resume_button.click()
    qtbot.waitUntil(lambda: status_of(page, "j1") == "done", timeout=WAIT_MS)
    assert [one.name for one in desk.context.library.list()] == ["Tiny"]
    qtbot.waitUntil(lambda: bool(desk.notices.shown()), timeout=WAIT_MS)


def test_filters_and_removal(page: JobsPage, desk: Desk, qtbot: QtBot) -> None:
    ended(desk, "one", JobStatus.SUCCEEDED, result={"name": "x", "size_bytes": 1_200_000, "version_id": "q"})
    ended(
        desk, "two", JobStatus.FAILED, error={"code": "disk.full", "params": {"need": "2 GB", "have": "1 GB"}}
    )
    ended(desk, "three", JobStatus.CANCELED)
    page.refresh()
    settled(page, qtbot)
    assert page.model.rowCount() == 3
    page.table.select("jobone")
    settled(page, qtbot)
    assert page.detail._texts["result"][1].text() == "name: x\nsize: 1.2 MB"
    page.filter.setCurrentIndex(3)
    settled(page, qtbot)
    assert [row.record.title for row in page.model.records()] == ["two"]
    page.filter.setCurrentIndex(1)
    settled(page, qtbot)
    assert page.model.rowCount() == 0
    assert page.stack.currentWidget() is page.splitter
    page.filter.setCurrentIndex(0)
    settled(page, qtbot)
    page.remove_button.click()
    question = page.window().findChild(Question)
    assert question is not None
    question.buttons[0].click()
    qtbot.waitUntil(lambda: page.model.rowCount() == 0, timeout=WAIT_MS)
    assert page.stack.currentWidget() is page.empty


def test_the_memory_curve_is_drawn(page: JobsPage, desk: Desk, qtbot: QtBot) -> None:
    job_id = ended(desk, "curve", JobStatus.SUCCEEDED, peak_memory_bytes=90 << 20)
    points = [samples.SamplePoint(at * 250, (50 + at) << 20, 80.0) for at in range(40)]
    samples.add_many(desk.context.database, job_id, points)
    page.opened(job_id=job_id)
    qtbot.waitUntil(lambda: page.detail._chart is not None, timeout=WAIT_MS)
    chart = page.detail._chart
    assert chart is not None
    assert chart.isVisible()
    ended(desk, "flat", JobStatus.SUCCEEDED)
    page.opened(job_id="jobflat")
    qtbot.waitUntil(lambda: not chart.isVisible(), timeout=WAIT_MS)


def test_a_job_that_cannot_be_resumed_says_so(page: JobsPage, desk: Desk, qtbot: QtBot) -> None:
    job_id = ended(
        desk, "gone", JobStatus.FAILED, error={"code": "internal.error", "params": {"detail": "x"}}
    )
    page.opened(job_id=job_id)
    settled(page, qtbot)
    page.detail.resume()
    qtbot.waitUntil(desk._popover.isVisible, timeout=WAIT_MS)
    assert page.detail.resume_button.isEnabled()
    page.detail.clear()
    page.detail.cancel()
    page.detail.resume()


def test_time_never_runs_backwards(desk: Desk) -> None:
    job_id = ended(desk, "clock", JobStatus.SUCCEEDED)
    record = jobs.get(desk.context.database, job_id)
    before = datetime.fromisoformat(record.created_at) - timedelta(days=2000)
    assert took_s(record, before) is not None
    running = replace(record, ended_at=None)
    assert took_s(running, before) == 0.0
    assert took_s(replace(running, started_at=None), datetime.now(UTC)) is None


def status_of(page: JobsPage, job_id: str) -> str:
    row = page.model.row_of(job_id)
    return str(page.model.index(row, 1).data()) if row >= 0 else ""
