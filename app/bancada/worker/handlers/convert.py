"""The job ``model.convert``: a version of the library in another format, made, tried and only then kept."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bancada import __version__
from bancada.catalog import collecting, onnx_encoder
from bancada.catalog.inspection import inspect_import
from bancada.catalog.jobs import ImportParams
from bancada.catalog.names import chosen_name
from bancada.core import hardware
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home, resources
from bancada.engines.conversion.process import run_stage
from bancada.jobs.codec import encode
from bancada.jobs.job_context import JobContext
from bancada.quantization import conversion
from bancada.quantization.conversion import ConversionPlan, Source
from bancada.quantization.jobs import ConvertParams
from bancada.quantization.tools import Tools, require_tools
from bancada.storage import models, runs
from bancada.storage.database import Database
from bancada.storage.models import VersionRecord
from bancada.storage.sqlite_errors import disk_full, free_bytes
from bancada.worker.handlers.conversion_stages import Stages
from bancada.worker.handlers.library import add, import_model, inspect_stored, store

_MAX_JSON_BYTES: Final = 64 << 20


@dataclass(frozen=True)
class _Result:
    """What the stages made: a file or folder, and what they said of it."""

    path: Path
    said: dict[str, Any]
    warnings: tuple[str, ...]


def memory_needed(database: Database, params: ConvertParams) -> int:
    """Bytes that the job will need, its converters' processes included.

    Raises:
        BancadaError: why the source cannot be converted, as far as its header tells.
    """
    if params.version_id:
        source = Source.of(models.get_version(database, params.version_id))
    else:
        source = Source.of(inspect_import(Path(params.path)))
    return conversion.plan(source, params.target, params.type, params.provider).memory_bytes


def run(ctx: JobContext, params: ConvertParams) -> dict[str, Any]:
    """Convert and put the result into the library, with the source as its parent.

    Returns:
        ``version_id``, ``name``, ``version``, ``existing``, ``size_bytes``, ``sha256``, ``format``, ``type``,
        ``source_version_id``, ``run_id``, ``warnings`` and ``trial`` (what it answered when it was tried).

    Raises:
        BancadaError: ``convert.*``, ``model.*``, ``disk.full`` before anything is made.
        Canceled: nothing is left but the source.
    """
    tools = require_tools(params.target)
    version, fresh = _source(ctx, params)
    try:
        return _convert(ctx, params, version, tools)
    except BaseException:
        if fresh:
            models.remove_version(ctx.database, version.id)
            collecting.collect(ctx.home, ctx.blobs)
        raise


def _convert(ctx: JobContext, params: ConvertParams, version: VersionRecord, tools: Tools) -> dict[str, Any]:
    configs = _configs(ctx, version)
    plan = _plan(version, configs, params)
    check_disk(ctx.home, plan)
    name = chosen_name(params.name or conversion.result_name(version.name, plan))
    for one in version.files:
        ctx.blobs.ensure_intact(one.sha256)
    environment = _environment(version, plan, tools)
    run_id = runs.start(
        ctx.database, conversion.RUN_KIND, name, encode(params), environment, job_id=ctx.job_id
    )
    try:
        with collecting.working(ctx.home, ctx.job_id) as work:
            stages = Stages(ctx.blobs, version, plan, configs=configs, work=work, tools=tools)
            result = _make(ctx, plan, stages, work)
            return _keep(ctx, version, plan, result, name=name, run_id=run_id)
    except BaseException as error:
        runs.finish(ctx.database, run_id, "canceled" if isinstance(error, Canceled) else "failed", {})
        raise


def check_disk(home: Home, plan: ConversionPlan) -> None:
    """Raise BancadaError ``disk.full`` with need and have, before anything is made."""
    if free_bytes(home.temporary) < plan.disk_bytes:
        raise disk_full(home.temporary, plan.disk_bytes)


def _source(ctx: JobContext, params: ConvertParams) -> tuple[VersionRecord, bool]:
    """The version to convert, and whether this job took it into the library."""
    if params.version_id:
        return models.get_version(ctx.database, params.version_id), False
    found = inspect_import(Path(params.path))
    # refused before it is taken into the library
    if found.format == "hf":
        conversion.check_code(_json_files(found.files), ignore=params.ignore_code)
        conversion.check_tokenizer(tuple(found.files))
    check_disk(ctx.home, conversion.plan(Source.of(found), params.target, params.type, params.provider))
    version, existing = import_model(ctx, ImportParams(path=params.path, link=params.link))
    return version, not existing


def _configs(ctx: JobContext, version: VersionRecord) -> dict[str, dict[str, Any]]:
    """The JSON files of a source in Hugging Face's layout; {} for others."""
    if version.format != "hf":
        return {}
    return _json_files({one.path: ctx.blobs.path(one.sha256) for one in version.files})


