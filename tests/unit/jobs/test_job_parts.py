"""The small parts: who owns, speed and remaining time, the monitor thread, forecasts, samples."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.jobs import memory, owner
from bancada.jobs.lanes import Lanes
from bancada.jobs.monitor import Monitor
from bancada.jobs.progress import ProgressTracker, from_json, to_json
from bancada.jobs.sampler import Sampler


def test_an_owner_is_alive_while_its_process_is() -> None:
    me = owner.identity()
    assert me.startswith(f"{os.getpid()}:")
    assert owner.alive(me)
    assert not owner.alive(f"{os.getpid()}:something else")
    for nobody in (None, "", "x", "1", "-1:2", "999999999:1"):
        assert not owner.alive(nobody)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        other = owner.identity(process.pid)
        assert owner.alive(other)
        process.kill()
        # dead and not reaped yet: a zombie owns nothing
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not owner.alive(other)
    assert owner.identity(process.pid) == ""


def test_progress_has_speed_and_remaining_time() -> None:
    tracker = ProgressTracker("j")
    assert tracker.update(100.0, "copy", 0, 1000, "B").per_second is None
    assert tracker.update(100.2, "copy", 20, 1000, "B").per_second is None
    latest = tracker.update(101.0, "copy", 100, 1000, "B")
    assert latest.per_second == pytest.approx(100.0)
    assert latest.remaining_s == pytest.approx(9.0)
    for second in range(2, 30):
        latest = tracker.update(100.0 + second, "copy", 100 + 50 * (second - 1), None, "B")
    assert latest.per_second == pytest.approx(50.0, rel=0.05)
    assert latest.remaining_s is None
    assert tracker.update(131.0, "verify", 0, 10, "B").per_second is None
    assert from_json("j", to_json(latest)) == latest
    assert from_json("j", {}) is None
    assert from_json("j", {"nonsense": 1}) is None


def test_the_monitor_ticks_runs_what_is_posted_and_ends() -> None:
    ticks: list[float] = []
    done: list[str] = []
    one = Monitor("test", lambda: ticks.append(time.monotonic()))
    assert not one.is_current
    one.close()
    one = Monitor("test", lambda: ticks.append(time.monotonic()))
    came = threading.Event()

    def post() -> None:
        done.append(threading.current_thread().name)
        assert one.is_current
        came.set()

    one.post(post)
    assert came.wait(30)
    one.post(lambda: done.append("last"))
    one.close()
    assert done == ["test", "last"]
    assert ticks


def test_the_monitor_survives_errors_and_notes_a_jump_of_the_clock(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def tick() -> float:
        calls.append(1)
        raise ValueError("tick")

    one = Monitor("test", tick)
    real = time.time
    with caplog.at_level(logging.WARNING):
        came = threading.Event()
        one.post(came.set)
        assert came.wait(30)
        monkeypatch.setattr("bancada.jobs.monitor.time.time", lambda: real() - 6 * 365 * 86400)
        came.clear()
        one.post(came.set)
        assert came.wait(30)
        one.close()
    assert len(calls) >= 2
    assert "failed and goes on" in caplog.text
    assert "the wall clock jumped by -189" in caplog.text


def test_lanes_have_so_many_places(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    one, other = Lanes(home, {"disk": 2}), Lanes(home, {"disk": 2})
    first, second = one.enter("disk"), other.enter("disk")
    assert first is not None
    assert second is not None
    assert one.enter("disk") is None
    first.release()
    third = other.enter("disk")
    assert third is not None
    third.release()
    second.release()


def test_memory_is_forecast_and_compared() -> None:
    memory.check(10, 10, "x")
    with pytest.raises(BancadaError) as caught:
        memory.check(2_000_000_000, 1_000_000_000, "A model")
    assert caught.value.params == {"subject": "A model", "need": "2.0 GB", "have": "1.0 GB"}
    assert memory.unclaimed(100, [(10, 50), (30, 20)]) == 60
    assert memory.unclaimed(10, [(0, 50)]) == 0
    resident, peak = memory.process_memory()
    assert 1_000_000 < resident <= peak
    limit = memory.default_address_space()
    assert limit is None or limit > psutil.virtual_memory().total


def test_a_sampler_is_dense_early_and_thin_later() -> None:
    sampler = Sampler(os.getpid(), "me")
    age = 0.0
    while age < 600.0:
        sampler.tick(age)
        age += 0.05
    points = sampler.take_unsaved(1_000)
    assert 600 < len(points) < 720
    assert points[0].elapsed_ms == 1_000
    assert sampler.take_unsaved() == []
    kept = sampler.samples()
    assert 2_000 < len(kept) <= 3_000
    assert sampler.peak_bytes >= sampler.resident_bytes > 0


def test_a_sampler_of_nobody_has_no_samples() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        zombie = Sampler(process.pid, "z")
        assert zombie.tick(1.0) is None
    nobody = Sampler(process.pid, "n")
    assert nobody.tick(1.0) is None
    assert zombie.tick(2.0) is None
    assert nobody.samples() == []
