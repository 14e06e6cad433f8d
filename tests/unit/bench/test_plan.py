from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bancada.bench import plan
from bancada.bench.plan import BENCH, PRESETS, BenchParams
from bancada.core.errors import BancadaError
from bancada.core.registry import resolve
from bancada.jobs.codec import decode, encode
from bancada.worker.handlers import HANDLERS

PARAMS = BenchParams("v", prompt_tokens=(8, 16), answer_tokens=(4, 2), repetitions=3)


def test_cells_and_steps() -> None:
    cells = plan.cells(PARAMS)
    assert [(one.prompt_tokens, one.answer_tokens) for one in cells] == [(8, 4), (8, 2), (16, 4), (16, 2)]
    steps = [one.step for one in plan.repetitions(PARAMS)]
    assert steps == list(range(12))
    for one in plan.repetitions(PARAMS):
        assert plan.cell_at(PARAMS, one.step) == one.cell
    assert plan.cell_at(PARAMS, 12) is None


def test_params_cross_the_process_border() -> None:
    assert decode(BenchParams, encode(PARAMS)) == PARAMS


def test_context() -> None:
    assert plan.context_needed(PARAMS) == 16 + 4 + 16
    assert plan.context_needed(dataclasses.replace(PARAMS, context=99)) == 99


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_run(name: str) -> None:
    preset = PRESETS[name]
    params = BenchParams("v", preset.prompt_tokens, preset.answer_tokens, preset.repetitions, preset=name)
    assert plan.check(params) is params


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"prompt_tokens": ()}, "prompt-tokens"),
        ({"prompt_tokens": (0,)}, "prompt-tokens"),
        ({"prompt_tokens": tuple(range(1, 18))}, "prompt-tokens"),
        ({"answer_tokens": (10**9,)}, "answer-tokens"),
        ({"repetitions": 0}, "repetitions"),
        ({"repetitions": 10**30}, "repetitions"),
        ({"warmup": -1}, "warmup"),
        ({"threads": 0}, "threads"),
        ({"threads_batch": 10**6}, "threads-batch"),
        ({"context": 0}, "context"),
    ],
)
def test_bad_values_are_named(change: dict[str, Any], option: str) -> None:
    with pytest.raises(BancadaError) as caught:
        plan.check(dataclasses.replace(PARAMS, **change))
    assert caught.value.code == "bench.bad_value"
    assert caught.value.params["option"] == option
    assert option in str(caught.value)


def test_a_context_too_short_says_what_is_needed() -> None:
    with pytest.raises(BancadaError) as caught:
        plan.check(dataclasses.replace(PARAMS, context=19))
    assert caught.value.code == "bench.context_short"
    assert caught.value.params == {"need": 20, "have": 19}


def test_the_job_kind_is_wired() -> None:
    assert callable(resolve(HANDLERS[BENCH.name]))
    assert BENCH.forecast is not None
    assert callable(resolve(BENCH.forecast))
