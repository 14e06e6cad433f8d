"""``bancada jobs``: list, show, cancel, resume."""

from __future__ import annotations

import argparse
import time
from typing import Any, Final

from bancada.cli import text
from bancada.cli.command import DONE, FAILED, Invocation, Nouns, add_detach, clean, whole
from bancada.cli.work import follow_job
from bancada.core.errors import describe
from bancada.core.sizes import bytes_text
from bancada.jobs.spec import JobRecord, JobStatus
from bancada.storage import jobs

#: how long a cancel waits for the process that runs the job
_CANCEL_WAIT_S: Final = 15.0
_POLL_S: Final = 0.1


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("jobs", "work that runs or ran in the background")
    parser = verbs.verb("list", "list the newest jobs", _list)
    parser.add_argument("--status", choices=[str(one) for one in JobStatus], help="only these")
    parser.add_argument("--limit", type=whole(1, 100_000), default=30, metavar="N", help="default: 30")
    parser = verbs.verb("show", "show a job with its result, error and log", _show)
    _add_job(parser)
    parser = verbs.verb("cancel", "cancel a job, wherever it runs", _cancel)
    _add_job(parser)
    parser = verbs.verb(
        "resume", "run a failed, canceled or interrupted job again from where it stopped", _resume
    )
    _add_job(parser)
    add_detach(parser)


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", type=clean, metavar="JOB", help="the job's id")


def document(record: JobRecord) -> dict[str, Any]:
    """A job as programs see it; its error with the words."""
    error = record.failure
    words = None if error is None else describe(error.code, error.params)
    return {
        "id": record.id,
        "kind": record.kind,
        "title": record.title,
        "status": str(record.status),
        "attempt": record.attempt,
        "params": record.params,
        "progress": record.progress,
        "result": record.result,
        "error": words
        and {"code": words.code, "message": f"{words.what} {words.meaning}", "hint": words.remedy},
        "peak_memory_bytes": record.peak_memory_bytes,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
    }


def _list(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        records = jobs.list_page(context.database, options.status, limit=options.limit)
    console = invocation.console
    console.document([document(one) for one in records])
    if not records:
        console.say("No jobs.")
        return DONE
    console.table(
        ("Title", "Status", "Kind", "Created (UTC)", "Peak memory", "Id"),
        [
            (
                one.title,
                str(one.status),
                one.kind,
                text.when_text(one.created_at),
                bytes_text(one.peak_memory_bytes) if one.peak_memory_bytes else "\u2013",
                one.id,
            )
            for one in records
        ],
        right=(4,),
        optional=(4, 2, 3),
    )
    return DONE


def _show(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        record = jobs.get(context.database, invocation.options.job)
    console = invocation.console
    console.document({**document(record), "log_tail": record.log_tail})
    console.heading(text.printable(record.title))
    items = [
        ("Status", str(record.status)),
        ("Kind", record.kind),
        ("Attempt", str(record.attempt)),
        ("Created", text.when_text(record.created_at)),
        ("Started", text.when_text(record.started_at)),
        ("Ended", text.when_text(record.ended_at)),
    ]
    if record.peak_memory_bytes:
        items.append(("Peak memory", bytes_text(record.peak_memory_bytes)))
    error = record.failure
    if error is not None:
        words = describe(error.code, error.params)
        items += [("Error", words.what), ("Meaning", words.meaning), ("Remedy", words.remedy)]
    console.pairs([*items, ("Id", record.id)])
    if record.log_tail:
        console.say()
        console.say(text.steerless(record.log_tail))
    return DONE


def _cancel(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        context.jobs.cancel(invocation.options.job)
        record = jobs.get(context.database, invocation.options.job)
        deadline = time.monotonic() + _CANCEL_WAIT_S
        # the process that owns the job sees the request; this one waits for its answer
        while not record.status.ended and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            record = jobs.get(context.database, record.id)
    invocation.console.document(document(record))
    invocation.console.say(f"{text.printable(record.title)}: {record.status}")
    return DONE if record.status.ended else FAILED


def _resume(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        job_id = invocation.options.job
        context.jobs.resume(job_id)
        record = follow_job(invocation, context, job_id)
    invocation.console.document(document(record))
    invocation.console.say(f"{text.printable(record.title)}: {record.status}")
    return DONE
