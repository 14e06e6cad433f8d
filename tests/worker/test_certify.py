"""The job of a certificate on tiny real models: verdicts, damage, hostile files, cancel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiny_gguf
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home
from bancada.jobs.protocol import Progress
from bancada.quantization.certificate import Certificate, parse
from bancada.quantization.jobs import CERTIFY, CertifyParams
from bancada.storage import certificates, jobs, models, runs
from bancada.storage.database import Database
from bancada.worker.handlers.certify import memory_needed, run
from damaged_gguf import quantized, swapped, with_nans, zeroed
from library_worker import Worker
from tiny_gguf import TinyModel, write_tiny_gguf

TENSOR, OTHER = "blk.1.ffn_up.weight", "blk.0.ffn_gate.weight"
CONTEXT = 32


@pytest.fixture
def worker(home: Home, database: Database) -> Worker:
    one = Worker(home)
    one.context.__dict__["database"] = database
    job = {"job_id": one.context.job_id, "kind": CERTIFY.name, "title": "Certify", "lane": CERTIFY.lane}
    jobs.insert(database, **job, params={}, owner="test")
    return one


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A source, what was made of it, and damaged copies of that."""
    place = tmp_path_factory.mktemp("files")
    source = write_tiny_gguf(place / "source.gguf")
    good = quantized(source, place / "good.gguf", "Q8_0")
    return {
        "source": source,
        "good": good,
        "zeroed": zeroed(good, place / "zeroed.gguf", TENSOR),
        "nan": with_nans(good, place / "nan.gguf", TENSOR),
        "swapped": swapped(good, place / "swapped.gguf", TENSOR, OTHER),
    }


@pytest.fixture
def certify(worker: Worker, files: dict[str, Path]) -> Callable[..., dict[str, Any]]:
    def start(result: str | Path, source: str | Path = "source", **options: Any) -> dict[str, Any]:
        ids = [
            str(worker.take_in(files.get(str(one), Path(one)), f"M {number}")["version_id"])
            for number, one in enumerate((result, source))
        ]
        more = {"context": CONTEXT, "chunks": 8, "tasks": False, "speed": False, **options}
        return run(worker.context, CertifyParams(ids[0], ids[1], **more))

    return start


def report_of(database: Database, result: dict[str, Any]) -> Certificate:
    return parse(certificates.get(database, result["certificate_id"]).report)


def test_a_good_file_gets_a_green_certificate(
    database: Database, worker: Worker, certify: Callable[..., dict[str, Any]]
) -> None:
    result = certify("good", tasks=True, speed=True)
    assert (result["verdict"], result["damaged_tensors"]) == ("green", [])
    assert result["perplexity_ratio"] == pytest.approx(1, abs=0.02)
    record = certificates.get(database, result["certificate_id"])
    version = models.get_version(database, record.version_id)
    assert record.version_sha256 == version.sha256
    assert certificates.newest(database, version.id) == record
    report = report_of(database, result)
    assert (report.subject.sha256, report.source.sha256) == (record.version_sha256, record.source_sha256)
    assert report.text is not None
    assert (report.text.context, report.text.chunks, report.text.tokens) == (CONTEXT, 8, 8 * 15)
    assert report.divergence is not None
    assert result["kl_divergence"] == report.divergence.kl_mean
    assert report.tasks is not None
    assert report.tasks.total.count > 60
    assert report.speed is not None
    for one in (report.speed.source, report.speed.result):
        assert one.load_ms > 0
        assert one.decode_tokens_per_s
        assert one.peak_memory_bytes > 1 << 20
    kept = runs.get(database, result["run_id"])
    assert (kept.kind, kept.status, kept.summary["verdict"]) == ("certify", "finished", "green")
    stages = {one.stage for one in worker.sent if isinstance(one, Progress)}
    assert {
        "reading the tensors",
        "measuring speed",
        "comparing on the text",
        "asking the questions",
    } <= stages


