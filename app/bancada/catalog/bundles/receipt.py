"""The receipt of an admitted bundle: for programs as JSON, for the printer and the files as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import jinja2

from bancada import __version__
from bancada.catalog.bundles.manifest import Manifest, facts_of
from bancada.catalog.bundles.rules import Judgement
from bancada.catalog.bundles.signatures import fingerprint_text
from bancada.core.errors import BancadaError
from bancada.core.paths import Home, private_folder, resources
from bancada.core.sizes import bytes_text
from bancada.storage.bundles import BundleRecord
from bancada.storage.files import write_durably
from bancada.storage.models import VersionRecord
from bancada.storage.sqlite_errors import disk_full, is_disk_full

_TEMPLATE: Final = "receipt.html.j2"
_FORMAT: Final = "bancada-receipt"


def make_receipt(
    record: BundleRecord,
    manifest: Manifest,
    judgement: Judgement,
    versions: Sequence[VersionRecord],
    copied_bytes: int,
) -> dict[str, Any]:
    """What was admitted, whose signatures counted, when, and from where; JSON values only."""
    carried = {one.sha256: one.certificates for one in manifest.models}
    return {
        "format": _FORMAT,
        "version": 1,
        "bundle": record.id,
        "title": manifest.title,
        "serial": manifest.serial,
        "issuer": manifest.issuer,
        "sequence": manifest.sequence,
        "made_at": manifest.created_at,
        "expires_at": manifest.expires_at,
        "made_by": manifest.made_by,
        "admitted_at": judgement.at.isoformat(timespec="seconds"),
        "admitted_by": f"bancada {__version__}",
        "source": record.source,
        "signatures_required": judgement.needed,
        "signatures": [
            {"key": one.key_id, "name": one.name, "standing": one.standing} for one in judgement.signers
        ],
        "copied_bytes": copied_bytes,
        "models": [
            {
                "id": version.id,
                "name": version.name,
                "version": version.version,
                "format": version.format,
                "license": version.license,
                "sha256": version.sha256,
                "size_bytes": version.size_bytes,
                "certificates": [
                    {"verdict": facts_of(one, version.sha256)[0], "key": one.key_id}
                    for one in carried.get(version.sha256, ())
                ],
                "files": [
                    {"path": one.path, "sha256": one.sha256, "size_bytes": one.size_bytes}
                    for one in version.files
                ],
            }
            for version in versions
        ],
    }


def receipt_path(home: Home, bundle_id: str, ending: str) -> Path:
    """Where the receipt lies; ``ending`` is ``json`` or ``html``."""
    return home.receipts / f"{bundle_id[:16]}.{ending}"


def write_receipt(home: Home, bundle_id: str, receipt: dict[str, Any]) -> bytes:
    """Write both forms into the workspace and return the bytes of the JSON one; raises BancadaError."""
    path = receipt_path(home, bundle_id, "json")
    content = receipt_json(receipt)
    try:
        private_folder(home.receipts)
        write_durably(path, content)
        write_durably(receipt_path(home, bundle_id, "html"), render_receipt(receipt).encode())
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(home.root, 1 << 20) from error
        detail = error.strerror or str(error)
        raise BancadaError("bundle.unwritable", path=str(path), detail=detail) from error
    return content


def receipt_json(receipt: dict[str, Any]) -> bytes:
    """The receipt as a file for programs."""
    return json.dumps(receipt, indent=1, sort_keys=True).encode("ascii") + b"\n"


def render_receipt(receipt: dict[str, Any], *, styled: bool = True) -> str:
    """The receipt as a page of HTML that loads nothing and can be printed.

    Without ``styled`` it is left to the viewer how it looks.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources() / "reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        receipt=receipt,
        styled=styled,
        facts=_facts(receipt),
        bytes_text=bytes_text,
        fingerprint=fingerprint_text,
    )


def _facts(receipt: dict[str, Any]) -> list[tuple[str, str]]:
    issuer = fingerprint_text(receipt["issuer"]) if receipt["issuer"] else "none"
    return [
        ("Bundle (SHA-256 of its manifest)", receipt["bundle"]),
        ("Title", receipt["title"]),
        ("Made", f"{receipt['made_at']} by {receipt['made_by']}"),
        ("Expires", receipt["expires_at"] or "never"),
        ("Issuer and number", f"{issuer}, number {receipt['sequence']}"),
        ("Brought from", receipt["source"]),
        ("Admitted", f"{receipt['admitted_at']} by {receipt['admitted_by']}"),
        ("Signatures required", str(receipt["signatures_required"])),
        ("Newly copied", bytes_text(receipt["copied_bytes"])),
    ]
