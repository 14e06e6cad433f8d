"""Benchmarks as the page shows them: rows of results, the curves of a run, and what may disturb them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from PySide6.QtCore import QCoreApplication

from bancada.bench.measures import MEASURES
from bancada.bench.plan import RUN_KIND, TOKEN_STRIDE, BenchParams, Cell, cell_at, cells, context_needed
from bancada.bench.report import BenchReport, CellResult, report, status_of
from bancada.bench.statistics import Statistics
from bancada.catalog.forecaster import forecaster
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.gui.models.records import Column
from bancada.gui.widgets.format import UNKNOWN, bytes_text, memory_text, number, when_text
from bancada.jobs.codec import decode
from bancada.jobs.spec import JobRecord
from bancada.storage import jobs, models, runs, samples
from bancada.storage.database import Database

#: the newest runs that are listed
LIMIT: Final = 500
MIB: Final = 1024 * 1024
#: the measures with a value for each repetition, in the order of the charts
REPETITION_KEYS: Final = ("ttft_ms", "prefill_tokens_per_s", "decode_tokens_per_s")
GAP_KEY: Final = "itl_ms"
_CONTEXT: Final = "Benchmark"


def _tr(text: str) -> str:
    return QCoreApplication.translate(_CONTEXT, text)


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One combination of lengths of one run. ``token`` is the colour of its lines, when it is drawn."""

    id: str
    run_id: str
    name: str
    status: str
    started_at: str
    prompt_tokens: int
    answer_tokens: int
    repetitions: int
    measures: Mapping[str, Statistics]
    notes: tuple[str, ...]
    model: Mapping[str, Any]
    token: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the curves of a run were read: the last step of each measure, the gaps of each cell."""

    steps: Mapping[str, int] = field(default_factory=dict)
    gaps: Mapping[int, int] = field(default_factory=dict)


#: x and y of the new points of one line
Points = tuple[list[float], list[float]]


@dataclass(frozen=True, slots=True)
class Piece:
    """What came to a run's curves since a cursor.

    ``lines``: for each combination of lengths, by the id of its row, the points of each measure;
    ``memory`` is the whole curve so far, in seconds and MiB.
    """

    run_id: str
    name: str
    status: str
    started_at: str
    forecast_mib: float | None
    lines: Mapping[str, Mapping[str, Points]]
    memory: Points
    others_cores: float
    cursor: Cursor


def line_id(run_id: str, cell: Cell | CellResult) -> str:
    """The id of the row and the lines of one combination of lengths of a run."""
    return f"{run_id}/{cell.prompt_tokens}/{cell.answer_tokens}"


class Results:
    """Reads the reports of runs; those of ended runs are computed once. For the background."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, BenchReport]] = {}

    def rows(self) -> list[ResultRow]:
        """The newest runs first, one row for each combination of lengths."""
        with self._lock:
            found = runs.list_runs(self._database, RUN_KIND, LIMIT)
            known = {one.id for one in found}
            self._known = {run_id: kept for run_id, kept in self._known.items() if run_id in known}
            listed = [(run.id, run.name, status_of(self._database, run)) for run in found]
            return [row for one in listed for row in self._rows_of(*one)]

    def _rows_of(self, run_id: str, name: str, status: str) -> Iterable[ResultRow]:
        kept = self._known.get(run_id)
        if kept is None or kept[0] != status or status == "running":
            try:
                kept = self._known[run_id] = status, report(self._database, run_id)
            except BancadaError:
                return []  # removed meanwhile, or written by a version that knew other parameters
        return [_row(replace(kept[1], name=name), cell, status) for cell in kept[1].cells]


def _row(found: BenchReport, cell: CellResult, status: str) -> ResultRow:
    model = found.environment.get("model")
    return ResultRow(
        id=line_id(found.run_id, cell),
        run_id=found.run_id,
        name=found.name,
        status=status,
        started_at=found.started_at,
        prompt_tokens=cell.prompt_tokens,
        answer_tokens=cell.answer_tokens,
        repetitions=cell.repetitions,
        measures=cell.measures,
        notes=found.notes,
        model=model if isinstance(model, dict) else {},
    )


