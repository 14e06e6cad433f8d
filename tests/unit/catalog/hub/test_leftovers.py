"""What downloads leave on the disk can be seen and given up, and nothing else goes with it."""

from __future__ import annotations

import pytest

from bancada.catalog.download.jobs import DOWNLOAD
from bancada.catalog.download.leftovers import discard, quarantined, remove_quarantined, unfinished
from bancada.catalog.download.partial import Partial
from bancada.catalog.download.pin import Pin, all_pins, read_pin
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import jobs
from bancada.storage.database import Database
from hub_server import CONFIG, Fault, HubServer, safetensors
from unit.catalog.hub.conftest import Downloads

WEIGHTS = safetensors(500_000)
COMMIT = "a" * 40
MINE, SHARED = "1" * 64, "2" * 64


def fail(downloads: Downloads, repo: str) -> str:
    with pytest.raises(BancadaError) as caught:
        downloads.get(repo)
    return caught.value.code


def test_a_download_that_stopped_is_listed_and_given_up(
    hub: HubServer, downloads: Downloads, home: Home, database: Database
) -> None:
    hub.add("org/one", {"model.safetensors": WEIGHTS, "config.json": CONFIG})
    hub.faults["model.safetensors"] = [Fault(cut_after=100_000), Fault(times=99, status=503)]
    assert fail(downloads, "org/one") == "hub.unavailable"
    (left,) = unfinished(home).values()
    assert left.job_id == "job1"
    assert left.total_bytes == len(WEIGHTS) + len(CONFIG)
    assert 100_000 <= left.kept_bytes < left.total_bytes
    assert discard(home, database, "job1") >= 100_000
    assert unfinished(home) == {}
    assert list(home.downloads.iterdir()) == []
    assert discard(home, database, "job1") == 0


def test_what_is_resumed_forgets_nothing(hub: HubServer, downloads: Downloads, home: Home) -> None:
    hub.add("org/one", {"model.safetensors": WEIGHTS, "config.json": CONFIG})
    hub.faults["model.safetensors"] = [Fault(cut_after=100_000), Fault(times=99, status=503)]
    fail(downloads, "org/one")
    hub.faults.clear()
    downloads.get("org/one")
    assert hub.fetched("model.safetensors")[-1].start == 100_000
    assert unfinished(home) == {}


def test_an_earlier_job_has_nothing_left_when_another_one_succeeds(
    hub: HubServer, downloads: Downloads, home: Home
) -> None:
    hub.add("org/one", {"model.safetensors": WEIGHTS, "config.json": CONFIG})
    content = hub.repos["org/one"].files["model.safetensors"]
    Pin("stopped", COMMIT, (content.sha256(),), 20).write(home)
    Pin("wants more", COMMIT, (content.sha256(), MINE), 20).write(home)
    downloads.get("org/one")
    assert set(unfinished(home)) == {"wants more"}


def test_contents_of_other_jobs_stay(home: Home, database: Database) -> None:
    Pin("mine", COMMIT, (MINE, SHARED), 20).write(home)
    Pin("other", COMMIT, (SHARED,), 10).write(home)
    for key in (MINE, SHARED):
        with Partial(home, key) as part:
            part.append(b"12345")
    assert {one.kept_bytes for one in unfinished(home).values()} == {10, 5}
    assert discard(home, database, "mine") == 5
    assert [one.job_id for one in all_pins(home)] == ["other"]
    assert unfinished(home)["other"].kept_bytes == 5
    with Partial(home, SHARED) as held:
        assert held.try_lock()
        assert discard(home, database, "other") == 0  # it is fetched at the moment
        assert held.size == 5


def test_a_job_that_runs_is_not_given_up(home: Home, database: Database) -> None:
    jobs.insert(
        database, job_id="j", kind=DOWNLOAD.name, title="Download", params={}, lane="network", owner="me"
    )
    Pin("j", COMMIT, (MINE,), 20).write(home)
    with pytest.raises(BancadaError) as caught:
        discard(home, database, "j")
    assert caught.value.code == "download.running"
    assert read_pin(home, "j") is not None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"commit": 3}', b'{"commit": "main"}', b"\xff", b"[" * 100_000]
)
def test_a_damaged_note_is_no_note(home: Home, content: bytes) -> None:
    home.downloads.mkdir(parents=True)
    (home.downloads / "job-x.json").write_bytes(content)
    assert read_pin(home, "x") is None
    assert unfinished(home) == {}


def test_keys_in_a_note_are_no_paths(home: Home) -> None:
    home.downloads.mkdir(parents=True)
    text = f'{{"commit": "{COMMIT}", "keys": ["../x", 3, "{MINE}"], "total_bytes": "many"}}'
    (home.downloads / "job-x.json").write_text(text, encoding="utf-8")
    pin = read_pin(home, "x")
    assert pin is not None
    assert (pin.keys, pin.total_bytes) == ((MINE,), 0)


def test_quarantine_says_why_and_can_be_emptied(hub: HubServer, downloads: Downloads, home: Home) -> None:
    hub.add("org/one", {"model.safetensors": WEIGHTS, "config.json": CONFIG})
    hub.faults["model.safetensors"] = [Fault(times=2, flip_at=400_000)]
    assert fail(downloads, "org/one") == "download.damaged"
    (bad,) = quarantined(home)
    assert (bad.path, bad.size_bytes) == ("model.safetensors", len(WEIGHTS))
    assert bad.source.endswith(hub.repos["org/one"].commit)
    assert bad.found not in ("", bad.wanted)
    (home.quarantine / f"{bad.key}.json").write_text("broken", encoding="utf-8")
    assert quarantined(home)[0].key == bad.key
    assert remove_quarantined(home, bad.key) == len(WEIGHTS)
    assert quarantined(home) == []
    assert list(home.quarantine.iterdir()) == []
    for name in (bad.key, "../../bancada"):
        with pytest.raises(BancadaError) as caught:
            remove_quarantined(home, name)
        assert caught.value.code == "download.not_quarantined"
