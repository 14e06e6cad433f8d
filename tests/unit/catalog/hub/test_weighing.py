"""What models on a hub would take of the memory, told from the head of one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bancada.catalog.forecaster import Forecaster
from bancada.catalog.hub import weighing
from bancada.catalog.hub.client import HubClient
from bancada.catalog.hub.connection import HubConnection
from bancada.catalog.hub.needs import Weighing, quantization_of, verdict
from bancada.catalog.hub.rules import HubRules
from bancada.catalog.hub.weighing import weigh
from bancada.catalog.library import Library
from bancada.core.errors import Canceled
from bancada.storage.database import Database
from hub_server import CONFIG, Fault, HubServer, safetensors
from library_worker import Worker
from tiny_gguf import TinyModel, write_tiny_gguf
from unit.catalog.hub.conftest import QUICK

REPO = "org/tiny-GGUF"


def ask(hub: HubServer, repo: str = REPO, *, context: int = 4096, stop: bool = False) -> Weighing:
    rules = HubRules(hub.url, patience=QUICK)
    with HubConnection(rules, None, lambda: False) as connection:
        info = HubClient(connection).repo(repo)
        connection.should_stop = lambda: stop
        return weigh(connection, info, Forecaster(), context)


def needs(found: Weighing) -> dict[str, int]:
    return {one.path: one.need_bytes for one in found.needs}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_gguf(tmp_path / "tiny.gguf")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("sub/Llama-3.2-1B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("model.IQ3_XXS.gguf", "IQ3_XXS"),
        ("gemma-q4_0.gguf", "Q4_0"),
        ("tiny-f16.gguf", "F16"),
        ("Q8_0-notes-F32.gguf", "F32"),
        ("UD-Q2_K_XL.gguf", "Q2_K_XL"),
        ("tiny.gguf", ""),
        ("AF16B.gguf", ""),
    ],
)
def test_the_quantization_in_a_name(path: str, words: str) -> None:
    assert quantization_of(path) == words


def test_the_forecast_is_the_one_that_the_library_makes(
    hub: HubServer, tiny: Path, worker: Worker, database: Database
) -> None:
    """The same model, once on the hub and once imported."""
    hub.add(REPO, {"tiny.F32.gguf": tiny, "README.md": b"# Card"})
    found = ask(hub, context=256)
    taken = worker.take_in(tiny)
    version = Library(database, worker.context.blobs).find(taken["version_id"])
    assert found.exact
    assert (found.context, found.context_length) == (256, 512)
    assert needs(found) == {"tiny.F32.gguf": Forecaster().forecast(version, 256).corrected_bytes}


def test_one_head_serves_all_quantizations(hub: HubServer, tiny: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.gguf"
    with big.open("wb") as file:
        file.truncate(3_000_000_000)
    large = hub.add(REPO, {"tiny.Q4_0.gguf": tiny, "tiny.F16.gguf": big, "mmproj-x.gguf": b"GGUF"})
    for name in ("tiny.F16.gguf", "mmproj-x.gguf"):
        large.files[name].told_sha256 = "a" * 64
    found = ask(hub)
    assert found.context == 512  # the model was made for no more
    assert {one.path for one in hub.seen} == {"tiny.Q4_0.gguf"}
    assert found.read_bytes <= tiny.stat().st_size
    by_path = needs(found)
    assert by_path["tiny.F16.gguf"] - by_path["tiny.Q4_0.gguf"] == pytest.approx(3_000_000_000, rel=0.001)


def test_without_a_readable_head_the_size_says_the_least(hub: HubServer, tmp_path: Path) -> None:
    data = b"PK\x03\x04" + bytes(50_000_000)
    hub.add(REPO, {"odd.Q8_0.gguf": data})
    found = ask(hub)
    assert not found.exact
    assert needs(found)["odd.Q8_0.gguf"] > 50_000_000


@pytest.mark.parametrize(
    "fault",
    [Fault(no_range=True), Fault(status=503), Fault(cut_after=70_000), Fault(stall_after=70_000)],
    ids=["no range", "503", "cut", "stalled"],
)
def test_a_server_in_trouble_is_asked_again(hub: HubServer, tiny: Path, fault: Fault) -> None:
    hub.add(REPO, {"tiny.F32.gguf": tiny})
    hub.faults["tiny.F32.gguf"] = [fault]
    assert ask(hub).exact


def test_a_head_without_end_is_left(hub: HubServer, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "MAX_HEAD_BYTES", 10_000)
    hub.add(REPO, {"tiny.F32.gguf": tiny})
    assert not ask(hub).exact


def test_it_stops_when_it_is_asked_to(hub: HubServer, tiny: Path) -> None:
    hub.add(REPO, {"tiny.F32.gguf": tiny})
    with pytest.raises(Canceled):
        ask(hub, stop=True)


def test_a_model_of_several_files_is_weighed_as_one(hub: HubServer) -> None:
    weights = {"a.safetensors": safetensors(4_000_000), "b.safetensors": safetensors(6_000_000)}
    hub.add("org/hf", {**weights, "config.json": CONFIG, "pytorch_model.bin": b"x"})
    found = needs(ask(hub, "org/hf"))
    assert set(found) == set(weights)
    assert len(set(found.values())) == 1
    assert found["a.safetensors"] > 10_000_000
    onnx = {"cpu/model.onnx": b"\x08\x07" + bytes(1_000), "cpu/model.onnx.data": bytes(2_000_000)}
    hub.add("org/onnx", {**onnx, "cpu/genai_config.json": b"{}", "gpu/model.onnx": b"x"})
    found = needs(ask(hub, "org/onnx"))
    assert set(found) == set(onnx)


def test_tiny_models_of_another_size_differ(hub: HubServer, tmp_path: Path) -> None:
    """Not the size alone counts: layers and context do."""
    wide = write_tiny_gguf(tmp_path / "wide.gguf", TinyModel(layers=4, context=2048))
    hub.add(REPO, {"wide.F32.gguf": wide})
    assert ask(hub, context=2048).needs[0].need_bytes > ask(hub, context=256).needs[0].need_bytes


def test_verdicts() -> None:
    assert [verdict(one, 100) for one in (80, 81, 100, 101)] == ["fits", "tight", "tight", "large"]
