"""Conversions as their handler makes them, in the processes that they really have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bancada.catalog.library import Library
from bancada.core.errors import BancadaError, Canceled
from bancada.core.events import EventBus
from bancada.core.paths import Home
from bancada.jobs.manager import JobManager
from bancada.jobs.spec import JobStatus
from bancada.quantization.conversion import ConversionPlan
from bancada.quantization.jobs import CONVERT, CertifyParams, ConvertParams
from bancada.quantization.tools import find_tools
from bancada.storage import jobs, models, runs
from bancada.storage.blobs import BlobStore
from bancada.storage.database import Database
from bancada.worker.handlers import certify
from bancada.worker.handlers.convert import check_disk, run
from library_worker import Worker
from tiny_bert import write_tiny_bert
from tiny_gguf import write_tiny_gguf
from tiny_hf import FAMILIES, write_tiny_hf
from worker.trials import RULES, WAIT_S, until

TESTS = Path(__file__).resolve().parents[1]
NEEDS_TOOLS = pytest.mark.skipif(not find_tools().ready, reason="the set-up was made without --convert")


@pytest.fixture
def worker(home: Home, database: Database) -> Iterator[Worker]:
    one = Worker(home)
    job = {"job_id": one.context.job_id, "kind": CONVERT.name, "title": "Convert", "lane": CONVERT.lane}
    jobs.insert(database, **job, params={}, owner="test")
    yield one
    one.context.database.close()


def convert(worker: Worker, source: Path | str, target: str, **options: Any) -> dict[str, Any]:
    where: dict[str, Any] = {"path": str(source)} if isinstance(source, Path) else {"version_id": source}
    return run(worker.context, ConvertParams(target=target, **where, **options))


def refused(worker: Worker, source: Path | str, target: str, **options: Any) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        convert(worker, source, target, **options)
    return caught.value


def assert_nothing_left(home: Home, database: Database, *, versions: int = 0) -> None:
    """No file under a final name, no working folder, no process, no row beyond ``versions``."""
    assert list(home.temporary.iterdir()) == []
    assert not list(home.locks.glob("work-*"))
    stored = models.list_versions(database)
    assert len(stored) == versions
    kept = {file.sha256 for version in stored for file in version.files}
    assert {one.name for one in home.blobs.rglob("*") if one.is_file()} == kept
    assert converters() == []


def converters() -> list[int]:
    """Processes of conversions below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "bancada.engines.conversion.child" in process.cmdline():
                found.append(process.pid)
        except psutil.NoSuchProcess:
            continue
    return found


