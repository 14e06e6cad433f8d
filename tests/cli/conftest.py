"""The command line as people and programs meet it: in this process, and as a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bancada.cli.main import main
from bancada.core.paths import Home
from bancada.storage.blobs import BlobStore
from bancada.storage.database import open_database
from bancada.storage.models import FileRecord, NewVersion, VersionRecord, add_version
from tiny_gguf import write_tiny_gguf

APP = Path(__file__).resolve().parents[2] / "app"


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; more or less than one fails."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        error: dict[str, str] = self.json["error"]
        assert set(error) == {"code", "message", "hint"}
        return error


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home with space"


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Result]]:
    """Run a command in this process."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.getsignal(number)) for number in numbers]
    hook = threading.excepthook

    def run(*words: str) -> Result:
        capsys.readouterr()
        code = main(["--home", str(home), *words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Result(code, out, err)

    yield run
    threading.excepthook = hook
    for number, handler in before:
        signal.signal(number, handler)


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(APP), "BANCADA_HOME": str(home)}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bancada", *words]


@pytest.fixture
def bancada(home: Path) -> Callable[..., Result]:
    """Run a command as a process of its own."""

    def run(*words: str, stdin: bytes = b"", **more: str) -> Result:
        done = subprocess.run(
            command(*words),
            input=stdin,
            capture_output=True,
            env={**environment(home), **more},
            check=False,
            timeout=120,
        )
        out, err = done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode("utf-8", "replace")
        assert "Traceback" not in out + err
        return Result(done.returncode, out, err)

    return run


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a command and leave it running; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*words: str, **more: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment(home), **more},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture
def scripted(home: Path) -> Callable[..., VersionRecord]:
    """Put a scripted model into the workspace; its script is given as keywords."""

    def add(name: str = "Parrot", **script: Any) -> VersionRecord:
        place = Home(home)
        database = open_database(place)
        try:
            blob = BlobStore(place, database).put_bytes(json.dumps(script).encode())
            new = NewVersion(
                format="scripted",
                architecture="scripted",
                quantization="none",
                parameters=1_000,
                bits_per_weight=8.0,
                layers=1,
                context_length=4096,
                license="Apache-2.0",
                size_bytes=blob.size_bytes,
                sha256=blob.sha256,
                source="a test",
            )
            return add_version(database, name, new, [FileRecord("script.json", blob.sha256, blob.size_bytes)])
        finally:
            database.close()

    return add
