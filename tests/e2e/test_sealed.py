"""F28: what the program does opens no connection to anywhere but this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.test_surroundings import environment
from e2e.workspaces import prepare

_ADDRESS = re.compile(r"sa_family=AF_INET6?,.*?(?:inet_addr\(\"|inet_pton\(AF_INET6, \")([^\"]+)")


def test_no_connection_leaves_the_machine(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    home = tmp_path / "home"
    prepare(home, Quick={"answer": "hello there"})
    trace = tmp_path / "trace"
    for arguments in (
        ("doctor",),
        ("chat", "Quick", "-p", "hi"),
        ("gui", "--pictures", str(tmp_path / "pictures")),
    ):
        done = subprocess.run(
            [
                *(
                    strace,
                    "-f",
                    "--seccomp-bpf",
                    "-qq",
                    "-A",
                    "-o",
                    str(trace),
                    "-e",
                    "trace=connect,sendto,sendmsg",
                ),
                *(sys.executable, "-m", "bancada", "--home", str(home), *arguments),
            ],
            env=environment(),
            capture_output=True,
            timeout=300,
            check=False,
        )
        if b"PTRACE" in done.stderr or b"ptrace" in done.stderr:
            pytest.skip("tracing is not allowed here")
        assert done.returncode == 0, done.stderr.decode()
    assert list((tmp_path / "pictures").glob("*.png"))
    lines = [line for line in trace.read_text(errors="replace").splitlines() if "AF_INET" in line]
    away = [line for line in lines if not _is_loopback(line)]
    assert not away


def _is_loopback(line: str) -> bool:
    found = _ADDRESS.search(line)
    return found is not None and (found[1].startswith("127.") or found[1] == "::1")
