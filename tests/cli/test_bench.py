"""``bancada bench`` on scripted and real models: figures, reports, cancel, and going on after a kill."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bancada.core.paths import Home
from bancada.storage import jobs, runs
from bancada.storage.database import open_database
from bancada.storage.models import VersionRecord
from cli.conftest import Result

Call = Callable[..., Result]
Scripted = Callable[..., VersionRecord]
Start = Callable[..., subprocess.Popen[bytes]]

SMALL = ("--prompt-tokens", "8,16", "--answer-tokens", "4", "--repetitions", "2", "--json")


def test_a_benchmark_from_run_to_export(call: Call, scripted: Scripted, tmp_path: Path) -> None:
    scripted(delay_ms=1)
    report = call("bench", "run", "Parrot", *SMALL).json
    assert report["status"] == "finished"
    assert [(one["prompt_tokens"], one["answer_tokens"], one["repetitions"]) for one in report["cells"]] == [
        (8, 4, 2),
        (16, 4, 2),
    ]
    for cell in report["cells"]:
        assert cell["measures"]["ttft_ms"]["n"] == 2
        assert cell["measures"]["itl_ms"]["n"] == 6
        assert {"mean", "p50", "p90", "p95", "p99", "n"} <= set(cell["measures"]["decode_tokens_per_s"])
    environment = report["environment"]
    assert environment["engine"]["engine"] == "scripted"
    assert environment["model"]["sha256"]
    assert environment["cores_logical"] >= 1

    run_id = report["run_id"]
    assert [one["id"] for one in call("bench", "list", "--json").json] == [run_id]
    assert call("bench", "list").out.splitlines()[1].startswith("Parrot:1")
    assert call("bench", "show", run_id, "--json").json["cells"] == report["cells"]
    shown = call("bench", "show", run_id).out
    assert "Time to first token" in shown
    assert "Prompt 16 tokens, answer 4 tokens, 2 of 2 repetitions" in shown

    rows = list(csv.DictReader(io.StringIO(call("bench", "export", run_id).out)))
    assert {row["prompt_tokens"] for row in rows} == {"8", "16"}
    assert json.loads(call("bench", "export", run_id, "--format", "json").out)["run_id"] == run_id
    assert call("bench", "export", run_id, "--format", "json", "--json").json["run_id"] == run_id
    target = tmp_path / "out.csv"
    assert call("bench", "export", run_id, "--output", str(target), "--json").json["path"] == str(target)
    assert target.read_text().startswith("run,model,")
    nowhere = call("bench", "export", run_id, "--output", str(tmp_path / "no" / "x"), "--json")
    assert (nowhere.code, nowhere.error["code"]) == (1, "cli.cannot_write")

    other = call("bench", "run", "Parrot", *SMALL).json["run_id"]
    comparison = call("bench", "compare", run_id, other, "--json").json
    assert {row["measure"]["key"] for row in comparison["rows"]} >= {"ttft_ms", "decode_tokens_per_s"}
    assert "B/A" in call("bench", "compare", run_id, other).out
    run = call("runs", "show", run_id, "--json").json
    assert len(run["metrics"]["total_ms"]) == 4
    assert "total_ms" in call("runs", "show", run_id).out
    assert {one["id"] for one in call("runs", "list", "--kind", "bench", "--json").json} == {run_id, other}
    assert run_id in call("runs", "list").out


def test_what_cannot_be_run_is_said_before_anything_starts(call: Call, scripted: Scripted) -> None:
    scripted()
    short = call(
        "bench", "run", "Parrot", "--context", "10", "--prompt-tokens", "8", "--answer-tokens", "4", "--json"
    )
    assert (short.code, short.error["code"]) == (1, "bench.context_short")
    assert call("bench", "run", "nobody", "--json").error["code"] == "model.not_found"
    assert call("jobs", "list", "--json").json == []
    long = call("bench", "run", "Parrot", "--prompt-tokens", "9000", "--json")
    assert (long.code, long.error["code"]) == (1, "model.context_out_of_range")
    assert call("bench", "show", "nothing", "--json").error["code"] == "run.not_found"
    assert "bench run" in call("bench", "list").out


def test_a_model_that_does_not_load_fails_the_job(call: Call, scripted: Scripted) -> None:
    scripted(fail_load="model.load_failed")
    result = call("bench", "run", "Parrot", *SMALL)
    assert (result.code, result.error["code"]) == (1, "model.load_failed")
    job = call("jobs", "list", "--json").json[0]
    assert (job["status"], job["error"]["code"]) == ("failed", "model.load_failed")
    shown = call("jobs", "show", job["id"]).out
    assert "Remedy" in shown


def wait_for(look: Callable[[], Any]) -> Any:
    """Ask until there is an answer."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail("it did not happen")


def measured(home: Path) -> list[int]:
    """The steps that the newest run has."""
    database = open_database(Home(home))
    try:
        found = runs.list_runs(database, "bench", 1)
        return [one.step for one in runs.metrics(database, found[0].id, "total_ms")] if found else []
    finally:
        database.close()


def newest_job(home: Path) -> Any:
    database = open_database(Home(home))
    try:
        found = jobs.list_page(database, limit=1)
        return found[0] if found else None
    finally:
        database.close()


