"""What a path on the disk is, and what importing it would bring: asked before anything is written."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

from bancada.catalog import onnx_encoder, onnx_folder
from bancada.catalog.file_kind import read_head, recognise
from bancada.catalog.forecast import ModelFacts
from bancada.catalog.gguf_header import GgufHeader, read_header
from bancada.catalog.gguf_reader import ArrayValue, Entry
from bancada.catalog.hf_folder import inspect_hf
from bancada.catalog.import_plan import SHOWN, ImportPlan
from bancada.catalog.names import proposed_name
from bancada.catalog.onnx_folder import OnnxFolder
from bancada.catalog.safetensors_header import check_safetensors
from bancada.core.errors import BancadaError

__all__ = ["ImportPlan", "facts_of", "inspect_import", "plan_folder", "plan_gguf"]

_LAYER: Final = re.compile(r"blk\.(\d{1,9})\.")


def inspect_import(path: Path) -> ImportPlan:
    """Look at a GGUF file, an ONNX folder or a folder in Hugging Face's layout without loading it.

    Raises:
        BancadaError: ``model.*``, saying why it cannot be imported and what to do.
    """
    path = Path(path).expanduser().absolute()
    try:
        if path.is_dir():
            return _inspect_folder(path)
        if path.exists() and not path.is_file():
            raise BancadaError("model.not_a_file", path=str(path))
    except OSError as error:
        raise BancadaError("model.unreadable", path=str(path), detail=error.strerror or str(error)) from error
    if recognise(read_head(path)) == "safetensors":
        check_safetensors(path)
        raise BancadaError("model.needs_conversion", path=path.name)
    return plan_gguf(path, read_header(path))


def plan_gguf(path: Path, header: GgufHeader) -> ImportPlan:
    """The plan for a GGUF file whose header was read."""
    facts = facts_of(header)
    basename = header.metadata.get("general.basename")
    return ImportPlan(
        path=path,
        format="gguf",
        name=proposed_name(path.stem, header.name, (basename and basename.text) or ""),
        size_bytes=header.file_size,
        architecture=header.architecture,
        quantization=header.quantization,
        parameters=header.parameters,
        bits_per_weight=header.bits_per_weight,
        layers=header.layers,
        context_length=header.context_length,
        license=header.license[:200],
        chat_template=header.chat_template,
        metadata={
            "facts": facts.to_metadata(),
            "values": {key[:200]: _shown(entry) for key, entry in header.metadata.items()},
            "tensors": len(header.tensors),
        },
        warnings=_gguf_warnings(header),
        files={"model.gguf": path},
    )


def facts_of(header: GgufHeader) -> ModelFacts:
    """What the memory forecast needs to know of a GGUF file."""
    weights: Counter[str] = Counter()
    matrices: Counter[str] = Counter()
    layers = [0] * header.layers
    output = 0
    for one in header.tensors:
        weights[one.type] += one.size_bytes
        found = _LAYER.match(one.name)
        if found is not None and int(found[1]) < len(layers):
            layers[int(found[1])] += one.size_bytes
        if one.name == "output.weight":
            output = one.size_bytes
        # source: the conditions of ggml_repack_get_optimal_repack_type, ggml-cpu/repack.cpp
        is_matrix = len(one.dimensions) == 2 and one.dimensions[1] % 8 == 0
        if is_matrix and (found is not None or one.name == "output.weight"):
            matrices[one.type] += one.size_bytes
    return ModelFacts(
        header.embedding_length,
        header.heads,
        header.kv_heads,
        header.key_length,
        header.value_length,
        header.vocabulary,
        header.feed_forward,
        tuple(weights.items()),
        tuple(matrices.items()),
        tuple(layers),
        output,
    )


def plan_folder(folder: Path, found: OnnxFolder) -> ImportPlan:
    """The plan for an ONNX folder that was inspected."""
    return ImportPlan(
        path=folder,
        format="onnx",
        name=proposed_name(folder.name, found.name),
        size_bytes=sum(one.stat().st_size for one in found.files.values()),
        architecture=found.architecture,
        quantization=found.quantization,
        parameters=found.parameters,
        bits_per_weight=found.bits_per_weight,
        layers=found.layers,
        context_length=found.context_length,
        license=found.license[:200],
        chat_template=found.chat_template,
        metadata={
            "facts": found.facts.to_metadata(),
            "values": {key: str(value)[:SHOWN] for key, value in found.values.items()},
            "tensors": found.tensors,
        },
        warnings=found.warnings,
        files=found.files,
    )


def _inspect_folder(path: Path) -> ImportPlan:
    if (path / onnx_folder.CONFIG).exists():
        return plan_folder(path, onnx_folder.inspect(path))
    if any(path.glob("*.safetensors")):
        return inspect_hf(path)
    if (path / onnx_encoder.MODEL).exists():
        return onnx_encoder.inspect(path)
    ggufs = sorted(path.glob("*.gguf"))[:1000]
    if len(ggufs) == 1:
        return inspect_import(ggufs[0])
    if ggufs:
        raise BancadaError("model.several_files", path=path.name, count=len(ggufs), first=ggufs[0].name)
    raise BancadaError("model.folder_unknown", path=path.name)


def _shown(entry: Entry) -> Any:
    """A metadata value for display: short, plain, and JSON (no NaN)."""
    value = entry.value
    if isinstance(value, ArrayValue):
        items = ", ".join(str(one)[:100] for one in value.items[:8])
        return f"[{items}{', ...' if value.count > 8 else ''}] ({value.count})"
    if isinstance(value, str):
        more = f" ... ({entry.length} bytes)" if entry.length > len(value) or len(value) > SHOWN else ""
        return value[:SHOWN] + more
    return str(value) if isinstance(value, float) else value


def _gguf_warnings(header: GgufHeader) -> tuple[str, ...]:
    warnings = []
    if header.template_bytes and header.chat_template is None:
        warnings.append(f"Its chat template is too long ({header.template_bytes} bytes) and was left out.")
    elif header.chat_template is None:
        warnings.append("It has no chat template: it can continue a text, but not hold a conversation.")
    if not header.license:
        warnings.append("It does not say its licence.")
    return tuple(warnings)
