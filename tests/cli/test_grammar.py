"""What is typed: help, rubbish, huge numbers, and where --home and --json may stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bancada import __main__ as program
from bancada.cli.docs import markdown
from cli.conftest import Result

Call = Callable[..., Result]

HUGE = "9" * 5_000
RUBBISH = [
    (),
    ("nonsense",),
    ("models",),
    ("models", "nonsense"),
    ("models", "import"),
    ("models", "import", ""),
    ("models", "import", "a\0b"),
    ("models", "forecast", "m", "--context", HUGE),
    ("models", "forecast", "m", "--context", "-1"),
    ("models", "forecast", "m", "--cache-type", "q0"),
    ("chat",),
    ("chat", "m", "-p", "x", "--temperature", "nan"),
    ("chat", "m", "-p", "x", "--temperature", "warm"),
    ("chat", "m", "-p", "x", "--seed", "1e3"),
    ("chat", "m", "-p", "x", "--max-tokens", "0"),
    ("chat", "m", "-p", "x", "--schema", "a", "--grammar", "b"),
    ("chat", "m", "-p", "  "),
    ("chat", "m", "--raw", "-p", ""),
    ("bench", "run", "m", "--prompt-tokens", "1,,2"),
    ("bench", "run", "m", "--prompt-tokens", "0"),
    ("bench", "run", "m", "--repetitions", HUGE),
    ("bench", "run", "m", "--preset", "none"),
    ("bench", "compare", "a"),
    ("bench", "compare", "a", "a"),
    ("jobs", "list", "--status", "gone"),
    ("jobs", "list", "--limit", "0"),
    ("settings", "set", "language"),
    ("restore",),
    ("doctor", "--jso"),
    ("--home", "", "doctor"),
]


@pytest.mark.parametrize("words", RUBBISH, ids=lambda words: " ".join(words)[:40] or "nothing")
def test_what_is_not_understood_answers_2(call: Call, words: tuple[str, ...], home: Path) -> None:
    plain = call(*words)
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith("bancada: ")
    assert len(plain.err) < 2_500
    programs = call("--json", *words)
    assert programs.code == 2
    assert programs.error["code"] == "usage"
    assert not home.exists()


def test_options_stand_before_or_after_the_noun(call: Call, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert call("--json", "models", "list").json == []
    assert call("models", "list", "--json").json == []
    assert call("models", "list", "--home", str(other), "--json").json == []
    assert (other / "bancada.db").is_file()


def test_help_and_version(capsys: pytest.CaptureFixture[str], call: Call) -> None:
    for words in (("--help",), ("bench", "run", "--help"), ("--version",)):
        with pytest.raises(SystemExit) as caught:
            call(*words)
        assert caught.value.code == 0
        assert capsys.readouterr().out


def test_the_window_takes_no_options_of_the_command_line(call: Call) -> None:
    result = call("gui", "--json")
    assert (result.code, result.error["code"]) == (2, "usage")


def test_the_manual_knows_every_verb() -> None:
    page = markdown()
    for verb in (
        "models forecast",
        "chat MODEL",
        "bench compare",
        "jobs resume",
        "audit verify",
        "restore",
        "tour",
    ):
        assert verb in page
    assert "--json" in page
    assert "\x1b" not in page


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (None, None)),
        (["gui"], (None, None)),
        (["--home", "/a", "gui"], (Path("/a"), None)),
        (["--home=/a"], (Path("/a"), None)),
        (["gui", "--pictures", "/p", "--home", "/a"], (Path("/a"), Path("/p"))),
        (["gui", "gui"], None),
        (["gui", "--json"], None),
        (["models", "list"], None),
        (["--home"], None),
        (["--help"], None),
    ],
)
def test_which_arguments_mean_the_window(words: list[str], expected: object) -> None:
    assert program._window_arguments(words) == expected


def test_the_command_line_loads_no_window_and_no_engine(bancada: Call, home: Path) -> None:
    code = (
        "import sys; from bancada.cli.main import main; rc = main(['models', 'list', '--json']);"
        "heavy = ('PySide6', 'llama_cpp', 'onnxruntime', 'torch', 'pyqtgraph');"
        "bad = [one for one in heavy if one in sys.modules];"
        "print(rc, bad, file=sys.stderr)"
    )
    result = bancada("--version")
    assert result.code == 0
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "BANCADA_HOME": str(home)},
        check=True,
    )
    assert json.loads(done.stdout) == []
    assert done.stderr.strip().endswith("0 []")


def test_an_unknown_option_is_refused_with_the_usage_of_its_command(call: Call) -> None:
    refused = call("models", "forecast", "m", "--colour", "red")
    assert refused.code == 2
    assert "unrecognized arguments: --colour red" in refused.err
    assert "Usage: bancada models forecast" in refused.err
