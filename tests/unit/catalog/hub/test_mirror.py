"""The office mirror's server: what it gives, and whom it sends away."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bancada.catalog.hub.rules import HubRules
from bancada.catalog.library import Library
from bancada.catalog.mirror.gate import Gate, Limits, host_name, lan_addresses, own_names
from bancada.catalog.mirror.server import MirrorServer, Stock
from bancada.catalog.mirror.session import MirrorParams
from bancada.catalog.mirror.shelf import arrange
from bancada.catalog.mirror.visitors import MOST, MirrorState, Visitors
from bancada.storage import models, settings
from bancada.worker.handlers.mirror import MirrorHandler
from hub_server import CONFIG, HubServer, safetensors
from library_worker import Worker
from tiny_gguf import TinyModel, write_tiny_gguf
from unit.catalog.hub.conftest import QUICK, Downloads

TOKEN = "a-token-for-tests"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
WEIGHTS = safetensors(300_000)


@pytest.fixture
def serve(worker: Worker) -> Iterator[Callable[..., MirrorServer]]:
    """Start a mirror of the workspace with limits."""
    with contextlib.ExitStack() as stack:

        def start(limits: Limits | None = None) -> MirrorServer:
            context = worker.context
            stock = Stock(
                lambda: arrange(models.list_versions(context.database)), context.blobs.ensure_intact
            )
            names = own_names("127.0.0.1", "library.office")
            server = MirrorServer(("127.0.0.1", 0), stock, token=TOKEN, names=names, limits=limits)
            server.start()
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def mirror(serve: Callable[..., MirrorServer], hub: HubServer, downloads: Downloads, tmp_path: Path) -> str:
    """The address of a mirror of two models, one of them from a hub."""
    hub.add("org/one", {"model.safetensors": WEIGHTS, "config.json": CONFIG, "README.md": b"# Card"})
    downloads.get("org/one")
    downloads.worker.take_in(write_tiny_gguf(tmp_path / "t.gguf"), "Our own: model")
    return f"http://127.0.0.1:{serve().server_port}"


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=AUTH | headers, trust_env=False)


def test_it_speaks_the_hubs_scheme(mirror: str, hub: HubServer) -> None:
    commit = hub.repos["org/one"].commit
    found = {one["id"]: one for one in get(f"{mirror}/api/models?search=&limit=9").json()}
    assert len(found) == 2
    assert get(f"{mirror}/api/models?search=ONE").json()[0]["sha"] == commit
    info = get(f"{mirror}/api/models/org/one/revision/main?blobs=true").json()
    files = {one["rfilename"]: one for one in info["siblings"]}
    assert set(files) == {"model.safetensors", "config.json", "README.md"}
    assert files["model.safetensors"]["lfs"]["size"] == len(WEIGHTS)
    assert len(get(f"{mirror}/api/models/org/one/tree/main").json()) == 3
    answer = get(f"{mirror}/org/one/resolve/{commit}/model.safetensors")
    assert answer.content == WEIGHTS
    etag = answer.headers["ETag"]
    assert (answer.headers["X-Linked-Etag"], answer.headers["X-Repo-Commit"]) == (etag, commit)
    assert get(f"{mirror}/org/one/resolve/main/README.md").text == "# Card"
    head = httpx.head(f"{mirror}/org/one/resolve/main/config.json", headers=AUTH)
    assert (head.headers["Content-Length"], head.content) == (str(len(CONFIG)), b"")


RANGES: tuple[tuple[str, int, int, int | None], ...] = (
    ("bytes=0-", 206, 0, None),
    ("bytes=100-199", 206, 100, 200),
    ("bytes=299000-", 206, 299_000, None),
    ("bytes=-5", 206, -5, None),
    ("bytes=5-4", 416, 0, 0),
    ("bytes=99999999-", 416, 0, 0),
    ("bytes=-0", 416, 0, 0),
    ("bytes=-", 200, 0, None),
    ("bytes=0-1,5-6", 200, 0, None),
    ("items=0-1", 200, 0, None),
)


def test_ranges(mirror: str) -> None:
    for asked, status, start, end in RANGES:
        answer = get(f"{mirror}/org/one/resolve/main/model.safetensors", Range=asked)
        assert (answer.status_code, answer.content) == (status, WEIGHTS[start:end]), asked
    other = {"Range": "bytes=5-", "If-Range": '"another"'}
    assert get(f"{mirror}/org/one/resolve/main/model.safetensors", **other).status_code == 200


CALLERS: tuple[tuple[dict[str, str], int], ...] = (
    ({"Authorization": ""}, 401),
    ({"Authorization": "Bearer wrong"}, 401),
    ({"Authorization": f"Basic {TOKEN}"}, 401),
    ({"Host": "evil.example"}, 403),
    ({"Host": "127.0.0.1.evil.example:80"}, 403),
    ({"Host": ""}, 403),
    ({"Origin": "http://evil.example"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Transfer-Encoding": "chunked"}, 413),
    ({"Host": "library.office:8765"}, 200),
    ({"Host": "localhost"}, 200),
    ({"Host": "[::1]:99"}, 200),
)


def test_who_is_let_in(mirror: str) -> None:
    for headers, status in CALLERS:
        assert get(f"{mirror}/api/models", **headers).status_code == status, headers
    with_body = httpx.request("GET", f"{mirror}/api/models", headers=AUTH, content=b"12345")
    assert with_body.status_code == 413


PLACES: tuple[tuple[str, int], ...] = (
    ("/", 404),
    ("/api/models/org/none", 404),
    ("/api/models/org/one/revision/none", 404),
    ("/org/one/resolve/main/none", 404),
    ("/org/one/resolve/main/../../../../etc/passwd", 404),
    ("/org/one/resolve/main/..%2f..%2f..%2fetc%2fpasswd", 404),
    ("/org/one/resolve/main//etc/passwd", 404),
    ("/org/one/resolve/main/%00", 404),
    ("/api/models?" + "a=b&" * 500, 400),
    ("http://[x", 400),
    ("/" + "x" * 5000, 414),
)


def test_what_is_not_there(mirror: str) -> None:
    host, port = mirror.removeprefix("http://").split(":")
    for path, status in PLACES:
        with socket.create_connection((host, int(port))) as raw:
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            raw.sendall(request.encode())
            assert raw.recv(12) == f"HTTP/1.1 {status}".encode(), path


def test_it_is_read_only(mirror: str) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        assert httpx.request(method, f"{mirror}/api/models", headers=AUTH).status_code == 501


def test_another_downloads_from_it(mirror: str, downloads: Downloads, library: Library) -> None:
    """The same client, through the mirror: nothing new is stored, for the content is the same."""
    os.environ["BANCADA_HUB_TOKEN"] = TOKEN
    try:
        downloads.rules = HubRules(mirror, patience=QUICK)
        own = [one.name for one in library.list() if one.format == "gguf"]
        assert own == ["Our own- model"]
        assert downloads.get("org/one")["versions"][0]["existing"]
        repos = get(f"{mirror}/api/models?search=local").json()
        assert downloads.get(repos[0]["id"])["versions"][0]["existing"]
    finally:
        del os.environ["BANCADA_HUB_TOKEN"]


def test_a_damaged_file_is_not_served(mirror: str, downloads: Downloads) -> None:
    sha256 = get(f"{mirror}/org/one/resolve/main/model.safetensors").headers["ETag"].strip('"')
    path = downloads.worker.context.blobs.path(sha256)
    path.chmod(0o600)
    path.write_bytes(b"\0" + WEIGHTS[1:])
    answer = get(f"{mirror}/org/one/resolve/main/model.safetensors")
    assert (answer.status_code, answer.json()) == (500, {"error": "model.file_damaged"})


def test_slow_clients_are_dropped(serve: Callable[..., MirrorServer]) -> None:
    """A byte now and then does not keep a connection: the whole request has a deadline."""
    server = serve(Limits(header_s=0.5, idle_s=0.5))
    with socket.create_connection(("127.0.0.1", server.server_port)) as slow:
        slow.settimeout(0.1)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                slow.sendall(b"G")
                if slow.recv(10) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            raise AssertionError("it was kept")


def test_too_many_clients_are_sent_away(serve: Callable[..., MirrorServer]) -> None:
    server = serve(Limits(connections=3, per_address=2))
    address = ("127.0.0.1", server.server_port)
    first, second, third = (socket.create_connection(address) for _ in range(3))
    with first, second, third:
        assert third.recv(12) == b"HTTP/1.1 429"
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if httpx.get(f"http://127.0.0.1:{server.server_port}/", headers=AUTH).status_code == 404:
            return
    raise AssertionError("nobody is let in any more")


def test_it_says_who_came_and_what_they_got(serve: Callable[..., MirrorServer], mirror: str) -> None:
    server = serve()
    url = f"http://127.0.0.1:{server.server_port}"
    assert server.state() == MirrorState(0, 0, ())
    with httpx.Client(headers=AUTH, trust_env=False) as client:
        assert client.get(f"{url}/org/one/resolve/main/model.safetensors").content == WEIGHTS
        part = client.get(f"{url}/org/one/resolve/main/model.safetensors", headers={"Range": "bytes=0-99"})
        assert len(part.content) == 100
        assert server.state().connections == 1
    httpx.get(url, trust_env=False)
    until = time.monotonic() + 30
    while server.state().sent_bytes < len(WEIGHTS) + 100:  # counted when the client has it already
        assert time.monotonic() < until
        time.sleep(0.01)
    state = server.state()
    assert state.sent_bytes == len(WEIGHTS) + 100
    (visitor,) = state.visitors
    assert (visitor.address, visitor.files, visitor.refused) == ("127.0.0.1", 2, 1)
    assert visitor.sent_bytes == state.sent_bytes
    assert 0 <= visitor.last_s < 60


def test_visitors_without_end_are_forgotten() -> None:
    visitors = Visitors()
    for number in range(MOST + 5):
        visitors.came(f"10.0.0.{number}", sent_bytes=1)
    state = visitors.state(0)
    assert (len(state.visitors), state.sent_bytes) == (MOST, MOST + 5)
    assert state.visitors[0].address == f"10.0.0.{MOST + 4}"


def test_a_network_that_is_sealed_meanwhile_ends_it(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A mirror that listens on the network gives nothing any more, without being asked to stop."""
    monkeypatch.setattr(Stock, "_FRESH_S", 0.0)
    database = worker.context.database
    settings.set(database, "mirror.lan", value=True)
    settings.set(database, "network.sealed", value=False)
    worker.take_in(write_tiny_gguf(tmp_path / "t.gguf"), "Ours")
    handler = MirrorHandler(worker.context)
    monkeypatch.setenv("BANCADA_MIRROR_TOKEN", TOKEN)
    report = handler.open(MirrorParams("0.0.0.0", 0))
    try:
        assert handler._server is not None
        url = f"http://127.0.0.1:{handler._server.server_port}"
        assert report.repositories == len(get(f"{url}/api/models").json()) == 1
        settings.set(database, "network.sealed", value=True)
        answer = get(f"{url}/api/models")
        assert (answer.status_code, answer.json()["error"]) == (503, "network.sealed")
        assert get(f"{url}/local/Ours/resolve/main/Ours.gguf").status_code == 503
    finally:
        handler.close()


