"""The jobs ``bundle.create`` and ``bundle.import``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bancada.catalog import collecting
from bancada.catalog.bundles.admission import admit_waiting, import_folder
from bancada.catalog.bundles.creating import create
from bancada.catalog.bundles.jobs import BundleCreateParams, BundleImportParams
from bancada.jobs.job_context import JobContext


def run_create(ctx: JobContext, params: BundleCreateParams) -> dict[str, Any]:
    """Make a bundle; the caller signs it.

    Returns:
        ``bundle_id``, ``path``, ``size_bytes``, ``models``, ``sequence``.

    Raises:
        BancadaError, Canceled: as :func:`bancada.catalog.bundles.creating.create`.
    """
    made = create(ctx, params)
    return {
        "bundle_id": made.id,
        "path": str(made.path),
        "size_bytes": made.manifest.size_bytes,
        "models": [f"{one.name}:{one.version}" for one in made.manifest.models],
        "sequence": made.manifest.sequence,
    }


def run_import(ctx: JobContext, params: BundleImportParams) -> dict[str, Any]:
    """Take a bundle in, or judge again what waits.

    Returns:
        ``bundle_id``, ``version_ids``, ``copied_bytes``, ``receipt``.

    Raises:
        BancadaError, Canceled: as :func:`bancada.catalog.bundles.admission.import_folder`.
    """
    try:
        if params.bundle_id:
            admitted = admit_waiting(ctx, params.bundle_id)
        else:
            admitted = import_folder(ctx, Path(params.path))
    finally:
        # of a refused bundle: what it held is garbage now, like the views made for a look at it
        collecting.collect(ctx.home, ctx.blobs)
    return {
        "bundle_id": admitted.bundle_id,
        "version_ids": [one.id for one in admitted.versions],
        "copied_bytes": admitted.copied_bytes,
        "receipt": admitted.receipt,
    }
