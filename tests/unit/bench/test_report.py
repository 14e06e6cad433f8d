from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from bancada.bench.measures import MEASURES
from bancada.bench.plan import RUN_KIND, TOKEN_STRIDE, BenchParams
from bancada.bench.report import compare, report, summary, to_csv
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.jobs.codec import encode
from bancada.storage import runs
from bancada.storage.database import Database, open_database

PARAMS = BenchParams("v", prompt_tokens=(8, 16), answer_tokens=(4,), repetitions=6)
ENVIRONMENT = {"model": {"name": "=1+1"}, "others_cores_before": 0.0}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    one = open_database(Home(tmp_path))
    yield one
    one.close()


def make_run(
    database: Database,
    *,
    speed: float = 100.0,
    steps: range = range(12),
    others: float = 0.0,
    params: BenchParams = PARAMS,
) -> str:
    run_id = runs.start(database, RUN_KIND, "m:1", encode(params), ENVIRONMENT)
    for step in steps:
        values = [("total_ms", step, 10.0, step), ("others_cores", step, others, step)]
        values += [("decode_tokens_per_s", step, speed + step % 3, step)]
        values += [("itl_ms", step * TOKEN_STRIDE + index, 1.0 + index, step) for index in (1, 2, 3)]
        runs.log_metrics(database, run_id, values)
    return run_id


def test_a_run_becomes_a_table(database: Database) -> None:
    one = report(database, make_run(database))
    assert [(cell.prompt_tokens, cell.answer_tokens, cell.repetitions) for cell in one.cells] == [
        (8, 4, 6),
        (16, 4, 6),
    ]
    speed = one.cells[1].measures["decode_tokens_per_s"]
    assert (speed.n, speed.p50, speed.minimum, speed.maximum) == (6, 101, 100, 102)
    assert one.cells[0].measures["itl_ms"].n == 18
    assert one.trustworthy
    assert summary(one)["medians"]["decode_tokens_per_s"] == 101
    assert summary(one)["repetitions"] == 12


def test_a_run_that_is_not_finished_shows_what_it_has(database: Database) -> None:
    one = report(database, make_run(database, steps=range(2)))
    assert one.status == "running"
    assert [cell.repetitions for cell in one.cells] == [2, 0]
    assert one.cells[1].measures == {}


def test_a_busy_machine_is_said(database: Database) -> None:
    one = report(database, make_run(database, others=1.5))
    assert not one.trustworthy
    assert "up to 1.5 cores busy during 12 of 12 repetitions" in one.notes[0]


def test_an_interruption_and_unsteady_figures_are_said(database: Database) -> None:
    run_id = make_run(database, speed=5.0)
    runs.log_metrics(database, run_id, [("resumed", 3, 1.0, 0)])
    notes = report(database, run_id).notes
    assert any("varies by" in one for one in notes)
    assert any("interrupted" in one for one in notes)


def test_csv_carries_every_measure_and_no_formula(database: Database) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(report(database, make_run(database))))))
    assert {row["measure"] for row in rows} == {"decode_tokens_per_s", "itl_ms", "total_ms"}
    assert {row["model"] for row in rows} == {"'=1+1"}
    assert rows[0]["unit"] == MEASURES[rows[0]["measure"]].unit


def test_runs_are_compared_with_the_first(database: Database) -> None:
    ids = [make_run(database), make_run(database, speed=200.0)]
    comparison = compare(database, ids)
    row = next(one for one in comparison.rows if one.measure.key == "decode_tokens_per_s")
    assert row.ratios[0] == 1.0
    assert row.ratios[1] == pytest.approx(201 / 101)
    assert row.clear == (False, True)
    same = next(one for one in comparison.rows if one.measure.key == "total_ms")
    assert same.clear == (False, False)


def test_only_shared_combinations_are_compared(database: Database) -> None:
    other = BenchParams("v", prompt_tokens=(16, 99), answer_tokens=(4,), repetitions=6)
    comparison = compare(database, [make_run(database), make_run(database, params=other)])
    assert {one.prompt_tokens for one in comparison.rows} == {16}


def test_short_runs_have_no_verdict(database: Database) -> None:
    short = BenchParams("v", prompt_tokens=(8,), answer_tokens=(4,), repetitions=1)
    ids = [make_run(database, params=short, steps=range(1)) for _ in range(2)]
    assert {one.clear for one in compare(database, ids).rows if one.measure.key == "total_ms"} == {
        (None, None)
    }


def test_what_is_no_benchmark_is_refused(database: Database) -> None:
    other = runs.start(database, "other", "x", {}, {})
    for run_id, code in ((other, "bench.not_a_benchmark"), ("nothing", "run.not_found")):
        with pytest.raises(BancadaError) as caught:
            report(database, run_id)
        assert caught.value.code == code
    with pytest.raises(BancadaError) as caught:
        compare(database, [make_run(database), make_run(database, steps=range(0))])
    assert caught.value.code == "bench.no_results"
