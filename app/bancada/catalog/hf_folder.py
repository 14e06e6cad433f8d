"""A folder in Hugging Face's own layout: safetensors, config.json, tokenizer. Looked at, never run."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, Final

from bancada.catalog.file_kind import read_head, recognise
from bancada.catalog.forecast import ModelFacts
from bancada.catalog.hub.file_policy import CODE, MAX_TEXT_BYTES, PICKLE, SAFETENSORS, TEXT, kind_of
from bancada.catalog.import_plan import SHOWN, ImportPlan
from bancada.catalog.names import proposed_name
from bancada.catalog.safetensors_header import check_safetensors
from bancada.core.errors import BancadaError

_MAX_JSON_BYTES: Final = 64 << 20
_MAX_TEMPLATE: Final = 65_536
_MAX_COUNT: Final = 1 << 31
_NO_WEIGHTS: Final = "it names no file of weights"


CONFIG: Final = "config.json"
_INDEX: Final = "model.safetensors.index.json"
_MAX_FILES: Final = 2_000
#: files below the folder that belong to an embedding model
_POOLING: Final = "1_Pooling/config.json"


def inspect_hf(folder: Path) -> ImportPlan:
    """The plan for a folder on the disk: its weights and texts, without program code, pickles and links.

    Raises:
        BancadaError: what :func:`plan_hf` raises; ``model.unsafe_path`` for a link among the files,
            ``model.pickle`` for a pickle that bears another name, ``model.unreadable``.
    """
    kinds = {name: kind_of(name) for name in _names(folder)}
    taken = [name for name, kind in kinds.items() if kind in (SAFETENSORS, TEXT)]
    if (folder / _POOLING).is_file():
        taken.append(_POOLING)
    files = {name: _plain_file(folder, name) for name in sorted(taken)}
    files = {
        name: path
        for name, path in files.items()
        if kinds.get(name) == SAFETENSORS or path.stat().st_size <= MAX_TEXT_BYTES
    }
    if CONFIG not in files:
        for path in files.values():
            if path.suffix == ".safetensors":
                check_safetensors(path)
        raise BancadaError("model.needs_conversion", path=folder.name)
    plan = plan_hf(folder.name, _without_other_copies(files))
    left_out = [name for name, kind in kinds.items() if kind in (CODE, PICKLE)]
    warnings = list(plan.warnings)
    if left_out:
        names = ", ".join(sorted(one[:60] for one in left_out)[:5])
        warnings.append(
            f"Program code and pickles in the folder were left out and are never opened: {names}."
        )
    return replace(plan, path=folder, warnings=tuple(warnings))


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [
                one.name for one, _ in zip(entries, range(_MAX_FILES + 1), strict=False) if not one.is_dir()
            ]
    except OSError as error:
        raise BancadaError(
            "model.unreadable", path=str(folder), detail=error.strerror or str(error)
        ) from error
    if len(names) > _MAX_FILES:
        raise BancadaError("model.hf_config", detail=f"the folder holds more than {_MAX_FILES} files")
    return names


def _plain_file(folder: Path, name: str) -> Path:
    path = folder / name
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        raise BancadaError("model.unsafe_path", path=name[:200])
    if path.stat().st_size:
        kind = recognise(read_head(path))
        if kind.startswith(("a Python pickle", "a zip", "a 7z")):
            raise BancadaError("model.pickle", path=name, kind=kind)
    return path


def _without_other_copies(files: Mapping[str, Path]) -> dict[str, Path]:
    """Of several sets of weights (Mistral's own beside Hugging Face's) only the one that counts."""
    index = _json(files, _INDEX).get("weight_map")
    if isinstance(index, dict):
        counted = {str(one) for one in index.values()}
    else:
        counted = {"model.safetensors"} if "model.safetensors" in files else set(files)
    return {
        name: path for name, path in files.items() if name in counted or not name.endswith(".safetensors")
    }


def plan_hf(name: str, files: Mapping[str, Path]) -> ImportPlan:
    """The plan for such a folder, from its files by their relative names.

    Raises:
        BancadaError: ``model.safetensors_invalid``, ``model.incomplete``, ``model.no_weights``,
            ``model.hf_config`` when config.json or the index of the weights is unusable or names
            missing files.
    """
    weights = {one: path for one, path in sorted(files.items()) if one.endswith(".safetensors")}
    if not weights:
        raise BancadaError("model.no_weights")
    _check_index(files)
    parameters, size, kinds = 0, 0, Counter[str]()
    for path in weights.values():
        check_safetensors(path)
        for dtype, shape, length in _tensors(path):
            parameters += prod(shape)
            size += length
            kinds[dtype] += length
    config = _json(files, CONFIG)
    facts, layers, context = config_facts(config)
    tokenizer = _json(files, "tokenizer_config.json")
    template = _template(files, tokenizer)
    return ImportPlan(
        path=Path(name),
        format="hf",
        name=proposed_name(name, ""),
        size_bytes=sum(path.stat().st_size for path in files.values()),
        architecture=_word(config.get("model_type")) or "unknown",
        quantization=kinds.most_common(1)[0][0] if kinds else "",
        parameters=parameters,
        bits_per_weight=8 * size / parameters if parameters else 0.0,
        layers=layers,
        context_length=context,
        license="",
        chat_template=template,
        metadata={
            "facts": facts.to_metadata(),
            "values": {key[:200]: str(value)[:SHOWN] for key, value in sorted(config.items())[:500]},
            "tensors": sum(1 for path in weights.values() for _ in _tensors(path)),
        },
        warnings=_warnings(config, tokenizer, template),
        files=dict(files),
    )


def _tensors(path: Path) -> list[tuple[str, list[int], int]]:
    """Type, shape and bytes of every tensor of a file whose header was checked."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return [
        (str(one["dtype"]), one["shape"], one["data_offsets"][1] - one["data_offsets"][0])
        for name, one in header.items()
        if name != "__metadata__"
    ]


