"""Runs a job for a command: progress on stderr, Ctrl+C cancels it, its end becomes a result or an error."""

from __future__ import annotations

import shutil
from typing import Final

from bancada.cli.command import Invocation
from bancada.cli.detach import is_detached, report_job
from bancada.cli.progress import ProgressLine
from bancada.context import AppContext
from bancada.core.errors import BancadaError, Canceled
from bancada.jobs.spec import JobKind, JobRecord, JobStatus

_POLL_S: Final = 0.1


def run_job(
    invocation: Invocation,
    context: AppContext,
    kind: JobKind,
    params: object,
    *,
    title: str,
    ignore_memory: bool = False,
) -> JobRecord:
    """Queue a job and wait for it.

    Raises:
        BancadaError: what the job failed with, or why it could not be queued.
        Canceled: it was canceled, from here or from elsewhere.
    """
    job_id = context.jobs.submit(kind, params, title=title, ignore_memory=ignore_memory)
    return follow_job(invocation, context, job_id)


def follow_job(invocation: Invocation, context: AppContext, job_id: str) -> JobRecord:
    """Wait for a queued or running job; Ctrl+C cancels it and is raised again."""
    if is_detached():
        report_job(job_id)
    line = ProgressLine(invocation.console.err, shutil.get_terminal_size().columns)
    try:
        record = _wait(context, job_id, line)
    except KeyboardInterrupt:
        line.clear()
        invocation.console.note("Canceling ...")
        context.jobs.cancel(job_id)
        _wait(context, job_id, line)
        raise
    finally:
        line.clear()
    return _judge(record)


def _wait(context: AppContext, job_id: str, line: ProgressLine) -> JobRecord:
    while True:
        record = context.jobs.wait(job_id, timeout=_POLL_S)
        if record.status.ended:
            return record
        progress = context.jobs.progress(job_id)
        if progress is not None:
            line.update(progress)


def _judge(record: JobRecord) -> JobRecord:
    if record.status is JobStatus.CANCELED:
        raise Canceled
    if record.status is not JobStatus.SUCCEEDED:
        raise failure(record)
    return record


def failure(record: JobRecord) -> BancadaError:
    """Why a job did not succeed."""
    return record.failure or BancadaError("jobs.interrupted", job=record.title)
