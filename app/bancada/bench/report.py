"""The results of benchmark runs as tables: of one run, and of several side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bancada.bench.measures import BUSY_CORES, MEASURES, UNSTEADY, Measure
from bancada.bench.plan import RUN_KIND, TOKEN_STRIDE, BenchParams, Cell, cells
from bancada.bench.statistics import Statistics, summarize
from bancada.core.errors import BancadaError
from bancada.jobs.codec import decode
from bancada.storage import jobs, runs
from bancada.storage.database import Database
from bancada.storage.runs import MetricPoint, RunRecord


@dataclass(frozen=True, slots=True)
class CellResult:
    """The statistics of one combination of lengths, by the measure's key, and how often it was run."""

    prompt_tokens: int
    answer_tokens: int
    repetitions: int
    measures: dict[str, Statistics]


@dataclass(frozen=True, slots=True)
class BenchReport:
    """One run, finished or not. ``notes`` say in words why a figure deserves less trust."""

    run_id: str
    name: str
    status: str
    started_at: str
    params: BenchParams
    environment: dict[str, Any]
    cells: tuple[CellResult, ...]
    notes: tuple[str, ...]

    @property
    def trustworthy(self) -> bool:
        """Nothing speaks against comparing these figures."""
        return not self.notes


@dataclass(frozen=True, slots=True)
class ComparedMeasure:
    """One measure of one combination in several runs.

    ``ratios`` are medians relative to the first run's. ``clear`` says for each run whether its
    interval and the first run's keep apart (None where one of them has no interval).
    """

    prompt_tokens: int
    answer_tokens: int
    measure: Measure
    statistics: tuple[Statistics, ...]
    ratios: tuple[float | None, ...]
    clear: tuple[bool | None, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side; only combinations that all of them ran."""

    reports: tuple[BenchReport, ...]
    rows: tuple[ComparedMeasure, ...]


def report(database: Database, run_id: str) -> BenchReport:
    """Compute the table of a run from its metrics, also while it is running.

    Raises:
        BancadaError: the run is unknown, or ``bench.not_a_benchmark``.
    """
    run = runs.get(database, run_id)
    return _report(run, status_of(database, run), runs.metrics(database, run_id))


def status_of(database: Database, run: RunRecord) -> str:
    """The run's status, or its job's where the worker died before it could write the run's end."""
    if run.status == "running" and run.job_id is not None:
        job = jobs.get(database, run.job_id)
        if job.status.ended:
            return str(job.status)
    return run.status


def compare(database: Database, run_ids: Sequence[str]) -> Comparison:
    """Put the medians of several runs side by side, relative to the first.

    Raises:
        BancadaError: a run is unknown, no benchmark, or has no results (``bench.no_results``).
    """
    reports = tuple(report(database, run_id) for run_id in run_ids)
    for one in reports:
        if not any(cell.measures for cell in one.cells):
            raise BancadaError("bench.no_results", run=one.run_id)
    tables = [
        {(cell.prompt_tokens, cell.answer_tokens): cell.measures for cell in one.cells} for one in reports
    ]
    shared = [pair for pair in tables[0] if all(pair in table for table in tables[1:])]
    rows = tuple(
        _compared(pair, measure, [table[pair][measure.key] for table in tables])
        for pair in shared
        for measure in MEASURES.values()
        if all(measure.key in table[pair] for table in tables)
    )
    return Comparison(reports, rows)


def to_csv(one: BenchReport) -> str:
    """The report as CSV (RFC 4180), one line per combination and measure."""
    out = io.StringIO()
    writer = csv.writer(out)
    figures = ("n", "mean", "deviation", "minimum", "p50", "p90", "p95", "p99", "maximum")
    intervals = ("mean_low", "mean_high", "median_low", "median_high")
    writer.writerow(
        ("run", "model", "prompt_tokens", "answer_tokens", "measure", "unit", *figures, *intervals)
    )
    model = str(one.environment.get("model", {}).get("name", ""))
    # a spreadsheet takes a text that begins like a formula for one
    safe_model = f"'{model}" if model[:1] in ("=", "+", "-", "@", "\t", "\r") else model
    for cell in one.cells:
        for key, statistics in cell.measures.items():
            values = [getattr(statistics, name) for name in (*figures, *intervals)]
            lengths = (cell.prompt_tokens, cell.answer_tokens)
            writer.writerow((one.run_id, safe_model, *lengths, key, MEASURES[key].unit, *values))
    return out.getvalue()


def summary(one: BenchReport) -> dict[str, Any]:
    """What is stored with a finished run: medians of the first combination, and the notes."""
    first = one.cells[0].measures if one.cells else {}
    return {
        "medians": {key: statistics.p50 for key, statistics in first.items()},
        "repetitions": sum(cell.repetitions for cell in one.cells),
        "notes": list(one.notes),
    }


def _report(run: RunRecord, status: str, metrics: Sequence[MetricPoint]) -> BenchReport:
    if run.kind != RUN_KIND:
        raise BancadaError("bench.not_a_benchmark", run=run.id)
    params = decode(BenchParams, run.params)
    by_step: dict[str, dict[int, float]] = {}
    for one in metrics:
        by_step.setdefault(one.key, {})[one.step] = one.value
    results = tuple(_cell(params, cell, by_step) for cell in cells(params))
    return BenchReport(
        run_id=run.id,
        name=run.name,
        status=status,
        started_at=run.started_at,
        params=params,
        environment=run.environment,
        cells=results,
        notes=tuple(_notes(run.environment, results, by_step)),
    )


def _cell(params: BenchParams, cell: Cell, by_step: dict[str, dict[int, float]]) -> CellResult:
    first = cell.index * params.repetitions
    steps = range(first, first + params.repetitions)
    measures: dict[str, Statistics] = {}
    for key in MEASURES:
        stride = TOKEN_STRIDE if key == "itl_ms" else 1
        values = [value for step, value in by_step.get(key, {}).items() if step // stride in steps]
        if values:
            measures[key] = summarize(values)
    done = sum(1 for step in by_step.get("total_ms", {}) if step in steps)
    return CellResult(cell.prompt_tokens, cell.answer_tokens, done, measures)


def _notes(
    environment: dict[str, Any], results: Sequence[CellResult], by_step: dict[str, dict[int, float]]
) -> list[str]:
    notes: list[str] = []
    before = float(environment.get("others_cores_before", 0.0))
    if before > BUSY_CORES:
        notes.append(f"Other programs kept {before:.1f} cores busy just before the start.")
    busy = [cores for cores in by_step.get("others_cores", {}).values() if cores > BUSY_CORES]
    if busy:
        total = len(by_step["others_cores"])
        notes.append(
            f"Other programs kept up to {max(busy):.1f} cores busy during {len(busy)} of {total} "
            "repetitions: these figures are below what the machine can do."
        )
    for one in results:
        speed = one.measures.get("decode_tokens_per_s")
        if speed is not None and speed.mean > 0 and speed.deviation / speed.mean > UNSTEADY:
            notes.append(
                f"The answer speed with a prompt of {one.prompt_tokens} and an answer of {one.answer_tokens} "
                f"tokens varies by {speed.deviation / speed.mean:.0%} between repetitions."
            )
    if "resumed" in by_step:
        notes.append("The run was interrupted and went on in another process.")
    return notes


def _compared(pair: tuple[int, int], measure: Measure, statistics: Sequence[Statistics]) -> ComparedMeasure:
    first = statistics[0]
    ratios = tuple(one.p50 / first.p50 if first.p50 else None for one in statistics)
    return ComparedMeasure(
        *pair, measure, tuple(statistics), ratios, tuple(_apart(first, one) for one in statistics)
    )


def _apart(one: Statistics, other: Statistics) -> bool | None:
    a, b = _interval(one), _interval(other)
    if a is None or b is None:
        return None
    return a[1] < b[0] or b[1] < a[0]


def _interval(one: Statistics) -> tuple[float, float] | None:
    if one.median_low is not None and one.median_high is not None:
        return one.median_low, one.median_high
    if one.mean_low is not None and one.mean_high is not None:
        return one.mean_low, one.mean_high
    return None
