"""Closing the window while jobs run, and opening a workspace that can only be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from bancada.context import AppContext
from bancada.core.events import SessionState
from bancada.core.paths import Home
from bancada.gui.background import Background
from bancada.gui.desk import Desk
from bancada.gui.main_window import MainWindow
from bancada.gui.pages.settings import SettingsPage
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.banner import Banner
from bancada.jobs.spec import JobKind
from bancada.storage import jobs
from bancada.storage.connection import Database
from bancada.storage.jobs import JobStatus
from bancada.worker.handlers.trial import TrialParams

TRIAL = JobKind("trial", TrialParams, "compute")
WAIT_MS = 30_000


@pytest.fixture
def running(desk: Desk, qtbot: QtBot) -> str:
    """A job that runs in a real worker while the window is open."""
    desk.window.show()
    desk.start()
    params = TrialParams("sleep", count=1000, seconds=0.05)
    job_id = desk.context.jobs.submit(TRIAL, params, title="A long job")
    qtbot.waitUntil(lambda: bool(desk.jobs.running), timeout=WAIT_MS)
    return job_id


def test_without_jobs_the_window_closes(desk: Desk) -> None:
    desk.window.show()
    assert desk.window.close()


def test_keep_working_is_the_safe_answer(desk: Desk, running: str) -> None:
    assert not desk.window.close()
    question = desk.closing.question
    assert question is not None
    assert question.buttons[-1].isDefault()
    assert question.buttons[-1].text() == "Keep working"
    question.buttons[-1].click()
    assert desk.window.isVisible()
    assert not desk.closing.cancel_jobs


@pytest.mark.parametrize(("button", "cancels"), [(0, True), (1, False)])
def test_closing_on_the_users_word(desk: Desk, running: str, button: int, cancels: bool) -> None:
    assert not desk.window.close()
    question = desk.closing.question
    assert question is not None
    question.buttons[button].click()
    assert not desk.window.isVisible()
    assert desk.closing.cancel_jobs is cancels


def test_stopped_jobs_can_be_resumed(desk: Desk, running: str) -> None:
    desk.context.jobs.close(cancel=False)
    assert jobs.get(desk.context.database, running).status is JobStatus.INTERRUPTED


def test_ends_are_told_once_each(desk: Desk, running: str, qtbot: QtBot) -> None:
    record = replace(jobs.get(desk.context.database, running), status=JobStatus.RUNNING)
    ended = replace(record, status=JobStatus.SUCCEEDED, ended_at="2999-01-01T00:00:00.000+00:00")
    for status, word in (
        (JobStatus.SUCCEEDED, "done"),
        (JobStatus.FAILED, "defect"),
        (JobStatus.INTERRUPTED, "interrupted"),
    ):
        desk.notices.clear()
        desk.jobs._told.clear()
        desk.jobs._show(([record], [replace(ended, status=status)]))
        desk.jobs._show(([record, replace(record, id="other")], [replace(ended, status=status)]))
        notices = [one.text for one in desk.notices.shown()]
        assert len(notices) == 1
        assert word in notices[0].lower() or status is JobStatus.FAILED
    assert "+ 1 more" in desk.status.job.text.text()
    desk.jobs._show(([], [replace(ended, status=JobStatus.CANCELED, attempt=7)]))
    assert not desk.status.job.isVisible()
    assert desk.jobs._show is not None


def test_a_session_that_ends_clears_the_engine(desk: Desk) -> None:
    desk.engine._shown = "s"
    desk.status.set_engine("llama.cpp", "CPU only", "no GPU")
    desk.bridge.session_state.emit(SessionState("s", "closed"))
    assert desk.status.engine.text() == "No model loaded"


@pytest.fixture
def read_only(tmp_path: Path, theme: Theme) -> Iterator[Desk]:
    """A workspace whose database is opened for reading, as on a medium that cannot be written."""
    root = tmp_path / "home"
    AppContext.open(root).close()
    context = AppContext(Home(root), Database(Home(root).database, mode="ro"))
    desk = Desk(MainWindow(theme), context, Background())
    yield desk
    desk.close()
    context.close()
    desk.window.deleteLater()


def test_a_workspace_that_can_only_be_read_says_so(read_only: Desk, qtbot: QtBot) -> None:
    read_only.window.show()
    read_only.start()
    banner = read_only.window.findChild(Banner)
    assert banner is not None
    assert "read" in banner.accessibleName()
    for page_id in ("home", "jobs", "settings"):
        read_only.navigate(page_id)
        qtbot.waitUntil(lambda: not read_only.background.busy)
    page = read_only.pages["settings"]
    assert isinstance(page, SettingsPage)
    page.store("chat.idle_minutes", 5)
    qtbot.waitUntil(page.errors["chat.idle_minutes"].isVisible)
