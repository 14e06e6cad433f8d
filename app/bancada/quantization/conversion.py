"""Which conversions there are, by which stages, and what each of them needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bancada.core.errors import BancadaError

RUN_KIND: Final = "convert"
TARGETS: Final = ("gguf", "onnx", "hf")
#: element types by target, the default first
TYPES: Final = {
    "gguf": ("f16", "bf16", "f32", "q8_0"),
    "onnx": ("int4", "int8", "fp32", "fp16"),
    "hf": ("f16", "bf16", "f32"),
}
#: what the builder of onnxruntime-genai makes for each kind of device (its own list of valid combinations)
PROVIDERS: Final = {
    "cpu": ("int4", "int8", "fp32"),
    "cuda": ("int4", "int8", "fp32", "fp16"),
    "dml": ("int4", "fp16"),
}
_ENCODER_TYPES: Final = ("fp32", "int8")
#: the text generators that the builder of onnxruntime-genai 0.15 knows (models/builder.py)
GENERATORS: Final = frozenset(
    {
        "LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "GemmaForCausalLM",
        "Gemma2ForCausalLM", "Gemma3ForCausalLM", "Phi3ForCausalLM", "PhiForCausalLM", "SmolLM3ForCausalLM",
        "GraniteForCausalLM", "NemotronForCausalLM", "OlmoForCausalLM", "Ernie4_5ForCausalLM",
        "HunYuanDenseV1ForCausalLM", "Lfm2ForCausalLM",
    }
)  # fmt: skip
GENERATION: Final = "text-generation"
EMBEDDING: Final = "feature-extraction"
RERANKING: Final = "text-classification"

_BITS: Final = {
    "f32": 32.0, "fp32": 32.0, "f16": 16.0, "fp16": 16.0, "bf16": 16.0, "q8_0": 8.5, "int8": 9.0, "int4": 5.0,
}  # fmt: skip
_LABELS: Final = {"onnx": "ONNX-", "hf": "HF-", "gguf": ""}
#: vocabulary, configuration, alignment
_BESIDE_WEIGHTS: Final = 24_000_000
#: torch and its kind in memory before the first weight (measured), and copies of the weights in 32 bits
_LIBRARIES: Final = 700_000_000
_COPIES: Final = {"dequantize": 0.5, "gguf": 0.5, "generator": 3.0, "encoder": 3.0}


class Described(Protocol):
    """What versions and plans of imports have in common."""

    @property
    def name(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def parameters(self) -> int: ...
    @property
    def metadata(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """What is converted: ``architectures`` are Hugging Face's classes, empty for a GGUF file.

    ``embedding`` counts the elements of the token embedding, 0 where it is not known; ``tied`` says that the
    output matrix is the same one.
    """

    name: str
    format: str
    parameters: int
    architectures: tuple[str, ...] = ()
    embedding: int = 0
    tied: bool = False

    @classmethod
    def of(cls, found: Described) -> Source:
        """What is known of a version of the library, or of a plan to import one."""
        facts, values = found.metadata.get("facts", {}), found.metadata.get("values", {})
        tied = not facts.get("output_bytes") if found.format == "gguf" else None
        return cls(
            name=found.name,
            format=found.format,
            parameters=found.parameters,
            architectures=classes_in(found.metadata),
            embedding=int(facts.get("vocabulary", 0)) * int(facts.get("embedding_length", 0)),
            tied=str(values.get("tie_word_embeddings")) == "True" if tied is None else tied,
        )


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """How it is done: the stages in order, and forecasts in bytes (``disk_bytes`` with what lies between)."""

    target: str
    type: str
    provider: str
    task: str
    stages: tuple[str, ...]
    result_bytes: int
    disk_bytes: int
    memory_bytes: int


def plan(source: Source, target: str, kind: str = "", provider: str = "cpu") -> ConversionPlan:
    """The way from a source to a target; an empty ``kind`` takes the usual type.

    Raises:
        BancadaError: ``convert.target_unknown``, ``convert.type_unknown``, ``convert.same_format``,
            ``convert.source_unsupported``, ``convert.architecture_unsupported``.
    """
    if target not in TYPES:
        raise BancadaError("convert.target_unknown", target=target[:40], known=", ".join(TARGETS))
    task = task_of(source.architectures)
    kind = _type(target, kind, provider, task)
    stages = _stages(source, target, task)
    result = _bytes(source.parameters, kind)
    if target == "onnx" and (kind == "int8" or (kind == "int4" and not source.tied)):
        result += 4 * source.embedding  # the embedding stays as it is
    between = 4 * source.parameters + _BESIDE_WEIGHTS if len(stages) > 1 else 0
    scratch = 4 * source.parameters if stages[-1] == "encoder" and kind == "int8" else 0
    return ConversionPlan(
        target=target,
        type=kind,
        provider=provider if target == "onnx" else "",
        task=task,
        stages=stages,
        result_bytes=result,
        disk_bytes=result + between + scratch,
        memory_bytes=max(_LIBRARIES + int(_COPIES[one] * 4 * source.parameters) for one in stages),
    )


def task_of(architectures: Sequence[str]) -> str:
    """What a model of these classes does; a GGUF file (without any) generates text."""
    for one in architectures:
        if one.endswith("ForSequenceClassification"):
            return RERANKING
        if one.endswith(("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")):
            return GENERATION
        if one.endswith(("Model", "ForMaskedLM")):
            return EMBEDDING
    return GENERATION


def classes_in(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Hugging Face's classes as the library keeps them, as the text of a list; () for GGUF files."""
    shown = metadata.get("values", {}).get("architectures", "")
    return tuple(one for one in str(shown).strip("[]").replace("'", "").split(", ") if one)


