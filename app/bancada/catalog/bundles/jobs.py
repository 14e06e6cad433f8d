"""The jobs of bundles: create and import. Their handlers run in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.catalog.bundles.manifest import FAT32_PART_BYTES
from bancada.jobs.spec import JobKind


@dataclass(frozen=True, slots=True)
class BundleCreateParams:
    """What to put into a bundle, and where.

    ``issuer`` is the id of the key that is to sign it, empty for none; files above ``part_bytes`` are
    split; ``catalogue`` is the path of an edition of the catalogue, empty for none. The signature itself
    is put on afterwards: no private key ever reaches a job.
    """

    path: str
    version_ids: tuple[str, ...]
    title: str = ""
    issuer: str = ""
    days: int | None = None
    part_bytes: int = FAT32_PART_BYTES
    catalogue: str = ""


@dataclass(frozen=True, slots=True)
class BundleImportParams:
    """What to take in: a bundle's folder at ``path``, or by ``bundle_id`` what waits in quarantine."""

    path: str = ""
    bundle_id: str = ""


BUNDLE_CREATE: Final = JobKind("bundle.create", BundleCreateParams, lane="disk")
BUNDLE_IMPORT: Final = JobKind("bundle.import", BundleImportParams, lane="disk")
