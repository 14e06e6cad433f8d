"""Quantizations, matrices and sweeps as their handlers make them: lineage, cancel, kill, full disk."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bancada.catalog.gguf_header import read_header
from bancada.catalog.library import Library
from bancada.context import AppContext
from bancada.core.errors import BancadaError, Canceled
from bancada.core.events import EventBus
from bancada.core.paths import Home
from bancada.engines import imatrix_file
from bancada.jobs.manager import JobManager
from bancada.jobs.spec import JobStatus
from bancada.quantization.jobs import MATRIX, QUANTIZE, SWEEP, MatrixParams, QuantizeParams, SweepParams
from bancada.quantization.plan import PlanParams
from bancada.quantization.types import TYPES
from bancada.storage import certificates, jobs, matrices, models, runs
from bancada.storage.blobs import BlobStore
from bancada.storage.database import Database, open_database
from bancada.worker.handlers import imatrix, quantize, sweep
from damaged_gguf import quantized
from library_worker import Worker
from storage.conftest import SmallDisk, disk
from tiny_gguf import TinyModel, write_tiny_gguf
from worker.trials import RULES, WAIT_S, until

__all__ = ["disk"]

KINDS = (QUANTIZE, SWEEP, MATRIX)
#: search for the best of many look-up tables: seconds, even for a few million weights
SLOW = "IQ3_S"
TEXT = "The archive waits for its shelves, and nobody blocks the fire door. " * 20


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "Tiny.gguf")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some millions of weights in rows that every type can take."""
    model = TinyModel(layers=2, width=256, hidden=2048, name="Large")
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "Large.gguf", model)


@pytest.fixture
def worker(home: Home, database: Database) -> Worker:
    return a_worker(home, database)


def a_worker(home: Home, database: Database) -> Worker:
    """Handlers without a process of their own, in a job that the database knows."""
    one = Worker(home)
    one.context.__dict__["database"] = database
    job = {"job_id": one.context.job_id, "kind": QUANTIZE.name, "title": "Quantize", "lane": QUANTIZE.lane}
    jobs.insert(database, **job, params={}, owner="test")
    return one


@pytest.fixture
def manager(home: Home, database: Database, events: EventBus) -> Iterator[JobManager]:
    rules = replace(RULES, terminate_after_s=WAIT_S)  # the polite way, however busy the machine is
    one = JobManager(home, database, events, {kind.name: kind for kind in KINDS}, rules=rules)
    one.start()
    yield one
    one.close()


def take_in(worker: Worker, path: Path) -> str:
    return str(worker.take_in(path)["version_id"])


def made_by(worker: Worker, source: str, kind: str = "", **options: Any) -> dict[str, Any]:
    return quantize.run(worker.context, QuantizeParams(source, kind, **{"certify": False, **options}))


def refused(worker: Worker, source: str, kind: str = "", **options: Any) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        made_by(worker, source, kind, **options)
    return caught.value


def a_matrix(worker: Worker, source: str, tmp_path: Path, **options: Any) -> dict[str, Any]:
    text = tmp_path / "office.txt"
    text.write_text(TEXT, encoding="utf-8")
    more = {"text": str(text), "context": 64, "chunks": 4, **options}
    return imatrix.run(worker.context, MatrixParams(source, **more))


def assert_nothing_left(home: Home, database: Database, *, versions: int) -> None:
    """No file under a final name and no working folder beyond what ``versions`` rows refer to."""
    assert list(home.temporary.iterdir()) == []
    assert not list(home.locks.glob("work-*"))
    stored = models.list_versions(database)
    assert len(stored) == versions
    kept = {file.sha256 for version in stored for file in version.files}
    kept |= {one.sha256 for one in matrices.list_matrices(database)}
    assert {one.name for one in home.blobs.rglob("*") if one.is_file()} == kept


# -- quantizing


