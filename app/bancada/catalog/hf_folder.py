"""A folder in Hugging Face's own layout: safetensors, config.json, tokenizer. Looked at, never run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

from bancada.catalog.forecast import ModelFacts
from bancada.catalog.inspection import SHOWN, ImportPlan
from bancada.catalog.names import proposed_name
from bancada.catalog.safetensors_header import check_safetensors
from bancada.core.errors import BancadaError

_MAX_JSON_BYTES: Final = 64 << 20
_MAX_TEMPLATE: Final = 65_536
_MAX_COUNT: Final = 1 << 31
_NO_WEIGHTS: Final = "it names no file of weights"


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
    config = _json(files, "config.json")
    text = config.get("text_config")
    inner = text if isinstance(text, dict) else config
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
        layers=_count(inner, "num_hidden_layers"),
        context_length=_count(inner, "max_position_embeddings"),
        license="",
        chat_template=template,
        metadata={
            "facts": _facts(inner).to_metadata(),
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
    index = _json(files, "model.safetensors.index.json")
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
