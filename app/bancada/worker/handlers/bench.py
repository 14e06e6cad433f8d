"""The job ``bench.run``: loads a model in this worker and measures it, committing every repetition."""

from __future__ import annotations

import os
import platform
import time
from typing import Any, Final

import psutil

from bancada import __version__
from bancada.bench import plan, report
from bancada.bench.measure import Measured, Measurement
from bancada.bench.plan import BenchParams
from bancada.catalog.forecaster import forecaster
from bancada.catalog.library import Library
from bancada.core.errors import Canceled
from bancada.core.registry import resolve
from bancada.inference.backend import BACKENDS, Backend
from bancada.inference.types import LoadReport, LoadSpec
from bancada.jobs.codec import encode
from bancada.jobs.job_context import JobContext
from bancada.storage import models, runs
from bancada.storage.database import Database
from bancada.storage.models import VersionRecord
from bancada.worker.handlers.model_session import Calibrations

#: how the threads of the engine wait is part of the environment
_WAIT_VARIABLES: Final = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS", "GOMP_SPINCOUNT")


def memory_needed(database: Database, params: BenchParams) -> int:
    """Bytes that the job will need: the model's forecast at the benchmark's context."""
    version = models.get_version(database, params.version_id)
    return (
        forecaster(database)
        .forecast(
            version,
            plan.context_needed(params),
            params.cache_type,
            flash_attention=params.flash_attention,
            gpu_layers=params.gpu_layers or 0,
        )
        .corrected_bytes
    )


def run(ctx: JobContext, params: BenchParams) -> dict[str, Any]:
    """Run what is missing of the benchmark and return the run's id with its medians.

    A second call for the same job goes on with the same run and the repetitions that it lacks.

    Raises:
        BancadaError: the parameters are bad, the model cannot be loaded or cannot be steered.
        Canceled: what was measured until then stays.
    """
    plan.check(params)
    version = models.get_version(ctx.database, params.version_id)
    ctx.progress("loading the model", 0)
    spec = _load_spec(ctx, params)
    backend: Backend = resolve(BACKENDS[spec.format])(Calibrations(ctx.database))
    try:
        loaded = backend.load(spec)
        measurement = Measurement(backend, params, lambda: ctx.canceled)
        resumed = _resumed(ctx)
        if resumed is None:
            ctx.progress("watching the machine", 0)
            environment = _environment(version, spec, loaded, measurement.others_before())
            resumed = _begin(ctx, params, version, environment), set()
        run_id, done = resumed
        try:
            _measure(ctx, params, run_id, measurement, done)
        except Canceled:
            _finish(ctx, run_id, "canceled")
            raise
        except BaseException:
            _finish(ctx, run_id, "failed")
            raise
        return {"run_id": run_id, **_finish(ctx, run_id, "finished")}
    finally:
        backend.close()


def _load_spec(ctx: JobContext, params: BenchParams) -> LoadSpec:
    return Library(ctx.database, ctx.blobs).load_spec(
        params.version_id,
        context=plan.context_needed(params),
        cache_type=params.cache_type,
        threads=params.threads,
        threads_batch=params.threads_batch,
        flash_attention=params.flash_attention,
        gpu_layers=params.gpu_layers,
    )


def _resumed(ctx: JobContext) -> tuple[str, set[int]] | None:
    """The run that this job began in an earlier process and the steps it has; None at the first attempt."""
    before = runs.of_job(ctx.database, ctx.job_id)
    if before is None:
        return None
    # total_ms is stored with every repetition, in the same transaction as the rest of it
    done = {point.step for point in runs.metrics(ctx.database, before.id, "total_ms")}
    runs.reopen(ctx.database, before.id)
    runs.log_metrics(ctx.database, before.id, [("resumed", len(done), 1.0, 0)])
    return before.id, done


def _begin(ctx: JobContext, params: BenchParams, version: VersionRecord, environment: dict[str, Any]) -> str:
    name = f"{version.name}:{version.version}" + (f" {params.preset}" if params.preset else "")
    return runs.start(ctx.database, plan.RUN_KIND, name, encode(params), environment, job_id=ctx.job_id)


def _measure(
    ctx: JobContext, params: BenchParams, run_id: str, measurement: Measurement, done: set[int]
) -> None:
    total = params.warmup + len(plan.cells(params)) * params.repetitions
    ctx.progress("warming up", len(done), total, "repetitions")
    measurement.prepare(lambda number: ctx.progress("warming up", number + len(done), total, "repetitions"))
    began = time.monotonic()
    offset_ms = max((point.elapsed_ms for point in runs.metrics(ctx.database, run_id)), default=0)
    count = params.warmup + len(done)
    for measured in measurement.run(done):
        elapsed_ms = offset_ms + round((time.monotonic() - began) * 1000)
        _store(ctx.database, run_id, measured, elapsed_ms)
        count += 1
        cell = measured.repetition.cell
        stage = f"measuring {cell.prompt_tokens} + {cell.answer_tokens} tokens"
        ctx.progress(stage, count, total, "repetitions")
        ctx.check_canceled()


def _store(database: Database, run_id: str, measured: Measured, elapsed_ms: int) -> None:
    runs.log_metrics(
        database, run_id, [(key, step, value, elapsed_ms) for key, step, value in measured.metrics]
    )


def _finish(ctx: JobContext, run_id: str, status: str) -> dict[str, Any]:
    summary = report.summary(report.report(ctx.database, run_id))
    runs.finish(ctx.database, run_id, status, summary)
    return summary


def _environment(
    version: VersionRecord, spec: LoadSpec, loaded: LoadReport, others_before: float
) -> dict[str, Any]:
    """Everything that a figure depends on, kept with it."""
    return {
        "model": {
            "id": version.id,
            "name": version.name,
            "version": version.version,
            "format": version.format,
            "architecture": version.architecture,
            "quantization": version.quantization,
            "bits_per_weight": version.bits_per_weight,
            "size_bytes": version.size_bytes,
            "sha256": version.sha256,
        },
        "engine": encode(loaded),
        "cache_type": spec.cache_type,
        "bancada": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores_logical": psutil.cpu_count(),
        "cores_physical": psutil.cpu_count(logical=False),
        "memory_bytes": psutil.virtual_memory().total,
        "variables": {name: os.environ[name] for name in _WAIT_VARIABLES if name in os.environ},
        "others_cores_before": others_before,
    }