def _json_files(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Configurations by name; the large tables of words are none."""
    found = {}
    for name, path in files.items():
        if not name.endswith(".json") or name in ("tokenizer.json", "vocab.json", "added_tokens.json"):
            continue
        try:
            content = json.loads(path.read_bytes()) if path.stat().st_size <= _MAX_JSON_BYTES else None
        except (ValueError, RecursionError) as error:
            raise BancadaError("model.hf_config", detail=f"{name} is no JSON") from error
        if isinstance(content, dict):
            found[name] = content
    return found


def _plan(
    version: VersionRecord, configs: Mapping[str, Mapping[str, Any]], params: ConvertParams
) -> ConversionPlan:
    """The plan, after every check that needs no converter."""
    config = configs.get("config.json", {})
    if version.format == "hf":
        conversion.check_code(configs, ignore=params.ignore_code)
        conversion.check_tokenizer([one.path for one in version.files])
    plan = conversion.plan(Source.of(version), params.target, params.type, params.provider)
    method = config.get("quantization_config")
    if params.target == "onnx" and isinstance(method, dict):
        word = str(method.get("quant_method", "some method"))[:40]
        raise BancadaError("convert.source_quantized", name=version.name, method=word)
    return plan


def _make(ctx: JobContext, plan: ConversionPlan, stages: Stages, work: Path) -> _Result:
    """Run the stages one after the other, look at the result with our own readers, and try it."""
    said: dict[str, Any] = {}
    for stage in plan.stages:
        said[stage] = _run_stage(ctx, stage, stages.order(stage), work)
        stages.done(stage)
    found = inspect_import(stages.result)
    warnings = list(found.warnings) + stages.warnings(said)
    if found.format in ("gguf", "onnx"):
        if plan.provider in ("", "cpu"):
            said["try"] = _run_stage(ctx, "try", stages.trial(found.format), work)
        else:
            warnings.append(f"It was made for another device ({plan.provider}) and was not tried here.")
    ctx.check_canceled()
    return _Result(stages.result, said, tuple(dict.fromkeys(warnings)))


def _run_stage(ctx: JobContext, stage: str, order: object, work: Path) -> dict[str, Any]:
    return run_stage(
        stage,
        order,
        work=work,
        threads=hardware.usable_cores(),
        progress=ctx.progress,
        should_stop=lambda: ctx.canceled,
    )


def _keep(
    ctx: JobContext, version: VersionRecord, plan: ConversionPlan, result: _Result, *, name: str, run_id: str
) -> dict[str, Any]:
    """Store the files, then all rows in one transaction."""
    found = inspect_import(result.path)
    found = replace(found, name=name, warnings=result.warnings, license=found.license or version.license)
    try:
        with collecting.importing(ctx.home, ctx.job_id):
            files = store(ctx, found, link=True)
            checked = replace(inspect_stored(ctx, found, files), license=found.license)
            with ctx.database.transaction():
                made, existing = add(
                    ctx,
                    name,
                    checked,
                    files,
                    source=f"converted from {version.name}:{version.version}",
                    parent_version_id=version.id,
                    produced_by_run_id=run_id,
                )
                summary = {"version_id": made.id, "existing": existing, "stages": result.said}
                runs.finish(ctx.database, run_id, "finished", summary)
    except BaseException:
        collecting.collect(ctx.home, ctx.blobs)
        raise
    return {
        "version_id": made.id,
        "name": made.name,
        "version": made.version,
        "existing": existing,
        "size_bytes": made.size_bytes,
        "sha256": made.sha256,
        "format": made.format,
        "type": plan.type,
        "source_version_id": version.id,
        "run_id": run_id,
        "warnings": list(result.warnings),
        "trial": result.said.get("try", {}),
    }


def _environment(version: VersionRecord, plan: ConversionPlan, tools: Tools) -> dict[str, Any]:
    return {
        "source": {
            "id": version.id,
            "name": version.name,
            "version": version.version,
            "format": version.format,
            "sha256": version.sha256,
        },
        "plan": encode(plan),
        "tools": tools.versions,
        "bancada": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "check_text": str((resources() / "conversion" / "tokenizer_check.txt").name),
        "encoder_format": onnx_encoder.FORMAT,
    }
