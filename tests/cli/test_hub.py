"""Hub, download and mirror from the command line, as real processes on this machine."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.conftest import Result
from hub_server import CONFIG, Content, Fault, HubServer, hub_server, safetensors
from tiny_gguf import TinyModel, write_tiny_gguf


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as server:
        yield server


def test_search_show_and_download(hub: HubServer, call: Callable[..., Result], tmp_path: Path) -> None:
    files: dict[str, Content | bytes | Path] = {
        "tiny.Q4.gguf": write_tiny_gguf(tmp_path / "a.gguf"),
        "tiny.Q8.gguf": write_tiny_gguf(tmp_path / "b.gguf", TinyModel(seed=1)),
        "pytorch_model.bin": b"x",
    }
    repo = hub.add("org/tiny-GGUF", files)
    assert call("settings", "set", "hub.endpoint", hub.url).code == 0
    hits = call("hub", "search", "tiny", "--json").json
    assert [one["repo"] for one in hits] == ["org/tiny-GGUF"]
    assert call("hub", "search", "nothing of the kind").out == "Nothing was found.\n"
    shown = call("hub", "show", "org/tiny-GGUF", "--file", "*Q4.gguf", "--json").json
    assert shown["info"]["commit"] == repo.commit
    states = {one["path"]: one["state"] for one in shown["files"]}
    assert states == {"tiny.Q4.gguf": "chosen", "tiny.Q8.gguf": "left", "pytorch_model.bin": "refused"}
    assert "2 models" in call("hub", "show", "org/tiny-GGUF").out
    weighed = call("hub", "show", "org/tiny-GGUF", "--memory", "--json").json["memory"]
    assert {one["path"] for one in weighed["needs"]} == {"tiny.Q4.gguf", "tiny.Q8.gguf"}
    assert weighed["exact"]
    assert "fits: " in call("hub", "show", "org/tiny-GGUF", "--memory").out
    refused = call("download", "org/tiny-GGUF", "--json")
    assert (refused.code, refused.error["code"]) == (1, "hub.choose_file")
    got = call("download", "org/tiny-GGUF", "--file", "*Q4.gguf", "--name", "Mine", "--json").json
    assert (got["commit"], got["versions"][0]["name"]) == (repo.commit, "Mine")
    again = call("download", "org/tiny-GGUF", "--file", "*Q4.gguf", "--revision", repo.commit)
    assert "Already there: Mine:1" in again.out
    assert "pytorch_model.bin was left out: pickle" in again.err
    assert "in the library" in call("hub", "show", "org/tiny-GGUF", "--file", "*Q4.gguf").out
    source = call("models", "show", "Mine", "--json").json["source"]
    assert source == f"{hub.url}/org/tiny-GGUF@{repo.commit}"


def test_sealed_and_wrong_settings(call: Callable[..., Result]) -> None:
    for words in (("hub", "search", "x"), ("download", "a/b")):
        ended = call(*words, "--json")
        assert (ended.code, ended.error["code"]) == (1, "network.sealed")
        assert "huggingface.co" in ended.error["message"]
    for repo in ("../etc", "a/b/c", "a//b"):
        assert call("download", "--json", "--", repo).error["code"] == "hub.repo_invalid"
    assert call("download", "a/b", "--revision", "../x", "--json").error["code"] == "hub.revision_invalid"
    for endpoint in ("", "http://user:word@x"):
        call("settings", "set", "hub.endpoint", endpoint)
        assert call("hub", "search", "x", "--json").error["code"] == "hub.endpoint_invalid", endpoint
    call("settings", "set", "hub.endpoint", "http://127.0.0.1:9")
    assert call("settings", "set", "hub.proxy", "http://me:hunter2@proxy:3128").code == 0
    ended = call("hub", "search", "x", "--json")
    assert ended.error["code"] == "hub.proxy_invalid"
    assert "hunter2" not in ended.out + ended.err


def test_leftovers_are_listed_and_discarded(hub: HubServer, call: Callable[..., Result]) -> None:
    weights = safetensors(300_000)
    hub.add("org/one", {"model.safetensors": weights, "config.json": CONFIG})
    call("settings", "set", "hub.endpoint", hub.url)
    assert call("hub", "leftovers").out == "Nothing is left over.\n"
    hub.faults["model.safetensors"] = [Fault(times=9, flip_at=200_000)]
    ended = call("download", "org/one", "--json")
    assert ended.error["code"] == "download.damaged"
    left = call("hub", "leftovers", "--json").json
    (job,), (bad,) = left["unfinished"], left["quarantined"]
    assert (job["title"], job["total_bytes"]) == ("Download org/one", len(weights) + len(CONFIG))
    assert bad["path"] == "model.safetensors"
    assert "model.safetensors: its content is not" in call("hub", "leftovers").out
    assert call("hub", "discard", bad["key"], "--json").json["freed_bytes"] == len(weights)
    assert "free again" in call("hub", "discard", job["job_id"]).out
    assert call("hub", "leftovers").out == "Nothing is left over.\n"
    assert call("hub", "discard", job["job_id"], "--json").error["code"] == "jobs.not_found"


def test_login_needs_a_keyring(
    call: Callable[..., Result], bancada: Callable[..., Result], home: Path, tmp_path: Path
) -> None:
    tests = str(Path(__file__).resolve().parents[1])
    app = str(Path(__file__).resolve().parents[2] / "app")
    keys = {
        "PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring",
        "PYTHONPATH": f"{app}:{tests}",
        "TEST_KEYRING": str(tmp_path / "keys.json"),
    }
    none = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    assert bancada("hub", "login", "--json", stdin=b"hf_abc\n", **none).error["code"] == "hub.no_keyring"
    assert (
        bancada("hub", "login", "--json", stdin=b"two words\n", **keys).error["code"] == "hub.token_invalid"
    )
    stored = bancada("hub", "login", "--json", stdin=b"hf_abcdefabcdefabcdef\n", **keys)
    assert stored.json["stored"]
    assert "hf_abc" not in stored.out + stored.err
    assert json.loads((tmp_path / "keys.json").read_text()) == {
        "bancada hub https://huggingface.co:443": "hf_abcdefabcdefabcdef"
    }
    assert bancada("hub", "logout", "--json", **keys).json["removed"]
    everything = b"".join(one.read_bytes() for one in home.rglob("*") if one.is_file())
    assert b"hf_abcdef" not in everything


def test_one_home_mirrors_and_another_downloads(
    hub: HubServer,
    bancada: Callable[..., Result],
    start: Callable[..., subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    hub.add(
        "org/one", {"model.safetensors": safetensors(2_000_000), "config.json": CONFIG, "README.md": b"Hello"}
    )
    office, desk = {"BANCADA_HOME": str(tmp_path / "office")}, {"BANCADA_HOME": str(tmp_path / "desk")}
    bancada("settings", "set", "hub.endpoint", hub.url, **office)
    first = bancada("download", "org/one", "--json", **office).json
    gguf = write_tiny_gguf(tmp_path / "tiny.gguf")
    bancada("models", "import", str(gguf), "--name", "Of our own", "--json", **office)
    secret = {"BANCADA_MIRROR_TOKEN": "a-secret-of-the-office"}
    mirror = start("mirror", "serve", "--port", "0", "--json", **office, **secret)
    assert mirror.stdout is not None
    report = json.loads(mirror.stdout.readline())
    assert report["token"] == secret["BANCADA_MIRROR_TOKEN"]
    assert report["repositories"] == 2
    address = report["addresses"][0]
    bancada("settings", "set", "hub.endpoint", address, **desk)
    desk["BANCADA_HUB_TOKEN"] = secret["BANCADA_MIRROR_TOKEN"]
    names = {one["repo"] for one in bancada("hub", "search", "", "--json", **desk).json}
    assert "org/one" in names
    second = bancada("download", "org/one", "--revision", first["commit"], "--json", **desk).json
    assert second["commit"] == first["commit"]
    assert second["versions"][0]["sha256"] == first["versions"][0]["sha256"]
    own = next(iter(names - {"org/one"}))
    third = bancada("download", own, "--json", **desk).json
    assert third["versions"][0]["size_bytes"] == gguf.stat().st_size
    shown = bancada("models", "show", third["versions"][0]["id"], "--json", **desk).json
    assert shown["source"].startswith(f"{address}/{own}@")
    mirror.terminate()
    assert mirror.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def on_disk(home: Path) -> int:
    """Bytes that the library takes, a file with two names once."""
    files = {one.stat().st_ino: one.stat().st_size for one in (home / "blobs").rglob("*") if one.is_file()}
    return sum(files.values())


def test_a_second_model_that_shares_files_adds_no_bytes(
    hub: HubServer,
    call: Callable[..., Result],
    start: Callable[..., subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    """At the office that fetches from the hub, and at the desk that fetches from the office's mirror."""
    weights, words = safetensors(3_000_000), b'{"words": 1}'
    shared: dict[str, Content | bytes | Path] = {"model.safetensors": weights, "tokenizer.json": words}
    hub.add("org/one", {**shared, "config.json": CONFIG})
    other = CONFIG.replace(b"512", b"511")
    hub.add("org/two", {**shared, "config.json": other})
    office, desk = tmp_path / "office", tmp_path / "desk"

    def fetch(home: Path, repo: str) -> dict[str, Any]:
        got: dict[str, Any] = call("--home", str(home), "download", repo, "--json").json
        return got

    call("--home", str(office), "settings", "set", "hub.endpoint", hub.url)
    first = fetch(office, "org/one")
    assert first["fetched_bytes"] == on_disk(office) == len(weights) + len(words) + len(CONFIG)
    second = fetch(office, "org/two")
    assert on_disk(office) == first["fetched_bytes"] + len(other)
    assert second["reused_bytes"] >= len(weights)
    assert len(hub.fetched("model.safetensors")) == 1
    secret = {"BANCADA_MIRROR_TOKEN": "a-secret-of-the-office"}
    mirror = start("--home", str(office), "mirror", "serve", "--port", "0", "--json", **secret)
    assert mirror.stdout is not None
    address = json.loads(mirror.stdout.readline())["addresses"][0]
    call("--home", str(desk), "settings", "set", "hub.endpoint", address)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANCADA_HUB_TOKEN", secret["BANCADA_MIRROR_TOKEN"])
        fetch(desk, "org/one")
        before = on_disk(desk)
        third = fetch(desk, "org/two")
    assert third["reused_bytes"] == len(weights) + len(words)
    assert third["fetched_bytes"] == len(other) == on_disk(desk) - before
    assert third["versions"][0]["sha256"] == second["versions"][0]["sha256"]
    assert on_disk(desk) == on_disk(office)


def test_a_mirror_for_others_needs_two_settings(call: Callable[..., Result]) -> None:
    assert call("mirror", "serve", "--host", "0.0.0.0", "--json").error["code"] == "mirror.lan_off"
    call("settings", "set", "mirror.lan", "on")
    assert call("mirror", "serve", "--host", "0.0.0.0", "--json").error["code"] == "network.sealed"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert call("mirror", "serve", "--port", port, "--json").error["code"] == "mirror.port_taken"
