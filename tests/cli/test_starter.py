"""The starter model comes into an empty library once, by link."""

from __future__ import annotations

from pathlib import Path

import pytest

from bancada.catalog import starter
from bancada.catalog.starter import Starter, ensure_starter, import_starter, installed_starter, starter_in
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.jobs.spec import JobStatus

MISSING = Starter("no_such_package", "model.gguf", "None", "0" * 64)


def test_it_comes_once_and_takes_no_space(home: Path, smollm2: Path) -> None:
    context = AppContext.open(home)
    try:
        assert starter_in(context.library) is None
        job_id = ensure_starter(context.database, context.library, context.jobs)
        assert job_id is not None
        record = context.jobs.wait(job_id, timeout=60)
        assert record.status is JobStatus.SUCCEEDED
        version = starter_in(context.library)
        assert version is not None
        assert version.size_bytes == smollm2.stat().st_size
        assert ensure_starter(context.database, context.library, context.jobs) is None
        context.library.remove(version.id)
        assert smollm2.is_file()
        # whoever removed it does not meet it again
        assert ensure_starter(context.database, context.library, context.jobs) is None
    finally:
        context.close()


def test_without_it_nothing_happens(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "STARTERS", (MISSING,))
    context = AppContext.open(home)
    try:
        assert installed_starter() is None
        assert ensure_starter(context.database, context.library, context.jobs) is None
        with pytest.raises(BancadaError) as caught:
            import_starter(context.jobs, MISSING)
        assert caught.value.code == "starter.not_installed"
    finally:
        context.close()


def test_a_package_without_its_file_counts_as_missing() -> None:
    assert Starter("bancada", "no.gguf", "None", "0" * 64).path() is None
