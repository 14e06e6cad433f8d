"""A workspace, and job handlers run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bancada.catalog.library import Library
from bancada.core.paths import Home
from bancada.storage.blobs import BlobStore
from bancada.storage.database import Database, open_database
from library_worker import Worker


@pytest.fixture
def home(tmp_path: Path) -> Home:
    one = Home(tmp_path / "home")
    one.create()
    return one


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    one = open_database(home)
    yield one
    one.close()


@pytest.fixture
def library(home: Home, database: Database) -> Library:
    return Library(database, BlobStore(home, database))


@pytest.fixture
def worker(home: Home, database: Database) -> Iterator[Worker]:
    one = Worker(home)
    yield one
    one.context.database.close()


@pytest.fixture
def blob_files(home: Home) -> Callable[[], list[Path]]:
    return lambda: sorted(one for one in home.blobs.rglob("*") if one.is_file())