def _check_index(files: Mapping[str, Path]) -> None:
    """Every shard that the index names must be there."""
    index = _json(files, _INDEX)
    shards = index.get("weight_map", {})
    names = {str(one) for one in shards.values()} if isinstance(shards, dict) else set()
    if index and not names:
        raise BancadaError("model.hf_config", detail=f"model.safetensors.index.json: {_NO_WEIGHTS}")
    missing = sorted(names - set(files))
    if missing:
        raise BancadaError("model.hf_config", detail=f"of its weights {', '.join(missing)[:300]} are missing")


def _json(files: Mapping[str, Path], name: str) -> dict[str, Any]:
    """A file of the folder as an object; {} when there is none."""
    path = files.get(name)
    if path is None:
        return {}
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise BancadaError("model.hf_config", detail=f"{name} is too large")
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BancadaError("model.hf_config", detail=f"{name} is no JSON") from error
    if not isinstance(content, dict):
        raise BancadaError("model.hf_config", detail=f"{name} is no JSON object")
    return content


def config_facts(config: Mapping[str, Any]) -> tuple[ModelFacts, int, int]:
    """What a config.json says for forecasts, the number of layers and the longest text in tokens."""
    text = config.get("text_config")
    inner = text if isinstance(text, dict) else config
    return _facts(inner), _count(inner, "num_hidden_layers"), _count(inner, "max_position_embeddings")


def _facts(config: Mapping[str, Any]) -> ModelFacts:
    embedding, heads = _count(config, "hidden_size"), _count(config, "num_attention_heads")
    kv_heads = _count(config, "num_key_value_heads") or heads
    length = _count(config, "head_dim") or (embedding // heads if heads else 0)
    layers = min(_count(config, "num_hidden_layers"), 4_096)
    return ModelFacts(embedding, heads, (kv_heads,) * layers, length, length, _count(config, "vocab_size"))


def _template(files: Mapping[str, Path], tokenizer: Mapping[str, Any]) -> str | None:
    path = files.get("chat_template.jinja")
    if path is not None and path.stat().st_size <= _MAX_TEMPLATE:
        return path.read_text(encoding="utf-8", errors="replace")
    template = tokenizer.get("chat_template")
    if isinstance(template, list):  # several by name
        named = {one.get("name"): one.get("template") for one in template if isinstance(one, dict)}
        template = named.get("default")
    good = isinstance(template, str) and 0 < len(template) <= _MAX_TEMPLATE
    return template.encode("utf-8", "replace").decode() if good and isinstance(template, str) else None


def _warnings(
    config: Mapping[str, Any], tokenizer: Mapping[str, Any], template: str | None
) -> tuple[str, ...]:
    warnings = []
    if "auto_map" in config or "auto_map" in tokenizer:
        warnings.append("It asks for program code of its own (auto_map), which is never fetched nor run.")
    if template is None:
        warnings.append("It has no chat template: it can continue a text, but not hold a conversation.")
    return tuple(warnings)


def _count(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    return value if type(value) is int and 0 <= value < _MAX_COUNT else 0


def _word(value: Any) -> str:
    return value[:100] if isinstance(value, str) and value.isprintable() else ""