def test_the_result_has_its_lineage(worker: Worker, tiny: Path, home: Home, database: Database) -> None:
    source = take_in(worker, tiny)
    result = made_by(worker, source, "q8_0", overrides=("ffn_down=F16",))
    made = models.get_version(database, result["version_id"])
    assert (made.name, made.version, made.quantization) == ("Tiny-Q8_0", 1, "Q8_0")
    assert (made.parent_version_id, made.produced_by_run_id) == (source, result["run_id"])
    assert made.source == "quantized from Tiny:1"
    assert made.size_bytes == result["forecast_bytes"] == result["size_bytes"]
    assert 8.5 < made.bits_per_weight == result["bits_per_weight"] < 12
    assert made.license == "apache-2.0"
    assert made.chat_template == models.get_version(database, source).chat_template
    record = runs.get(database, result["run_id"])
    assert (record.kind, record.status, record.params["overrides"]) == (
        "quantize",
        "finished",
        ["ffn_down=F16"],
    )
    assert record.environment["source"]["sha256"] == models.get_version(database, source).sha256
    assert record.environment["engine"].startswith("llama.cpp")
    assert record.summary["variant"]["size_bytes"] == made.size_bytes
    assert Library(database, BlobStore(home, database)).load_spec(made.id).format == "gguf"
    # the same again is the same content, and no second version
    again = made_by(worker, source, "q8_0", overrides=("ffn_down=F16",))
    assert (again["existing"], again["version_id"]) == (True, made.id)
    assert_nothing_left(home, database, versions=2)


def test_a_target_takes_the_best_that_fits(worker: Worker, large: Path, home: Home) -> None:
    source = take_in(worker, large)
    path = worker.context.blobs.path(hashlib.sha256(large.read_bytes()).hexdigest())
    sizes = {one.type: one for one in quantize.variants(path, ("Q8_0", "Q6_K", "Q5_K_M"), matrix=False)}
    within = made_by(worker, source, target_bytes=sizes["Q6_K"].size_bytes)
    assert (within["type"], within["size_bytes"]) == ("Q6_K", sizes["Q6_K"].size_bytes)
    bits = made_by(worker, source, target_bits=sizes["Q6_K"].bits_per_weight - 0.01)
    assert bits["type"] == "Q5_K_M"
    assert refused(worker, source, target_bytes=1000).code == "quantize.nothing_fits"
    assert refused(worker, source).code == "quantize.type_unknown"


def test_what_is_refused_leaves_nothing(
    worker: Worker, tiny: Path, tmp_path: Path, home: Home, database: Database
) -> None:
    source = take_in(worker, tiny)
    small = take_in(worker, quantized(tiny, tmp_path / "Small.gguf", "Q8_0"))
    assert refused(worker, source, "Q9_X").code == "quantize.type_unknown"
    assert refused(worker, source, "Q8_0", overrides=("nothing=Q8_0",)).code == "quantize.override_invalid"
    assert refused(worker, source, "Q8_0", matrix_id="none").code == "imatrix.not_found"
    assert refused(worker, small, "Q4_0").code == "quantize.already_quantized"
    assert runs.list_runs(database) == []
    assert_nothing_left(home, database, versions=2)
    again = made_by(worker, small, "Q4_0", requantize=True)
    assert any("already quantized" in one for one in again["warnings"])


def test_a_type_that_needs_a_matrix(worker: Worker, large: Path, home: Home, database: Database) -> None:
    source = take_in(worker, large)
    assert refused(worker, source, "IQ2_XXS").code == "quantize.matrix_needed"
    assert_nothing_left(home, database, versions=1)


def test_a_source_that_was_changed_or_cut(worker: Worker, tiny: Path, home: Home, database: Database) -> None:
    source = take_in(worker, tiny)
    path = worker.context.blobs.path(models.get_version(database, source).sha256)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert refused(worker, source, "Q8_0").code == "model.file_damaged"
    path.unlink()
    assert refused(worker, source, "Q8_0").code == "model.file_missing"
    assert len(models.list_versions(database)) == 1
    assert runs.list_runs(database) == []


