"""Downloads from a server that behaves, and from one that does not."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.catalog.library import Library
from bancada.core.errors import BancadaError, Canceled
from hub_server import CONFIG, Content, Fault, HubServer, hub_server, safetensors
from tiny_gguf import TinyModel, write_tiny_gguf
from unit.catalog.hub.conftest import Downloads

Files = Callable[[], list[Path]]


@pytest.fixture
def tiny(tmp_path: Path) -> bytes:
    return write_tiny_gguf(tmp_path / "tiny.gguf").read_bytes()


def failure(call: Callable[[], object]) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        call()
    assert str(caught.value)
    return caught.value


def test_a_gguf_file_becomes_a_model_with_its_origin(
    hub: HubServer, downloads: Downloads, library: Library, tiny: bytes, blob_files: Files
) -> None:
    files = {
        "tiny.Q8_0.gguf": tiny,
        "README.md": b"# Card",
        "LICENSE": b"Apache",
        "model.bin": b"x",
        "run.py": b"x",
    }
    repo = hub.add("org/tiny-GGUF", {**files}, card={"license": "mit", "base_model": ["org/base"]})
    result = downloads.get("org/tiny-GGUF")
    version = library.find(result["versions"][0]["version_id"])
    sha256 = hashlib.sha256(tiny).hexdigest()
    assert (version.format, version.sha256, version.size_bytes) == ("gguf", sha256, len(tiny))
    assert version.source == f"{hub.url}/org/tiny-GGUF@{repo.commit}"
    origin = version.metadata["origin"]
    assert (origin["repo"], origin["commit"], origin["requested"]) == ("org/tiny-GGUF", repo.commit, "main")
    assert (origin["base_model"], origin["license"]) == ("org/base", "mit")
    assert origin["files"] == {"model.gguf": "tiny.Q8_0.gguf"}
    assert version.metadata["papers"] == {"README.md": "# Card", "LICENSE": "Apache"}
    assert {(one["path"], one["kind"]) for one in result["refused"]} == {
        ("model.bin", "pickle"),
        ("run.py", "program code"),
    }
    assert [one.name for one in blob_files()] == [sha256]
    assert list(downloads.home.downloads.iterdir()) == []
    assert not hub.fetched("model.bin")
    assert not hub.fetched("run.py")
    again = downloads.get("org/tiny-GGUF")
    assert again["versions"][0]["existing"]
    assert len(hub.fetched("tiny.Q8_0.gguf")) == 1


def test_a_second_model_that_shares_files_adds_only_what_is_new(
    hub: HubServer, downloads: Downloads, library: Library, blob_files: Files
) -> None:
    weights = safetensors(3_000_000)
    hub.add("org/one", {"model.safetensors": weights, "config.json": CONFIG})
    hub.add("org/two", {"model.safetensors": weights, "config.json": CONFIG, "tokenizer_config.json": b"{}"})
    first = downloads.get("org/one")
    before = sum(one.stat().st_size for one in blob_files())
    second = downloads.get("org/two")
    assert (first["reused_bytes"], second["reused_bytes"]) == (0, len(weights))
    assert sum(one.stat().st_size for one in blob_files()) == before + 2
    assert len(hub.fetched("model.safetensors")) == 1
    version = library.find(second["versions"][0]["version_id"])
    assert (version.format, version.architecture, version.layers) == ("hf", "llama", 2)
    assert (version.quantization, version.parameters, version.context_length) == ("U8", 3_000_000, 512)
    assert failure(lambda: downloads.get("org/one", "config.json")).code == "hub.no_model"


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (Fault(cut_after=900_000), 2),
        (Fault(cut_after=100_000, times=3), 4),
        (Fault(status=503, retry_after="0"), 2),
        (Fault(status=500), 2),
        (Fault(status=429, retry_after="Wed, 01 Jan 2020 00:00:00 GMT"), 2),
        (Fault(stall_after=1_000_000), 2),
        (Fault(short_length=700_000), 2),
        (Fault(flip_at=1_500_000), 2),
    ],
)
def test_what_passes_is_overcome(hub: HubServer, downloads: Downloads, fault: Fault, requests: int) -> None:
    weights = safetensors(2_000_000)
    hub.add("org/one", {"model.safetensors": weights, "config.json": CONFIG})
    hub.faults["model.safetensors"].append(fault)
    sha256 = hashlib.sha256(weights).hexdigest()
    downloads.get("org/one")
    assert downloads.worker.context.blobs.path(sha256).read_bytes() == weights
    seen = hub.fetched("model.safetensors")
    assert len(seen) == requests
    if fault.flip_at < 0:  # it goes on from what it has
        assert sum(one.sent for one in seen) == len(weights)


@pytest.mark.parametrize(
    ("second", "third"),
    [
        (Fault(no_range=True), None),
        (Fault(status=416), 0),
        (Fault(wrong_range=True), 0),
    ],
)
def test_a_server_that_cannot_continue(
    hub: HubServer, downloads: Downloads, second: Fault, third: int | None
) -> None:
    weights = safetensors(2_000_000)
    hub.add("org/one", {"model.safetensors": weights, "config.json": CONFIG})
    hub.faults["model.safetensors"] += [Fault(cut_after=1_000_000), second]
    result = downloads.get("org/one")
    assert not result["versions"][0]["existing"]
    seen = hub.fetched("model.safetensors")
    assert [one.start for one in seen][1:] == [1_000_000, *([] if third is None else [third])]


def test_a_server_without_ranges_that_always_breaks_is_given_up(hub: HubServer, downloads: Downloads) -> None:
    hub.add("org/one", {"model.safetensors": safetensors(2_000_000), "config.json": CONFIG})
    hub.faults["model.safetensors"] += [Fault(cut_after=1_000_000, no_range=True, times=1000)]
    assert failure(lambda: downloads.get("org/one")).code == "network.unreachable"
    assert len(hub.fetched("model.safetensors")) < 10


def test_the_content_changes_under_the_same_name(
    hub: HubServer, downloads: Downloads, library: Library
) -> None:
    """The tag tells; the old bytes are not mixed with the new."""
    old, new = safetensors(2_000_000, seed=1), safetensors(2_000_000, seed=2)
    hub.add("org/one", {"model.safetensors": Content(old, etag="a"), "config.json": CONFIG})
    hub.faults["model.safetensors"] += [Fault(cut_after=1_000_000), Fault(status=404)]
    assert failure(lambda: downloads.get("org/one")).code == "hub.not_found"
    # same commit, other content, another tag; the list still tells the old hash
    told = hashlib.sha256(old).hexdigest()
    hub.add("org/one", {"model.safetensors": Content(new, etag="b", told_sha256=told), "config.json": CONFIG})
    error = failure(lambda: downloads.get("org/one"))
    assert (error.code, error.params["wanted"]) == ("download.damaged", told)
    assert error.params["found"] == hashlib.sha256(new).hexdigest()
    third = hub.fetched("model.safetensors")[2]
    assert (third.start, third.headers["If-Range"], third.status) == (1_000_000, '"a"', 200)
    assert library.list() == []
    actions = [one["action"] for one in downloads.worker.context.database.rows("SELECT action FROM events")]
    assert actions[-1] == "download.refused"
    reason = json.loads((downloads.home.quarantine / f"{told}.json").read_bytes())
    assert (reason["path"], reason["wanted"]) == ("model.safetensors", told)
    # put right again, it comes
    hub.add("org/one", {"model.safetensors": Content(old, etag="c"), "config.json": CONFIG})
    assert downloads.get("org/one")["versions"]


def test_a_tag_that_is_another_hash_stops_it_at_once(hub: HubServer, downloads: Downloads) -> None:
    hub.add(
        "org/one",
        {"model.safetensors": Content(safetensors(1_000_000), etag="f" * 64), "config.json": CONFIG},
    )
    assert failure(lambda: downloads.get("org/one")).code == "download.changed"
    assert all(one.stat().st_size < 1000 for one in downloads.home.downloads.glob("*.part"))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(longer=b"more"), "download.changed"),
        (Fault(encoding="gzip"), "hub.bad_answer"),
        (Fault(status=403), "hub.gated"),
        (Fault(status=401), "hub.token_refused"),
        (Fault(status=404, error_code="EntryNotFound"), "hub.not_found"),
        (Fault(status=418), "hub.bad_answer"),
        (Fault(status=407), "network.proxy_refused"),
        (Fault(status=503, times=99), "hub.unavailable"),
        (Fault(status=503, retry_after="86400"), "hub.unavailable"),
        (Fault(flip_at=8, times=99), "download.disguised"),
        (Fault(flip_at=500_000, times=99), "download.damaged"),
        (Fault(stall_after=0, times=99), "network.stalled"),
        (Fault(short_length=0, times=99), "download.short"),
        (Fault(redirect="ftp://example.org/x"), "hub.bad_answer"),
        (Fault(redirect="{path}", times=99), "hub.bad_answer"),
        (Fault(redirect="http://192.0.2.1/x"), "network.sealed"),
    ],
)
def test_what_does_not_pass_is_told(
    hub: HubServer, downloads: Downloads, blob_files: Files, fault: Fault, code: str
) -> None:
    hub.add("org/one", {"model.safetensors": safetensors(1_000_000), "config.json": CONFIG})
    hub.faults["model.safetensors"].append(fault)
    assert failure(lambda: downloads.get("org/one")).code == code
    assert Library(downloads.worker.context.database, downloads.worker.context.blobs).list() == []
    assert all(one.stat().st_size < 1000 for one in blob_files())


def test_small_files_are_checked_by_their_git_hash(hub: HubServer, downloads: Downloads) -> None:
    hub.add("org/one", {"model.safetensors": safetensors(1000), "config.json": CONFIG})
    hub.faults["config.json"] += [Fault(flip_at=20)]
    downloads.get("org/one")
    assert [one.start for one in hub.fetched("config.json")] == [0, 0]
    hub.add("org/two", {"model.safetensors": Content(b"x", no_hash=True), "config.json": CONFIG})
    assert failure(lambda: downloads.get("org/two")).code == "hub.no_hash"


def test_a_token_stays_with_its_server(
    hub: HubServer, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_secretsecretsecret"
    files: dict[str, Content | bytes | Path] = {
        "model.safetensors": safetensors(1_000_000),
        "config.json": CONFIG,
    }
    hub.add("org/one", files)
    assert failure(lambda: downloads.get("org/one")).code == "hub.gated"
    monkeypatch.setenv("BANCADA_HUB_TOKEN", hub.token)
    with hub_server() as store:
        store.add("org/one", files)
        hub.faults["model.safetensors"].append(Fault(redirect=store.url + "{path}", times=9))
        store.faults["model.safetensors"] += [Fault(cut_after=400_000), Fault(status=403)]
        downloads.get("org/one")
        assert [one.start for one in store.fetched("model.safetensors")] == [0, 400_000, 400_000]
        for _, headers in store.asked:
            assert "Authorization" not in headers
            assert "Cookie" not in headers
        assert hub.token not in str(store.asked)
    assert all(headers["Authorization"] == f"Bearer {hub.token}" for _, headers in hub.asked[1:])
    assert hub.token not in str(downloads.worker.sent)


def test_a_canceled_download_goes_on_later(hub: HubServer, downloads: Downloads) -> None:
    hub.add("org/one", {"model.safetensors": safetensors(3_000_000), "config.json": CONFIG})
    worker = downloads.worker
    hub.bytes_per_s = 4_000_000

    def stop_in_the_middle(message: object) -> None:
        if getattr(message, "stage", "") == "downloading" and getattr(message, "done", 0) > 1_000_000:
            worker.canceled.set()

    worker.listener = stop_in_the_middle
    with pytest.raises(Canceled):
        downloads.get("org/one")
    part = next(downloads.home.downloads.glob("*.part"))
    have = part.stat().st_size
    assert have > 1_000_000
    worker.canceled.clear()
    worker.listener = worker.sent.append
    hub.bytes_per_s = 0
    downloads.get("org/one")
    assert hub.fetched("model.safetensors")[-1].start == have


def test_a_branch_that_moves_does_not_move_a_job(hub: HubServer, downloads: Downloads) -> None:
    repo = hub.add("org/one", {"model.safetensors": safetensors(1_000_000), "config.json": CONFIG})
    hub.faults["model.safetensors"].append(Fault(status=404))
    assert failure(lambda: downloads.get("org/one")).code == "hub.not_found"
    hub.asked.clear()
    downloads.get("org/one")
    assert hub.asked[0][0].startswith(f"/api/models/org/one/revision/{repo.commit}?")


def test_several_files_of_one_repository(
    hub: HubServer, downloads: Downloads, library: Library, tmp_path: Path
) -> None:
    files: dict[str, Content | bytes | Path] = {
        f"tiny.Q{seed}.gguf": write_tiny_gguf(tmp_path / f"{seed}.gguf", TinyModel(seed=seed))
        for seed in (4, 5, 8)
    }
    hub.add("org/many", {**files, "mmproj-tiny.gguf": b"x", "big-00001-of-00002.gguf": b"x"})
    error = failure(lambda: downloads.get("org/many"))
    assert error.code == "hub.choose_file"
    assert "tiny.Q4.gguf" in str(error.params["files"])
    assert failure(lambda: downloads.get("org/many", "*Q3*")).code == "hub.no_match"
    assert failure(lambda: downloads.get("org/many", "big-*")).code == "model.split_file"
    result = downloads.get("org/many", "*Q4.gguf", "tiny.Q8*")
    assert len(result["versions"]) == 2
    assert {one.metadata["origin"]["files"]["model.gguf"] for one in library.list()} == {
        "tiny.Q4.gguf",
        "tiny.Q8.gguf",
    }
    assert downloads.get("org/many", "tiny.Q5.gguf", name="My own")["versions"][0]["name"] == "My own"


def test_an_onnx_folder(hub: HubServer, downloads: Downloads, library: Library) -> None:
    folder = Path(__file__).parents[3] / "fixtures" / "tiny_genai"
    files: dict[str, Content | bytes | Path] = {
        f"cpu/int4/{one.name}": one.read_bytes() for one in folder.iterdir() if one.is_file()
    }
    hub.add("org/tiny-onnx", {**files, "cuda/model.onnx": b"x", "README.md": b"card", "config.json": b"{}"})
    result = downloads.get("org/tiny-onnx", "cpu/*")
    version = library.find(result["versions"][0]["version_id"])
    assert (version.format, version.name) == ("onnx", "tiny-onnx-int4")
    assert "genai_config.json" in {one.path for one in version.files}
    assert Path(library.load_spec(version.id).path, "genai_config.json").exists()
    assert list(downloads.home.views.glob("download-*")) == []


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"pytorch_model.bin": b"x", "config.json": CONFIG}, "hub.no_model"),
        ({"model.onnx": b"x"}, "hub.no_model"),
        ({"../../evil.gguf": b"x", "/etc/x.gguf": b"x", "CON.gguf": b"x"}, "hub.no_model"),
        ({"model.safetensors": b"\x80\x02}q\x00" * 30}, "download.disguised"),
        ({"model.gguf": b"PK\x03\x04" * 30}, "download.disguised"),
        ({"model.gguf": b"GGUF\x03\0\0\0" + bytes(60)}, "model.no_weights"),
        ({"model.safetensors": safetensors(10), "config.json": b"[" * 9}, "model.hf_config"),
        ({"model.safetensors": safetensors(10), "tokenizer.json": b"MZ" * 90}, "download.disguised"),
        (
            {"model.safetensors": safetensors(10), "Config.json": b"{}", "config.json": b"{}"},
            "hub.names_clash",
        ),
        (
            {
                "model.safetensors": safetensors(10),
                "model.safetensors.index.json": b'{"weight_map": {"a": "other.safetensors"}}',
            },
            "model.hf_config",
        ),
    ],
)
def test_bad_repositories(
    hub: HubServer,
    downloads: Downloads,
    library: Library,
    files: dict[str, Content | bytes | Path],
    code: str,
) -> None:
    hub.add("org/bad", files)
    assert failure(lambda: downloads.get("org/bad")).code == code
    assert library.list() == []


def test_what_is_named_and_refused(hub: HubServer, downloads: Downloads) -> None:
    hub.add("org/bad", {"pytorch_model.bin": b"x", "modeling.py": b"x", "model.gguf": b"x"})
    assert failure(lambda: downloads.get("org/bad", "*.bin")).params["kind"] == "pickle"
    error = failure(lambda: downloads.get("org/bad", "modeling*"))
    assert (error.code, error.params["kind"]) == ("hub.file_refused", "program code")


def test_the_size_is_asked_first(
    hub: HubServer, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("org/big", {"model.safetensors": safetensors(1000), "config.json": CONFIG})
    answer = {
        "sha": "a" * 40,
        "siblings": [
            {"rfilename": "big.gguf", "size": 1 << 49, "lfs": {"sha256": "b" * 64, "size": 1 << 49}}
        ],
    }
    hub.always["/api/models/org/big/revision/main"] = answer
    error = failure(lambda: downloads.get("org/big"))
    assert (error.code, error.params["need"]) == ("disk.full", "563.0 TB")
    assert hub.seen == []


def test_a_limit_on_bandwidth(hub: HubServer, downloads: Downloads) -> None:
    hub.add("org/one", {"model.safetensors": safetensors(600_000), "config.json": CONFIG})
    begun = time.monotonic()
    downloads.get("org/one", bytes_per_s=2_000_000)
    assert time.monotonic() - begun > 0.2  # it cannot be quicker, however quick the machine is


def test_a_disk_that_fills_up_in_the_middle(hub: HubServer, downloads: Downloads) -> None:
    weights = safetensors(1_000_000)
    hub.add("org/one", {"model.safetensors": weights, "config.json": CONFIG})
    downloads.home.downloads.mkdir()
    part = downloads.home.downloads / f"{hashlib.sha256(weights).hexdigest()}.part"
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no full device")
    part.symlink_to(full)
    assert failure(lambda: downloads.get("org/one")).code == "disk.full"
    part.unlink()
    assert downloads.get("org/one")["versions"]


def test_two_jobs_fetch_a_file_once(hub: HubServer, downloads: Downloads) -> None:
    """The second waits for the first and takes what that one has stored."""
    weights = safetensors(1_000_000)
    hub.add("org/one", {"a.safetensors": weights, "b.safetensors": weights, "config.json": CONFIG})
    downloads.get("org/one")
    assert len(hub.fetched("a.safetensors")) + len(hub.fetched("b.safetensors")) == 1


def test_a_stored_file_that_was_damaged_is_fetched_anew(hub: HubServer, downloads: Downloads) -> None:
    weights = safetensors(1_000_000)
    hub.add("org/one", {"model.safetensors": weights, "config.json": CONFIG})
    downloads.get("org/one")
    path = downloads.worker.context.blobs.path(hashlib.sha256(weights).hexdigest())
    path.chmod(0o600)
    path.write_bytes(b"\0" + weights[1:])
    assert downloads.get("org/one")["versions"][0]["existing"]
    assert path.read_bytes() == weights
