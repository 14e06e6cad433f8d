"""The bill of materials of a bundle: CycloneDX 1.6 with machine-learning components.

Source of the format: cyclonedx.org/docs/1.6/json.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any, Final

from bancada import __version__
from bancada.catalog.bundles.manifest import Ancestor, BundleModel

_SPEC: Final = "1.6"
#: namespace of the serial numbers, so that the same bundle gets the same one
_NAMESPACE: Final = uuid.UUID("0b0b8f6e-5f0e-5c8e-9d54-0d4a3f3c2b11")


def render_bom(models: Sequence[BundleModel], *, serial: str, title: str, created_at: str) -> bytes:
    """The document as JSON in ASCII; equal for equal arguments."""
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{_SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": _SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, serial)}",
        "version": 1,
        "metadata": {
            "timestamp": created_at,
            "tools": {"components": [{"type": "application", "name": "bancada", "version": __version__}]},
            "component": {"type": "data", "bom-ref": f"bundle-{serial}", "name": title or "transfer bundle"},
        },
        "components": [_component(index, one) for index, one in enumerate(models)],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode("ascii") + b"\n"


def _component(index: int, model: BundleModel) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": f"model-{index}-{model.sha256}",
        "name": model.name,
        "version": str(model.version),
        "hashes": [_hash(model.sha256)] if len(model.files) == 1 else [],
        "modelCard": {
            "modelParameters": {"architectureFamily": model.architecture, "modelArchitecture": model.format}
        },
        "properties": [
            {"name": f"bancada:{name}", "value": str(value)}
            for name, value in (
                ("quantization", model.quantization),
                ("parameters", model.parameters),
                ("context_length", model.context_length),
                ("source", model.source),
                ("produced_by", model.produced_by),
                ("content_sha256", model.sha256),
            )
            if value
        ],
        "components": [
            {
                "type": "file",
                "bom-ref": f"file-{index}-{place}",
                "name": file.path,
                "hashes": [_hash(file.sha256)],
                "properties": [{"name": "bancada:size_bytes", "value": str(file.size_bytes)}],
            }
            for place, file in enumerate(model.files)
        ],
    }
    if model.license:
        component["licenses"] = [{"license": {"name": model.license}}]
    if model.lineage:
        component["pedigree"] = {"ancestors": [_ancestor(one) for one in model.lineage]}
    return component


def _ancestor(one: Ancestor) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "name": one.name,
        "version": str(one.version),
        "properties": [
            {"name": "bancada:content_sha256", "value": one.sha256},
            {"name": "bancada:format", "value": one.format},
            {"name": "bancada:quantization", "value": one.quantization},
        ],
    }


def _hash(sha256: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": sha256}
