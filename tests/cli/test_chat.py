"""``bancada chat`` with scripted and real models."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from bancada.core.paths import Home
from bancada.storage import requests
from bancada.storage.database import open_database
from bancada.storage.models import VersionRecord
from cli.conftest import Result, command, environment

Call = Callable[..., Result]
Scripted = Callable[..., VersionRecord]
FIELDS = {
    "text",
    "token_ids",
    "ttft_ms",
    "prompt_tokens",
    "completion_tokens",
    "prefill_tokens_per_s",
    "decode_tokens_per_s",
    "peak_memory_bytes",
    "stop_reason",
    "seed",
    "timings",
    "device",
}


def test_people_read_the_answer_on_stdout_and_figures_on_stderr(bancada: Call, scripted: Scripted) -> None:
    scripted(answer="Forty two.\nIndeed.")
    result = bancada("chat", "Parrot", "-p", "What?")
    assert (result.code, result.out) == (0, "Forty two.\nIndeed.\n")
    assert "first token" in result.err
    assert "complete" in result.err


def test_programs_get_one_document(call: Call, scripted: Scripted, home: Path) -> None:
    scripted(answer="one two three four", delay_ms=1)
    document = call(
        "chat",
        "Parrot",
        "-p",
        "Q",
        "--system",
        "S",
        "--max-tokens",
        "3",
        "--seed",
        "5",
        "--logprobs",
        "2",
        "--json",
    ).json
    assert set(document) >= FIELDS
    assert document["text"] == "one two three"
    assert document["stop_reason"] == "length"
    assert document["seed"] == 5
    assert document["completion_tokens"] == len(document["token_ids"]) == len(document["tokens"]) == 3
    assert document["peak_memory_bytes"] > 1_000_000
    database = open_database(Home(home))
    stored = requests.get(database, document["request_id"])
    database.close()
    assert (stored.purpose, stored.outcome, stored.seed) == ("chat", "finished", 5)


def test_the_prompt_comes_from_stdin(bancada: Call, scripted: Scripted) -> None:
    scripted(answer="yes")
    assert bancada("chat", "Parrot", "-p", "-", stdin=b"caf\xff?\0").out == "yes\n"
    assert bancada("chat", "Parrot", stdin="سؤال".encode()).out == "yes\n"
    assert bancada("chat", "Parrot").code == 2


def test_stop_texts_and_raw_completion(call: Call, scripted: Scripted) -> None:
    scripted(answer="one two three")
    document = call("chat", "Parrot", "--raw", "-p", "Once", "--stop", "two", "--json").json
    assert document["text"].strip() == "one"
    assert document["stop_reason"] == "stop"


def test_errors_of_the_model_are_typed(call: Call, scripted: Scripted, tmp_path: Path) -> None:
    assert call("chat", "nobody", "-p", "x", "--json").error["code"] == "model.not_found"
    scripted(answer="x")
    long = call("chat", "Parrot", "-p", "word " * 9_000, "--context", "256", "--json")
    assert (long.code, long.error["code"]) == (1, "prompt.too_long")
    assert (
        call("chat", "Parrot", "-p", "x", "--context", "99999", "--json").error["code"].startswith("model.")
    )
    assert (
        call("chat", "Parrot", "-p", "x", "--schema", str(tmp_path / "no"), "--json").error["code"]
        == "cli.cannot_read"
    )
    large = tmp_path / "large"
    large.write_bytes(b"x" * 1_000_001)
    assert (
        call("chat", "Parrot", "-p", "x", "--grammar", str(large), "--json").error["code"]
        == "cli.cannot_read"
    )


def test_a_worker_that_dies_is_an_error_in_words(call: Call, scripted: Scripted) -> None:
    scripted(answer="a b c d", die_at=2)
    result = call("chat", "Parrot", "-p", "x", "--json")
    assert result.code == 1
    assert result.error["code"] == "worker.crashed"


def test_ctrl_c_stops_the_answer(start: Callable[..., subprocess.Popen[bytes]], scripted: Scripted) -> None:
    scripted(tokens=500, delay_ms=20)
    process = start("chat", "Parrot", "-p", "x")
    assert process.stdout is not None
    assert process.stdout.read(8)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Canceled." in err
    assert b"Traceback" not in err


def test_a_reader_that_leaves_is_no_failure(home: Path, scripted: Scripted) -> None:
    scripted(tokens=300, delay_ms=1)
    process = subprocess.Popen(
        command("chat", "Parrot", "-p", "x"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home),
    )
    assert process.stdout is not None
    assert process.stdout.read(1)
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 0
    assert b"Traceback" not in err
    assert b"Exception" not in err


def test_a_conversation_on_a_terminal(home: Path, scripted: Scripted) -> None:
    scripted(answer="Understood.")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("chat", "Parrot", "--system", "Be brief.", "--context", "64"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment(home), "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, ("one " * 30 + "\n" + "two " * 30 + "\n\n/new\nthree\n\x04").encode())
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert seen.count(b"Understood.") == 3
    assert b"left out" in seen
    assert b"Traceback" not in seen


def test_ctrl_c_stops_an_answer_but_not_the_conversation(home: Path, scripted: Scripted) -> None:
    scripted(tokens=500, delay_ms=20)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("chat", "Parrot"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment(home), "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, b"question\n")
    seen = b""
    while b"words" not in seen and b"model" not in seen and b"the" not in seen.partition(b"question")[2]:
        seen += os.read(ours, 65_536)
    process.send_signal(signal.SIGINT)
    while b"Stopped." not in seen:
        seen += os.read(ours, 65_536)
    os.write(ours, b"\x04")
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert b"Traceback" not in seen


def test_json_and_raw_need_a_prompt_on_a_terminal(home: Path, scripted: Scripted) -> None:
    scripted(answer="x")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        command("chat", "Parrot", "--json"),
        stdin=theirs,
        capture_output=True,
        env=environment(home),
        check=False,
        timeout=60,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "usage"


def test_the_real_model_answers_the_same_for_the_same_seed(call: Call, smollm2: Path) -> None:
    call("models", "import", str(smollm2), "--name", "smol")
    words = (
        "chat",
        "smol",
        "-p",
        "Name a colour.",
        "--seed",
        "11",
        "--temperature",
        "1.2",
        "--max-tokens",
        "12",
        "--json",
    )
    answers = [call(*words).json for _ in range(5)]
    assert len({tuple(one["token_ids"]) for one in answers}) == 1
    first = answers[0]
    assert set(first) >= FIELDS
    assert first["prompt_tokens"] > 10
    assert first["completion_tokens"] == len(first["token_ids"]) > 1
    assert first["ttft_ms"] > 0
    assert first["prefill_tokens_per_s"] > 0
    assert first["decode_tokens_per_s"] > 0
    assert first["peak_memory_bytes"] > 98_000_000
    assert first["device"].startswith("llama.cpp")
    other = call(*words[:5], "12", *words[6:]).json
    assert other["seed"] == 12


def test_json_that_fits_a_schema(call: Call, smollm2: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(
        json.dumps({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    )
    call("models", "import", str(smollm2), "--name", "smol")
    result = call("chat", "smol", "-p", "Give n.", "--schema", str(schema), "--max-tokens", "40", "--json")
    assert isinstance(json.loads(result.json["text"])["n"], int)
    bad = tmp_path / "bad.gbnf"
    bad.write_text("root ::= nowhere")
    assert call("chat", "smol", "-p", "x", "--grammar", str(bad), "--json").code == 1
