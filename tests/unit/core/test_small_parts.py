"""Events, ids, places, registries and sizes."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import pytest

from bancada.core.events import Changed, EventBus, Notice
from bancada.core.ids import new_id
from bancada.core.paths import Home, default_home, resources
from bancada.core.registry import resolve
from bancada.core.sizes import bytes_text


def test_events_reach_their_subscribers_until_they_leave() -> None:
    bus, seen = EventBus(), list[object]()
    leave = bus.subscribe(Changed, seen.append)
    bus.publish(Changed("model", ("1",)))
    bus.publish(Notice("info", "x"))
    leave()
    bus.publish(Changed("job"))
    assert seen == [Changed("model", ("1",))]


def test_a_failing_subscriber_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    bus, seen = EventBus(), list[object]()

    def fail(_event: Changed) -> None:
        raise ZeroDivisionError

    bus.subscribe(Changed, fail)
    bus.subscribe(Changed, seen.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(Changed("model"))
    assert len(seen) == 1
    assert "ZeroDivisionError" in caplog.text


def test_ids_are_unique_and_sort_by_time() -> None:
    first = new_id()
    time.sleep(0.002)
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 26 and one > first for one in ids)


def test_the_home_is_named_or_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BANCADA_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("BANCADA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_home() == tmp_path / "bancada"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert default_home() == tmp_path / "Bancada"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_home().name == "Bancada"


def test_the_folders_of_a_home_are_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    home.create()
    folders = (home.blobs, home.views, home.logs, home.backups, home.locks, home.temporary)
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in folders)


def test_resources_are_found_in_the_source_tree() -> None:
    assert resources().name == "resources"


def test_a_target_is_imported_by_its_name() -> None:
    assert resolve("bancada.core.ids:new_id") is new_id
    with pytest.raises(ValueError, match="module:attribute"):
        resolve("bancada.core.ids")
    with pytest.raises(AttributeError):
        resolve("bancada.core.ids:absent")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (16 << 20, "16.8 MB"), (999_960, "1.0 MB"),
        (1.25e9, "1.2 GB"), (5e17, "500.0 PB"), (5e20, "500000.0 PB"),
    ],
)  # fmt: skip
def test_bytes_in_words(count: float, text: str) -> None:
    assert bytes_text(count) == text
