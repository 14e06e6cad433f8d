"""``bancada runs``: what was done with which parameters in which environment."""

from __future__ import annotations

import json
from typing import Any

from bancada.bench.report import status_of
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns, clean, whole
from bancada.context import AppContext
from bancada.storage import runs
from bancada.storage.runs import RunRecord


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("runs", "the record of runs with their parameters and metrics")
    parser = verbs.verb("list", "list the newest runs", _list)
    parser.add_argument("--kind", type=clean, help="only runs of this kind, such as bench")
    parser.add_argument("--limit", type=whole(1, 100_000), default=30, metavar="N", help="default: 30")
    parser = verbs.verb("show", "show a run with its metrics", _show)
    parser.add_argument("run", type=clean, metavar="RUN", help="the run's id")


def document(context: AppContext, run: RunRecord) -> dict[str, Any]:
    """A run as programs see it."""
    return {
        "id": run.id,
        "kind": run.kind,
        "name": run.name,
        "status": status_of(context.database, run),
        "job_id": run.job_id,
        "params": run.params,
        "environment": run.environment,
        "summary": run.summary,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }


def _list(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        records = [
            document(context, one) for one in runs.list_runs(context.database, options.kind, options.limit)
        ]
    console = invocation.console
    console.document(records)
    if not records:
        console.say("No runs.")
        return DONE
    console.table(
        ("Name", "Kind", "Status", "Started (UTC)", "Id"),
        [
            (one["name"], one["kind"], one["status"], text.when_text(one["started_at"]), one["id"])
            for one in records
        ],
    )
    return DONE


def _show(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        run = document(context, runs.get(context.database, invocation.options.run))
        points = runs.metrics(context.database, run["id"])
    metrics: dict[str, list[dict[str, Any]]] = {}
    for one in points:
        point = {"step": one.step, "value": one.value, "elapsed_ms": one.elapsed_ms}
        metrics.setdefault(one.key, []).append(point)
    console = invocation.console
    console.document({**run, "metrics": metrics})
    console.heading(text.printable(run["name"]))
    console.pairs(
        [
            ("Kind", run["kind"]),
            ("Status", run["status"]),
            ("Started", text.when_text(run["started_at"])),
            ("Ended", text.when_text(run["ended_at"])),
            ("Job", run["job_id"] or "\u2013"),
            ("Id", run["id"]),
            *((f"Parameter {key}", json.dumps(value)) for key, value in run["params"].items()),
        ]
    )
    if metrics:
        console.say()
        console.table(
            ("Metric", "Values", "Last"),
            [
                (key, str(len(values)), text.number_text(values[-1]["value"], 3))
                for key, values in metrics.items()
            ],
            right=(1, 2),
        )
    return DONE
