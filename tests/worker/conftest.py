"""A workspace with real workers, and the check that none of them leaves anything behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bancada.core.events import EventBus
from bancada.core.paths import Home
from bancada.inference.session import ModelSessions
from bancada.inference.types import LoadSpec
from bancada.jobs.manager import JobManager
from bancada.jobs.process import WorkerRules
from bancada.jobs.sessions import SessionManager
from bancada.storage.database import Database, open_database
from leaks import no_leaks
from worker.trials import RULES, TRIAL

__all__ = ["no_leaks"]


@pytest.fixture(autouse=True)
def nothing_left(no_leaks: None) -> None:
    """Every test of this folder is checked."""


@pytest.fixture
def home(tmp_path: Path, nothing_left: None) -> Home:
    one = Home(tmp_path / "home with space")
    one.create()
    return one


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    one = open_database(home)
    yield one
    one.close()


@pytest.fixture
def events() -> EventBus:
    return EventBus()


@pytest.fixture
def make_manager(home: Home, database: Database, events: EventBus) -> Iterator[Callable[..., JobManager]]:
    with ExitStack() as stack:

        def make(rules: WorkerRules = RULES, **more: Any) -> JobManager:
            one = JobManager(home, database, events, {TRIAL.name: TRIAL}, rules=rules, **more)
            stack.callback(one.close)
            one.start()
            return one

        yield make


@pytest.fixture
def manager(make_manager: Callable[..., JobManager]) -> JobManager:
    return make_manager()


@pytest.fixture
def make_sessions(home: Home, events: EventBus) -> Iterator[Callable[..., SessionManager]]:
    with ExitStack() as stack:

        def make(rules: WorkerRules = RULES) -> SessionManager:
            one = SessionManager(home, events, rules=rules)
            stack.callback(one.close_all)
            return one

        yield make


@pytest.fixture
def sessions(make_sessions: Callable[..., SessionManager]) -> SessionManager:
    return make_sessions()


@pytest.fixture
def models(sessions: SessionManager, database: Database) -> ModelSessions:
    return ModelSessions(sessions, database)


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., LoadSpec]:
    """Write a script file and give the spec that loads it."""

    def write(name: str = "model", context: int = 4096, **values: Any) -> LoadSpec:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(values), encoding="utf-8")
        return LoadSpec(str(path), "scripted", context=context)

    return write
