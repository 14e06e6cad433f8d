"""F01 and F02 on the real program: the window is killed at random while it answers and measures.

``BANCADA_WINDOW_KILLS=50`` does it as often as the issue asks.
"""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from bancada.bench.plan import BenchParams
from bancada.context import AppContext
from bancada.jobs.spec import JobStatus
from bancada.storage import conversations, jobs, runs
from bancada.storage.database import Database
from e2e.driven_window import Window
from e2e.workspaces import gone, prepare, times

ROUNDS: Final = times("BANCADA_WINDOW_KILLS", 4)
#: the promise of F02
WORKERS_END_S: Final = 5.0
SLOW: Final = {"answer": "word " * 400, "delay_ms": 5.0}


class Trial:
    """Starts the window on a workspace, lets it work, kills it, and counts what must be there later."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.chance = random.Random(7)
        version = prepare(home, Slow=SLOW)["Slow"]
        self.params = BenchParams(
            version, prompt_tokens=(8, 16), answer_tokens=(8, 16), repetitions=4 * ROUNDS
        )
        self.questions: list[str] = []
        self.rows = 0
        self.job = ""
        self.slowest_end_s = 0.0

    def round(self, number: int) -> None:
        """One life of the window."""
        with Window("--home", str(self.home)) as window:
            window.ready()
            window.do("desk.navigate('playground')", "page = desk.page('playground')", "stored = []")
            window.do("from e2e.test_killed_window import rows_of")
            window.until("page.columns.choices")
            window.do("page.chat.stored.connect(lambda: stored.append(page.chat.conversation_id))")
            if not self.job:
                window.do("from bancada.bench.plan import BENCH, BenchParams", f"params = {self.params!r}")
                self.job = window.ask("desk.context.jobs.submit(BENCH, params, title='kept')")
            else:
                window.do(f"desk.context.jobs.resume('{self.job}')")
            question = f"question {number}"
            window.do(f"page.send('{question}')")
            end = time.monotonic() + self.chance.uniform(0.1, 3.5)
            said = False
            while time.monotonic() < end:
                said = bool(window.ask("stored"))
                self.rows = max(self.rows, window.ask(f"rows_of(desk.context.database, '{self.job}')"))
            if said:
                self.questions.append(question)
            workers = window.children()
            window.kill()
            self.slowest_end_s = max(self.slowest_end_s, gone(workers))

    def look(self) -> None:
        """What the next start finds."""
        with closing(AppContext.open(self.home)) as context:
            context.take_over()
            database = context.database
            assert database.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
            messages = database.rows("SELECT role, content, status FROM messages")
            asked = [one["content"] for one in messages if one["role"] == "user"]
            assert set(self.questions) <= set(asked)
            assert not [one for one in messages if one["status"] == "streaming"]
            assert rows_of(database, self.job) >= self.rows
            assert jobs.get(database, self.job).status is JobStatus.INTERRUPTED
            assert not conversations_without_messages(database)


def test_kills_at_random_lose_nothing(tmp_path: Path) -> None:
    trial = Trial(tmp_path / "home")
    for number in range(ROUNDS):
        trial.round(number)
        trial.look()
    print(
        f"{ROUNDS} kills: {len(trial.questions)} questions acknowledged, {trial.rows} measurements seen,"
        f" workers gone within {trial.slowest_end_s:.2f} s"
    )
    assert trial.slowest_end_s <= WORKERS_END_S
    with closing(AppContext.open(trial.home)) as context:
        context.jobs.resume(trial.job)
        record = context.jobs.wait(trial.job, 600)
        assert record.status is JobStatus.SUCCEEDED
        assert record.attempt >= 2


def rows_of(database: Database, job_id: str) -> int:
    run = runs.of_job(database, job_id)
    return len(runs.metrics(database, run.id)) if run else 0


def conversations_without_messages(database: Database) -> list[str]:
    return [
        one.id
        for one in conversations.list_page(database, limit=1000)
        if not conversations.branch(database, one.id)
    ]
