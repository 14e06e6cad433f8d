"""What each stage of a conversion is told; kept apart, so that a worker imports no converter to say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: the model card, from which converters read the licence
CARD: Final = "README.md"


@dataclass(frozen=True, slots=True)
class DequantizeOrder:
    """What to do: ``dtype`` is F32, F16 or BF16; ``check_text`` is the file for comparing tokenizers.

    ``card`` is the text of the model card to put beside, if any.
    """

    source: str
    folder: str
    dtype: str
    check_text: str
    name: str = ""
    card: str = ""


@dataclass(frozen=True, slots=True)
class GgufOrder:
    """``converter`` is the folder with the script, ``kind`` one of f32, f16, bf16, q8_0."""

    source: str
    target: str
    kind: str
    name: str
    converter: str
    tensors: int
    check_text: str


@dataclass(frozen=True, slots=True)
class GeneratorOrder:
    """``precision`` is fp32, fp16, int8 or int4; ``provider`` cpu, cuda or dml; ``cache`` a folder for it."""

    source: str
    folder: str
    precision: str
    provider: str
    cache: str


@dataclass(frozen=True, slots=True)
class EncoderOrder:
    """``task`` is feature-extraction or text-classification, ``precision`` fp32 or int8.

    ``features`` are the instruction sets of this machine, as the hardware's description names them.
    """

    source: str
    folder: str
    task: str
    precision: str
    features: tuple[str, ...]
    check_text: str


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """``path`` is a GGUF file or an ONNX folder, ``format`` says which."""

    path: str
    format: str
