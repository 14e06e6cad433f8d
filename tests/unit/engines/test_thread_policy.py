from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bancada.engines.calibration import Settings, tolerance
from bancada.engines.thread_policy import SPLIT_FROM, ThreadPolicy

SETTINGS = Settings(4, 4, flash_attention=True, answer_tolerance=0.3, prompt_tolerance=0.5)


@dataclass
class Meter:
    """A meter that says what the test wants; ``idle``: so long since the last mark that it says nothing."""

    cores: int = 4
    busy: float = 0.0
    idle: bool = False
    asked: list[float] = field(default_factory=list)

    def due(self) -> bool:
        return True

    def others(self, oldest_s: float = 1.0) -> float | None:
        self.asked.append(oldest_s)
        return None if self.idle and oldest_s < float("inf") else self.busy


def policy(meter: Meter, *, adaptive: bool = True, runnable: int = 0) -> ThreadPolicy:
    return ThreadPolicy(SETTINGS, adaptive=adaptive, meter=meter, runnable=lambda: runnable)


@pytest.mark.parametrize(
    ("busy", "threads"),
    [
        (0.0, (4, 4)),
        (0.25, (4, 4)),
        (0.4, (3, 4)),
        (0.6, (3, 3)),
        (1.0, (3, 3)),
        (1.4, (2, 3)),
        (3.9, (1, 1)),
        (9.0, (1, 1)),
    ],
)
def test_a_core_that_is_taken_is_left_to_others_and_comes_back(busy: float, threads: tuple[int, int]) -> None:
    meter = Meter()
    chosen = policy(meter)
    assert chosen.begin(steady=False) == (4, 4)
    meter.busy = busy
    assert chosen.next(10) == threads
    meter.busy = 0.0
    assert chosen.next(11) == (4, 4)


def test_fewer_cores_than_threads_bound_them() -> None:
    assert policy(Meter(cores=2)).begin(steady=False) == (2, 2)


def test_after_a_pause_an_instant_decides_for_the_answer_and_never_for_the_prompt() -> None:
    meter = Meter(idle=True)
    assert policy(meter, runnable=2).begin(steady=False) == (2, 4)
    assert policy(meter, runnable=9).begin(steady=False) == (1, 4)
    assert policy(meter).begin(steady=False) == (4, 4)


def test_a_passing_instant_is_forgotten_when_the_answer_begins() -> None:
    meter = Meter(idle=True)
    meter.due = lambda: False  # type: ignore[method-assign]
    wanting = iter([2, 0, 7])
    chosen = ThreadPolicy(SETTINGS, adaptive=True, meter=meter, runnable=lambda: next(wanting))
    assert chosen.begin(steady=False) == (2, 4)
    assert chosen.next(20) == (4, 4), "who wanted a core does not any more"
    assert chosen.next(21) == (4, 4)
    assert next(wanting) == 7, "and is not asked for again"


def test_a_slow_step_is_measured_however_long_it_took() -> None:
    meter = Meter(busy=1.0, idle=True)
    chosen = policy(meter)
    chosen.begin(steady=False)
    assert chosen.next(128) == (3, 3)


def test_a_fixed_seed_keeps_to_one_number_where_threads_change_the_sums() -> None:
    meter = Meter()
    chosen = policy(meter)
    chosen.begin(steady=True)
    assert chosen.next(SPLIT_FROM - 1) == (4, 4)
    for busy in (0.0, 2.0):
        meter.busy = busy
        assert chosen.next(SPLIT_FROM)[0] == 3
    chosen.begin(steady=False)
    meter.busy = 0.0
    assert chosen.next(SPLIT_FROM) == (4, 4)


def test_what_was_asked_for_is_not_changed() -> None:
    meter = Meter(busy=4.0)
    chosen = policy(meter, adaptive=False, runnable=4)
    assert chosen.begin(steady=True) == chosen.next(SPLIT_FROM) == (4, 4)
    assert not meter.asked


@pytest.mark.parametrize(
    ("rates", "loss", "expected"),
    [
        ({2: 218.0, 1: 112.0}, 0.75, 0.39),  # the second thread doubles it: worth much
        ({2: 150.0, 1: 130.0}, 0.75, 0.2),  # it gains little: given up at once
        ({2: 430.0, 1: 215.0}, 0.5, 0.5),
        ({2: 100.0, 1: 140.0}, 0.75, 0.5),  # one thread is the best, and the last
        ({16: 400.0, 15: 395.0, 8: 300.0}, 0.5, 0.2),
        ({16: 380.0, 15: 390.0, 8: 120.0, 4: 60.0}, 0.5, 0.24),  # per thread between the measured ones
    ],
)
def test_the_gain_of_the_last_thread_says_how_much_of_it_others_may_take(
    rates: dict[int, float], loss: float, expected: float
) -> None:
    assert tolerance(rates, loss) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("passive", "spins"), [(False, "30000"), (True, None)])
def test_threads_wait_only_for_a_moment(tiny: Path, *, passive: bool, spins: str | None) -> None:
    # in a process of its own: what OpenMP reads, it reads once, when it is loaded
    code = (
        "import os, sys\n"
        "from bancada.engines.llama_backend import LlamaBackend\n"
        "from bancada.inference.types import LoadSpec\n"
        f"LlamaBackend().load(LoadSpec(sys.argv[1], 'gguf', passive_wait={passive}))\n"
        "print(os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))\n"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("GOMP_", "OMP_"))}
    shown = {**clean, "OMP_DISPLAY_ENV": "VERBOSE"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny)], env=shown, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(spins), "passive" if passive else "None"]
    if sys.platform == "linux":
        # what the library itself says it read
        assert f"GOMP_SPINCOUNT = '{spins or 0}'" in done.stderr
