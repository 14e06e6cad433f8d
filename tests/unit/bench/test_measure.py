from __future__ import annotations

import json
from pathlib import Path

import pytest

from bancada.bench.machine import OthersLoad
from bancada.bench.measure import Measurement
from bancada.bench.plan import TOKEN_STRIDE, BenchParams
from bancada.core.errors import Canceled
from bancada.inference.scripted import ScriptedBackend
from bancada.inference.types import LoadSpec

PARAMS = BenchParams("v", prompt_tokens=(12, 30), answer_tokens=(5,), repetitions=2)


def loaded(folder: Path) -> ScriptedBackend:
    path = folder / "script.json"
    path.write_text(json.dumps({"delay_ms": 1}))
    backend = ScriptedBackend()
    backend.load(LoadSpec(path=str(path), format="scripted", context=64))
    return backend


def test_every_repetition_has_exactly_the_tokens_asked_for(tmp_path: Path) -> None:
    warmed: list[int] = []
    measurement = Measurement(loaded(tmp_path), PARAMS, lambda: False)
    measurement.prepare(warmed.append)
    results = list(measurement.run(set()))
    assert warmed == [1]
    assert [one.repetition.step for one in results] == [0, 1, 2, 3]
    for one in results:
        values = {key: value for key, _step, value in one.metrics if key != "itl_ms"}
        assert values["prompt_tokens"] == one.repetition.cell.prompt_tokens
        assert values["completion_tokens"] == 5
        # nothing but the special token in front is shared with the prompt before
        assert values["cached_tokens"] <= 1
        assert values["rss_bytes"] > 1_000_000
        assert values["others_cores"] >= 0
        gaps = [(step, value) for key, step, value in one.metrics if key == "itl_ms"]
        assert [step for step, _gap in gaps] == [one.repetition.step * TOKEN_STRIDE + i for i in range(1, 5)]
        assert all(gap >= 1 for _step, gap in gaps)


def test_steps_that_are_there_are_left_out(tmp_path: Path) -> None:
    measurement = Measurement(loaded(tmp_path), PARAMS, lambda: False)
    measurement.prepare(lambda _number: None)
    assert [one.repetition.step for one in measurement.run({0, 2})] == [1, 3]


def test_a_stop_raises_canceled(tmp_path: Path) -> None:
    measurement = Measurement(loaded(tmp_path), PARAMS, lambda: True)
    with pytest.raises(Canceled):
        measurement.others_before()
    with pytest.raises(Canceled):
        measurement.prepare(lambda _number: None)


def test_the_load_of_others_is_a_number_of_cores() -> None:
    load = OthersLoad()
    total = sum(number * number for number in range(200_000))
    assert total > 0
    assert load.cores() >= 0