def read_piece(context: AppContext, run_id: str, cursor: Cursor) -> Piece:
    """Read what a run measured since ``cursor``.

    Raises:
        BancadaError: ``run.not_found``, or its parameters are another version's.
    """
    database = context.database
    run = runs.get(database, run_id)
    params = decode(BenchParams, run.params)
    steps, gaps = dict(cursor.steps), dict(cursor.gaps)
    lines: dict[str, dict[str, Points]] = {line_id(run_id, cell): {} for cell in cells(params)}
    for key in (*REPETITION_KEYS, GAP_KEY):
        for point in runs.metrics(database, run_id, key, steps.get(key, -1)):
            steps[key] = point.step
            step = point.step // TOKEN_STRIDE if key == GAP_KEY else point.step
            cell = cell_at(params, step)
            if cell is None:
                continue
            xs, ys = lines[line_id(run_id, cell)].setdefault(key, ([], []))
            if key == GAP_KEY:
                # gaps between tokens count on over the repetitions
                gaps[cell.index] = gaps.get(cell.index, 0) + 1
                xs.append(float(gaps[cell.index]))
            else:
                xs.append(float(step % params.repetitions + 1))
            ys.append(point.value)
    others = runs.metrics(database, run_id, "others_cores")
    return Piece(
        run_id=run_id,
        name=run.name,
        status=status_of(database, run),
        started_at=run.started_at,
        forecast_mib=_forecast_mib(database, params),
        lines=lines,
        memory=_memory(context, run.job_id),
        others_cores=others[-1].value if others else float(run.environment.get("others_cores_before", 0.0)),
        cursor=Cursor(steps, gaps),
    )


def _forecast_mib(database: Database, params: BenchParams) -> float | None:
    try:
        version = models.get_version(database, params.version_id)
        found = forecaster(database).forecast(
            version,
            context_needed(params),
            params.cache_type,
            flash_attention=params.flash_attention,
            gpu_layers=params.gpu_layers or 0,
        )
        return found.corrected_bytes / MIB
    except BancadaError:
        return None  # the model was removed since


def _memory(context: AppContext, job_id: str | None) -> Points:
    """Seconds and MiB: from the live worker where it is ours, else as far as it was stored."""
    if job_id is None:
        return [], []
    process = context.jobs.process(job_id)
    if process is not None:
        live = process.sampler.samples()
        if live:
            return [(one.t_ns - live[0].t_ns) / 1e9 for one in live], [one.rss_bytes / MIB for one in live]
    curve = samples.curve(context.database, job_id)
    return [one.elapsed_ms / 1000 for one in curve], [one.rss_bytes / MIB for one in curve]


def unfinished_jobs(database: Database) -> list[JobRecord]:
    """The benchmarks that run or wait, oldest first, whoever began them."""
    return [one for one in jobs.unfinished(database) if one.kind == "bench.run"]


def run_of(database: Database, job_id: str) -> str:
    """The id of the run that a job has begun, or an empty text."""
    run = runs.of_job(database, job_id)
    return run.id if run is not None else ""


def half_interval(one: Statistics) -> float | None:
    """Half of the 95 % interval of the mean, None below two values."""
    if one.mean_low is None or one.mean_high is None:
        return None
    return (one.mean_high - one.mean_low) / 2


