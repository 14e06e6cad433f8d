"""Downloads in real workers that are killed, and the seal that they are under."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bancada.catalog.download.jobs import DOWNLOAD, DownloadParams
from bancada.core.events import EventBus
from bancada.core.paths import Home
from bancada.jobs.manager import JobManager
from bancada.jobs.spec import JobRecord, JobStatus
from bancada.storage import models, settings
from bancada.storage.blobs import BlobStore
from bancada.storage.database import Database
from hub_server import CONFIG, HubServer, hub_server, sparse_safetensors
from worker.trials import RULES, WAIT_S, until

WEIGHTS = "model.safetensors"
KILLS = int(os.environ.get("BANCADA_TEST_KILLS", "3"))
SIZE = int(os.environ.get("BANCADA_TEST_BYTES", "12000000"))
#: what a kill may cost
ALLOWED = 1 << 20


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as server:
        yield server


@pytest.fixture
def downloads(home: Home, database: Database, events: EventBus, hub: HubServer) -> Iterator[JobManager]:
    settings.set(database, "hub.endpoint", hub.url)
    manager = JobManager(home, database, events, {DOWNLOAD.name: DOWNLOAD}, rules=RULES)
    manager.start()
    yield manager
    manager.close()


def part_of(home: Home, sha256: str) -> int:
    path = home.downloads / f"{sha256}.part"
    return path.stat().st_size if path.exists() else 0


def has(home: Home, sha256: str, goal: int) -> bool:
    return part_of(home, sha256) >= goal


def asked(hub: HubServer, before: int) -> bool:
    return len(hub.fetched(WEIGHTS)) > before


def kill(manager: JobManager, job_id: str) -> JobRecord:
    process = manager.process(job_id)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    return manager.wait(job_id, WAIT_S)


def test_killed_again_and_again(
    hub: HubServer, downloads: JobManager, home: Home, database: Database, tmp_path: Path
) -> None:
    """What was received is never fetched twice, and the final name appears with the right content alone."""
    file = sparse_safetensors(tmp_path / "big", SIZE)
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    size = file.stat().st_size
    hub.add("org/big", {WEIGHTS: file, "config.json": CONFIG})
    hub.repos["org/big"].files[WEIGHTS].told_sha256 = sha256  # the server need not hash it each time
    final = BlobStore(home, database).path(sha256)
    hub.bytes_per_s = min(SIZE, 50_000_000)  # slow enough to be killed in the middle
    hub.on_disk = partial(part_of, home, sha256)
    hub.ahead = ALLOWED - (64 << 10)
    job_id = downloads.submit(DOWNLOAD, DownloadParams("org/big"), title="Download")
    lost = []
    for turn in range(1, KILLS + 1):
        goal = size * turn // (KILLS + 1)
        until(partial(has, home, sha256, goal), "the next piece")
        record = kill(downloads, job_id)
        assert record.status is JobStatus.FAILED
        assert record.failure is not None
        assert record.failure.code == "worker.killed"
        assert not final.exists()
        have = part_of(home, sha256)
        before = hub.fetched(WEIGHTS)
        count = len(before)
        downloads.resume(job_id)
        until(partial(asked, hub, count), "the next request")
        assert hub.fetched(WEIGHTS)[-1].start == have
        lost.append(before[-1].start + before[-1].sent - have)
    hub.bytes_per_s = 0
    record = downloads.wait(job_id, WAIT_S)
    assert record.status is JobStatus.SUCCEEDED, record.failure
    with final.open("rb") as content:
        assert hashlib.file_digest(content, "sha256").hexdigest() == sha256
    assert max(lost) <= ALLOWED, lost
    print(f"{KILLS} kills of {size} bytes lost {lost}")
    assert [one.path for one in models.list_versions(database)[0].files] == ["config.json", WEIGHTS]
    assert list(home.downloads.iterdir()) == []


def test_finished_files_survive_a_kill_and_a_clean_up(
    hub: HubServer, downloads: JobManager, home: Home, database: Database, tmp_path: Path
) -> None:
    """Another job may remove what nobody refers to; files of a download that waits to go on are kept."""
    done, waiting = (
        sparse_safetensors(tmp_path / "a", 2_000_000),
        sparse_safetensors(tmp_path / "b", 3_000_001),
    )
    hub.add("org/two", {"a.safetensors": done, "b.safetensors": waiting, "config.json": CONFIG})
    sha256 = hub.repos["org/two"].files["a.safetensors"].sha256()
    other = hub.repos["org/two"].files["b.safetensors"].sha256()
    store = BlobStore(home, database)
    hub.bytes_per_s = 1_500_000
    job_id = downloads.submit(DOWNLOAD, DownloadParams("org/two"), title="Download")
    until((home.downloads / f"{sha256}.kept").exists, "the first file")
    assert part_of(home, other) > 0
    kill(downloads, job_id)
    store.collect_garbage()
    assert not store.path(sha256).exists()
    hub.bytes_per_s = 0
    downloads.resume(job_id)
    assert downloads.wait(job_id, WAIT_S).status is JobStatus.SUCCEEDED
    assert len(hub.fetched("a.safetensors")) == 1
    assert store.path(sha256).read_bytes() == done.read_bytes()


def test_a_sealed_worker_reaches_nothing_else(
    hub: HubServer, downloads: JobManager, database: Database, home: Home, tmp_path: Path
) -> None:
    """Seen from outside: no connection is even tried, but those to this machine."""
    settings.set(database, "hub.endpoint", "https://huggingface.co")
    job_id = downloads.submit(DOWNLOAD, DownloadParams("org/one"), title="Download")
    record = downloads.wait(job_id, WAIT_S)
    assert record.failure is not None
    assert (record.failure.code, record.failure.params["host"]) == ("network.sealed", "huggingface.co")


TRACED = """
import sys
from bancada.cli.main import main
home, hub = sys.argv[1:]
run = lambda *words: main(["--home", home, *words])
run("settings", "set", "hub.endpoint", hub)
codes = [run("download", "org/one")]
run("settings", "set", "hub.endpoint", "http://192.0.2.7")
codes += [run("hub", "search", "one")]
print(codes)
"""


def test_a_trace_of_system_calls(hub: HubServer, home: Home, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None or sys.platform != "linux":
        pytest.skip("strace is not installed")
    hub.add("org/one", {WEIGHTS: sparse_safetensors(tmp_path / "one", 100_000), "config.json": CONFIG})
    trace = tmp_path / "trace"
    tracer = [strace, "-f", "-qq", "-e", "trace=connect,sendto,sendmsg"]
    done = subprocess.run(
        [*tracer, "-o", str(trace), sys.executable, "-c", TRACED, str(home.root), hub.url],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "PTRACE" in done.stderr or not trace.exists():
        pytest.skip("this system does not allow tracing")
    assert done.stdout.splitlines()[-1] == "[0, 1]", done.stdout + done.stderr
    network = [line for line in trace.read_text(errors="replace").splitlines() if "AF_INET" in line]
    assert any("127.0.0.1" in line for line in network)
    assert [line for line in network if "127.0.0.1" not in line and '"::1"' not in line] == []


SEALED = """
import socket, sys
from bancada.core.errors import BancadaError
from bancada.core.seal import seal_process
seal_process()
seal_process()
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
socket.create_connection(("localhost", server.getsockname()[1])).close()
left, right = socket.socketpair()
left.sendall(b"x")
tried = [
    lambda: socket.create_connection(("192.0.2.1", 9), timeout=1),
    lambda: socket.create_connection(("example.org", 9), timeout=1),
    lambda: socket.getaddrinfo("example.org", 80),
    lambda: socket.gethostbyname("example.org"),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
    lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("2001:db8::1", 53)),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, ("192.0.2.1", 53)),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect_ex(("192.0.2.1", 9)),
]
for one in tried:
    try:
        one()
    except BancadaError as error:
        print(error.code)
"""


def test_a_sealed_process() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEALED],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["network.sealed"] * 8, done.stderr
