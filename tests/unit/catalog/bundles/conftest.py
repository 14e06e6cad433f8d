"""Two offices with an air gap between them; keys are stretched less than outside of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bancada.catalog.bundles import keys
from bundle_office import Office


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(keys._SCRYPT, "n", 1 << 4)
    monkeypatch.delenv(keys.PASSPHRASE_VARIABLE, raising=False)


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Office]:
    one = Office.open(tmp_path / "sender")
    yield one
    one.close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Office]:
    one = Office.open(tmp_path / "receiver")
    yield one
    one.close()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    return tmp_path / "stick"