def test_three_hundred_at_once(mirror: str) -> None:
    with contextlib.ExitStack() as stack:
        host, port = mirror.removeprefix("http://").split(":")
        for _ in range(300):
            stack.enter_context(socket.create_connection((host, int(port))))
    until = time.monotonic() + 30
    while get(f"{mirror}/api/models").status_code == 429:
        assert time.monotonic() < until


def test_huggingface_hub_downloads_from_it(mirror: str, tmp_path: Path) -> None:
    """The hub's own client is at home here as well."""
    if importlib.util.find_spec("huggingface_hub") is None:
        pytest.skip("huggingface_hub is not installed")
    code = (
        "from huggingface_hub import HfApi, hf_hub_download; import sys\n"
        "api = HfApi()\n"
        "print(api.model_info('org/one', files_metadata=True).sha)\n"
        "print([one.id for one in api.list_models(search='one')])\n"
        "print(hf_hub_download('org/one', 'model.safetensors', cache_dir=sys.argv[1]))\n"
    )
    variables = {
        "HF_ENDPOINT": mirror,
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | variables | {"HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[-1]).read_bytes() == WEIGHTS


def test_the_shelf_tells_names_apart(worker: Worker, tmp_path: Path) -> None:
    for seed, name in enumerate(["Bär", "B r", "plain", "..."]):
        with contextlib.suppress(Exception):
            worker.take_in(write_tiny_gguf(tmp_path / f"{seed}.gguf", TinyModel(seed=seed)), name)
    worker.take_in(write_tiny_gguf(tmp_path / "again.gguf", TinyModel(seed=9)), "plain")
    shelf = arrange(models.list_versions(worker.context.database))
    assert len(shelf) == 3
    plain = shelf["local/plain"]
    assert set(plain.names) >= {"main", "v1", "v2"}
    assert plain.names["main"] == plain.names["v2"] != plain.names["v1"]
    assert plain.revision("v1") is not None
    assert plain.revision("v3") is None


def test_names_and_addresses() -> None:
    assert [host_name(one) for one in ("A.b:80", "[::1]:80", "::1", "x")] == ["a.b", "::1", "::1", "x"]
    assert "0.0.0.0" not in own_names("0.0.0.0", "")
    assert {"10.9.8.7", "name.office", "localhost"} <= own_names("10.9.8.7", "name.office , ")
    assert not any(one.startswith("127.") for one in lan_addresses())
    gate = Gate(Limits())
    gate.close()
