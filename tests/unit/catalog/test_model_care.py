"""Export, comparison, lineage, measurements and the clean-up, on real files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from bancada.catalog import comparing, exporting, lifecycle, lineage, measured
from bancada.catalog.forecaster import Forecaster
from bancada.catalog.jobs import ExportParams
from bancada.catalog.storage_care import AREAS, BACKUPS_KEPT, CLEANED, StorageCare
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home
from bancada.inference.preview import PreviewParams
from bancada.jobs.codec import decode
from bancada.storage import backup, certificates, models, requests, runs
from bancada.storage.blobs import BlobStore
from bancada.storage.certificates import NewCertificate
from bancada.storage.connection import Database
from bancada.storage.database import open_database
from bancada.storage.models import FileRecord, NewVersion, VersionRecord
from bancada.storage.requests import RequestRecord
from bancada.worker.handlers.library import run_export
from bancada.worker.handlers.template import TemplatePreview
from library_worker import Worker
from tiny_gguf import write_tiny_gguf

OLD = time.time() - 3_600


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def db(home: Home) -> Iterator[Database]:
    database = open_database(home)
    yield database
    database.close()


@pytest.fixture
def worker(db: Database, home: Home) -> Worker:
    assert db.path.exists()
    return Worker(home)


@pytest.fixture
def tiny(db: Database, worker: Worker, tmp_path: Path) -> VersionRecord:
    """A model in the library, copied from a file."""
    found = worker.take_in(write_tiny_gguf(tmp_path / "tiny.gguf"), "Tiny model")
    return models.get_version(db, found["version_id"])


def refused(code: str, call: Callable[[], object]) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        call()
    assert caught.value.code == code
    return caught.value


# -- export


def test_an_export_is_a_copy_with_a_card(
    db: Database, home: Home, worker: Worker, tiny: VersionRecord, tmp_path: Path
) -> None:
    lifecycle.set_stage(db, tiny.id, "approved", reason="good")
    lifecycle.set_alias(db, tiny.id, "production")
    lifecycle.set_tags(db, tiny.model_id, ["office"])
    target = tmp_path / "out" / "tiny"
    done = run_export(worker.context, ExportParams(tiny.id, str(target)))
    (file,) = [one for one in target.iterdir() if one.name != exporting.CARD]
    assert file.name == "Tiny-model-v1-F32.gguf"
    stored = BlobStore(home, db).path(tiny.sha256)
    assert file.read_bytes() == stored.read_bytes()
    assert not file.samefile(stored)
    assert file.stat().st_nlink == 1
    card = json.loads((target / exporting.CARD).read_text("utf-8"))
    assert card["files"] == done["files"] == [
        {"path": file.name, "sha256": tiny.sha256, "size_bytes": tiny.size_bytes}
    ]  # fmt: skip
    assert (card["stage"], card["aliases"], card["tags"]) == ("approved", ["production"], ["office"])
    assert card["source"] == "tiny.gguf"  # the path is private
    assert sorted(one.name for one in target.parent.iterdir()) == ["tiny"]
    # what is there is never overwritten, an empty folder is used
    refused("model.export_in_use", lambda: run_export(worker.context, ExportParams(tiny.id, str(target))))
    refused("model.export_in_use", lambda: exporting.check_target(file))
    empty = tmp_path / "empty"
    empty.mkdir()
    run_export(worker.context, ExportParams(tiny.id, str(empty)))
    assert (empty / file.name).exists()


def test_a_canceled_or_failed_export_leaves_nothing(
    db: Database, home: Home, worker: Worker, tiny: VersionRecord, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    worker.canceled.set()
    with pytest.raises(Canceled):
        run_export(worker.context, ExportParams(tiny.id, str(target)))
    worker.canceled.clear()
    before = sorted(tmp_path.iterdir())
    assert target not in before
    in_a_file = tmp_path / "tiny.gguf" / "below"
    refused("model.export_failed", lambda: run_export(worker.context, ExportParams(tiny.id, str(in_a_file))))
    blob = BlobStore(home, db).path(tiny.sha256)
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1] + b"\1")
    refused("model.file_damaged", lambda: run_export(worker.context, ExportParams(tiny.id, str(target))))
    assert sorted(tmp_path.iterdir()) == before


# -- lineage, comparison, measurements


def _variant(db: Database, home: Home, parent: VersionRecord, name: str = "Small") -> VersionRecord:
    params = {"version_id": parent.id, "type": "Q4_K_M", "imatrix": "", "keep": {"output": True}, "n": [1, 2]}
    run = runs.start(db, "quantize", "Q4_K_M", params, {})
    runs.finish(db, run, "finished", {})
    blob = BlobStore(home, db).put_bytes(name.encode())
    new = NewVersion(
        "gguf", "llama", "Q4_K_M", parent.parameters, 4.8, 2, 2_048, "MIT", 90_000_000, blob.sha256, "here",
        parent_version_id=parent.id, produced_by_run_id=run, metadata={"values": {"a": 1}},
    )  # fmt: skip
    return models.add_version(db, name, new, [FileRecord("model.gguf", blob.sha256, blob.size_bytes)])


def test_the_tree_says_from_what_by_which_run(db: Database, home: Home, tiny: VersionRecord) -> None:
    small = _variant(db, home, tiny)
    found = list(lineage.walk(lineage.tree(db, tiny.id)))
    assert [(depth, one.name) for depth, one in found] == [(0, "Tiny model"), (1, "Small")]
    assert lineage.settings(found[1][1]) == [("type", "Q4_K_M"), ("keep: output", "yes"), ("n", "1, 2")]
    assert [one.id for one in lineage.ancestors(db, small.id)] == [tiny.id]
    assert lineage.tree(db, "nobody") == ()


def test_a_comparison_marks_what_differs(db: Database, home: Home, tiny: VersionRecord) -> None:
    small = _variant(db, home, tiny)
    lifecycle.set_stage(db, small.id, "candidate")
    found = comparing.compare(db, tiny, small, Forecaster(), 512)
    pairs = {(one.section, one.key): one for one in found.pairs}
    assert pairs["facts", "quantization"].differs
    assert not pairs["facts", "parameters"].differs
    assert (pairs["duty", "stage"].left, pairs["duty", "stage"].right) == ("none", "candidate")
    assert pairs["memory", "forecast_bytes"].differs
    assert not pairs["measured", "decode_tokens_per_s"].differs  # nothing is known
    assert pairs["metadata", "a"].left is None
    assert found.shared_bytes == 0
    same = comparing.compare(db, tiny, tiny, Forecaster(), 512)
    assert not any(one.differs for one in same.pairs)
    assert same.shared_bytes == tiny.size_bytes
    assert json.dumps(comparing.document(found))


def test_what_was_measured_is_told(db: Database, tiny: VersionRecord) -> None:
    assert measured.measured(db, tiny.id).empty
    for speed, outcome in ((10.0, "finished"), (30.0, "finished"), (20.0, "finished"), (999.0, "canceled")):
        record = RequestRecord(f"r{speed}", "chat", outcome, tiny.id, decode_tokens_per_s=speed)
        requests.add(db, record)
    run = runs.start(db, "bench", "quick", {"version_id": tiny.id}, {})
    runs.finish(db, run, "finished", {"medians": {"decode_tokens_per_s": 21.5, "ttft_ms": 12}})
    runs.start(db, "bench", "still running", {"version_id": tiny.id}, {})
    report = json.dumps({"divergence": {"kl_mean": 0.02, "same_top": 0.97, "ratio": None}})
    certificates.add(db, NewCertificate(tiny.id, None, tiny.sha256, "0" * 64, "amber", report))
    found = measured.measured(db, tiny.id)
    assert (found.answers, found.decode_tokens_per_s, found.ttft_ms) == (3, 20.0, None)
    assert [one.decode_tokens_per_s for one in found.benchmarks] == [21.5]
    assert found.quality is not None
    assert (found.quality.verdict, dict(found.quality.figures)) == (
        "amber", {"kl_divergence": 0.02, "same_top_token": 0.97}
    )  # fmt: skip


# -- the template


def _preview(worker: Worker, version: VersionRecord) -> dict[str, object]:
    report: dict[str, object] = TemplatePreview(worker.context).open(PreviewParams(version.id))
    return report


def test_a_template_is_shown_with_an_example(worker: Worker, tiny: VersionRecord) -> None:
    text = str(_preview(worker, tiny)["text"])
    assert "What is a workbench?" in text
    assert "<|im_start|>" in text
    assert decode(PreviewParams, {"version_id": "x"}).messages


def _with_template(db: Database, template: str | None) -> VersionRecord:
    new = NewVersion("gguf", "llama", "F32", 1, 32.0, 1, 64, "", 1, "a" * 64, "x", chat_template=template)
    return models.add_version(db, "Stranger", new, [])


def test_a_template_that_never_ends_is_stopped(db: Database, worker: Worker) -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
    version = _with_template(db, endless)
    refused("model.template_refused", lambda: _preview(worker, version))


def test_a_template_that_reaches_for_more_is_refused(db: Database, worker: Worker) -> None:
    version = _with_template(db, "{{ messages.__class__.__mro__[1].__subclasses__() }}")
    refused("model.template_refused", lambda: _preview(worker, version))


def test_a_template_without_a_system_prompt_is_shown_without_one(db: Database, worker: Worker) -> None:
    objection = "{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}fine"
    found = _preview(worker, _with_template(db, objection))
    assert (found["text"], found["without_system"]) == ("fine", True)


def test_a_model_without_a_template_says_so(db: Database, worker: Worker) -> None:
    version = _with_template(db, None)
    refused("model.no_chat_template", lambda: _preview(worker, version))


# -- storage


def _file(path: Path, size: int, *, old: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    if old:
        os.utime(path, (OLD, OLD))
    return path


def test_the_overview_counts_every_area_and_cleans_what_it_names(
    db: Database, home: Home, tiny: VersionRecord
) -> None:
    blobs = BlobStore(home, db)
    care = StorageCare(db, blobs)
    garbage = blobs.put_bytes(b"x" * 1_000)
    for _ in range(BACKUPS_KEPT + 1):
        backup.backup(db, "daily")
    manual = backup.backup(db)
    parts = [_file(home.downloads / f"{name}.part", 200) for name in ("a", "b")]
    bad = _file(home.quarantine / "c.bad", 300)
    incoming = _file(home.incoming / "bundle" / "d.part", 50)
    logs = [_file(home.logs / name, 10) for name in ("worker-1.log", "cli.log", "cli.log.1")]
    young = _file(home.logs / "worker-2.log", 10, old=False)
    cache = _file(home.temporary / "left", 70)
    areas = {one.id: one for one in care.overview()}
    assert tuple(areas) == AREAS
    assert areas["models"].bytes == tiny.size_bytes
    assert areas["unused"].removable_bytes == 1_000
    assert areas["downloads"].removable_bytes == 450
    assert areas["logs"].removable_bytes == 20
    assert [one.path for one in areas["caches"].items] == [cache]
    with FileLock(home.locks / "part-a.lock"):
        assert care.clean("downloads").bytes == 250  # one download is at work
    assert parts[0].exists()
    assert not parts[1].exists()
    assert not incoming.parent.exists()
    assert care.clean("quarantine").bytes == 300
    assert not bad.exists()
    assert care.clean("unused").bytes == 1_000
    assert not blobs.path(garbage.sha256).exists()
    assert care.clean("backups").count == 2
    assert manual.path.exists()
    care.clean("logs")
    assert [one.exists() for one in (*logs, young)] == [False, True, False, True]
    care.clean("caches")
    assert not cache.exists()
    assert blobs.path(tiny.sha256).exists()
    assert care.clean("caches").count == 0
    assert all(not one.items for one in care.overview() if one.id in CLEANED and one.id != "downloads")


def test_models_and_the_database_are_never_cleaned(db: Database, home: Home) -> None:
    care = StorageCare(db, BlobStore(home, db))
    for name in ("models", "database", "../..", ""):
        refused("storage.area_unknown", lambda name=name: care.clean(name))  # type: ignore[misc]
    refused("storage.area_unknown", lambda: care.area("nothing"))


def test_shared_files_are_counted_once(db: Database, home: Home) -> None:
    blob = BlobStore(home, db).put_bytes(b"y" * 500)
    for at in range(2):
        new = NewVersion("onnx", "llama", "fp32", 1, 32.0, 1, 64, "", 500, f"{at:064x}", "x")
        models.add_version(db, f"M{at}", new, [FileRecord("weights", blob.sha256, 500)])
    found = StorageCare(db, BlobStore(home, db)).area("models")
    assert (found.bytes, found.shared_bytes, found.saved_bytes, found.count) == (500, 500, 500, 2)