def result_name(source: str, plan: ConversionPlan) -> str:
    """The name to propose: the source's without what an earlier conversion put there, and the type."""
    endings = [
        f"-{label}{_shown(target, kind)}" for target, label in _LABELS.items() for kind in TYPES[target]
    ]
    ending = next((one for one in endings if source.endswith(one)), "")
    base = source.removesuffix(ending)
    device = f"-{plan.provider}" if plan.provider not in ("", "cpu") else ""
    return f"{base}-{_LABELS[plan.target]}{_shown(plan.target, plan.type)}{device}"


def check_code(configs: Mapping[str, Mapping[str, Any]], *, ignore: bool) -> None:
    """Refuse a model that asks for program code of its own; with ``ignore`` it is done without that code.

    Args:
        configs: the JSON files of its folder by name.
        ignore: the user knows, and wants the converters' own implementation of its architecture.

    Raises:
        BancadaError: ``convert.remote_code`` naming the files.
    """
    asking = [name for name, content in configs.items() if _asks_for_code(content)]
    if asking and not ignore:
        raise BancadaError("convert.remote_code", files=", ".join(sorted(asking)))


def without_code(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration without what names program code."""
    return {key: value for key, value in config.items() if key not in ("auto_map", "custom_pipelines")}


def check_tokenizer(files: Sequence[str]) -> None:
    """Raise BancadaError ``convert.tokenizer_missing`` unless a tokenizer is among the files."""
    whole = {"tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt"}
    if not whole & set(files) and not {"vocab.json", "merges.txt"} <= set(files):
        raise BancadaError("convert.tokenizer_missing", tool="every converter")


def _asks_for_code(config: Mapping[str, Any]) -> bool:
    return bool(config.get("auto_map") or config.get("custom_pipelines"))


def _type(target: str, kind: str, provider: str, task: str) -> str:
    known: Sequence[str] = TYPES[target]
    if target == "onnx":
        if provider not in PROVIDERS:
            raise BancadaError("convert.target_unknown", target=provider[:40], known=", ".join(PROVIDERS))
        known = PROVIDERS[provider] if task == GENERATION else _ENCODER_TYPES
    kind = kind.lower() or known[0]
    if kind not in known:
        what = f"{target} on {provider}" if target == "onnx" else target
        raise BancadaError("convert.type_unknown", type=kind[:40], target=what, known=", ".join(known))
    return kind


def _stages(source: Source, target: str, task: str) -> tuple[str, ...]:
    if source.format not in ("gguf", "hf"):
        raise BancadaError("convert.source_unsupported", name=source.name, format=source.format)
    if source.format == target == "hf":
        raise BancadaError("convert.same_format", name=source.name)
    before = ("dequantize",) if source.format == "gguf" else ()
    if target == "hf":
        return before
    if target == "gguf":
        return (*before, "gguf")
    if task != GENERATION:
        return ("encoder",)
    if source.architectures and not GENERATORS & set(source.architectures):
        raise BancadaError(
            "convert.architecture_unsupported",
            architecture=source.architectures[0][:80],
            tool="the builder of onnxruntime-genai",
            known=", ".join(sorted(GENERATORS)),
        )
    return (*before, "generator")


def _bytes(parameters: int, kind: str) -> int:
    return int(parameters * _BITS[kind] / 8) + _BESIDE_WEIGHTS


def _shown(target: str, kind: str) -> str:
    return kind if target == "onnx" else kind.upper()
