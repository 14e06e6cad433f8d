"""The jobs ``model.import``, ``model.verify`` and ``model.export``: what of the library takes long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bancada.catalog import collecting, exporting, onnx_encoder, onnx_folder
from bancada.catalog.content import folder_hash
from bancada.catalog.gguf_header import read_header
from bancada.catalog.hf_folder import plan_hf
from bancada.catalog.inspection import ImportPlan, inspect_import, plan_folder, plan_gguf
from bancada.catalog.jobs import ExportParams, ImportParams, VerifyParams
from bancada.catalog.names import chosen_name
from bancada.core.errors import BancadaError
from bancada.jobs.job_context import JobContext
from bancada.storage import models
from bancada.storage.models import FileRecord, NewVersion, VersionRecord
from bancada.storage.sqlite_errors import disk_full, free_bytes


def run_import(ctx: JobContext, params: ImportParams) -> dict[str, Any]:
    """Take a model into the library: nothing of it is listed before all of it is stored and checked.

    Returns:
        ``version_id``, ``name``, ``version``, ``existing`` (the same content was there already),
        ``size_bytes``, ``sha256`` and ``warnings``.

    Raises:
        BancadaError: ``model.*`` saying what is wrong with the file, ``disk.full`` with need and have.
        Canceled: nothing of it is left.
    """
    version, existing = import_model(ctx, params)
    return {
        "version_id": version.id,
        "name": version.name,
        "version": version.version,
        "existing": existing,
        "size_bytes": version.size_bytes,
        "sha256": version.sha256,
        "warnings": list(version.warnings),
    }


def import_model(ctx: JobContext, params: ImportParams) -> tuple[VersionRecord, bool]:
    """The import itself: the version, and whether the same content was there before."""
    ctx.progress("inspecting", 0, None)
    plan = inspect_import(Path(params.path))
    name = chosen_name(params.name) if params.name else plan.name
    if not params.link:
        _check_space(ctx, plan)
    try:
        with collecting.importing(ctx.home, ctx.job_id):
            files = store(ctx, plan, link=params.link)
            plan = inspect_stored(ctx, plan, files)
            return add(ctx, name, plan, files)
    except BaseException:
        collecting.collect(ctx.home, ctx.blobs)
        raise


def run_verify(ctx: JobContext, params: VerifyParams) -> dict[str, Any]:
    """Hash every file of the versions again and record its state.

    Returns:
        ``files`` (for each: version_id, name, path, sha256, state ``present``, ``missing`` or
        ``damaged``) and ``ok``.

    Raises:
        BancadaError: ``model.not_found``.
        Canceled: what was verified until then stays recorded.
    """
    versions = (
        [models.get_version(ctx.database, one) for one in params.version_ids]
        if params.version_ids
        else models.list_versions(ctx.database)
    )
    total = sum(file.size_bytes for version in versions for file in version.files)
    results: list[dict[str, Any]] = []
    done = 0
    for version in versions:
        for file in version.files:
            state = _verify_file(ctx, file, _counter(ctx, "verifying", done, total))
            done += file.size_bytes
            results.append(
                {
                    "version_id": version.id,
                    "name": f"{version.name}:{version.version}",
                    "path": file.path,
                    "sha256": file.sha256,
                    "state": state,
                }
            )
    ctx.progress("verifying", total, total, "bytes")
    return {"ok": all(one["state"] == "present" for one in results), "files": results}


def run_export(ctx: JobContext, params: ExportParams) -> dict[str, Any]:
    """Copy a version's files out of the library; see :func:`bancada.catalog.exporting.export`."""
    return exporting.export(ctx, params)


def _verify_file(ctx: JobContext, file: FileRecord, progress: Callable[[int, int], None]) -> str:
    try:
        ctx.blobs.verify(file.sha256, progress, lambda: ctx.canceled)
    except BancadaError as error:
        if error.code not in ("model.file_missing", "model.file_damaged"):
            raise
        return error.code.removeprefix("model.file_")
    return "present"


def _check_space(ctx: JobContext, plan: ImportPlan) -> None:
    """Say at once what a copy of several files would say in the middle."""
    if free_bytes(ctx.home.blobs) < plan.size_bytes:
        raise disk_full(ctx.home.blobs, plan.size_bytes)


def store(ctx: JobContext, plan: ImportPlan, *, link: bool) -> list[FileRecord]:
    """Put the files of a plan into the store; hold :func:`bancada.catalog.collecting.importing` meanwhile."""
    files = []
    done = 0
    for name, path in plan.files.items():
        blob = ctx.blobs.put_file(
            path,
            link=link,
            progress=_counter(ctx, "copying and hashing", done, plan.size_bytes),
            should_stop=lambda: ctx.canceled,
        )
        done += blob.size_bytes
        files.append(FileRecord(name, blob.sha256, blob.size_bytes))
        ctx.check_canceled()
    return files


def _counter(ctx: JobContext, stage: str, before: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _: ctx.progress(stage, before + done, total, "bytes")


def inspect_stored(ctx: JobContext, plan: ImportPlan, files: list[FileRecord]) -> ImportPlan:
    """Look again at what was really stored: the source may have changed since it was inspected."""
    ctx.progress("checking", 0, None)
    if plan.format == "gguf":
        stored = plan_gguf(plan.path, read_header(ctx.blobs.path(files[0].sha256)))
    elif plan.format == "hf":
        stored = plan_hf(plan.name, {one.path: ctx.blobs.path(one.sha256) for one in files})
    else:
        view = ctx.blobs.view(f"import-{ctx.job_id}", {one.path: one.sha256 for one in files})
        if plan.format == onnx_encoder.FORMAT:
            stored = onnx_encoder.inspect(view, foreign=False)
        else:
            stored = plan_folder(plan.path, onnx_folder.inspect(view, foreign=False))
    return replace(stored, path=plan.path, name=plan.name, warnings=plan.warnings)


def add(
    ctx: JobContext, name: str, plan: ImportPlan, files: list[FileRecord], **lineage: Any
) -> tuple[VersionRecord, bool]:
    """Store the rows of a version whose files are stored.

    Args:
        ctx: the job's surroundings.
        name: the model's name.
        plan: what the files are.
        files: the stored files.
        lineage: further fields of NewVersion (``source``, ``parent_version_id``, ``produced_by_run_id``).

    Returns:
        The version, and whether the same content was there before.
    """
    sha256 = (
        files[0].sha256 if plan.format == "gguf" else folder_hash((one.path, one.sha256) for one in files)
    )
    known = {one.sha256 for one in models.list_versions(ctx.database)}
    new = NewVersion(
        format=plan.format,
        architecture=plan.architecture,
        quantization=plan.quantization,
        parameters=plan.parameters,
        bits_per_weight=plan.bits_per_weight,
        layers=plan.layers,
        context_length=plan.context_length,
        license=plan.license,
        size_bytes=sum(one.size_bytes for one in files),
        sha256=sha256,
        chat_template=plan.chat_template,
        metadata=plan.metadata,
        warnings=plan.warnings,
        **{"source": str(plan.path), **lineage},
    )
    return models.add_version(ctx.database, name, new, files), sha256 in known
