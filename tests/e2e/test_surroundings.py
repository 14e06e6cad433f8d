"""Strange surroundings: closed streams, full outputs, no home, no display, odd encodings, thin terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = [sys.executable, "-m", "bancada"]
posix = pytest.mark.skipif(os.name != "posix", reason="descriptors and rights of POSIX")


def environment(**changes: str | None) -> dict[str, str]:
    """Ours with changes; None takes a variable away."""
    made = {**os.environ, "PYTHONPATH": str(ROOT / "app")}
    for name, value in changes.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value
    return made


def bancada(
    *arguments: object, env: Mapping[str, str] | None = None, stdout: IO[bytes] | int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Run the program to its end."""
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command,
        env=env or environment(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )


def shell(line: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    """Run ``line`` in a shell, in which ``$B`` is the program on the workspace."""
    program = " ".join([*PROGRAM, "--home", str(home)])
    return subprocess.run(
        ["/bin/sh", "-c", line], env=environment(B=program), capture_output=True, timeout=120, check=False
    )


@posix
def test_closed_streams(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for line, code in (
        ("$B models list <&-", 0),
        ("$B models list >&-", 0),
        ("$B models show nope 2>&-", 1),
        ("$B jobs list <&- >&- 2>&-", 0),
    ):
        done = shell(line, home)
        assert done.returncode == code, line
        assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_an_output_that_takes_nothing(tmp_path: Path) -> None:
    for options in ((), ("--json",)):
        with Path("/dev/full").open("wb") as full:
            done = bancada("--home", tmp_path, *options, "jobs", "list", stdout=full)
        assert done.returncode == 1
        assert b"could not be written" in done.stderr
        assert b"Exception" not in done.stderr


@posix
def test_a_reader_that_leaves(tmp_path: Path) -> None:
    done = shell("$B settings list | head -1", tmp_path)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_a_user_without_a_home(tmp_path: Path) -> None:
    away = dict.fromkeys(("XDG_DATA_HOME", "BANCADA_HOME", "LOCALAPPDATA"), None)
    nowhere = bancada(
        "models", "list", env=environment(**away, HOME="/proc/nowhere", USERPROFILE="/proc/nowhere")
    )
    assert nowhere.returncode == 1
    assert b"/proc/nowhere" in nowhere.stderr
    assert b"Traceback" not in nowhere.stderr
    assert b"--home" in nowhere.stderr
    stranger = bancada("models", "list", env=environment(BANCADA_HOME="~nobody there/x"))
    assert stranger.returncode == 1
    assert b"--home" in stranger.stderr
    assert bancada("--home", "~nobody there/x", "models", "list").returncode == 2
    assert bancada("--home", "~nobody there/x").returncode == 2


def test_an_old_encoding(tmp_path: Path) -> None:
    home = tmp_path / "casa é 日本"
    old = environment(LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert bancada("--home", home, "models", "list", env=old).returncode == 0
    assert (home / "bancada.db").exists()
    missing = bancada("--home", home, "models", "show", "nó", env=old)
    assert missing.returncode == 1
    assert b"n\\xf3" in missing.stderr
    found = bancada("--home", home, "--json", "doctor", env=old)
    assert found.stdout.isascii()


def test_terminals_of_all_sizes(tmp_path: Path) -> None:
    for columns in ("1", "10", "abc", "0", "-5"):
        done = bancada("--home", tmp_path, "doctor", env=environment(COLUMNS=columns, LINES="2"))
        assert b"Traceback" not in done.stderr
        assert b"Memory" in done.stdout


def test_no_window_can_open(tmp_path: Path) -> None:
    away = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"), None)
    for env in (
        environment(**away),
        environment(**{**away, "DISPLAY": ":987"}),
        environment(**{**away, "QT_QPA_PLATFORM": "nonsense"}),
        environment(**{**away, "BANCADA_HOME": "~nobody there/x", "QT_QPA_PLATFORM": "offscreen"}),
    ):
        options = [] if "BANCADA_HOME" in env else ["--home", tmp_path / "home"]
        done = bancada(*options, env=env)
        assert done.returncode == 1
        last = done.stderr.decode().splitlines()[-1]
        assert last.startswith("bancada: the window cannot open: ")
        assert b"Traceback" not in done.stderr
