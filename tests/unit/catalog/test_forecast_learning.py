"""What loads teach the forecast: not too much from one, nothing from a stray one, and only here."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bancada.catalog.forecast import Load, forecast
from bancada.catalog.forecast_learning import Correction, learn
from bancada.catalog.forecaster import Forecaster, forecaster, past_loads, this_machine
from bancada.catalog.library import Library
from bancada.storage import devices, memory
from bancada.storage.database import Database
from bancada.storage.memory import MemoryMeasurement
from bancada.storage.models import VersionRecord
from library_worker import Worker
from tiny_gguf import write_tiny_gguf

MIB = 1 << 20


def load(
    name: str,
    parts: Sequence[float],
    measured: float,
    *,
    device: str = "d",
    engine: str = "llama 1",
    sha256: str = "",
) -> MemoryMeasurement:
    """A load with weights, repacked, cache, compute and runtime in MiB."""
    names = ("weights", "repacked", "kv_cache", "compute", "runtime")
    items = {one: int(part * MIB) for one, part in zip(names, parts, strict=True)}
    total = sum(items.values())
    return MemoryMeasurement(
        name,
        device,
        engine,
        "gguf",
        sha256 or name,
        512,
        "f16",
        flash_attention=True,
        items=items,
        forecast_bytes=total,
        corrected_bytes=total,
        measured_bytes=int(measured * MIB),
        filled_tokens=500,
    )


def machine_of(constant: float, compute: float, noise: float, count: int = 20) -> list[MemoryMeasurement]:
    """Loads on a machine that takes ``constant`` MiB and ``compute`` times the buffers more."""
    numbers = random.Random(7)
    loads = []
    for at in range(count):
        parts = [numbers.uniform(50, 4_000), 0.0, numbers.uniform(10, 900), numbers.uniform(5, 300), 66.0]
        true = sum(parts) + constant + compute * parts[3]
        loads.append(load(f"m{at}", parts, true * (1 + numbers.gauss(0, noise))))
    return loads


def worst(correction: Correction, loads: Sequence[MemoryMeasurement]) -> float:
    return max(abs(correction.bytes_of(one.items) / one.measured_bytes - 1) for one in loads)


def test_nothing_is_corrected_without_a_load() -> None:
    assert learn([]) == Correction()
    assert Correction().bytes_of({"weights": 100, "runtime": 20}) == 120


def test_constant_and_factor_are_found() -> None:
    loads = machine_of(constant=40, compute=0.5, noise=0.0)
    found = learn(loads)
    assert found.loads == 20
    assert found.constant_bytes / MIB == pytest.approx(40, abs=8)
    assert found.factors["compute"] == pytest.approx(0.5, abs=0.05)
    assert found.factors["weights"] == pytest.approx(0, abs=0.005)
    assert worst(found, loads) < 0.01 < worst(Correction(), loads)


def test_a_stray_load_moves_little() -> None:
    loads = machine_of(constant=20, compute=0.2, noise=0.005)
    stray = load("stray", [500, 0, 100, 50, 66], 2_000)
    assert worst(learn([*loads, stray]), loads) < worst(learn(loads), loads) + 0.02


def test_one_load_moves_no_part_further_than_it_can_plausibly_be_off() -> None:
    absurd = learn([load("one", [100, 0, 10, 10, 66], 900)])
    assert abs(absurd.factors["weights"]) < 0.06
    assert absurd.bytes_of({"weights": 8_000 * MIB, "runtime": 66 * MIB}) < 1.5 * 8_066 * MIB
    # and where the formula was right, it stays
    right = learn([load("one", [100, 0, 10, 10, 66], 186)])
    assert right.constant_bytes == pytest.approx(0, abs=MIB)


def test_a_model_loaded_daily_does_not_drown_the_others() -> None:
    others = machine_of(constant=0, compute=0.0, noise=0.0, count=5)
    daily = [load(f"d{at}", [100, 0, 10, 10, 66], 200, sha256="daily") for at in range(150)]
    once = learn([*others, daily[0]])
    often = learn([*others, *daily])
    assert often.constant_bytes == pytest.approx(once.constant_bytes, abs=MIB / 4)


def test_a_correction_keeps_within_bounds() -> None:
    wild = Correction({}, 10**12)
    assert wild.bytes_of({"weights": 1_000}) == 1_500
    assert Correction({}, -(10.0**12)).bytes_of({"weights": 1_000}) == 700


# -- in a workspace


@pytest.fixture
def version(worker: Worker, library: Library, tmp_path: Path) -> VersionRecord:
    return library.find(worker.take_in(write_tiny_gguf(tmp_path / "tiny.gguf"))["version_id"])


@pytest.fixture
def device(database: Database) -> str:
    return devices.ensure_device(database, this_machine().facts())


def test_loads_on_this_machine_correct_the_next_forecast(
    database: Database, library: Library, version: VersionRecord, device: str
) -> None:
    before = library.forecast(version.id, 256)
    assert before.corrected_bytes == before.total_bytes
    for at, one in enumerate(machine_of(30, 0.0, 0.0)):
        memory.store(database, load(f"s{at}", [v / MIB for v in one.items.values()],
                                    one.measured_bytes / MIB, device=device))  # fmt: skip
    elsewhere = devices.ensure_device(database, {"name": "another"})
    memory.store(database, load("far", [10, 0, 10, 10, 66], 500, device=elsewhere))
    after = library.forecast(version.id, 256)
    assert after.total_bytes == before.total_bytes
    assert after.corrected_bytes - before.total_bytes == pytest.approx(30 * MIB, abs=8 * MIB)


def test_another_build_of_the_engine_is_learned_anew(database: Database, device: str) -> None:
    memory.store(database, load("old", [100, 0, 10, 10, 66], 250, device=device, engine="llama 1"))
    memory.store(database, load("new", [100, 0, 10, 10, 66], 186, device=device, engine="llama 2"))
    assert forecaster(database).corrections["gguf"].loads == 1
    assert forecaster(database).corrections["gguf"].constant_bytes == pytest.approx(0, abs=MIB)


def test_a_machine_that_never_loaded_has_no_history(database: Database) -> None:
    assert forecaster(database).corrections == {}
    assert past_loads(database, "x") == []


def test_the_history_is_the_newest_first_and_one_row_for_each_load(database: Database, device: str) -> None:
    for name, measured in (("a", 200.0), ("b", 180.0), ("a", 220.0)):
        memory.store(database, load(name, [100, 0, 10, 10, 66], measured, device=device, sha256="x"))
    found = past_loads(database, "x")
    assert [(one.session_id, one.measured_bytes // MIB) for one in found] == [("b", 180), ("a", 220)]
    assert found[0].forecast_error == pytest.approx(186 / 180 - 1)
    assert found[0].corrected_error == found[0].forecast_error
    assert found[0].flash_attention


def test_old_loads_are_forgotten(database: Database, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 3)
    for at in range(5):
        memory.store(database, load(f"s{at}", [1, 0, 1, 1, 66], 70, device=device))
    assert [one.session_id for one in memory.latest(database, device)] == ["s4", "s3", "s2"]


def test_the_attention_that_calibration_chose_is_forecast(
    database: Database, version: VersionRecord, device: str
) -> None:
    devices.store_calibration(database, device, version.sha256, "llama 1 f16",
                              settings={"flash_attention": False}, measured={})  # fmt: skip
    known = forecaster(database)
    assert known.plain == {version.sha256}
    chosen = known.forecast(version, 512)
    assert chosen == known.forecast(version, 512, flash_attention=False)
    flash = Load(512, "q8_0", repacks=known.repacks)
    assert known.forecast(version, 512, "q8_0").items == forecast(version, flash).items
    assert Forecaster().forecast(version, 512).total_bytes != chosen.total_bytes
