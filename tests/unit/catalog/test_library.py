"""Importing, verifying, listing, loading, forecasting and removing models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bancada.catalog import collecting
from bancada.catalog.forecast import CACHE_BYTES, Load, ModelFacts, compute_bytes, forecast, kv_cache_bytes
from bancada.catalog.jobs import VERIFY, VerifyParams
from bancada.catalog.library import CRASH_LIMIT, Library
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home
from bancada.storage import jobs, models, settings
from bancada.storage.database import Database
from bancada.worker.handlers import library as handlers
from bancada.worker.handlers.library import run_verify
from library_worker import Worker
from tiny_gguf import TinyModel, write_tiny_gguf

TINY_ONNX = Path(__file__).parents[2] / "fixtures" / "tiny_genai"
Files = Callable[[], list[Path]]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_gguf(tmp_path / "tiny.gguf")


def code(call: Callable[[], object]) -> str:
    with pytest.raises(BancadaError) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize("link", [True, False])
def test_import_and_remove(
    worker: Worker, library: Library, tiny: Path, blob_files: Files, link: bool
) -> None:
    result = worker.take_in(tiny, "Mine", link=link)
    version = library.find("mine")
    assert version.id == result["version_id"]
    assert not result["existing"]
    assert (version.format, version.architecture, version.layers) == ("gguf", "llama", 2)
    assert version.source == str(tiny)
    assert version.size_bytes == tiny.stat().st_size
    assert [one.name for one in blob_files()] == [version.sha256]
    assert (blob_files()[0].stat().st_ino == tiny.stat().st_ino) is link
    spec = library.load_spec(version.id)
    assert (spec.path, spec.format, spec.model_sha256) == (str(blob_files()[0]), "gguf", version.sha256)
    freed = library.remove(version.id)
    assert freed == (0 if link else version.size_bytes)
    assert (blob_files(), library.list()) == ([], [])
    assert tiny.exists()
    stages = {one.stage for one in worker.sent}
    assert {"inspecting", "copying and hashing", "checking"} <= stages


def test_the_same_file_twice_is_one_version(worker: Worker, library: Library, tiny: Path) -> None:
    first = worker.take_in(tiny, "One")
    again = worker.take_in(tiny, "Two")
    assert (again["existing"], again["version_id"], again["name"]) == (True, first["version_id"], "One")
    other = write_tiny_gguf(tiny.with_name("other.gguf"), TinyModel(seed=1))
    second = worker.take_in(other, "one")
    assert (second["name"], second["version"]) == ("One", 2)
    assert [one.version for one in library.list()] == [2, 1]
    assert library.find("One").version == 2
    assert library.find("One:1").version == 1
    assert [one.name for one in library.list("llama")] == ["One", "One"]
    assert library.list("nothing") == []


def test_an_onnx_folder(worker: Worker, library: Library, home: Home, blob_files: Files) -> None:
    result = worker.take_in(TINY_ONNX)
    version = library.find(result["version_id"])
    assert version.name == "tiny_genai"
    spec = library.load_spec(version.id)
    assert Path(spec.path).is_relative_to(home.views)
    assert {one.name for one in Path(spec.path).iterdir()} == {one.path for one in version.files}
    assert len(blob_files()) == len(version.files)
    library.remove(version.id)
    assert blob_files() == []
    assert list(home.views.iterdir()) == []


def test_failures_leave_nothing(
    worker: Worker, library: Library, tiny: Path, blob_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code(lambda: worker.take_in(tiny, ":::")) == "model.name_invalid"
    tiny.write_bytes(tiny.read_bytes()[:-40])
    assert code(lambda: worker.take_in(tiny)) == "model.incomplete"
    write_tiny_gguf(tiny)
    monkeypatch.setattr(handlers, "free_bytes", lambda _: 10)
    assert code(lambda: worker.take_in(tiny)) == "disk.full"
    assert worker.take_in(tiny, link=True)["size_bytes"] == tiny.stat().st_size
    library.remove(library.list()[0].id)
    assert (blob_files(), library.list()) == ([], [])


def test_a_file_that_changes_meanwhile_is_looked_at_again(
    worker: Worker, library: Library, tmp_path: Path, blob_files: Files
) -> None:
    folder = tmp_path / "m"
    shutil.copytree(TINY_ONNX, folder)
    config = (folder / "genai_config.json").read_text()

    def swap(message: Any) -> None:
        if message.stage == "copying and hashing":
            hostile = config.replace("log_id", "custom_ops_library")
            (folder / "genai_config.json").write_text(hostile)

    worker.listener = swap
    assert code(lambda: worker.take_in(folder)) == "model.onnx_config"
    assert (blob_files(), library.list()) == ([], [])


def test_cancel_leaves_nothing(worker: Worker, library: Library, tiny: Path, blob_files: Files) -> None:
    worker.canceled.set()
    with pytest.raises(Canceled):
        worker.take_in(tiny)
    assert (blob_files(), library.list()) == ([], [])


def test_nobody_collects_while_an_import_runs(
    home: Home, library: Library, worker: Worker, tiny: Path, blob_files: Files
) -> None:
    version = worker.take_in(tiny)["version_id"]
    with collecting.importing(home, "other"):
        assert library.remove(version) == 0
        assert len(blob_files()) == 1
    (home.locks / "import-dead.lock").touch()  # of a process that was killed
    assert collecting.collect(home, worker.context.blobs) > 0
    assert blob_files() == []
    assert list(home.locks.glob("import-*")) == []


def test_verify(worker: Worker, library: Library, tiny: Path) -> None:
    first = library.find(worker.take_in(tiny, "A")["version_id"])
    second = library.find(
        worker.take_in(write_tiny_gguf(tiny.with_name("b"), TinyModel(seed=3)), "B")["version_id"]
    )
    assert run_verify(worker.context, VerifyParams())["ok"]
    blob = worker.context.blobs.path(first.sha256)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    worker.context.blobs.path(second.sha256).unlink()
    result = run_verify(worker.context, VerifyParams((first.id, second.id)))
    assert [(one["name"], one["state"]) for one in result["files"]] == [
        ("A:1", "damaged"),
        ("B:1", "missing"),
    ]
    assert code(lambda: library.load_spec(first.id)) == "model.file_damaged"
    assert code(lambda: library.load_spec(second.id)) == "model.file_missing"
    assert code(lambda: run_verify(worker.context, VerifyParams(("none",)))) == "model.not_found"
    worker.canceled.set()
    with pytest.raises(Canceled):
        run_verify(worker.context, VerifyParams((first.id,)))


def test_put_aside_after_crashes(worker: Worker, library: Library, database: Database, tiny: Path) -> None:
    version = worker.take_in(tiny)["version_id"]
    for _ in range(CRASH_LIMIT):
        assert library.load_spec(version)
        models.count_crash(database, version)
    assert code(lambda: library.load_spec(version)) == "model.put_aside"
    assert library.load_spec(version, force=True)
    library.trust_again(version)
    assert library.load_spec(version)


def test_options_of_loading(worker: Worker, library: Library, database: Database, tiny: Path) -> None:
    version = worker.take_in(tiny)["version_id"]
    assert library.load_spec(version).context == 512  # what the model was made for
    settings.set(database, "chat.context", 300)
    assert library.load_spec(version).context == 300
    spec = library.load_spec(version, context=64, cache_type="q8_0", threads=1)
    assert (spec.context, spec.cache_type, spec.threads) == (64, "q8_0", 1)
    assert code(lambda: library.load_spec(version, context=513)) == "model.context_out_of_range"
    assert code(lambda: library.load_spec(version, context=0)) == "model.context_out_of_range"
    assert code(lambda: library.load_spec(version, cache_type="q9")) == "model.cache_type_unknown"
    assert code(lambda: library.load_spec("none")) == "model.not_found"


def test_what_a_job_needs_is_not_removed(
    worker: Worker, library: Library, database: Database, tiny: Path
) -> None:
    version = worker.take_in(tiny)["version_id"]
    jobs.insert(
        database,
        job_id="j",
        kind=VERIFY.name,
        title="Verify Tiny",
        params={"version_ids": [version]},
        lane="disk",
        owner="me",
    )
    with pytest.raises(BancadaError) as caught:
        library.remove(version)
    assert (caught.value.code, caught.value.params["job"]) == ("model.in_use", "Verify Tiny")
    jobs.request_cancel(database, "j")
    assert library.remove(version) > 0


def test_forecast(worker: Worker, library: Library, tiny: Path) -> None:
    version = library.find(worker.take_in(tiny)["version_id"])
    small, large = library.forecast(version.id, 256), library.forecast(version.id, 512)
    names = [one.name for one in small.items]
    assert names == ["weights", "repacked", "kv_cache", "compute", "runtime"]
    assert small.total_bytes == sum(one.bytes for one in small.items)
    assert large.items[2].bytes == 2 * small.items[2].bytes
    assert library.forecast(version.id).items == large.items
    assert library.forecast(version.id, 256, "q8_0").items[2].bytes < small.items[2].bytes
    assert code(lambda: library.forecast(version.id, 256, "q9")) == "model.cache_type_unknown"
    onnx = replace(version, format="onnx", quantization="int4")
    assert forecast(onnx, Load(256)).items[2].bytes == 2 * small.items[2].bytes
    assert forecast(replace(onnx, quantization="fp16"), Load(256)).items[2].bytes == small.items[2].bytes
    bare = replace(version, metadata={})
    assert forecast(bare, Load(256)).items[2].bytes == 0


def test_the_cache_of_a_known_model() -> None:
    # SmolLM2-135M: 30 layers, 3 heads of 64 for keys and for values, 2 bytes each
    facts = ModelFacts(576, 9, (3,) * 30, 64, 64, 49_152)
    assert kv_cache_bytes(facts, 8192, "f16") == 30 * 8192 * 3 * 128 * 2
    assert kv_cache_bytes(facts, 8000, "f16") == kv_cache_bytes(facts, 8192, "f16")
    assert set(CACHE_BYTES) >= {"f16", "q8_0", "q4_0", "f32"}
    assert compute_bytes(facts, Load(8192)) > compute_bytes(facts, Load(256))
