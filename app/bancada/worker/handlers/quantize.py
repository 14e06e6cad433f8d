"""The job ``model.quantize`` and the session ``quantize.plan``: a smaller file of the same model."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bancada import __version__
from bancada.catalog import collecting
from bancada.catalog.gguf_header import GgufHeader, read_header
from bancada.catalog.inspection import inspect_import
from bancada.catalog.names import chosen_name
from bancada.core import hardware
from bancada.core.errors import BancadaError, Canceled
from bancada.engines import imatrix_file
from bancada.engines.llama_quantize import Matrix, dry_run, quantize
from bancada.jobs.codec import encode
from bancada.jobs.job_context import CallContext, JobContext
from bancada.quantization import plan
from bancada.quantization.jobs import CertifyParams, QuantizeParams
from bancada.quantization.plan import PlanParams, QuantizationPlan, Variant
from bancada.quantization.types import TYPES, type_named
from bancada.storage import matrices, models, runs
from bancada.storage.database import Database
from bancada.storage.models import VersionRecord
from bancada.storage.sqlite_errors import disk_full, free_bytes
from bancada.worker.handlers import certify
from bancada.worker.handlers.library import add, inspect_stored, store

#: the program, its libraries and the buffers of one tensor's rows
_BESIDE_BYTES: Final = 500 << 20
_UNQUANTIZED: Final = frozenset(("F32", "F16", "BF16"))


@dataclass(frozen=True)
class _Task:
    """One quantization, with everything that it needs checked."""

    version: VersionRecord
    source: Path
    variant: Variant
    matrix: Matrix | None
    name: str


def memory_needed(database: Database, params: QuantizeParams) -> int:
    """Bytes that the job will need: rows of one tensor, and for the certificate both files."""
    models.get_version(database, params.version_id)
    if not params.certify:
        return _BESIDE_BYTES
    both = CertifyParams(params.version_id, params.version_id)
    return max(_BESIDE_BYTES, certify.memory_needed(database, both))


def run(ctx: JobContext, params: QuantizeParams) -> dict[str, Any]:
    """Quantize, check and store the result with the source as its parent, then certify it.

    Returns:
        ``version_id``, ``name``, ``version``, ``existing``, ``size_bytes``, ``sha256``, ``type``,
        ``bits_per_weight``, ``forecast_bytes``, ``source_version_id``, ``run_id``, ``warnings``, and
        ``certificate`` with its main figures (None when none was asked for or it could not be made:
        ``certificate_error``).

    Raises:
        BancadaError: ``quantize.*``, ``imatrix.*``, ``model.*``, ``disk.full`` before anything is written.
        Canceled: nothing is left but what was finished: the source, or the file without a certificate.
    """
    made = make(ctx, params)
    made |= certified(ctx, params, made["version_id"]) if params.certify else {"certificate": None}
    return made


def make(ctx: JobContext, params: QuantizeParams) -> dict[str, Any]:
    """The quantization without the certificate; as :func:`run`."""
    task = _prepare(ctx, params)
    run_id = runs.start(
        ctx.database, plan.RUN_KIND, task.name, encode(params), _environment(task), job_id=ctx.job_id
    )
    try:
        with collecting.working(ctx.home, ctx.job_id) as work:
            target = work / "model.gguf"
            _write(ctx, params, task, target)
            return _keep(ctx, task, target, run_id)
    except Canceled:
        runs.finish(ctx.database, run_id, "canceled", {})
        raise
    except BaseException:
        runs.finish(ctx.database, run_id, "failed", {})
        raise


def _write(ctx: JobContext, params: QuantizeParams, task: _Task, target: Path) -> None:
    try:
        quantize(
            task.source,
            target,
            task.variant.type,
            overrides=params.overrides,
            matrix=task.matrix,
            requantize=params.requantize,
            threads=hardware.usable_cores(),
            on_tensors=lambda done, total: ctx.progress("quantizing", done, total, "tensors"),
            should_stop=lambda: ctx.canceled,
        )
    except BancadaError as error:
        written = target.stat().st_size if target.exists() else 0
        rest = task.variant.size_bytes - written
        # the engine says of a full disk only that a stream failed
        if error.code == "quantize.failed" and free_bytes(ctx.home.temporary) < rest:
            raise disk_full(ctx.home.temporary, rest) from error
        raise


def certified(ctx: JobContext, params: QuantizeParams, version_id: str) -> dict[str, Any]:
    """The certificate of a result; its failure is told, and takes nothing from the result."""
    ask = CertifyParams(version_id, params.version_id, text=params.text, chunks=params.chunks)
    try:
        return {"certificate": certify.run(ctx, ask)}
    except BancadaError as error:
        ctx.log.warning("no certificate: %s", error)
        return {"certificate": None, "certificate_error": error.to_json()}


def source_file(ctx: JobContext, version: VersionRecord, *, requantize: bool) -> Path:
    """The source's file, known to be whole.

    Raises:
        BancadaError: ``quantize.not_gguf``, ``quantize.already_quantized``, ``model.*``.
    """
    if version.format != "gguf":
        raise BancadaError("quantize.not_gguf", name=version.name, format=version.format)
    ctx.progress("checking the file", 0)
    path = ctx.blobs.ensure_intact(version.files[0].sha256)
    quantized = read_header(path).quantization
    if quantized not in _UNQUANTIZED and not requantize:
        raise BancadaError("quantize.already_quantized", type=quantized)
    return path


def fitting_matrix(ctx: JobContext, matrix_id: str, header: GgufHeader) -> Matrix | None:
    """The matrix's means by tensor, None for an empty id.

    Raises:
        BancadaError: ``imatrix.not_found``, ``imatrix.invalid``, ``quantize.matrix_of_another``.
    """
    if not matrix_id:
        return None
    record = matrices.get(ctx.database, matrix_id)
    ctx.blobs.ensure_intact(record.sha256)
    means = imatrix_file.read(ctx.blobs.path(record.sha256)).means()
    columns = {
        one.name: one.dimensions[0] * (one.dimensions[2] if len(one.dimensions) > 2 else 1)
        for one in header.tensors
    }
    known = [name for name in means if name in columns]
    if not known or any(means[name].size != columns[name] for name in known):
        raise BancadaError("quantize.matrix_of_another", detail=f"{record.name}: {record.text_name}")
    return means


def _prepare(ctx: JobContext, params: QuantizeParams) -> _Task:
    version = models.get_version(ctx.database, params.version_id)
    source = source_file(ctx, version, requantize=params.requantize)
    header = read_header(source)
    matrix = fitting_matrix(ctx, params.matrix_id, header)
    variant = _variant(source, params, matrix=matrix is not None)
    if variant.needs_matrix and matrix is None:
        raise BancadaError("quantize.matrix_needed", detail=variant.type)
    if free_bytes(ctx.home.temporary) < variant.size_bytes:
        raise disk_full(ctx.home.temporary, variant.size_bytes)
    proposed = plan.result_name(version.name, variant.type, matrix=matrix is not None)
    return _Task(version, source, variant, matrix, chosen_name(params.name or proposed))


def _variant(source: Path, params: QuantizeParams, *, matrix: bool) -> Variant:
    """The type that was asked for, or the best one within the size that was asked for."""
    if params.type:
        return dry_run(source, params.type, overrides=params.overrides, matrix=matrix)
    if params.target_bytes is None and params.target_bits is None:
        raise BancadaError("quantize.type_unknown", type="", known=", ".join(one.name for one in TYPES))
    found = variants(source, overrides=params.overrides, matrix=matrix)
    return plan.choose(found, params.target_bytes, matrix=matrix, target_bits=params.target_bits)


def variants(
    source: Path, types: tuple[str, ...] = (), overrides: tuple[str, ...] = (), *, matrix: bool
) -> list[Variant]:
    """What each type would give; those that this model cannot be stored in are left out."""
    found = []
    for name in types or tuple(one.name for one in TYPES):
        try:
            found.append(dry_run(source, name, overrides=overrides, matrix=matrix))
        except BancadaError as error:
            if types or error.code != "quantize.failed":
                raise
    return found


def _keep(ctx: JobContext, task: _Task, target: Path, run_id: str) -> dict[str, Any]:
    """Check the file with our own reader, store it, then all rows in one transaction."""
    version, variant = task.version, task.variant
    if target.stat().st_size != variant.size_bytes:
        detail = f"it has {target.stat().st_size} bytes instead of {variant.size_bytes}"
        raise BancadaError("quantize.failed", detail=detail)
    found = replace(inspect_import(target), name=task.name)
    quantized = "" if read_header(task.source).quantization in _UNQUANTIZED else version.quantization
    warnings = plan.advice(variant, (), matrix=task.matrix is not None, requantizes=quantized)
    found = replace(found, warnings=tuple(dict.fromkeys((*found.warnings, *warnings))))
    found = replace(found, license=found.license or version.license)
    try:
        with collecting.importing(ctx.home, ctx.job_id):
            files = store(ctx, found, link=True)
            checked = replace(inspect_stored(ctx, found, files), license=found.license)
            with ctx.database.transaction():
                ctx.check_canceled()
                made, existing = add(
                    ctx,
                    task.name,
                    checked,
                    files,
                    source=f"quantized from {version.name}:{version.version}",
                    parent_version_id=version.id,
                    produced_by_run_id=run_id,
                )
                summary = {"version_id": made.id, "existing": existing, "variant": encode(variant)}
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
        "type": variant.type,
        "bits_per_weight": made.bits_per_weight,
        "forecast_bytes": variant.size_bytes,
        "source_version_id": version.id,
        "run_id": run_id,
        "warnings": list(found.warnings),
    }


def _environment(task: _Task) -> dict[str, Any]:
    return {
        "source": {"id": task.version.id, "name": task.version.name, "sha256": task.version.sha256},
        "type": task.variant.type,
        "engine": f"llama.cpp {importlib.metadata.version('llama-cpp-python')}",
        "bancada": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
    }


class PlanSession:
    """The session ``quantize.plan``: answers when it is opened."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx

    def open(self, params: PlanParams) -> Any:
        """What the types would give, as :class:`bancada.quantization.plan.QuantizationPlan`.

        Raises:
            BancadaError: ``quantize.*``, ``model.*``.
        """
        version = models.get_version(self._ctx.database, params.version_id)
        if version.format != "gguf":
            raise BancadaError("quantize.not_gguf", name=version.name, format=version.format)
        source = self._ctx.blobs.ensure_intact(version.files[0].sha256)
        header = read_header(source)
        types = tuple(type_named(one).name for one in params.types)
        found = variants(source, types, params.overrides, matrix=params.matrix)
        quantized = "" if header.quantization in _UNQUANTIZED else header.quantization
        return encode(QuantizationPlan(tuple(found), quantized))

    def call(self, call: CallContext, name: str, payload: Any) -> Any:
        """There is nothing to call."""
        raise BancadaError(
            "message.malformed", field=f"call {call.id}", value=f"{name}: {type(payload).__name__}"
        )

    def close(self) -> None:
        """Nothing is held."""