@NEEDS_TOOLS
def test_every_family_means_the_same_in_every_format(tmp_path: Path) -> None:
    """What PyTorch computes from the original, the engines compute from the GGUF file and the ONNX folder."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(TESTS),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    done = subprocess.run(
        [sys.executable, TESTS / "convert_families.py", tmp_path, *FAMILIES],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for family, found in json.loads(done.stdout.splitlines()[-1]).items():
        assert found["difference"] == "", family
        assert found["same_names"], family
        assert found["same_values"], family
        assert len(set(found["torch"])) > 1, family
        assert found["torch"] == found["torch_back"] == found["gguf"] == found["onnx"], family


@NEEDS_TOOLS
def test_a_folder_becomes_gguf_with_its_lineage(
    worker: Worker, tmp_path: Path, home: Home, database: Database
) -> None:
    folder = write_tiny_hf(tmp_path / "Small", "qwen3", auto_map={"AutoModel": "modeling.Own"})
    (folder / "modeling.py").write_text(
        "raise SystemExit('program code of a model was run')", encoding="utf-8"
    )
    result = convert(worker, folder, "gguf", type="q8_0", ignore_code=True)

    made = models.get_version(database, result["version_id"])
    source = models.get_version(database, result["source_version_id"])
    assert (made.name, made.format, made.architecture, made.quantization) == (
        "Small-Q8_0",
        "gguf",
        "qwen3",
        "Q8_0",
    )
    assert made.chat_template == source.chat_template
    assert (source.name, source.format, source.architecture) == ("Small", "hf", "qwen3")
    assert (made.parent_version_id, made.produced_by_run_id) == (source.id, result["run_id"])
    assert "modeling.py" not in {one.path for one in source.files}
    record = runs.get(database, result["run_id"])
    assert (record.kind, record.status, record.params["target"]) == ("convert", "finished", "gguf")
    assert record.environment["tools"]["torch"].startswith("2.13.0")
    assert record.summary["version_id"] == made.id
    assert len(result["trial"]["token_ids"]) == 8
    assert Library(database, BlobStore(home, database)).load_spec(made.id).format == "gguf"
    assert_nothing_left(home, database, versions=2)
    with pytest.raises(BancadaError) as caught:
        Library(database, BlobStore(home, database)).load_spec(source.id)
    assert caught.value.code == "model.not_runnable"


@NEEDS_TOOLS
def test_a_gguf_file_becomes_onnx_by_way_of_its_weights(
    worker: Worker, tmp_path: Path, home: Home, database: Database
) -> None:
    source = worker.take_in(write_tiny_gguf(tmp_path / "tiny.gguf"))["version_id"]
    result = convert(worker, source, "onnx", type="int4")
    made = models.get_version(database, result["version_id"])
    assert (made.format, made.quantization, made.parent_version_id) == ("onnx", "int4", source)
    assert len(result["trial"]["token_ids"]) == 8
    assert_nothing_left(home, database, versions=2)
    # and back again: its splitting rule is one that the converter has no name for
    folder = convert(worker, source, "hf", type="f32")
    assert models.get_version(database, folder["version_id"]).architecture == "llama"
    error = refused(worker, folder["version_id"], "gguf")
    assert error.code == "convert.tokenizer_unsupported"
    assert_nothing_left(home, database, versions=3)


@NEEDS_TOOLS
def test_an_onnx_model_is_certified_against_the_gguf_file_it_was_made_from(
    worker: Worker, database: Database, tmp_path: Path
) -> None:
    source = worker.take_in(write_tiny_gguf(tmp_path / "tiny.gguf"))["version_id"]
    text = tmp_path / "text.txt"
    text.write_text("The zebra crosses the road where the lines are white. " * 40, encoding="utf-8")
    verdicts = {}
    for kind in ("fp32", "int4"):
        made = convert(worker, source, "onnx", type=kind)["version_id"]
        params = CertifyParams(made, source, text=str(text), context=64, chunks=4, speed=False)
        verdicts[kind] = certify.run(worker.context, params)
    assert verdicts["fp32"]["kl_divergence"] < 1e-6
    assert verdicts["fp32"]["same_top_token"] > 0.99
    assert verdicts["fp32"]["verdict"] == "green"
    assert verdicts["int4"]["kl_divergence"] > verdicts["fp32"]["kl_divergence"]


@NEEDS_TOOLS
def test_an_embedding_model_in_eight_bits(
    worker: Worker, tmp_path: Path, home: Home, database: Database
) -> None:
    result = convert(worker, write_tiny_bert(tmp_path / "Vectors"), "onnx", type="int8")
    made = models.get_version(database, result["version_id"])
    assert (made.format, made.architecture, made.quantization) == ("onnx-encoder", "bert", "int8")
    assert made.metadata["encoder"]["task"] == "feature-extraction"
    assert made.metadata["encoder"]["pooling"]["pooling_mode_mean_tokens"]
    agreement = runs.get(database, result["run_id"]).summary["stages"]["encoder"]["agreement"]
    assert 0.9 < agreement["least"] <= agreement["mean"] <= 1.0001
    assert_nothing_left(home, database, versions=2)


@NEEDS_TOOLS
def test_cancel_in_the_middle_leaves_nothing(
    worker: Worker, tmp_path: Path, home: Home, database: Database
) -> None:
    seen: list[str] = []

    def listen(message: Any) -> None:
        stage = getattr(message, "stage", "")
        seen.append(stage)
        if stage == "reading the tensors":
            worker.canceled.set()

    worker.listener = listen
    with pytest.raises(Canceled):
        convert(worker, write_tiny_hf(tmp_path / "Small"), "gguf")
    assert "reading the tensors" in seen
    assert_nothing_left(home, database)
    assert [one.status for one in runs.list_runs(database)] == ["canceled"]


@NEEDS_TOOLS
def test_a_killed_worker_takes_its_converter_along(
    home: Home, database: Database, events: EventBus, tmp_path: Path, worker: Worker
) -> None:
    manager = JobManager(home, database, events, {CONVERT.name: CONVERT}, rules=RULES)
    manager.start()
    try:
        params = ConvertParams(target="gguf", path=str(write_tiny_hf(tmp_path / "Small")))
        job = manager.submit(CONVERT, params, title="Convert")
        (child,) = until(converters, "the converter")
        parent = psutil.Process(child).parent()
        assert parent is not None
        parent.kill()
        assert manager.wait(job, timeout=WAIT_S).status is JobStatus.FAILED
        until(lambda: not converters(), "the converter's end")
    finally:
        manager.close()
    assert not [one for one in models.list_versions(database) if one.format == "gguf"]
    # the next one clears away what was left, and makes the same file
    first = convert(worker, tmp_path / "Small", "gguf")
    assert list(home.temporary.iterdir()) == []
    models.remove_version(database, first["version_id"])
    assert convert(worker, tmp_path / "Small", "gguf")["sha256"] == first["sha256"]


@NEEDS_TOOLS
def test_an_architecture_that_the_converter_does_not_know(
    worker: Worker, tmp_path: Path, home: Home, database: Database
) -> None:
    folder = write_tiny_hf(tmp_path / "Odd", architectures=["NonsenseForCausalLM"])
    error = refused(worker, folder, "gguf")
    assert (error.code, error.params["architecture"]) == (
        "convert.architecture_unsupported",
        "NonsenseForCausalLM",
    )
    assert_nothing_left(home, database)


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    os.truncate(path, path.stat().st_size // 2)


def _endless_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((1 << 63).to_bytes(8, "little") + b"{}" + bytes(100))


def _overlap(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    raw = json.dumps({"a": entry, "b": {**entry, "data_offsets": [8, 24]}}).encode()
    (folder / "model.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(24))


def _without_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def _own_tokenizer_code(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(
        json.dumps({**json.loads(path.read_bytes()), "auto_map": {"AutoTokenizer": ["own.Own", None]}})
    )


def _own_code(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "auto_map": {"AutoConfig": "own.Own"}}))


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x80\x04\x95" + bytes(200))


def _link_out(folder: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    (folder / "model.safetensors").rename(outside)
    (folder / "model.safetensors").symlink_to(outside)


def _no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{" * 100_000)


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_truncate, "model.incomplete"),
        (_endless_header, "model.safetensors_invalid"),
        (_overlap, "model.safetensors_invalid"),
        (_without_tokenizer, "convert.tokenizer_missing"),
        (_own_tokenizer_code, "convert.remote_code"),
        (_own_code, "convert.remote_code"),
        (_pickle, "model.pickle"),
        (_link_out, "model.unsafe_path"),
        (_no_json, "model.hf_config"),
        (_no_config, "model.needs_conversion"),
    ],
)
@NEEDS_TOOLS
def test_bad_folders_are_refused_before_any_converter_runs(
    worker: Worker,
    tmp_path: Path,
    home: Home,
    database: Database,
    spoil: Callable[[Path], None],
    *,
    code: str,
) -> None:
    folder = write_tiny_hf(tmp_path / "Bad")
    spoil(folder)
    assert refused(worker, folder, "gguf").code == code
    assert runs.list_runs(database) == []
    assert_nothing_left(home, database)


@NEEDS_TOOLS
def test_sources_and_architectures_that_do_not_fit(
    worker: Worker, tmp_path: Path, home: Home, database: Database
) -> None:
    folder = write_tiny_hf(tmp_path / "Old", architectures=["GPT2LMHeadModel"])
    error = refused(worker, folder, "onnx")
    assert error.code == "convert.architecture_unsupported"
    assert "LlamaForCausalLM" in error.params["known"]
    assert refused(worker, folder, "hf").code == "convert.same_format"
    packed = write_tiny_hf(tmp_path / "Packed", quantization_config={"quant_method": "awq"})
    assert refused(worker, packed, "onnx").code == "convert.source_quantized"
    assert_nothing_left(home, database)


@NEEDS_TOOLS
def test_weights_that_are_no_numbers_and_weights_of_something_else(
    worker: Worker, tmp_path: Path, home: Home, database: Database
) -> None:
    # a GGUF file of one architecture that says it is another
    path = write_tiny_gguf(tmp_path / "other.gguf")
    path.write_bytes(
        path.read_bytes()
        .replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0mamba")
        .replace(b"llama.", b"mamba.")
    )
    assert refused(worker, path, "hf").code == "convert.architecture_unsupported"
    broken = write_tiny_gguf(tmp_path / "nan.gguf")
    content = bytearray(broken.read_bytes())
    content[-4:] = b"\0\0\xc0\x7f"
    broken.write_bytes(content)
    error = refused(worker, broken, "hf")
    assert (error.code, error.params["tensor"]) == (
        "convert.bad_numbers",
        "model.layers.1.mlp.down_proj.weight",
    )
    assert_nothing_left(home, database)


def test_too_small_a_disk_is_said_first(home: Home) -> None:
    plan = ConversionPlan("gguf", "f16", "", "text-generation", ("gguf",), 1, 1 << 62, 1)
    with pytest.raises(BancadaError) as caught:
        check_disk(home, plan)
    assert caught.value.code == "disk.full"


def test_nothing_of_the_program_imports_a_converter() -> None:
    """The window, the command line, every handler and every engine do without torch and its kind."""
    code = """
import sys
from bancada import context
from bancada.cli import main
from bancada.core.registry import resolve
from bancada.inference.backend import BACKENDS
from bancada.worker import main, runner
from bancada.worker.handlers import HANDLERS, SESSIONS
for table in (HANDLERS, SESSIONS, BACKENDS):
    for target in table.values():
        resolve(target)
from bancada.gui import program
names = {"torch", "transformers", "optimum", "onnx", "onnx_ir", "sentencepiece", "gguf"}
print(sorted(names & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