@pytest.mark.parametrize(
    ("damage", "named"), [("zeroed", [TENSOR]), ("nan", [TENSOR]), ("swapped", [OTHER, TENSOR])]
)
def test_a_damaged_copy_is_red_and_names_the_tensor(
    database: Database, certify: Callable[..., dict[str, Any]], damage: str, named: list[str]
) -> None:
    result = certify(damage)
    assert result["verdict"] == "red"
    assert sorted(result["damaged_tensors"]) == named
    assert all(name in result["reasons"][0] for name in named)
    assert certificates.list_certificates(database)[0].verdict == "red"


def test_other_vocabularies_are_said_and_not_green(
    database: Database,
    certify: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(tiny_gguf, "MERGES", tiny_gguf.MERGES[:3])
    other = write_tiny_gguf(tmp_path / "other.gguf")
    result = certify("good", other)
    assert result["verdict"] != "green"
    assert result["perplexity"] is None
    assert "vocabularies differ" in report_of(database, result).not_compared


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01", b"few words"])
def test_a_text_that_cannot_be_used_leaves_nothing(
    database: Database, certify: Callable[..., dict[str, Any]], tmp_path: Path, content: bytes
) -> None:
    text = tmp_path / "text"
    text.write_bytes(content)
    with pytest.raises(BancadaError) as caught:
        certify("good", text=str(text))
    assert caught.value.code.startswith("certificate.text_")
    assert certificates.list_certificates(database) == []
    assert all(one.status == "failed" for one in runs.list_runs(database, "certify"))


def test_a_file_that_is_gone_is_named(database: Database, worker: Worker, files: dict[str, Path]) -> None:
    ids = [str(worker.take_in(files[one], one)["version_id"]) for one in ("good", "source")]
    (file,) = models.get_version(database, ids[0]).files
    worker.context.blobs.path(file.sha256).unlink()
    with pytest.raises(BancadaError) as caught:
        run(worker.context, CertifyParams(ids[0], ids[1], context=CONTEXT))
    assert caught.value.code == "model.file_missing"


@pytest.mark.parametrize("stage", ["reading the tensors", "comparing on the text", "asking the questions"])
def test_cancel_leaves_no_certificate(
    database: Database, worker: Worker, certify: Callable[..., dict[str, Any]], stage: str
) -> None:
    def listen(message: Any) -> None:
        if isinstance(message, Progress) and message.stage == stage:
            worker.canceled.set()

    worker.listener = listen
    with pytest.raises(Canceled):
        certify("good", tasks=stage.startswith("asking"))
    assert certificates.list_certificates(database) == []
    assert [one.status for one in runs.list_runs(database, "certify")] == ["canceled"]


def test_a_job_that_is_resumed_goes_on_with_its_run(
    database: Database, worker: Worker, certify: Callable[..., dict[str, Any]]
) -> None:
    worker.listener = lambda _message: worker.canceled.set()
    with pytest.raises(Canceled):
        certify("good")
    worker.canceled.clear()
    worker.listener = worker.sent.append
    assert certify("good")["verdict"] == "green"
    assert [one.status for one in runs.list_runs(database, "certify")] == ["finished"]


def test_a_model_removed_under_the_job(
    database: Database, worker: Worker, certify: Callable[..., dict[str, Any]]
) -> None:
    def listen(message: Any) -> None:
        if isinstance(message, Progress) and message.stage == "comparing on the text":
            for one in models.list_versions(database):
                if one.quantization == "Q8_0":
                    models.remove_version(database, one.id)

    worker.listener = listen
    with pytest.raises(BancadaError) as caught:
        certify("good")
    assert caught.value.code == "model.not_found"
    assert [one.status for one in runs.list_runs(database, "certify")] == ["failed"]


def test_the_forecast_counts_both_files(database: Database, worker: Worker, tmp_path: Path) -> None:
    sizes = []
    for number, hidden in enumerate((64, 512)):
        path = write_tiny_gguf(tmp_path / f"{number}.gguf", TinyModel(hidden=hidden))
        sizes.append(worker.take_in(path, f"M{number}"))
    params = CertifyParams(sizes[0]["version_id"], sizes[1]["version_id"])
    assert memory_needed(database, params) > sum(one["size_bytes"] for one in sizes)