def figure_text(key: str, value: float | None) -> str:
    """A value of a measure without its unit (bytes with it)."""
    if value is None:
        return UNKNOWN
    if MEASURES[key].unit == "bytes":
        return memory_text(value)
    return number(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def mean_text(key: str, one: Statistics | None) -> str:
    """``355 ± 4``: the mean with its 95 % interval."""
    if one is None:
        return UNKNOWN
    half = half_interval(one)
    mean = figure_text(key, one.mean)
    return mean if half is None else f"{mean} \N{PLUS-MINUS SIGN} {figure_text(key, half)}"


def status_text(status: str) -> str:
    """The word of a run's status."""
    return {
        "running": _tr("running"),
        "finished": _tr("finished"),
        "failed": _tr("failed"),
        "canceled": _tr("canceled"),
        "interrupted": _tr("interrupted"),
        "queued": _tr("queued"),
    }.get(status, status)


def trust_text(row: ResultRow) -> str:
    """Whether a figure can be trusted, in a word; the notes say why not."""
    if row.status != "finished":
        return status_text(row.status)
    return _tr("disturbed") if row.notes else _tr("steady")


def trust_tone(row: ResultRow) -> str:
    if row.status in ("failed", "interrupted"):
        return "bad"
    return "warn" if row.notes else "good" if row.status == "finished" else "muted"


def _statistic(key: str, name: str) -> Callable[[ResultRow], float | None]:
    def read(row: ResultRow) -> float | None:
        one = row.measures.get(key)
        return None if one is None else float(getattr(one, name))

    return read


def _mean(key: str, title: str, *, width: int = 104, hidden: bool = False) -> Column[ResultRow]:
    unit = MEASURES[key].unit
    return Column(
        f"{key}.mean",
        title,
        _statistic(key, "mean"),
        lambda row: mean_text(key, row.measures.get(key)),
        figures=True,
        width=width,
        hidden=hidden,
        tip=lambda row: _interval_tip(unit, row.measures.get(key)),
    )


def _interval_tip(unit: str, one: Statistics | None) -> str:
    if one is None:
        return ""
    text = _tr("Mean of %1 values in %2, with the 95 % interval of the mean")
    return text.replace("%1", number(one.n)).replace("%2", unit)


def _percentile(
    key: str, name: str, title: str, *, width: int = 72, hidden: bool = False
) -> Column[ResultRow]:
    read = _statistic(key, name)
    return Column(
        f"{key}.{name}",
        title,
        read,
        lambda row: figure_text(key, read(row)),
        figures=True,
        width=width,
        hidden=hidden,
    )


def columns() -> tuple[Column[ResultRow], ...]:
    """The columns of the table of results; units stand in the headings."""
    ttft, prompt, answer, gap = _tr("First token"), _tr("Prompt"), _tr("Answer"), _tr("Gap")
    return (
        Column("name", _tr("Run"), lambda row: row.name.casefold(), lambda row: row.name,
               tone=lambda row: row.token, tip=lambda row: row.name, width=236),
        Column("lengths", _tr("Tokens"), lambda row: (row.prompt_tokens, row.answer_tokens),
               lambda row: f"{number(row.prompt_tokens)} + {number(row.answer_tokens)}", figures=True,
               width=92, tip=lambda _row: _tr("Tokens of the prompt + tokens of the answer")),
        _mean("ttft_ms", f"{ttft} (ms)", width=128),
        _percentile("ttft_ms", "p50", "p50", width=76),
        _percentile("ttft_ms", "p95", "p95", width=76),
        _percentile("ttft_ms", "p99", "p99", width=76),
        _mean("prefill_tokens_per_s", f"{prompt} (tok/s)", width=128),
        _mean("decode_tokens_per_s", f"{answer} (tok/s)", width=128),
        _mean("itl_ms", f"{gap} (ms)", width=104),
        _percentile("itl_ms", "p99", f"{gap} p99", width=72),
        _percentile("peak_memory_bytes", "maximum", _tr("Memory"), width=92),
        Column("n", "n", lambda row: row.repetitions, lambda row: number(row.repetitions),
               figures=True, width=44, tip=lambda _row: _tr("Repetitions measured")),
        Column("trust", _tr("Quality"), trust_text, tone=trust_tone,
               tip=lambda row: "\n".join(row.notes) or trust_text(row), width=92),
        Column("started", _tr("Started"), lambda row: row.started_at, lambda row: when_text(row.started_at),
               width=130),
        Column("size", _tr("Size"), lambda row: row.model.get("size_bytes"),
               lambda row: bytes_text(row.model.get("size_bytes")), figures=True, width=88, hidden=True),
        Column("bits", _tr("Bits/weight"), lambda row: row.model.get("bits_per_weight"),
               lambda row: number(float(row.model.get("bits_per_weight") or 0), 2), figures=True, width=88,
               hidden=True),
        _percentile("prefill_tokens_per_s", "p50", f"{prompt} p50", hidden=True),
        _percentile("prefill_tokens_per_s", "p95", f"{prompt} p95", hidden=True),
        _percentile("decode_tokens_per_s", "p50", f"{answer} p50", hidden=True),
        _percentile("decode_tokens_per_s", "p95", f"{answer} p95", hidden=True),
        _percentile("decode_tokens_per_s", "p99", f"{answer} p99", hidden=True),
        _percentile("itl_ms", "p50", f"{gap} p50", hidden=True),
        _percentile("itl_ms", "p95", f"{gap} p95", hidden=True),
    )  # fmt: skip


def labels(rows: Sequence[ResultRow]) -> dict[str, str]:
    """A short name for each row's lines: of run, lengths and time only what tells them apart."""
    names = [row.name.split(" ") for row in rows]
    while len(rows) > 1 and all(len(words) > 1 and words[0] == names[0][0] for words in names):
        names = [words[1:] for words in names]
    alike = len({row.run_id for row in rows}) == 1 and len(rows) > 1
    lengths = [f"{number(row.prompt_tokens)} + {number(row.answer_tokens)}" for row in rows]
    made = [
        each if alike else f"{' '.join(words)} {each}" for words, each in zip(names, lengths, strict=True)
    ]
    return {
        row.id: name if made.count(name) == 1 else f"{name}, {when_text(row.started_at)}"
        for row, name in zip(rows, made, strict=True)
    }
