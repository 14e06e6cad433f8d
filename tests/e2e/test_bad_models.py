"""Broken model files on the whole way: the import job in its worker, then the engine in its own.

Whatever the file, the program lives on, each failure says its cause and a remedy, and no process is left.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import bad_models as bad
from bancada.catalog.gguf_header import read_header
from bancada.catalog.library import IMPORT, VERIFY, ImportParams, VerifyParams
from bancada.context import AppContext
from bancada.core.errors import BancadaError, describe
from bancada.inference.types import GenerationRequest, StopReason
from bancada.jobs.spec import JobRecord, JobStatus
from leaks import no_leaks
from tiny_gguf import TinyModel, write_tiny_gguf

__all__ = ["no_leaks"]

WAIT_S = 120
#: of the files that still look like a model, so many are loaded and asked
LOADED = 14


@pytest.fixture
def context(tmp_path: Path, no_leaks: None) -> Iterator[AppContext]:
    one = AppContext.open(tmp_path / "home")
    with contextlib.closing(one):
        yield one


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_gguf(tmp_path / "tiny.gguf")


def take_in(context: AppContext, path: Path, *, name: str = "", link: bool = False) -> JobRecord:
    job = context.jobs.submit(IMPORT, ImportParams(str(path), name, link), title=f"Import {path.name}")
    return context.jobs.wait(job, WAIT_S)


def said(record: JobRecord) -> str:
    """The code of a failed job, after a look at its words."""
    error = record.failure
    assert record.status is JobStatus.FAILED
    assert error is not None
    return worded(error)


def worded(error: BancadaError) -> str:
    """The code of an error that says itself, and is neither a defect nor an engine that is not there."""
    words = describe(error.code, error.params)
    assert words.what
    assert words.meaning
    assert words.remedy
    assert error.code not in ("internal.error", "engine.missing")
    return error.code


def nothing_stored(context: AppContext) -> bool:
    return not context.library.list() and not [one for one in context.home.blobs.rglob("*") if one.is_file()]


def ask(context: AppContext, version_id: str) -> str:
    """Load a version and ask it something; returns how it ended, in one word."""
    try:
        session = context.open_model(version_id, context=128, force=True)
    except BancadaError as error:
        return worded(error)
    try:
        result = session.generate(GenerationRequest(prompt="the", max_tokens=4), purpose="test").wait(WAIT_S)
        return str(result.stop_reason)
    except BancadaError as error:
        return worded(error)
    finally:
        session.close()


def test_seventy_damaged_files(context: AppContext, tmp_path: Path, tiny: Path) -> None:
    start = read_header(tiny).data_start
    folder = tmp_path / "damaged"
    folder.mkdir()
    jobs = {}
    for name, content in bad.mutations(tiny.read_bytes(), start):
        path = folder / f"{name}.gguf"
        path.write_bytes(content)
        params = ImportParams(str(path), name, link=False)
        jobs[name] = context.jobs.submit(IMPORT, params, title=name)
    assert len(jobs) == 70
    records = {name: context.jobs.wait(job, WAIT_S) for name, job in jobs.items()}
    kept = [one.result["version_id"] for one in records.values() if one.status is JobStatus.SUCCEEDED]
    refused = [said(one) for one in records.values() if one.status is not JobStatus.SUCCEEDED]
    assert len(refused) > 20
    assert len(kept) + len(refused) == 70
    assert len(context.library.list()) == len(set(kept))
    # those that a header cannot tell from a sound file reach the engine, in a process of its own
    ends = [ask(context, version) for version in sorted(set(kept))[:LOADED]]
    assert len(ends) == LOADED
    assert take_in(context, tiny).status is JobStatus.SUCCEEDED
    assert not [one for one in psutil.Process(os.getpid()).children(recursive=True) if one.is_running()]


@pytest.mark.parametrize(
    "name", ["empty", "pickle", "2^40 entries", "37 bytes with an empty key", "2^31-1 layers", "cut at half"]
)
def test_known_attacks_are_refused_by_the_job(context: AppContext, tmp_path: Path, name: str) -> None:
    content, code = bad.hostile_headers()[name]
    path = tmp_path / "attack.gguf"
    path.write_bytes(content)
    assert said(take_in(context, path)) == code
    assert nothing_stored(context)


def test_a_flipped_bit_is_found_before_the_load(context: AppContext, tiny: Path) -> None:
    version = context.library.find(take_in(context, tiny, name="Tiny").result["version_id"])
    assert ask(context, version.id) in (StopReason.LENGTH, StopReason.END)
    blob = context.blobs.path(version.sha256)
    raw = bytearray(blob.read_bytes())
    raw[-100] ^= 4
    blob.chmod(0o600)
    blob.write_bytes(raw)
    assert ask(context, version.id) == "model.file_damaged"
    job = context.jobs.submit(VERIFY, VerifyParams((version.id,)), title="Verify")
    result = context.jobs.wait(job, WAIT_S).result
    assert not result["ok"]
    assert [one["state"] for one in result["files"]] == ["damaged"]
    # importing the sound file again repairs it
    again = take_in(context, tiny)
    assert again.result["existing"]
    assert again.result["version_id"] == version.id
    assert ask(context, version.id) in (StopReason.LENGTH, StopReason.END)


def test_a_missing_file_is_named(context: AppContext, tiny: Path) -> None:
    version = context.library.find(take_in(context, tiny).result["version_id"])
    blob = context.blobs.path(version.sha256)
    blob.rename(blob.with_name("elsewhere"))
    with pytest.raises(BancadaError) as caught:
        context.open_model(version.id)
    assert caught.value.code == "model.file_missing"
    assert str(blob) in str(caught.value)
    context.blobs.relocate(version.sha256, tiny)
    assert context.library.load_spec(version.id).path == str(blob)


def test_a_hostile_template_is_said_and_the_model_still_writes(context: AppContext, tmp_path: Path) -> None:
    template = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
    path = write_tiny_gguf(tmp_path / "loops.gguf", TinyModel(chat_template=template))
    version = take_in(context, path).result["version_id"]
    session = context.open_model(version, context=128)
    assert not session.report.has_chat_template
    result = session.generate(GenerationRequest(prompt="the", max_tokens=4), purpose="test").wait(WAIT_S)
    assert result.timings.completion_tokens > 0
    session.close()


@pytest.mark.parametrize(
    "name",
    [
        'with space \'and "quotes"',
        "line\nbreak",
        "caf\u00e9",
        "cafe\u0301",
        "\u0645\u0631\u062d\u0628\u0627",
        "\u202egnp.exe",
        "CON",
        "x" * 240,
    ],
)
def test_names_of_all_kinds(context: AppContext, tmp_path: Path, name: str) -> None:
    path = write_tiny_gguf(tmp_path / f"{name}.gguf", TinyModel(name=""))
    record = take_in(context, path)
    assert record.status is JobStatus.SUCCEEDED
    shown = record.result["name"]
    assert shown.isprintable()
    assert 0 < len(shown) <= 120
    assert context.library.find(shown).id == record.result["version_id"]


def test_an_onnx_folder_answers_after_its_import(context: AppContext, tmp_path: Path) -> None:
    source = Path(__file__).parent.parent / "fixtures" / "tiny_genai"
    record = take_in(context, source, name="Tiny ONNX")
    assert record.status is JobStatus.SUCCEEDED
    version = context.library.find("Tiny ONNX")
    assert (version.format, version.quantization, version.layers) == ("onnx", "int4", 2)
    assert ask(context, version.id) in (StopReason.LENGTH, StopReason.END)
    assert context.library.remove(version.id) == version.size_bytes
    assert nothing_stored(context)
