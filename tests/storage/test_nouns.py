"""The queries of the other nouns: models, runs, requests, presets, drafts, devices, samples."""

from __future__ import annotations

import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import audit, devices, drafts, models, presets, requests, runs, samples
from bancada.storage.blobs import BlobStore
from bancada.storage.connection import Database


def _version(db: Database, home: Home, name: str, content: bytes) -> models.VersionRecord:
    blob = BlobStore(home, db).put_bytes(content)
    new = models.NewVersion(
        "gguf", "llama", "Q4_1", 10, 4.5, 2, 100, "mit", blob.size_bytes, blob.sha256, "a file",
        metadata={"a": [1, 2]}, warnings=("no template",),
    )  # fmt: skip
    return models.add_version(db, name, new, [models.FileRecord("m.gguf", blob.sha256, blob.size_bytes)])


def test_versions_count_up_under_a_name_and_the_same_content_is_one(db: Database, home: Home) -> None:
    one, two = _version(db, home, "SmolLM2", b"1"), _version(db, home, "smollm2", b"22")
    assert (one.version, two.version, two.name) == (1, 2, "SmolLM2")
    assert _version(db, home, "Another name", b"1") == one
    assert one.metadata == {"a": [1, 2]}
    assert one.warnings == ("no template",)
    assert [version.version for version in models.list_versions(db)] == [2, 1]
    assert models.list_versions(db, search="OLLM")[0].files[0].size_bytes == 2
    assert models.list_versions(db, search="q4_1")
    assert models.list_versions(db, search="q4%1") == []


def test_find_by_name_version_and_id(db: Database, home: Home) -> None:
    one, two = _version(db, home, "SmolLM2", b"1"), _version(db, home, "SmolLM2", b"22")
    odd = _version(db, home, "odd:7", b"333")
    assert models.find(db, "smollm2") == two
    assert models.find(db, "SmolLM2:1") == one
    assert models.find(db, one.id.upper()) == one
    assert models.find(db, "odd:7") == odd
    for text in ("smolm", "SmolLM2:3", "SmolLM2:" + "9" * 30, "SmolLM2:\u0663", ""):
        with pytest.raises(BancadaError) as caught:
            models.find(db, text)
        assert caught.value.code == "model.not_found"
    with pytest.raises(BancadaError) as caught:
        models.find(db, "smolm2")
    assert caught.value.params["near"] == "SmolLM2"


def test_notes_crashes_and_removal(db: Database, home: Home) -> None:
    one, two = _version(db, home, "m", b"1"), _version(db, home, "m", b"22")
    models.set_notes(db, one.model_id, "good at French")
    assert models.get_model(db, one.model_id).notes == "good at French"
    assert [models.count_crash(db, one.id) for _ in range(3)] == [1, 2, 3]
    models.reset_crashes(db, one.id)
    assert models.get_version(db, one.id).crashes == 0
    models.remove_version(db, one.id)
    assert models.find(db, "m") == two
    models.remove_version(db, two.id)
    for action in (models.get_model, models.get_version, models.remove_version, models.count_crash):
        with pytest.raises(BancadaError) as caught:
            action(db, one.model_id if action is models.get_model else one.id)
        assert caught.value.code == "model.not_found"
    actions = [event.action for event in audit.list_page(db)]
    assert actions == ["model.removed", "model.removed", "model.added", "model.added"]


