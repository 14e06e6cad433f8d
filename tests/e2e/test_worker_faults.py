"""F15, F17, F18 in the real window: workers that die, hang, or lose their file during answers.

``BANCADA_WORKER_KILLS=50`` kills as often as the issue asks.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import psutil
import pytest

from bancada.catalog.jobs import IMPORT, ImportParams
from bancada.context import AppContext
from bancada.storage import models
from bancada.storage.blobs import BlobStore
from e2e.driven_window import Window
from e2e.workspaces import gone, prepare, times, until
from tiny_gguf import TinyModel, write_tiny_gguf

KILLS: Final = times("BANCADA_WORKER_KILLS", 4)
_TURNS: Final = "page.chat.columns[0].transcript.turns"
_STATUSES: Final = f"[one.message.status for one in {_TURNS}]"
_CODE: Final = f"({_TURNS}[-1].message.error or {{}}).get('code')"
_PANEL: Final = (
    "[one.text() for one in page.chat.columns[0].transcript.last_answer()._panel.findChildren(QLabel)]"
)
#: the watchdog of the window waits 30 s; a test need not
_HASTY: Final = (
    "import dataclasses",
    "manager = desk.context.sessions",
    "manager._rules = dataclasses.replace(manager._rules, heartbeat_timeout_s=2.0, terminate_after_s=0.5)",
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def playground(window: Window, version_id: str) -> None:
    window.ready()
    window.do(f"desk.navigate('playground', version_id={version_id!r})", "page = desk.page('playground')")
    window.until(f"page.columns.choices and page.chat.columns[0].version_id == {version_id!r}")


def ask(window: Window, text: str) -> None:
    """Ask and wait for the first words."""
    window.do(f"page.send({text!r})")
    window.until("page.chat.columns[0].busy and page.chat.columns[0].run.tokens")


def answered(window: Window, text: str) -> str:
    """Ask and wait for the end; its status."""
    window.do(f"page.send({text!r})")
    window.until("not page.chat.busy")
    status: str = window.ask(_STATUSES)[-1]
    return status


@pytest.fixture
def window(home: Path) -> Iterator[Window]:
    prepare(home, Slow={"answer": "word " * 600, "delay_ms": 20.0}, Fatal={"answer": "a b c", "die_at": 1})
    with Window("--home", str(home)) as one:
        yield one


def version(home: Path, name: str) -> str:
    with closing(AppContext.open(home)) as context:
        return context.library.find(name).id


def test_kills_at_random_during_answers(window: Window, home: Path) -> None:
    playground(window, version(home, "Slow"))
    chance = random.Random(11)
    worst = 0.0
    for number in range(KILLS):
        ask(window, f"question {number}")
        window.do("driver.reset()")
        time.sleep(chance.uniform(0.0, 0.6))
        workers = window.children()
        assert workers
        for one in workers:
            one.kill()
        window.until("not page.chat.busy")
        assert window.ask(_STATUSES)[-1] == "failed"
        assert window.ask(_CODE) == "worker.killed"
        words = window.ask(_PANEL)
        assert any("SIGKILL" in one or "killed" in one or "ended by" in one for one in words), words
        assert window.ask(f"{_TURNS}[-1].message.content").startswith("word")
        worst = max(worst, window.ask("driver.worst_ms"))
        gone(workers)
    ask(window, "and now?")
    window.do("page.chat.stop()")
    window.until("not page.chat.busy")
    assert window.ask(_STATUSES)[-1] == "stopped"
    # nobody's fault but ours: such ends do not put the model aside
    with closing(AppContext.open(home)) as context:
        assert context.library.find("Slow").crashes == 0
        rows = context.database.rows("PRAGMA integrity_check")
        assert rows == [{"integrity_check": "ok"}]
    assert window.close() == 0
    print(f"{KILLS} kills during answers, worst stall of the window {worst:.1f} ms")


def test_three_crashes_put_a_model_aside_and_the_user_may_insist(window: Window, home: Path) -> None:
    playground(window, version(home, "Fatal"))
    for crash in range(3):
        assert answered(window, f"question {crash}") == "failed"
        assert window.ask(_CODE) == "worker.crashed"
    assert answered(window, "a fourth time?") == "failed"
    assert window.ask(_CODE) == "model.put_aside"
    window.do("card = page.chat.columns[0].transcript.last_answer()")
    assert window.ask("card._anyway.isVisible()")
    window.do("card._anyway.click()")
    window.until(f"not page.chat.busy and {_CODE} == 'worker.crashed'")
    playground(window, version(home, "Slow"))
    ask(window, "another model")
    window.do("page.chat.stop()")
    window.until("not page.chat.busy")
    assert window.close() == 0


def test_a_worker_that_stands_still(window: Window, home: Path) -> None:
    playground(window, version(home, "Slow"))
    window.do(*_HASTY)
    ask(window, "question")
    workers = window.children()
    window.do("driver.reset()")
    for one in workers:
        one.suspend()
    window.until("not page.chat.busy")
    assert window.ask(_CODE) == "worker.hung"
    print(f"while the worker stood still, the worst stall was {window.ask('driver.worst_ms'):.1f} ms")
    gone(workers)
    ask(window, "again")
    # a user who stops what does not listen
    for one in window.children():
        one.suspend()
    workers = window.children()
    window.do("page.chat.stop()")
    window.until("not page.chat.busy")
    gone(workers)
    assert window.ask(_STATUSES)[-1] == "stopped"
    assert window.close() == 0


@pytest.fixture
def tiny(home: Path, tmp_path: Path) -> str:
    """A real model in the library; returns its version id."""
    path = write_tiny_gguf(tmp_path / "tiny.gguf", TinyModel())
    with closing(AppContext.open(home)) as context:
        job = context.jobs.submit(IMPORT, ImportParams(str(path), "Tiny", link=False), title="Import")
        result = context.jobs.wait(job, 60).result
        assert result is not None
        return str(result["version_id"])


def blob_of(home: Path, version_id: str) -> Path:
    with closing(AppContext.open(home)) as context:
        sha256 = models.get_version(context.database, version_id).sha256
        return BlobStore(context.home, context.database).path(sha256)


def test_the_file_goes_and_changes_under_a_session(window: Window, home: Path, tiny: str) -> None:
    blob = blob_of(home, tiny)
    playground(window, tiny)
    assert answered(window, "the") == "complete"
    away = blob.with_name("away")
    blob.rename(away)
    # it is loaded: the worker holds the file, or says what is wrong; the window lives either way
    answered(window, "the file is gone")
    window.do("page._unload()")
    until(lambda: not window.children(), "end of the worker")
    assert answered(window, "is it?") == "failed"
    assert window.ask(_CODE) == "model.file_missing"
    assert any(str(blob) in one for one in window.ask(_PANEL))
    away.rename(blob)
    raw = bytearray(blob.read_bytes())
    raw[-64] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(raw)
    assert answered(window, "is it whole?") == "failed"
    assert window.ask(_CODE) == "model.file_damaged"
    assert window.close() == 0


def test_real_workers_are_killed_while_they_load_and_answer(window: Window, home: Path, tiny: str) -> None:
    playground(window, tiny)
    for pause in (0.0, 0.15, 0.4):
        window.do("page.send('the')")
        until(window.children, "a worker")
        time.sleep(pause)
        for one in window.children():
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        window.until("not page.chat.busy")
        assert window.ask(_STATUSES)[-1] in ("failed", "complete")
        until(lambda: not window.children(), "end of the worker")
    assert answered(window, "the") == "complete"
    assert window.close() == 0
