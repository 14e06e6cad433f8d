"""From the fetched files of a group to a model version, with where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bancada.catalog import onnx_folder
from bancada.catalog.content import folder_hash
from bancada.catalog.gguf_header import read_header
from bancada.catalog.hf_folder import plan_hf
from bancada.catalog.hub.choice import HF, FileGroup, without_folder
from bancada.catalog.hub.file_policy import GGUF
from bancada.catalog.hub.records import RepoInfo
from bancada.catalog.inspection import ImportPlan, plan_folder, plan_gguf
from bancada.catalog.names import chosen_name
from bancada.storage import models
from bancada.storage.blobs import Blob, BlobStore
from bancada.storage.connection import now, storable
from bancada.storage.database import Database
from bancada.storage.models import FileRecord, NewVersion, VersionRecord

_NO_LICENSE: Final = "It does not say its licence."


def add_version(
    database: Database,
    blobs: BlobStore,
    group: FileGroup,
    found: Mapping[str, Blob],
    *,
    endpoint: str,
    info: RepoInfo,
    name: str,
    job_id: str,
) -> tuple[VersionRecord, bool]:
    """Put a fetched model into the library; the same content already there is returned as it is.

    Args:
        database: the workspace.
        blobs: its files.
        group: which files make the model.
        found: the stored files by their path in the repository.
        endpoint: the hub it came from.
        info: the repository there.
        name: what to call it; "": what it is called there.
        job_id: names a folder of links while an ONNX model is looked at.

    Returns:
        The version, and whether it was there before.

    Raises:
        BancadaError: ``model.*`` saying why it is no usable model.
    """
    files = {without_folder(group, one): found[one.path] for one in group.files}
    plan = _inspect(blobs, group, files, view=f"download-{job_id}")
    records = [FileRecord(path, blob.sha256, blob.size_bytes) for path, blob in sorted(files.items())]
    records = [one for one in records if one.path in plan.files]
    listed = [(one.path, one.sha256) for one in records]
    sha256 = records[0].sha256 if group.format == GGUF else folder_hash(listed)
    license_name = plan.license or info.license
    warnings = tuple(one for one in plan.warnings if not (license_name and one == _NO_LICENSE))
    new = NewVersion(
        format=plan.format,
        architecture=plan.architecture,
        quantization=plan.quantization,
        parameters=plan.parameters,
        bits_per_weight=plan.bits_per_weight,
        layers=plan.layers,
        context_length=plan.context_length,
        license=license_name[:200],
        size_bytes=sum(one.size_bytes for one in records),
        sha256=sha256,
        source=f"{endpoint}/{info.repo}@{info.commit}",
        chat_template=plan.chat_template,
        metadata={
            **plan.metadata,
            "origin": _origin(endpoint, info, group, job_id),
            "papers": _papers(blobs, group, found),
        },
        warnings=warnings,
    )
    known = {one.sha256 for one in models.list_versions(database)}
    chosen = chosen_name(name) if name else plan.name
    return models.add_version(database, chosen, new, records), sha256 in known


def _inspect(blobs: BlobStore, group: FileGroup, files: Mapping[str, Blob], *, view: str) -> ImportPlan:
    """Look at what is really in the store, as an import does."""
    if group.format == GGUF:
        path = blobs.path(files["model.gguf"].sha256)
        plan = plan_gguf(Path(f"{group.name}.gguf"), read_header(path))
        return replace(plan, files={"model.gguf": path})
    paths = {path: blobs.path(blob.sha256) for path, blob in files.items()}
    if group.format == HF:
        return plan_hf(group.name, paths)
    folder = blobs.view(view, {path: blob.sha256 for path, blob in files.items()})
    return replace(plan_folder(Path(group.name), onnx_folder.inspect(folder, foreign=False)), name=group.name)


def _origin(endpoint: str, info: RepoInfo, group: FileGroup, job_id: str) -> dict[str, Any]:
    """Where it came from, file by file: enough to fetch the same bytes again, and to serve them on."""
    return {
        "endpoint": endpoint,
        "repo": info.repo,
        "requested": info.requested,
        "commit": info.commit,
        "updated_at": info.updated_at,
        "base_model": info.base_model,
        "license": info.license,
        "gated": info.gated,
        "files": {without_folder(group, one): one.path for one in group.files},
        "job_id": job_id,
        "fetched_at": now(),
    }


def _papers(blobs: BlobStore, group: FileGroup, found: Mapping[str, Blob]) -> dict[str, str]:
    """The licence and the model card as text; they are small by the choice."""
    papers = {}
    for one in group.papers:
        text = blobs.read_bytes(found[one.path].sha256).decode("utf-8", "replace")
        papers[one.path] = storable(text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    return papers