def test_a_canceled_job_ends_its_worker(
    manager: JobManager, worker: Worker, large: Path, home: Home, database: Database
) -> None:
    source = take_in(worker, large)
    job = manager.submit(QUANTIZE, QuantizeParams(source, SLOW, certify=False), title="Quantize")
    until(lambda: list(home.temporary.glob("work-*/model.gguf")), "the file in the making")
    process = manager.process(job)
    assert process is not None
    manager.cancel(job)
    assert manager.wait(job, WAIT_S).status is JobStatus.CANCELED
    assert not Path(f"/proc/{process.pid}").exists()
    assert [one.status for one in runs.list_runs(database)] == ["canceled"]
    assert_nothing_left(home, database, versions=1)


def test_a_killed_worker_and_the_next_start(
    manager: JobManager, worker: Worker, large: Path, home: Home, database: Database
) -> None:
    source = take_in(worker, large)
    before = models.get_version(database, source).sha256
    job = manager.submit(QUANTIZE, QuantizeParams(source, SLOW, certify=False), title="Quantize")
    until(lambda: list(home.temporary.glob("work-*/model.gguf")), "the file in the making")
    process = manager.process(job)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    record = manager.wait(job, WAIT_S)
    assert record.failure is not None
    assert record.failure.code == "worker.killed"
    assert len(models.list_versions(database)) == 1
    assert list(home.temporary.glob("work-*/model.gguf"))
    AppContext.open(home.root).close()
    assert_nothing_left(home, database, versions=1)
    BlobStore(home, database).verify(before)

    manager.resume(job)
    resumed = manager.wait(job, WAIT_S)
    assert resumed.status is JobStatus.SUCCEEDED, resumed.failure
    made = resumed.result["sha256"]
    models.remove_version(database, resumed.result["version_id"])
    assert made_by(worker, source, SLOW)["sha256"] == made
    assert_nothing_left(home, database, versions=2)


def test_a_full_disk_before_and_in_the_middle(disk: SmallDisk, large: Path, nothing_left: None) -> None:
    disk.mount(80 << 20)
    small = Home(disk.path / "home")
    database = open_database(small)
    try:
        worker = a_worker(small, database)
        source = take_in(worker, large)
        (disk.path / "ballast").write_bytes(bytes(1 << 20))
        ballast = disk.fill(leave_bytes=2 << 20)
        error = refused(worker, source, "Q8_0")
        assert error.code == "disk.full"
        assert runs.list_runs(database) == []
        ballast.unlink()

        def listen(message: Any) -> None:
            if getattr(message, "stage", "") == "quantizing":
                with suppress(OSError):  # the engine writes meanwhile
                    disk.fill()

        worker.listener = listen
        assert refused(worker, source, SLOW).code == "disk.full"
        assert [one.status for one in runs.list_runs(database)] == ["failed"]
        assert_nothing_left(small, database, versions=1)
    finally:
        database.close()
        disk.unmount()


# -- the plan


def test_the_plan_says_what_each_type_gives(worker: Worker, tiny: Path, home: Home) -> None:
    source = take_in(worker, tiny)
    context = AppContext.open(home.root)
    try:
        found = context.quantization_plan(PlanParams(source))
        known = {one.type: one for one in found.variants}
        assert {"F16", "Q8_0", "Q4_0", "Q4_K_M"} <= set(known) <= {one.name for one in TYPES}
        assert found.quantized == ""
        result = made_by(worker, source, "Q5_0")
        assert result["size_bytes"] == known["Q5_0"].size_bytes
        assert context.quantization_plan(PlanParams(result["version_id"], ("Q4_0",))).quantized == "Q5_0"
        with pytest.raises(BancadaError) as caught:
            context.quantization_plan(PlanParams(source, ("Q4_0",), ("x=Q4_0",)))
        assert caught.value.code == "quantize.override_invalid"
    finally:
        context.close()


# -- matrices


