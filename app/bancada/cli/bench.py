"""``bancada bench``: run, list, show, compare, export."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

from bancada.bench import plan
from bancada.bench.measures import MEASURES, Measure
from bancada.bench.plan import BENCH, PRESETS, BenchParams
from bancada.bench.report import BenchReport, Comparison, compare, report, status_of, to_csv
from bancada.bench.statistics import Statistics
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns, UsageError, add_detach, clean, folder, whole
from bancada.cli.console import Console
from bancada.cli.models import CACHE_TYPES
from bancada.cli.work import run_job
from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.jobs.codec import encode
from bancada.storage import runs
from bancada.storage.runs import RunRecord

_DEFAULT_PRESET: Final = "standard"
_MAX_GPU_LAYERS: Final = 100_000


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("bench", "measure models")
    _add_run_options(verbs.verb("run", "measure a model", _run))
    parser = verbs.verb("list", "list the newest benchmarks", _list)
    parser.add_argument("--limit", type=whole(1, 100_000), default=30, metavar="N", help="default: 30")
    parser = verbs.verb("show", "show every measure of a benchmark", _show)
    parser.add_argument("run", type=clean, metavar="RUN", help="the run's id")
    parser = verbs.verb("compare", "put benchmarks side by side, relative to the first", _compare)
    parser.add_argument("runs", nargs="+", type=clean, metavar="RUN", help="ids of two or more runs")
    parser = verbs.verb("export", "write a benchmark as CSV or JSON", _export)
    parser.add_argument("run", type=clean, metavar="RUN", help="the run's id")
    parser.add_argument("--format", choices=("csv", "json"), default="csv", help="default: csv")
    parser.add_argument("--output", type=folder, metavar="FILE", help="default: stdout")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    names = "; ".join(f"{name}: {preset.description}" for name, preset in PRESETS.items())
    parser.add_argument("model", type=clean, metavar="MODEL", help="name, name:version, name@alias, or id")
    parser.add_argument("--preset", choices=tuple(PRESETS), default=_DEFAULT_PRESET, help=names)
    for option, words in (
        ("--prompt-tokens", "lengths of the prompt"),
        ("--answer-tokens", "lengths of the answer"),
    ):
        parser.add_argument(option, type=lengths, metavar="N[,N...]", help=f"{words} in tokens")
    parser.add_argument("--repetitions", type=whole(1, plan.MAX_REPETITIONS), metavar="N")
    parser.add_argument("--warmup", type=whole(0, plan.MAX_WARMUP), default=1, metavar="N", help="default: 1")
    parser.add_argument(
        "--context", type=whole(1, 2 * plan.MAX_TOKENS), metavar="N", help="tokens (default: what is needed)"
    )
    threads = whole(1, plan.MAX_THREADS)
    parser.add_argument("--threads", type=threads, metavar="N", help="default: calibrated")
    parser.add_argument(
        "--threads-batch", type=threads, metavar="N", help="for prompts (default: calibrated)"
    )
    parser.add_argument("--flash-attention", choices=("on", "off"), help="default: calibrated")
    parser.add_argument(
        "--cache-type", choices=CACHE_TYPES, default="f16", help="type of the keys and values kept"
    )
    parser.add_argument(
        "--gpu-layers", type=whole(0, _MAX_GPU_LAYERS), metavar="N", help="default: by forecast"
    )
    parser.add_argument("--ignore-memory", action="store_true", help="start even if memory looks short")
    add_detach(parser)


def lengths(value: str) -> tuple[int, ...]:
    """``"128,512"`` as numbers of tokens."""
    parse = whole(1, plan.MAX_TOKENS)
    return tuple(dict.fromkeys(parse(one) for one in value.split(",")))


def params_of(options: argparse.Namespace, version_id: str) -> BenchParams:
    """The preset with what the options change in it."""
    preset = PRESETS[options.preset]
    changed = any((options.prompt_tokens, options.answer_tokens, options.repetitions))
    flash = None if options.flash_attention is None else options.flash_attention == "on"
    params = BenchParams(
        version_id=version_id,
        prompt_tokens=options.prompt_tokens or preset.prompt_tokens,
        answer_tokens=options.answer_tokens or preset.answer_tokens,
        repetitions=options.repetitions or preset.repetitions,
        warmup=options.warmup,
        context=options.context,
        threads=options.threads,
        threads_batch=options.threads_batch,
        flash_attention=flash,
        cache_type=options.cache_type,
        gpu_layers=options.gpu_layers,
        preset="" if changed else options.preset,
    )
    return plan.check(params)


def _run(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        version = context.library.find(invocation.options.model)
        record = run_job(
            invocation,
            context,
            BENCH,
            params_of(invocation.options, version.id),
            title=f"Benchmark {version.name}:{version.version}",
            ignore_memory=invocation.options.ignore_memory,
        )
        result = report(context.database, record.result["run_id"])
    invocation.console.document(encode(result))
    write_report(invocation.console, result)
    return DONE


def _list(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        records = runs.list_runs(context.database, plan.RUN_KIND, invocation.options.limit)
        listed = [(one, status_of(context.database, one)) for one in records]
    console = invocation.console
    console.document([_listed(run, status) for run, status in listed])
    if not listed:
        console.say("No benchmark yet. Run one with: bancada bench run MODEL")
        return DONE
    console.table(
        ("Run", "Status", "Started (UTC)", "First token", "Prompt", "Answer", "Peak memory", "Notes", "Id"),
        [_listed_row(run, status) for run, status in listed],
        right=(3, 4, 5, 6, 7),
        optional=(6, 7, 1, 2),
    )
    return DONE


def _listed(run: RunRecord, status: str) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "status": status,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "params": run.params,
        "medians": run.summary.get("medians", {}),
        "notes": run.summary.get("notes", []),
    }


def _listed_row(run: RunRecord, status: str) -> tuple[str, ...]:
    medians = run.summary.get("medians", {})
    speeds = [
        figure(MEASURES[key], medians.get(key))
        for key in ("ttft_ms", "prefill_tokens_per_s", "decode_tokens_per_s", "peak_memory_bytes")
    ]
    notes = len(run.summary.get("notes", []))
    return (
        run.name,
        status,
        text.when_text(run.started_at),
        *speeds,
        str(notes) if notes else "\u2013",
        run.id,
    )


def _show(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        result = report(context.database, invocation.options.run)
    invocation.console.document(encode(result))
    write_report(invocation.console, result)
    return DONE


def _compare(invocation: Invocation) -> int:
    ids = invocation.options.runs
    if len(set(ids)) < 2:
        raise UsageError("two different runs or more are needed")
    with invocation.workspace() as context:
        comparison = compare(context.database, ids)
    invocation.console.document(encode(comparison))
    _write_comparison(invocation.console, comparison)
    return DONE


def _export(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        result = report(context.database, options.run)
    content = to_csv(result) if options.format == "csv" else json.dumps(encode(result), indent=2) + "\n"
    if options.output is None:
        if options.format == "json":
            invocation.console.document(encode(result))
        invocation.console.stream(content.replace("\r\n", "\n"))
        return DONE
    write_file(options.output, content)
    invocation.console.document({"path": str(options.output), "run_id": result.run_id})
    invocation.console.say(f"Written to {text.printable(str(options.output))}")
    return DONE


def write_file(path: Path, content: str) -> None:
    """Write a file whole or not at all.

    Raises:
        BancadaError: ``cli.cannot_write`` with the system's reason.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(content, encoding="utf-8", newline="")
        part.replace(path)
    except (OSError, ValueError) as error:
        raise BancadaError(
            "cli.cannot_write", path=str(path), reason=getattr(error, "strerror", None) or str(error)
        ) from error


