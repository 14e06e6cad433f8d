"""The tour's report: one HTML file without any resource from outside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import jinja2

from bancada import __version__
from bancada.bench.measures import MEASURES
from bancada.bench.report import BenchReport, CellResult
from bancada.cli import text
from bancada.cli.bench import engine_line, figure
from bancada.cli.generation import Answer, measures_line
from bancada.cli.pictures import Pictures
from bancada.cli.svg import Bar, Line, bar_chart, line_chart
from bancada.core.paths import resources
from bancada.core.sizes import bytes_text
from bancada.inference.types import LoadReport
from bancada.storage.models import VersionRecord

_TEMPLATE: Final = "tour.html.j2"


@dataclass(frozen=True, slots=True)
class TourAnswer:
    """One question with its answer."""

    title: str
    system: str
    prompt: str
    answer: Answer
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TourFindings:
    """Everything that the tour measured. Memory curves are (time, bytes), in nanoseconds for the chat."""

    version: VersionRecord
    device: str
    load: LoadReport
    answers: tuple[TourAnswer, ...]
    chat_memory: tuple[tuple[int, int], ...]
    bench: BenchReport
    bench_memory: tuple[tuple[int, int], ...]
    pictures: Pictures
    made_at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart with the figures it was drawn from."""

    title: str
    svg: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def render(findings: TourFindings) -> str:
    """The report as HTML; every text from a model or a user is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources() / "reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        program_version=__version__,
        made_at=f"{findings.made_at:%Y-%m-%d %H:%M} UTC",
        took=text.seconds_text(findings.seconds),
        figures=_figures(findings),
        facts=_facts(findings),
        answers=[
            (one, text.steerless(one.answer.result.text), measures_line(one.answer.result))
            for one in findings.answers
        ],
        charts=_charts(findings),
        cells=[(cell, _cell_rows(cell)) for cell in findings.bench.cells],
        notes=findings.bench.notes,
        repetitions=findings.bench.params.repetitions,
        formulas=[(one.name, one.formula) for one in MEASURES.values()],
        pages=_pages(findings.pictures),
        no_pictures=findings.pictures.reason,
    )


def _pages(pictures: Pictures) -> list[tuple[str, dict[str, str]]]:
    """Page by page its pictures as base64, by theme: files are called ``page-theme``."""
    pages: dict[str, dict[str, str]] = {}
    for name, data in pictures.files:
        page, _dash, theme = name.rpartition("-")
        pages.setdefault(page or name, {})[theme] = base64.b64encode(data).decode("ascii")
    return sorted(pages.items())


def _figures(findings: TourFindings) -> list[tuple[str, str, str]]:
    """The large figures on top: name, value, where it comes from."""
    first = findings.answers[0].answer.result
    last = findings.bench.cells[-1]
    medians = {key: one.p50 for key, one in last.measures.items()}
    lengths = f"median of {last.repetitions}, prompt of {last.prompt_tokens} tokens"
    chosen = (
        ("Prompt speed", "prefill_tokens_per_s"),
        ("Answer speed", "decode_tokens_per_s"),
        ("Peak memory", "peak_memory_bytes"),
    )
    return [
        (
            "Time to first token",
            text.milliseconds_text(first.timings.ttft_ms),
            "first question, nothing cached",
        ),
        *((name, figure(MEASURES[key], medians.get(key)), lengths) for name, key in chosen),
    ]


def _facts(findings: TourFindings) -> list[tuple[str, str]]:
    version, environment = findings.version, findings.bench.environment
    weights = (
        f"{text.count_text(version.parameters)} parameters, {version.bits_per_weight:.2f} bits per weight"
    )
    cores = f"{environment.get('cores_logical')} logical cores"
    memory = f"{bytes_text(environment.get('memory_bytes', 0))} of memory"
    return [
        ("Model", f"{version.name}:{version.version}, {version.architecture}, {version.quantization}"),
        ("Size", f"{weights}, {bytes_text(version.size_bytes)}"),
        ("SHA-256", version.sha256),
        ("Licence", version.license or "not stated"),
        ("Device", findings.device),
        ("Benchmark", engine_line(environment.get("engine", {}))),
        ("Loaded in", text.milliseconds_text(findings.load.load_ms)),
        ("Machine", f"{environment.get('system')}, {environment.get('machine')}, {cores}, {memory}"),
    ]


def _charts(findings: TourFindings) -> list[Chart]:
    charts = [_answer_chart(findings.answers), _latency_chart(findings.answers)]
    charts += [
        _speed_chart(findings.bench.cells, key) for key in ("prefill_tokens_per_s", "decode_tokens_per_s")
    ]
    if findings.bench_memory:
        charts.append(_memory_chart(findings.bench_memory))
    return charts


def _answer_chart(answers: Sequence[TourAnswer]) -> Chart:
    """How many tokens were there after how many milliseconds, counted from the first one."""
    lines = []
    rows = []
    for one in answers:
        tokens = one.answer.tokens
        start = tokens[0].t_ns if tokens else 0
        points = tuple(((token.t_ns - start) / 1e6, float(index + 1)) for index, token in enumerate(tokens))
        lines.append(Line(one.title, points))
        result = one.answer.result
        rows.append(
            (
                one.title,
                f"{len(tokens)}",
                text.milliseconds_text(result.timings.ttft_ms),
                f"{points[-1][0]:.0f} ms",
            )
        )
    svg = line_chart(
        lines, label="Tokens over time", x_name="ms after the first token", y_name="tokens", y_format=_plain
    )
    return Chart("The answers as they came", svg, ("Answer", "Tokens", "First token", "Writing"), tuple(rows))


def _latency_chart(answers: Sequence[TourAnswer]) -> Chart:
    """The gap before each token."""
    lines = []
    for one in answers:
        stamps = [token.t_ns for token in one.answer.tokens]
        gaps = tuple(
            (float(index + 2), (after - before) / 1e6)
            for index, (before, after) in enumerate(pairwise(stamps))
        )
        lines.append(Line(one.title, gaps))
    rows = [
        (line.name, f"{min(ys):.2f} ms", f"{sorted(ys)[len(ys) // 2]:.2f} ms", f"{max(ys):.2f} ms")
        for line in lines
        if (ys := [y for _x, y in line.points])
    ]
    svg = line_chart(
        lines,
        label="Time between tokens",
        x_name="token",
        y_name="ms since the token before",
        y_format=_plain,
    )
    return Chart("Inter-token latency", svg, ("Answer", "Least", "Median", "Most"), tuple(rows))


def _speed_chart(cells: Sequence[CellResult], key: str) -> Chart:
    measure = MEASURES[key]
    bars, rows = [], []
    for cell in cells:
        one = cell.measures.get(key)
        if one is not None:
            low, high = (
                (one.median_low, one.median_high)
                if one.median_low is not None
                else (one.minimum, one.maximum)
            )
            bars.append(Bar(f"prompt {cell.prompt_tokens}, answer {cell.answer_tokens}", one.p50, low, high))
            rows.append((bars[-1].name, f"{one.p50:,.1f}", f"{low:,.1f} to {high:,.1f}", f"{one.n}"))
    svg = bar_chart(bars, label=measure.name, y_name=measure.unit, y_format=_plain)
    return Chart(
        f"{measure.name}, median", svg, ("Lengths in tokens", "tokens/s", "Interval", "n"), tuple(rows)
    )


def _memory_chart(curve: Sequence[tuple[int, int]]) -> Chart:
    points = tuple((elapsed / 1000, used / 1e6) for elapsed, used in curve)
    svg = line_chart(
        [Line("worker", points)], label="Memory of the worker", x_name="seconds", y_name="MB", y_format=_plain
    )
    peak = max(used for _elapsed, used in curve)
    rows = (("Samples", str(len(curve))), ("Peak", bytes_text(peak)))
    return Chart("Memory of the benchmark's worker", svg, ("Figure", "Value"), rows)


def _cell_rows(cell: CellResult) -> list[tuple[str, ...]]:
    rows = []
    for key, one in cell.measures.items():
        measure = MEASURES[key]
        values = (one.mean, one.p50, one.p90, one.p95, one.p99)
        rows.append((measure.name, *(figure(measure, value) for value in values), str(one.n)))
    return rows


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
