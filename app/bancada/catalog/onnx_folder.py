"""A folder for onnxruntime-genai, checked before ONNX Runtime sees any of it.

ONNX Runtime follows what the files say: external data by path (hard links included), libraries of
custom operators by name. So only what is plainly a model is accepted: named files inside the folder,
standard operators, known settings; code and pickles stay outside.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bancada.catalog.file_kind import is_pickle, read_head, recognise
from bancada.catalog.forecast import ModelFacts
from bancada.catalog.onnx_graph import Graph, GraphTensor, broken, read_graph
from bancada.core.errors import BancadaError

CONFIG: Final = "genai_config.json"
MAX_JSON_BYTES: Final = 64 * 1024 * 1024
MAX_FILES: Final = 1_000
_MAX_COUNT: Final = 1 << 31

#: operators of these domains are part of ONNX Runtime itself
_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
#: files that belong to a model besides the graph and its data; everything else is left out
_TOKENIZER: Final = frozenset(
    {
        CONFIG, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "chat_template.jinja",
        "chat_template.json", "generation_config.json", "config.json", "README.md", "LICENSE", "LICENSE.txt",
    }
)  # fmt: skip
_PICKLES: Final = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")
_CODE: Final = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".exe")
_SESSION_OPTIONS: Final = frozenset(
    {
        "log_id", "log_severity_level", "log_verbosity_level", "provider_options", "intra_op_num_threads",
        "inter_op_num_threads", "enable_cpu_mem_arena", "enable_mem_pattern", "disable_cpu_ep_fallback",
        "disable_quant_qdq", "enable_quant_qdq_cleanup", "graph_optimization_level", "use_env_allocators",
    }
)  # fmt: skip
_SESSION_PREFIXES: Final = (
    "session.intra_op.",
    "session.inter_op.",
    "session.disable_",
    "session.set_denormal",
)
_PLAIN_NAME: Final = re.compile(r"[^./\\:\x00-\x1f][^/\\:\x00-\x1f]{0,199}")
#: keys of genai_config.json that name files, and those that name code
_FILE_KEYS: Final = re.compile(r"(?:^|_)(?:file|filename|path|dir|directory|folder|location)$")
_CODE_KEYS: Final = re.compile(r"librar|custom_op")


@dataclass(frozen=True, slots=True)
class OnnxFolder:
    """What a folder holds. ``files`` maps the names to keep to their places.

    ``parameters`` counts the elements of the weights; ``bits_per_weight`` is ``8 * stored bytes /
    parameters``, with the scales of a quantization in the bytes and not in the parameters.
    """

    name: str
    architecture: str
    quantization: str
    parameters: int
    bits_per_weight: float
    layers: int
    context_length: int
    license: str
    chat_template: str | None
    facts: ModelFacts
    tensors: int
    values: dict[str, Any]
    files: dict[str, Path]
    warnings: tuple[str, ...] = field(default=())


def inspect(folder: Path, *, foreign: bool = True) -> OnnxFolder:
    """Check a folder and say what it holds.

    Args:
        folder: the folder with ``genai_config.json``.
        foreign: it comes from outside, so that hard links are refused too; False for a view of our own.

    Raises:
        BancadaError: ``model.onnx_invalid``, ``model.onnx_config``, ``model.unsafe_path``,
            ``model.custom_operators``, ``model.pickle``, ``model.file_missing``, ``model.incomplete`` ...
    """
    names = _names(folder)
    config = _read_json(folder, CONFIG, foreign=foreign)
    section = _dictionary(config, "model")
    _check_config(config)
    files: dict[str, Path] = {}
    graphs = {}
    for name in _graph_names(section):
        files[name] = contained(folder, name, foreign=foreign)
        graphs[name] = read_graph(files[name])
        check_operators(name, graphs[name])
        collect_external(folder, name, graphs[name], files, foreign=foreign)
    if "tokenizer.json" not in names:
        raise BancadaError("model.onnx_config", detail="the folder has no tokenizer.json")
    for name in sorted(names & _TOKENIZER):
        files.setdefault(name, contained(folder, name, foreign=foreign))
    left_out = [folder / one for one in sorted(names - set(files))]
    return _describe(section, graphs.values(), files, left_out)


def contained(folder: Path, name: str, *, foreign: bool) -> Path:
    """The plain file ``name`` directly inside ``folder``.

    Raises:
        BancadaError: ``model.unsafe_path`` for a way out of the folder, a link of any kind or no plain
            file; ``model.file_missing``; ``model.pickle``.
    """
    if not _PLAIN_NAME.fullmatch(name) or name.endswith((".", " ")):
        raise BancadaError("model.unsafe_path", path=name[:200])
    path = folder / name
    if not path.is_symlink() and not path.exists():
        raise BancadaError("model.file_missing", path=str(path))
    stat = path.lstat()
    if path.is_symlink() or not path.is_file() or (foreign and stat.st_nlink > 1):
        raise BancadaError("model.unsafe_path", path=name)
    if stat.st_size:
        kind = recognise(read_head(path))
        if kind.startswith(("a Python pickle", "a zip", "a 7z")):
            raise BancadaError("model.pickle", path=name, kind=kind)
    return path


def _names(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry, _ in zip(entries, range(MAX_FILES + 1), strict=False)}
    except OSError as error:
        raise BancadaError(
            "model.unreadable", path=str(folder), detail=error.strerror or str(error)
        ) from error
    if len(names) > MAX_FILES:
        raise BancadaError("model.onnx_config", detail=f"the folder holds more than {MAX_FILES} entries")
    return names


def _read_json(folder: Path, name: str, *, foreign: bool) -> dict[str, Any]:
    path = contained(folder, name, foreign=foreign)
    if path.stat().st_size > MAX_JSON_BYTES:
        raise BancadaError("model.onnx_config", detail=f"{name} is larger than {MAX_JSON_BYTES >> 20} MB")
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise BancadaError("model.unreadable", path=str(path), detail=error.strerror or str(error)) from error
    except (ValueError, RecursionError):
        raise BancadaError("model.onnx_config", detail=f"{name} is no JSON") from None
    if not isinstance(found, dict):
        raise BancadaError("model.onnx_config", detail=f"{name} is no JSON object")
    return found


def _dictionary(parent: dict[str, Any], key: str) -> dict[str, Any]:
    found = parent.get(key)
    if not isinstance(found, dict):
        raise BancadaError("model.onnx_config", detail=f"{CONFIG} has no section '{key}'")
    return found


def _walk(value: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every key with its plain value, at any depth (an option may be given as a name and a value)."""
    if depth > 40:
        raise BancadaError("model.onnx_config", detail=f"{CONFIG} is nested too deeply")
    if isinstance(value, dict):
        for name, one in value.items():
            yield name, None
            yield from _walk(one, name, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _walk(one, key, depth + 1)
    else:
        yield key, value


def _check_config(config: dict[str, Any]) -> None:
    """Refuse settings that load code or reach outside the folder."""
    _check_session_options(config)
    for key, value in _walk(config):
        lowered = key.lower()
        if _CODE_KEYS.search(lowered):
            raise BancadaError(
                "model.custom_operators", detail=f"{CONFIG} names a library of operators ({key})"
            )
        if isinstance(value, str) and value and _reaches_out(lowered, value):
            raise BancadaError("model.unsafe_path", path=f"{key}: {value}"[:200])


def _check_session_options(value: Any) -> None:
    """Let through only settings of ONNX Runtime that are known to change speed and nothing else."""
    sections = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    for section in sections:
        if not isinstance(section, dict):
            continue
        options = section.get("session_options")
        for key in options if isinstance(options, dict) else ():
            if key not in _SESSION_OPTIONS and not key.startswith(_SESSION_PREFIXES):
                raise BancadaError("model.onnx_config", detail=f"the session option {key[:60]} is refused")
        for one in section.values():
            _check_session_options(one)


def _reaches_out(key: str, value: str) -> bool:
    parts = re.split(r"[/\\]", value)
    names_file = bool(_FILE_KEYS.search(key))
    return ".." in parts or bool(re.match(r"[/\\~]|[a-zA-Z]:[/\\]", value)) or (names_file and len(parts) > 1)


def _graph_names(section: dict[str, Any]) -> list[str]:
    """The ONNX files that the configuration names, the decoder's first."""
    names = [value for key, value in _walk(section) if key == "filename" and value is not None]
    if not names or not all(isinstance(one, str) and one.endswith(".onnx") for one in names):
        raise BancadaError("model.onnx_config", detail=f"{CONFIG} does not name its ONNX file")
    return list(dict.fromkeys(names))


def check_operators(name: str, graph: Graph) -> None:
    """Raise BancadaError ``model.custom_operators`` unless ONNX Runtime itself has every operator."""
    for node in graph.nodes:
        if node.domain not in _DOMAINS and (node.domain, node.operator) not in graph.functions:
            what = f"{node.domain[:60]}::{node.operator[:60]}"
            raise BancadaError("model.custom_operators", detail=f"{name} uses the operator {what}")


def collect_external(folder: Path, name: str, graph: Graph, files: dict[str, Path], *, foreign: bool) -> None:
    """Add the files that hold the graph's external data to ``files``, each checked as :func:`contained`.

    Raises:
        BancadaError: ``model.unsafe_path``, ``model.file_missing``, ``model.incomplete`` ...
    """
    for tensor in graph.tensors:
        external = tensor.external
        if external is None:
            continue
        location = external.location.removeprefix("./")
        path = files.get(location) or contained(folder, location, foreign=foreign)
        files[location] = path
        size = path.stat().st_size
        length = tensor.size_bytes if external.length is None else external.length
        if length < tensor.size_bytes:
            raise broken(name, f"'{tensor.name[:60]}' has {length} bytes and needs {tensor.size_bytes}")
        if external.offset + length > size:
            raise BancadaError("model.incomplete", have=size, need=external.offset + length)


def _describe(
    section: dict[str, Any], graphs: Iterable[Graph], files: dict[str, Path], left_out: list[Path]
) -> OnnxFolder:
    weights = _Weights()
    for graph in graphs:
        weights.add(graph)
    if not weights.parameters:
        raise BancadaError("model.no_weights")
    decoder = _dictionary(section, "decoder")
    layers = _count(decoder, "num_hidden_layers", 4_096)
    heads, kv_heads = _count(decoder, "num_attention_heads"), _count(decoder, "num_key_value_heads")
    head = _count(decoder, "head_size")
    vocabulary = _count(section, "vocab_size")
    config = _optional_json(files, "config.json")
    tokenizer = _optional_json(files, "tokenizer_config.json")
    template = _template(files, tokenizer)
    facts = ModelFacts(_count(decoder, "hidden_size"), heads, (kv_heads,) * layers, head, head, vocabulary)
    license_ = config.get("license")
    return OnnxFolder(
        name=_short_text(config.get("_name_or_path")).replace("\\", "/").rstrip("/").rpartition("/")[2],
        architecture=_short_text(section.get("type")) or "unknown",
        quantization=weights.label,
        parameters=weights.parameters,
        bits_per_weight=8 * weights.size_bytes / weights.parameters,
        layers=layers,
        context_length=_count(section, "context_length"),
        license=_short_text(license_),
        chat_template=template,
        facts=facts,
        tensors=weights.tensors,
        values={key: value for key, value in _walk(section) if value is not None},
        files=files,
        warnings=_warnings(left_out, [config, tokenizer], template),
    )


class _Weights:
    """Adds up what the graphs store."""

    def __init__(self) -> None:
        self.parameters = 0
        self.size_bytes = 0
        self.tensors = 0
        self._elements: dict[str, int] = {}

    @property
    def label(self) -> str:
        """The kind that holds most parameters, such as ``int4`` or ``fp16``."""
        return max(self._elements, key=lambda one: self._elements[one])

    def add(self, graph: Graph) -> None:
        quantized: dict[str, tuple[int, int]] = {}
        helpers: set[str] = set()
        for node in graph.nodes:
            if node.operator == "MatMulNBits" and len(node.inputs) > 2:
                elements = min(node.numbers.get("K", 0) * node.numbers.get("N", 0), 1 << 48)
                quantized[node.inputs[1]] = (elements, node.numbers.get("bits", 4))
                helpers.update(node.inputs[2:])
            elif node.operator == "GatherBlockQuantized" and len(node.inputs) > 2:
                quantized[node.inputs[0]] = (0, node.numbers.get("bits", 4))
                helpers.update(node.inputs[2:])
        for tensor in graph.tensors:
            self._add_tensor(tensor, quantized.get(tensor.name), is_helper=tensor.name in helpers)

    def _add_tensor(self, tensor: GraphTensor, packed: tuple[int, int] | None, *, is_helper: bool) -> None:
        if tensor.name.endswith(("cos_cache", "sin_cache")):
            return
        self.tensors += 1
        self.size_bytes += tensor.size_bytes
        if is_helper:
            return
        if packed is not None:
            elements = packed[0] or tensor.size_bytes * 8 // max(1, packed[1])
            kind = f"int{packed[1]}"
        elif tensor.data_type in (1, 10, 16, 21, 22, 17, 18, 19, 20):
            elements, kind = tensor.elements, _KINDS.get(tensor.data_type, "fp8")
        else:
            return
        self.parameters += elements
        self._elements[kind] = self._elements.get(kind, 0) + elements


_KINDS: Final = {1: "fp32", 10: "fp16", 16: "bf16", 21: "int4", 22: "int4"}


def _count(section: dict[str, Any], key: str, limit: int = _MAX_COUNT) -> int:
    value = section.get(key)
    if type(value) is not int or not 0 < value <= limit:
        raise BancadaError("model.onnx_config", detail=f"{CONFIG} gives {key} as {str(value)[:40]}")
    return value


def _optional_json(files: dict[str, Path], name: str) -> dict[str, Any]:
    return _read_json(files[name].parent, name, foreign=False) if name in files else {}


def _short_text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def _template(files: dict[str, Path], tokenizer: dict[str, Any]) -> str | None:
    """The chat template: the file of its own, else the tokenizer's."""
    if "chat_template.jinja" in files:
        path = files["chat_template.jinja"]
        if path.stat().st_size <= 4 * 1024 * 1024:
            return path.read_text("utf-8", errors="replace")
        return None
    found = tokenizer.get("chat_template")
    if isinstance(found, list):  # several named ones
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None


def _warnings(left_out: list[Path], configs: list[dict[str, Any]], template: str | None) -> tuple[str, ...]:
    warnings = []
    code = [one.name for one in left_out if one.suffix.lower() in _CODE]
    pickles = [one.name for one in left_out if _looks_pickled(one)]
    if code:
        warnings.append(f"Program code in the folder was left out and is never run: {_listed(code)}.")
    if any("auto_map" in one for one in configs):
        warnings.append("Its configuration asks for code of its own (auto_map); this is ignored.")
    if pickles:
        warnings.append(
            f"Pickled files in the folder were left out and are never opened: {_listed(pickles)}."
        )
    if template is None:
        warnings.append("It has no chat template: it can continue a text, but not hold a conversation.")
    return tuple(warnings)


def _listed(names: list[str]) -> str:
    return ", ".join(one[:60] for one in names[:5]) + (
        f" and {len(names) - 5} more" if len(names) > 5 else ""
    )


def _looks_pickled(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if path.suffix.lower() in _PICKLES:
        return True
    with path.open("rb") as file:
        return is_pickle(file.read(16))