def write_report(console: Console, result: BenchReport) -> None:
    """One run as tables, the notes below."""
    console.heading(text.printable(result.name))
    engine = result.environment.get("engine", {})
    console.pairs(
        [
            ("Run", f"{result.run_id}, {result.status}, {text.when_text(result.started_at)} UTC"),
            ("Engine", engine_line(engine)),
        ]
    )
    for cell in result.cells:
        console.say()
        console.heading(
            f"Prompt {cell.prompt_tokens:,} tokens, answer {cell.answer_tokens:,} tokens, "
            f"{cell.repetitions} of {result.params.repetitions} repetitions"
        )
        if cell.measures:
            console.table(
                ("Measure", "Mean", "95 % of the mean", "p50", "p90", "p95", "p99", "n"),
                [_measure_row(MEASURES[key], one) for key, one in cell.measures.items()],
                right=(1, 2, 3, 4, 5, 6, 7),
                optional=(2, 5),
            )
    console.say()
    for note in result.notes:
        console.say(f"Note: {note}")


def engine_line(engine: dict[str, Any]) -> str:
    """``llama.cpp 0.3.36 on cpu, 2 threads, flash attention off``."""
    parts = [f"{engine.get('engine', '?')} {engine.get('engine_version', '')} on {engine.get('device', '?')}"]
    parts.append(f"{engine.get('threads', '?')} threads ({engine.get('threads_batch', '?')} for prompts)")
    parts.append(f"flash attention {'on' if engine.get('flash_attention') else 'off'}")
    parts.append(f"context {engine.get('context', 0):,}")
    return ", ".join(parts)


def figure(measure: Measure, value: float | None) -> str:
    """A value with its unit."""
    if value is None:
        return "\u2013"
    if measure.unit == "bytes":
        return bytes_text(value)
    if measure.unit == "ms":
        return text.milliseconds_text(value)
    return f"{value:,.1f}/s" if measure.unit == "tokens/s" else text.number_text(value)


def _measure_row(measure: Measure, one: Statistics) -> tuple[str, ...]:
    interval = "\u2013"
    if one.mean_low is not None and one.mean_high is not None:
        interval = f"{figure(measure, one.mean_low)} to {figure(measure, one.mean_high)}"
    percentiles = [figure(measure, value) for value in (one.p50, one.p90, one.p95, one.p99)]
    return (measure.name, figure(measure, one.mean), interval, *percentiles, str(one.n))


def _write_comparison(console: Console, comparison: Comparison) -> None:
    for number, one in enumerate(comparison.reports):
        console.say(f"{chr(ord('A') + number % 26)}  {text.printable(one.name)}  {one.run_id}")
        for note in one.notes:
            console.say(f"   Note: {note}")
    console.say()
    letters = [chr(ord("A") + number % 26) for number in range(len(comparison.reports))]
    headings = (
        "Measure",
        "Prompt",
        "Answer",
        *(f"{one} (p50)" for one in letters),
        *(f"{one}/A" for one in letters[1:]),
    )
    rows = []
    for row in comparison.rows:
        medians = [figure(row.measure, one.p50) for one in row.statistics]
        ratios = [
            text.number_text(ratio, 2) + (" *" if clear else "  ")
            for ratio, clear in zip(row.ratios[1:], row.clear[1:], strict=True)
        ]
        rows.append((row.measure.name, f"{row.prompt_tokens:,}", f"{row.answer_tokens:,}", *medians, *ratios))
    if not rows:
        console.say("No combination of lengths was run by all of them.")
        return
    console.table(headings, rows, right=range(1, len(headings)))
    console.say()
    console.say("* the intervals do not overlap: the difference is more than noise")