def test_a_matrix_is_kept_and_used(
    worker: Worker, large: Path, tmp_path: Path, home: Home, database: Database
) -> None:
    source = take_in(worker, large)
    result = a_matrix(worker, source, tmp_path)
    record = matrices.get(database, result["matrix_id"])
    assert (record.name, record.text_name) == ("Large, office.txt", "office.txt")
    assert (record.chunks, record.context, record.tokens) == (4, 64, 256)
    assert record.text_sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert record.model_sha256 == models.get_version(database, source).sha256
    assert record.coverage["tensors"] == record.coverage["tensors_in_model"] == 14
    assert (record.coverage["missing"], record.coverage["rows"]) == ([], 256)
    run = runs.get(database, result["run_id"])
    assert (run.kind, run.status, run.summary["matrix_id"]) == ("imatrix", "finished", record.id)
    stored = imatrix_file.read(worker.context.blobs.ensure_intact(record.sha256))
    assert len(stored.entries) == 14

    plain, weighed = (made_by(worker, source, "Q4_K_M", matrix_id=one) for one in ("", record.id))
    assert weighed["name"] == "Large-Q4_K_M-imat"
    assert (weighed["size_bytes"], weighed["existing"]) == (plain["size_bytes"], False)
    assert weighed["sha256"] != plain["sha256"]
    assert_nothing_left(home, database, versions=3)


def test_a_matrix_of_another_model_and_a_damaged_one(
    worker: Worker, tiny: Path, large: Path, tmp_path: Path, database: Database
) -> None:
    source, other = take_in(worker, large), take_in(worker, tiny)
    matrix = a_matrix(worker, other, tmp_path)
    assert refused(worker, source, "Q4_K_M", matrix_id=matrix["matrix_id"]).code == (
        "quantize.matrix_of_another"
    )
    path = worker.context.blobs.path(matrix["sha256"])
    path.write_bytes(path.read_bytes()[:-64])
    assert refused(worker, other, "Q4_0", matrix_id=matrix["matrix_id"]).code == "model.file_damaged"
    assert [one.kind for one in runs.list_runs(database)] == ["imatrix"]


def test_matrices_that_cannot_be_made(
    worker: Worker, tiny: Path, tmp_path: Path, home: Home, database: Database
) -> None:
    source = take_in(worker, tiny)
    (tmp_path / "folder").mkdir()
    for options, code in (
        ({"context": 1024}, "imatrix.context_invalid"),
        ({"context": 8}, "imatrix.context_invalid"),
        ({"text": str(tmp_path / "nowhere.txt")}, "certificate.text_unreadable"),
        ({"text": str(tmp_path / "folder")}, "certificate.text_unreadable"),
        ({"text": str(tiny)}, "certificate.text_unreadable"),
    ):
        with pytest.raises(BancadaError) as caught:
            a_matrix(worker, source, tmp_path, **options)
        assert caught.value.code == code
    short = tmp_path / "short.txt"
    short.write_text("few words", encoding="utf-8")
    with pytest.raises(BancadaError) as caught:
        a_matrix(worker, source, tmp_path, text=str(short))
    assert caught.value.code == "imatrix.text_short"
    assert matrices.list_matrices(database) == []
    assert_nothing_left(home, database, versions=1)


