"""A folder with an embedding model or a reranker as ONNX, checked as every ONNX folder is."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bancada.catalog.hf_folder import config_facts
from bancada.catalog.import_plan import SHOWN, ImportPlan
from bancada.catalog.names import proposed_name
from bancada.catalog.onnx_folder import check_operators, collect_external, contained
from bancada.catalog.onnx_graph import Graph, read_graph
from bancada.core.errors import BancadaError

#: the format's name in the library; no engine answers from it, it gives vectors or scores
FORMAT: Final = "onnx-encoder"
MODEL: Final = "model.onnx"
CONFIG: Final = "config.json"
_TEXTS: Final = (
    CONFIG, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt",
    "sentence_bert_config.json", "modules.json", "encoder.json", "README.md", "LICENSE",
)  # fmt: skip
_MAX_JSON_BYTES: Final = 64 << 20
#: element types of TensorProto that are weights
_KINDS: Final = {1: "fp32", 10: "fp16", 16: "bf16", 2: "int8", 3: "int8"}


def inspect(folder: Path, *, foreign: bool = True) -> ImportPlan:
    """Check a folder and say what it holds; ``foreign`` as of :func:`bancada.catalog.onnx_folder.inspect`.

    Raises:
        BancadaError: ``model.onnx_invalid``, ``model.onnx_config``, ``model.unsafe_path``,
            ``model.custom_operators``, ``model.pickle``, ``model.file_missing``, ``model.incomplete`` ...
    """
    files = {MODEL: contained(folder, MODEL, foreign=foreign)}
    graph = read_graph(files[MODEL])
    check_operators(MODEL, graph)
    collect_external(folder, MODEL, graph, files, foreign=foreign)
    present = set(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
    for name in (CONFIG, "tokenizer.json"):
        if name not in present:
            raise BancadaError("model.onnx_config", detail=f"the folder has no {name}")
    for name in _TEXTS:
        if name in present:
            files[name] = contained(folder, name, foreign=foreign)
    config = _json(files[CONFIG])
    plan = _described(folder, graph, config, files)
    return replace(plan, metadata={**plan.metadata, "encoder": _json(files.get("encoder.json"))})


def _described(folder: Path, graph: Graph, config: dict[str, Any], files: dict[str, Path]) -> ImportPlan:
    parameters, size, kinds = 0, 0, Counter[str]()
    for tensor in graph.tensors:
        kind = _KINDS.get(tensor.data_type)
        if kind is not None:
            parameters += tensor.elements
            size += tensor.size_bytes
            kinds[kind] += tensor.elements
    if not parameters:
        raise BancadaError("model.no_weights")
    facts, layers, context = config_facts(config)
    return ImportPlan(
        path=folder,
        format=FORMAT,
        name=proposed_name(folder.name, ""),
        size_bytes=sum(one.stat().st_size for one in files.values()),
        architecture=str(config.get("model_type", "unknown"))[:100],
        quantization=kinds.most_common(1)[0][0],
        parameters=parameters,
        bits_per_weight=8 * size / parameters,
        layers=layers,
        context_length=context,
        license="",
        chat_template=None,
        metadata={
            "facts": facts.to_metadata(),
            "values": {key[:200]: str(value)[:SHOWN] for key, value in sorted(config.items())[:500]},
            "tensors": len(graph.tensors),
        },
        warnings=("It gives vectors or scores for other work; it does not answer questions.",),
        files=files,
    )


def _json(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise BancadaError("model.onnx_config", detail=f"{path.name} is too large")
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise BancadaError("model.onnx_config", detail=f"{path.name} is no JSON") from None
    if not isinstance(content, dict):
        raise BancadaError("model.onnx_config", detail=f"{path.name} is no JSON object")
    return content
