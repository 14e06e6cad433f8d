"""The job ``model.sweep``: several variants of one model, certified, and the one to take."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from bancada.catalog.gguf_header import read_header
from bancada.core.errors import BancadaError
from bancada.core.hardware import available_memory
from bancada.jobs.codec import encode
from bancada.jobs.job_context import JobContext
from bancada.quantization import plan
from bancada.quantization.jobs import QuantizeParams, SweepParams
from bancada.quantization.sweep import check_goal, recommend
from bancada.quantization.types import type_named
from bancada.quantization.variants import variants
from bancada.storage import certificates, models, runs
from bancada.storage.database import Database
from bancada.storage.models import VersionRecord
from bancada.storage.sqlite_errors import disk_full, free_bytes
from bancada.worker.handlers import quantize


def memory_needed(database: Database, params: SweepParams) -> int:
    """Bytes that the job will need: those of its largest step."""
    return quantize.memory_needed(database, QuantizeParams(params.version_id))


def run(ctx: JobContext, params: SweepParams) -> dict[str, Any]:
    """Make what is not there, certify what has no certificate, and recommend.

    Returns:
        ``made`` (for each type: ``type``, ``version_id``, ``existing``, ``size_bytes``, ``certificate``),
        ``variants`` (the points of the chart) and ``recommendation`` (None when nothing can be taken).

    Raises:
        BancadaError: as :func:`bancada.worker.handlers.quantize.run`, ``quantize.goal_unknown``;
            ``disk.full`` before the first variant when there is no room for all that are missing.
        Canceled: what was finished stays, and is not made again when the job is resumed.
    """
    check_goal(params.goal)
    source = models.get_version(ctx.database, params.version_id)
    types = list(dict.fromkeys(type_named(one).name for one in params.types))
    wanted = [
        QuantizeParams(
            params.version_id,
            kind,
            matrix_id=params.matrix_id,
            requantize=params.requantize,
            text=params.text,
            chunks=params.chunks,
        )
        for kind in types
    ]
    _check_disk(ctx, source, wanted)
    made = []
    for number, one in enumerate(wanted):
        ctx.check_canceled()
        ctx.progress(f"{one.type}, {number + 1} of {len(wanted)}", 0)
        made.append(_variant(ctx, one))
    found = variants(ctx.database, source.sha256)
    chosen = recommend(found, params.goal, available_memory())
    return {
        "source_version_id": source.id,
        "made": made,
        "variants": [dataclasses.asdict(one) for one in found],
        "recommendation": None if chosen is None else dataclasses.asdict(chosen),
    }


def _check_disk(ctx: JobContext, source: VersionRecord, wanted: Sequence[QuantizeParams]) -> None:
    missing = tuple(one.type for one in wanted if _existing(ctx.database, one) is None)
    if not missing:
        return
    path = quantize.source_file(ctx, source, requantize=wanted[0].requantize)
    matrix = quantize.fitting_matrix(ctx, wanted[0].matrix_id, read_header(path))
    found = quantize.variants(path, missing, matrix=matrix is not None)
    needs = [one.type for one in found if one.needs_matrix and matrix is None]
    if needs:
        raise BancadaError("quantize.matrix_needed", detail=", ".join(needs))
    size = sum(one.size_bytes for one in found)
    if free_bytes(ctx.home.temporary) < size:
        raise disk_full(ctx.home.temporary, size)


def _variant(ctx: JobContext, params: QuantizeParams) -> dict[str, Any]:
    version_id = _existing(ctx.database, params)
    if version_id is None:
        result = quantize.make(ctx, params)
    else:
        version = models.get_version(ctx.database, version_id)
        result = {"version_id": version.id, "size_bytes": version.size_bytes, "existing": True}
    if certificates.newest(ctx.database, result["version_id"]) is None:
        result |= quantize.certified(ctx, params, result["version_id"])
    return {"type": params.type, **result}


def _existing(database: Database, params: QuantizeParams) -> str | None:
    """The version that the same quantization of the same source has made before."""
    for run in runs.of_version(database, plan.RUN_KIND, params.version_id, limit=1000):
        same = {**run.params, "certify": True, "text": "", "chunks": None, "name": ""}
        wanted = dataclasses.replace(params, text="", chunks=None, name="")
        if same == encode(wanted):
            version_id = str(run.summary.get("version_id", ""))
            if any(one.id == version_id for one in models.list_versions(database)):
                return version_id
    return None