def test_a_folder_of_texts_and_the_bundled_one(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    source = take_in(worker, tiny)
    folder = tmp_path / "own texts"
    (folder / "more").mkdir(parents=True)
    (folder / "one.txt").write_text(TEXT, encoding="utf-8")
    (folder / "more" / "two.md").write_text(TEXT, encoding="utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG\x00\x00")
    both = a_matrix(worker, source, tmp_path, text=str(folder), chunks=None)
    alone = a_matrix(worker, source, tmp_path, text=str(folder / "one.txt"), chunks=None)
    assert 2 * alone["tokens"] - 64 <= both["tokens"] <= 2 * alone["tokens"] + 64
    bundled = a_matrix(worker, source, tmp_path, text="", context=512, chunks=1)
    assert (bundled["chunks"], bundled["tokens"]) == (1, 512)


def test_a_canceled_matrix(
    worker: Worker, tiny: Path, tmp_path: Path, home: Home, database: Database
) -> None:
    source = take_in(worker, tiny)

    def listen(message: Any) -> None:
        if getattr(message, "stage", "") == "weighing the columns":
            worker.canceled.set()

    worker.listener = listen
    with pytest.raises(Canceled):
        a_matrix(worker, source, tmp_path)
    assert matrices.list_matrices(database) == []
    assert [one.status for one in runs.list_runs(database)] == ["canceled"]
    assert_nothing_left(home, database, versions=1)


# -- sweeps


def test_a_sweep_goes_on_where_it_stopped(
    worker: Worker, tiny: Path, tmp_path: Path, home: Home, database: Database
) -> None:
    source = take_in(worker, tiny)
    params = SweepParams(source, ("Q8_0", "q4_0", "Q8_0"), goal="quality", chunks=2)

    def listen(message: Any) -> None:
        if getattr(message, "stage", "") == "Q4_0, 2 of 2":
            worker.canceled.set()

    worker.listener = listen
    with pytest.raises(Canceled):
        sweep.run(worker.context, params)
    (first,) = (one for one in models.list_versions(database) if one.quantization == "Q8_0")
    assert certificates.newest(database, first.id) is not None
    assert_nothing_left(home, database, versions=2)

    worker.canceled.clear()
    worker.listener = worker.sent.append
    result = sweep.run(worker.context, params)
    assert [(one["type"], one.get("existing", False)) for one in result["made"]] == [
        ("Q8_0", True),
        ("Q4_0", False),
    ]
    assert result["made"][0]["version_id"] == first.id
    assert len(certificates.list_certificates(database)) == 2
    named = {one["version_id"]: one for one in result["variants"]}
    assert named[first.id]["kl_mean"] < named[result["made"][1]["version_id"]]["kl_mean"]
    assert {one["verdict"] for one in result["variants"]} >= {"source", "green"}
    assert result["recommendation"]["version_id"] == first.id
    assert "KL divergence" in result["recommendation"]["reason"]
    quantizations = runs.list_runs(database, "quantize")
    assert sorted((one.params["type"], one.status) for one in quantizations) == [
        ("Q4_0", "canceled"),
        ("Q4_0", "finished"),
        ("Q8_0", "finished"),
    ]
    assert_nothing_left(home, database, versions=3)


def test_a_sweep_that_cannot_be_finished_does_not_begin(
    worker: Worker, large: Path, home: Home, database: Database, tmp_path: Path
) -> None:
    source = take_in(worker, large)
    tries: tuple[tuple[SweepParams, str], ...] = (
        (SweepParams(source, ("Q8_0", "IQ2_XXS")), "quantize.matrix_needed"),
        (SweepParams(source, ("Q8_0", "Q9")), "quantize.type_unknown"),
        (SweepParams(source, ("Q8_0",), goal="beauty"), "quantize.goal_unknown"),
        (SweepParams(take_in(worker, quantized(large, tmp_path / "s.gguf", "Q8_0")), ("Q4_0",)),
         "quantize.already_quantized"),
    )  # fmt: skip
    for params, code in tries:
        with pytest.raises(BancadaError) as caught:
            sweep.run(worker.context, params)
        assert caught.value.code == code
    assert runs.list_runs(database) == []
    assert_nothing_left(home, database, versions=2)


def test_a_result_that_cannot_be_certified_is_kept(
    worker: Worker, tiny: Path, tmp_path: Path, database: Database
) -> None:
    """The text is wrong, not the file."""
    bad = tmp_path / "short.txt"
    bad.write_text("few", encoding="utf-8")
    result = made_by(worker, take_in(worker, tiny), "Q8_0", certify=True, text=str(bad))
    assert result["certificate"] is None
    assert result["certificate_error"]["code"].startswith("certificate.text")
    path = worker.context.blobs.path(result["sha256"])
    assert read_header(path).quantization == "Q8_0"
    assert certificates.list_certificates(database) == []


Forecast = Callable[[Database, Any], int]


def test_forecasts_of_memory(worker: Worker, tiny: Path, large: Path, database: Database) -> None:
    ids = [take_in(worker, one) for one in (tiny, large)]
    kinds: tuple[tuple[Forecast, Callable[[str], Any]], ...] = (
        (quantize.memory_needed, lambda one: QuantizeParams(one, "Q8_0")),
        (sweep.memory_needed, lambda one: SweepParams(one, ("Q8_0",))),
        (imatrix.memory_needed, MatrixParams),
    )
    for forecast, params in kinds:
        low, high = (forecast(database, params(one)) for one in ids)
        assert 100 << 20 < low <= high
