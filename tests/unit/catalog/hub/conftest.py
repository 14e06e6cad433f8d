"""A workspace beside a hub that runs on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bancada.catalog.download.jobs import DownloadParams
from bancada.catalog.hub.rules import HubRules, Patience
from bancada.core.paths import Home
from bancada.storage import settings
from bancada.storage.database import Database
from bancada.worker.handlers.download import download
from hub_server import HubServer, hub_server
from library_worker import Worker

#: what takes seconds for people takes hundredths here
QUICK = Patience(connect_s=5.0, stall_s=0.5, attempts=4, first_wait_s=0.01, longest_wait_s=0.05)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as server:
        yield server


class Downloads:
    """Runs the job in this process, as a worker would."""

    def __init__(self, worker: Worker, rules: HubRules) -> None:
        self.worker = worker
        self.rules = rules

    @property
    def home(self) -> Home:
        return self.worker.context.home

    def get(
        self, repo: str, *files: str, name: str = "", revision: str = "main", **rules: Any
    ) -> dict[str, Any]:
        params = DownloadParams(repo, revision, files, name)
        return download(self.worker.context, params, replace(self.rules, **rules))


@pytest.fixture
def downloads(worker: Worker, database: Database, hub: HubServer) -> Downloads:
    settings.set(database, "hub.endpoint", hub.url)
    return Downloads(worker, HubRules(hub.url, patience=QUICK))