def test_after_kill_9_a_resumed_benchmark_measures_what_is_missing(
    start: Start, call: Call, scripted: Scripted, home: Path
) -> None:
    scripted(delay_ms=15)
    words = ("--prompt-tokens", "8", "--answer-tokens", "10", "--repetitions", "6")
    process = start("bench", "run", "Parrot", *words)
    wait_for(lambda: len(measured(home)) >= 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    psutil.wait_procs(workers, timeout=10)
    assert not any(one.is_running() for one in workers)
    before = measured(home)
    assert len(before) < 6

    job = call("jobs", "list", "--json").json[0]
    assert job["status"] == "interrupted"
    kept = {one["step"]: one["value"] for one in _total(call)}
    resumed = call("jobs", "resume", job["id"], "--json").json
    assert resumed["status"] == "succeeded"
    assert resumed["attempt"] == 2
    after = {one["step"]: one["value"] for one in _total(call)}
    assert sorted(after) == list(range(6))
    assert {step: after[step] for step in kept} == kept
    report = call("bench", "show", resumed["result"]["run_id"], "--json").json
    assert report["cells"][0]["repetitions"] == 6
    assert any("interrupted" in note for note in report["notes"])
    again = call("jobs", "resume", job["id"], "--json")
    assert (again.code, again.error["code"]) == (1, "jobs.not_resumable")


def _total(call: Call) -> list[dict[str, Any]]:
    run_id = call("runs", "list", "--json").json[0]["id"]
    metrics: dict[str, list[dict[str, Any]]] = call("runs", "show", run_id, "--json").json["metrics"]
    return metrics.get("total_ms", [])


def test_ctrl_c_cancels_and_keeps_what_was_measured(
    start: Start, call: Call, scripted: Scripted, home: Path
) -> None:
    scripted(delay_ms=20)
    words = ("--prompt-tokens", "8", "--answer-tokens", "10", "--repetitions", "50", "--json")
    process = start("bench", "run", "Parrot", *words)
    wait_for(lambda: len(measured(home)) >= 1)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "canceled"
    assert b"Traceback" not in err
    assert call("jobs", "list", "--json").json[0]["status"] == "canceled"
    run = call("bench", "list", "--json").json[0]
    assert run["status"] == "canceled"
    assert call("bench", "show", run["id"], "--json").json["cells"][0]["repetitions"] >= 1


def test_a_detached_benchmark_is_canceled_from_elsewhere(
    bancada: Call, call: Call, scripted: Scripted, home: Path
) -> None:
    scripted(delay_ms=20)
    words = ("--prompt-tokens", "8", "--answer-tokens", "10", "--repetitions", "50")
    result = bancada("bench", "run", "Parrot", *words, "--detach", "--json")
    job_id = result.json["job_id"]
    wait_for(lambda: len(measured(home)) >= 1)
    assert newest_job(home).id == job_id
    canceled = call("jobs", "cancel", job_id, "--json")
    assert (canceled.code, canceled.json["status"]) == (0, "canceled")
    assert call("jobs", "show", job_id).out.splitlines()[1].split()[1] == "canceled"
    again = call("jobs", "cancel", job_id)
    assert again.code == 0
    assert "canceled" in again.out


def test_a_detached_command_passes_on_why_it_did_not_start(bancada: Call) -> None:
    result = bancada("bench", "run", "nobody", "--detach", "--json")
    assert (result.code, result.error["code"]) == (1, "model.not_found")
    plain = bancada("bench", "run", "nobody", "--detach")
    assert plain.code == 1
    assert "nobody" in plain.err


def test_detached_for_people_is_the_id_alone(
    bancada: Call, call: Call, scripted: Scripted, home: Path
) -> None:
    scripted()
    result = bancada(
        "bench",
        "run",
        "Parrot",
        "--prompt-tokens",
        "8",
        "--answer-tokens",
        "2",
        "--repetitions",
        "1",
        "--detach",
    )
    job_id = result.out.strip()
    wait_for(lambda: newest_job(home).status.ended)
    job = call("jobs", "show", job_id, "--json").json
    assert job["status"] == "succeeded"
    assert "Peak memory" in call("jobs", "show", job_id).out
    assert job_id in call("jobs", "list", "--status", "succeeded").out


def test_unknown_jobs(call: Call) -> None:
    for verb in ("show", "cancel", "resume"):
        result = call("jobs", verb, "01nothing", "--json")
        assert (result.code, result.error["code"]) == (1, "jobs.not_found")
    assert call("jobs", "list").out == "No jobs.\n"
    assert call("runs", "list").out == "No runs.\n"
    assert call("runs", "show", "01nothing", "--json").error["code"] == "run.not_found"


def test_the_real_engine_is_measured(call: Call, tiny: Path) -> None:
    call("models", "import", str(tiny), "--name", "Tiny")
    words = (
        "--prompt-tokens",
        "32",
        "--answer-tokens",
        "8",
        "--repetitions",
        "2",
        "--threads",
        "1",
        "--flash-attention",
        "off",
    )
    report = call("bench", "run", "Tiny", *words, "--json").json
    measures = report["cells"][0]["measures"]
    assert measures["prefill_tokens_per_s"]["p50"] > 0
    assert measures["itl_ms"]["n"] == 14
    run = call("runs", "show", report["run_id"], "--json").json
    assert {one["value"] for one in run["metrics"]["prompt_tokens"]} == {32}
    assert {one["value"] for one in run["metrics"]["completion_tokens"]} == {8}