def test_runs_with_metrics(db: Database) -> None:
    one = runs.start(db, "bench", "first", {"n": 1}, {"cores": 2})
    two = runs.start(db, "tour", "second", {}, {})
    runs.log_metrics(db, one, [("itl_ms", step, step * 1.5, step * 10) for step in range(3)])
    runs.log_metrics(db, one, [("itl_ms", 1, 9.0, 11), ("ttft_ms", 0, 5, 1)])
    assert runs.metrics(db, one, "itl_ms")[1] == runs.MetricPoint("itl_ms", 1, 9.0, 11)
    assert [point.key for point in runs.metrics(db, one)] == ["itl_ms"] * 3 + ["ttft_ms"]
    runs.finish(db, one, "finished", {"mean": 2.0})
    found = runs.get(db, one)
    assert (found.status, found.params, found.environment) == ("finished", {"n": 1}, {"cores": 2})
    assert (found.summary, found.ended_at is None) == ({"mean": 2.0}, False)
    runs.reopen(db, one)
    assert runs.get(db, one).ended_at is None
    assert [run.id for run in runs.list_runs(db)] == [two, one]
    assert [run.id for run in runs.list_runs(db, "bench")] == [one]
    assert [run.id for run in runs.list_runs(db, before=runs.get(db, two).seq)] == [one]
    assert runs.of_job(db, "none") is None
    for bad in (float("nan"), 1.0):
        with pytest.raises(BancadaError) as caught:
            runs.log_metrics(db, "absent" if bad == 1.0 else one, [("x", 0, bad, 0)])
        assert caught.value.code == "database.value_refused"
    runs.remove(db, one)
    assert runs.metrics(db, one) == []
    for action in (
        lambda: runs.get(db, one),
        lambda: runs.reopen(db, one),
        lambda: runs.finish(db, one, "failed", {}),
    ):
        with pytest.raises(BancadaError) as caught:
            action()
        assert caught.value.code == "run.not_found"


def test_requests_in_pages(db: Database, home: Home) -> None:
    version = _version(db, home, "m", b"1")
    for number in range(5):
        owner = version.id if number % 2 else None
        record = requests.RequestRecord(
            f"r{number}", "chat", "finished", owner, seed=number, ttft_ms=10.0 * number, completion_tokens=3
        )
        assert requests.add(db, record) == number + 1
    failed = requests.RequestRecord(
        "bad", "bench", "failed", error={"code": "x", "params": {}}, params={"a": 1}
    )
    requests.add(db, failed)
    found = requests.get(db, "bad")
    assert (found.error, found.params, found.started_at) == (failed.error, {"a": 1}, failed.started_at)
    first = requests.list_page(db, limit=4)
    assert [one.id for one in first] == ["bad", "r4", "r3", "r2"]
    assert [one.id for one in requests.list_page(db, before_seq=first[-1].seq)] == ["r1", "r0"]
    assert [one.id for one in requests.list_page(db, model_version_id=version.id)] == ["r3", "r1"]
    assert requests.summary(db) == requests.RequestSummary(6, 5, 15, 20.0, None)
    with pytest.raises(BancadaError) as caught:
        requests.get(db, "absent")
    assert caught.value.code == "request.not_found"


def test_presets_drafts_devices_samples(db: Database) -> None:
    presets.save(db, "b", {"temperature": 1.0}, "prompt")
    presets.save(db, "A", {})
    presets.save(db, "b", {"temperature": 0.0})
    assert [one.name for one in presets.list_all(db)] == ["A", "b"]
    assert presets.get(db, "b").parameters == {"temperature": 0.0}
    presets.remove(db, "b")
    with pytest.raises(BancadaError) as caught:
        presets.get(db, "b")
    assert caught.value.code == "preset.not_found"

    drafts.save(db, "chat", "half")
    drafts.save(db, "chat", "half a sen\ud800")
    assert drafts.get(db, "chat") == "half a sen?"
    drafts.save(db, "chat", "")
    assert drafts.get(db, "chat") == ""

    device = devices.ensure_device(db, {"name": "box", "cores": 2})
    assert devices.ensure_device(db, {"cores": 2, "name": "box"}) == device
    assert devices.ensure_device(db, {"name": "box", "cores": 4}) != device
    assert [one.name for one in devices.list_all(db)] == ["box", "box"]
    assert devices.calibration(db, device, "s", "llama 1") is None
    for threads in (1, 2):
        devices.store_calibration(
            db, device, "s", "llama 1", settings={"threads": threads}, measured={"t": 1.5}
        )
    found = devices.calibration(db, device, "s", "llama 1")
    assert found is not None
    assert (found.settings, found.measured) == ({"threads": 2}, {"t": 1.5})

    points = [samples.SamplePoint(time, time * 1000, 50.0) for time in (20, 10)]
    samples.add_many(db, "job", points)
    samples.add_many(db, "job", [samples.SamplePoint(10, 7, 1.0)])
    assert samples.curve(db, "job") == (samples.SamplePoint(10, 7, 1.0), points[0])
    samples.remove(db, "job")
    assert samples.curve(db, "job") == ()
