"""The job ``model.imatrix``: which columns of a model's weights matter for a text."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from bancada import __version__
from bancada.catalog import collecting
from bancada.catalog.forecaster import forecaster
from bancada.catalog.gguf_header import GgufHeader, read_header
from bancada.core import hardware
from bancada.core.errors import BancadaError, Canceled
from bancada.engines import imatrix_file
from bancada.engines.imatrix_file import ImportanceMatrix
from bancada.engines.llama_comparison import tokens_of
from bancada.engines.llama_imatrix import LEAST_CONTEXT, MAX_CONTEXT, chunks_of, collect
from bancada.engines.llama_native import NativeModel
from bancada.jobs.codec import encode
from bancada.jobs.job_context import JobContext
from bancada.quantization import plan
from bancada.quantization.jobs import MatrixParams
from bancada.quantization.texts import EvaluationText, calibration_text
from bancada.storage import matrices, models, runs
from bancada.storage.database import Database
from bancada.storage.matrices import MatrixRecord, NewMatrix
from bancada.storage.models import VersionRecord

#: logits of one step, and the sums
_BESIDE_BYTES: Final = 300 << 20
_SHOWN: Final = 20


def memory_needed(database: Database, params: MatrixParams) -> int:
    """Bytes that the job will need: the model, its cache, logits of one step and the sums."""
    version = models.get_version(database, params.version_id)
    if version.format != "gguf":
        raise BancadaError("quantize.not_gguf", name=version.name, format=version.format)
    context = min(max(params.context, LEAST_CONTEXT), MAX_CONTEXT)
    forecast = forecaster(database).forecast(version, context, "f16", flash_attention=True)
    return _BESIDE_BYTES + forecast.corrected_bytes


def run(ctx: JobContext, params: MatrixParams) -> dict[str, Any]:
    """Evaluate the text and keep the matrix.

    Returns:
        ``matrix_id``, ``name``, ``chunks``, ``tokens``, ``coverage``, ``sha256``, ``run_id``.

    Raises:
        BancadaError: ``imatrix.*``, ``certificate.text_unreadable``, ``model.*``, ``engine.*``.
        Canceled: nothing is left but the canceled run.
    """
    version = models.get_version(ctx.database, params.version_id)
    if version.format != "gguf":
        raise BancadaError("quantize.not_gguf", name=version.name, format=version.format)
    limit = min(MAX_CONTEXT, version.context_length)
    if not LEAST_CONTEXT <= params.context <= limit:
        raise BancadaError("imatrix.context_invalid", context=params.context, least=LEAST_CONTEXT, most=limit)
    text = calibration_text(params.text)
    path = ctx.blobs.ensure_intact(version.files[0].sha256)
    name = params.name or f"{version.name}, {text.name}"
    run_id = runs.start(
        ctx.database, plan.MATRIX_RUN_KIND, name, encode(params), _environment(version, text),
        job_id=ctx.job_id,
    )  # fmt: skip
    try:
        matrix = _collected(ctx, params, path, text)
        new = NewMatrix(
            name=name,
            model_sha256=version.sha256,
            version_id=version.id,
            run_id=run_id,
            text_name=text.name,
            text_sha256=text.sha256,
            context=params.context,
            chunks=matrix.chunks,
            tokens=matrix.chunks * matrix.chunk_size,
            coverage=coverage(matrix, read_header(path)),
            sha256="",
        )
        record = _keep(ctx, matrix, new)
    except Canceled:
        runs.finish(ctx.database, run_id, "canceled", {})
        raise
    except BaseException:
        runs.finish(ctx.database, run_id, "failed", {})
        raise
    return {
        "matrix_id": record.id,
        "name": record.name,
        "chunks": record.chunks,
        "tokens": record.tokens,
        "coverage": record.coverage,
        "sha256": record.sha256,
        "run_id": run_id,
    }


def _collected(ctx: JobContext, params: MatrixParams, path: Path, text: EvaluationText) -> ImportanceMatrix:
    ctx.progress("loading the model", 0)
    model = NativeModel(str(path))
    try:
        chunks = chunks_of(tokens_of(model, text.content.encode()), params.context, params.chunks)
        return collect(
            model,
            chunks,
            threads=hardware.usable_cores(),
            on_chunks=lambda done, total: ctx.progress("weighing the columns", done, total, "chunks"),
            should_stop=lambda: ctx.canceled,
        )
    finally:
        model.close()


def _keep(ctx: JobContext, matrix: ImportanceMatrix, new: NewMatrix) -> MatrixRecord:
    """Store the file, then the row and the end of the run in one transaction."""
    with collecting.working(ctx.home, ctx.job_id) as work, collecting.importing(ctx.home, ctx.job_id):
        file = work / "matrix.gguf"
        imatrix_file.write(file, replace(matrix, texts=(new.text_name,)))
        blob = ctx.blobs.put_file(file, link=True)
        with ctx.database.transaction():
            ctx.check_canceled()
            record = matrices.add(ctx.database, replace(new, sha256=blob.sha256))
            if record.run_id is not None:
                summary = {"matrix_id": record.id, "coverage": record.coverage}
                runs.finish(ctx.database, record.run_id, "finished", summary)
    return record


def coverage(matrix: ImportanceMatrix, header: GgufHeader) -> dict[str, Any]:
    """What the text reached: tensors seen of those that can be, experts never used, columns never lit."""
    expected = {
        one.name
        for one in header.tensors
        if one.name.startswith("blk.") and one.name.endswith(".weight") and len(one.dimensions) > 1
    }
    unreached = {
        name: int((one.counts == 0).sum()) for name, one in matrix.entries.items() if (one.counts == 0).any()
    }
    silent = {
        name: int(np.count_nonzero(one.sums.sum(axis=0) == 0))
        for name, one in matrix.entries.items()
        if (one.sums.sum(axis=0) == 0).any()
    }
    return {
        "tensors": len(expected & matrix.entries.keys()),
        "tensors_in_model": len(expected),
        "missing": sorted(expected - matrix.entries.keys())[:_SHOWN],
        "rows": int(max(one.counts.max() for one in matrix.entries.values())),
        "unreached": dict(sorted(unreached.items())[:_SHOWN]),
        "silent": dict(sorted(silent.items())[:_SHOWN]),
    }


def _environment(version: VersionRecord, text: EvaluationText) -> dict[str, Any]:
    return {
        "source": {"id": version.id, "name": version.name, "sha256": version.sha256},
        "text": {"name": text.name, "sha256": text.sha256},
        "engine": f"llama.cpp {importlib.metadata.version('llama-cpp-python')}",
        "bancada": __version__,
        "machine": platform.machine(),
    }
