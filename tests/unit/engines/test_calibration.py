from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bancada.core.hardware import usable_cores
from bancada.engines import calibration, llama_session
from bancada.engines.busy_meter import BusyMeter, runnable_others
from bancada.engines.calibration import Calibration, Settings, calibrate, thread_candidates
from bancada.engines.llama_backend import LlamaBackend
from bancada.engines.llama_native import Gpu, NativeModel
from bancada.engines.llama_offload import RESERVE_BYTES, plan_offload
from bancada.inference.types import LoadReport, LoadSpec
from tiny_gguf import TinyModel, write_tiny_gguf


class Store:
    """Calibrations in memory, where a worker has the database."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}

    def get(self, model_sha256: str, engine: str) -> dict[str, Any] | None:
        found = self.kept.get((model_sha256, engine))
        return found[0] if found else None

    def put(self, model_sha256: str, engine: str, settings: dict[str, Any], measured: dict[str, Any]) -> None:
        self.kept[model_sha256, engine] = (settings, measured)


def load(path: Path, store: Store, **options: Any) -> LoadReport:
    backend = LlamaBackend(store)
    try:
        return backend.load(LoadSpec(str(path), "gguf", model_sha256="ab", **options))
    finally:
        backend.close()


def test_measuring_finds_settings_and_keeps_the_rates(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_DEADLINE_S", 120.0)  # a busy machine must not cut it short
    model = NativeModel(str(tiny))
    found = calibrate(model, cores=2, cache_type="f16")
    model.close()
    assert found.settings.threads in (1, 2)
    assert found.settings.threads_batch in (1, 2)
    assert set(found.measured) == {"flash_attention", "plain_attention"}
    for trial in found.measured.values():
        assert set(trial["prefill_tokens_per_s"]) == {"1", "2"}
        assert all(rate > 0 for rate in trial["decode_tokens_per_s_at_depth"].values())


def test_a_quantized_cache_leaves_no_choice_of_attention(tmp_path: Path) -> None:
    # a row of a quantized cache must be a multiple of 32 numbers
    path = write_tiny_gguf(tmp_path / "wide.gguf", TinyModel(width=128))
    model = NativeModel(str(path))
    assert set(calibrate(model, cores=1, cache_type="q8_0").measured) == {"flash_attention"}
    model.close()
    assert load(path, Store(), cache_type="q8_0", flash_attention=False).flash_attention


def test_what_was_measured_is_used_until_something_changes(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def measure(_model: NativeModel, *, cores: int, cache_type: str) -> Calibration:
        measured.append(cache_type)
        return Calibration(Settings(1, cores, flash_attention=False), {"a": 1}, quiet=True)

    monkeypatch.setattr(llama_session, "calibrate", measure)
    monkeypatch.setattr(llama_session, "machine_is_quiet", lambda: True)
    store = Store()
    for _ in range(2):
        report = load(tiny, store)
        assert (report.threads, report.threads_batch) == (1, usable_cores())
        assert not report.flash_attention
    assert measured == ["f16"]
    monkeypatch.setattr(llama_session, "engine_build", lambda: "another build")
    load(tiny, store)
    assert measured == ["f16", "f16"], "another build is measured anew"
    fixed = load(tiny, store, threads=1, threads_batch=1, flash_attention=True)
    assert fixed.flash_attention
    assert len(measured) == 2, "nothing is measured when nothing is left open"


def test_a_busy_machine_is_not_measured_for_later(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    monkeypatch.setattr(llama_session, "machine_is_quiet", lambda: False)
    assert load(tiny, store).threads == usable_cores()
    assert not store.kept


GOOD = Settings(2, 2, flash_attention=True).to_json()


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"threads": 2, "threads_batch": 2, "flash_attention": True},  # from before there were tolerances
        {**GOOD, "threads": 0},
        {**GOOD, "answer_tolerance": 1.5},
        {**GOOD, "prompt_tolerance": "0.3"},
    ],
)
def test_damaged_settings_are_no_settings(stored: Any) -> None:
    assert Settings.from_json(stored) is None


def test_settings_survive_storing() -> None:
    settings = Settings(3, 4, flash_attention=True, answer_tolerance=0.25, prompt_tolerance=0.45)
    assert Settings.from_json(settings.to_json()) == settings


def test_candidates_are_few_and_begin_with_all_cores() -> None:
    assert thread_candidates(1) == [1]
    assert thread_candidates(2) == [2, 1]
    assert thread_candidates(6) == [6, 5, 3, 1]
    assert thread_candidates(16) == [16, 15, 8, 4, 2, 1]


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.stdout.close()
    process.wait()


@pytest.mark.usefixtures("burner")
def test_a_busy_core_is_noticed() -> None:
    meter = BusyMeter()
    assert meter.others() is None, "no time has passed"
    deadline = time.monotonic() + 10
    seen = 0.0
    while seen < 0.5 and time.monotonic() < deadline:
        time.sleep(0.2)
        seen = meter.others() or 0.0
    assert seen >= 0.5
    if sys.platform == "linux":
        assert any((runnable_others() or 0) >= 1 for _ in range(200))


# -- what a GPU takes: the forecast, with devices that this machine may lack

BIG = Gpu("Big", 24 << 30, 24 << 30)
SMALL = Gpu("Small", 2 << 30, 4 << 30)


@pytest.mark.parametrize(
    ("devices", "built", "wanted", "layers", "reason"),
    [
        ([BIG], False, None, 0, "engine.gpu_not_built"),
        ([], True, None, 0, "engine.gpu_not_found"),
        ([BIG], True, 0, 0, "engine.gpu_not_wanted"),
        ([BIG], True, None, 33, ""),
        ([BIG, SMALL], True, None, 33, ""),
        ([SMALL], True, None, 9, "engine.gpu_partly"),
        ([SMALL], True, 7, 7, "engine.gpu_layers_fixed"),
        ([Gpu("Full", RESERVE_BYTES, 4 << 30)], True, None, 0, "engine.gpu_too_small"),
    ],
)
def test_the_gpu_takes_what_fits_and_the_reason_is_said(
    devices: list[Gpu], *, built: bool, wanted: int | None, layers: int, reason: str
) -> None:
    plan = plan_offload(
        devices, built=built, wanted=wanted, layers=32, model_bytes=4 << 30, cache_bytes=512 << 20
    )
    assert (plan.layers, plan.reason) == (layers, reason)
    assert (plan.device == "CPU") == (layers == 0)
