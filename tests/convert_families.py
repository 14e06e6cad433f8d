"""Converts a tiny model of each family both ways in one process, and prints what came of it as JSON.

Run by the tests of conversion: torch is imported once for all of them, and never into their own process.
What PyTorch computes from the original weights is what everything else is compared with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from bancada.core.paths import resources
from bancada.core.registry import resolve
from bancada.engines.conversion import generator as convert_generator
from bancada.engines.conversion import gguf as convert_gguf
from bancada.engines.conversion import trial as convert_trial
from bancada.engines.conversion.child import forbid_remote_code
from bancada.engines.conversion.orders import DequantizeOrder, GeneratorOrder, GgufOrder, TrialOrder
from bancada.quantization.tools import converter_folder
from tiny_hf import read_safetensors, write_tiny_hf

_PROMPT: Final = "The capital of Portugal is"
_TOKENS: Final = 8


def convert(base: Path, family: str) -> dict[str, Any]:
    """HF -> GGUF -> HF and HF -> ONNX, in 32 bits."""
    text = str(resources() / "conversion" / "tokenizer_check.txt")
    source = write_tiny_hf(base / family / "source", family)
    gguf, back, onnx = (base / family / name for name in ("model.gguf", "back", "onnx"))
    order = GgufOrder(str(source), str(gguf), "f32", "Tiny", str(converter_folder()), 24, text)
    said = convert_gguf.run(order, _silent)
    # imported after the converter has put its own gguf package first
    dequantize = resolve("bancada.engines.conversion.hf:run")
    dequantize(DequantizeOrder(str(gguf), str(back), "F32", text, "Tiny"), _silent)
    before, after = (read_safetensors(one / "model.safetensors") for one in (source, back))
    convert_generator.run(GeneratorOrder(str(source), str(onnx), "fp32", "cpu", str(base / "cache")), _silent)
    return {
        "difference": said["tokenizer_difference"],
        "same_names": sorted(before) == sorted(after),
        "same_values": all(np.array_equal(before[one], after[one]) for one in before),
        "torch": _torch_tokens(source),
        "torch_back": _torch_tokens(back),
        "gguf": _answer(gguf, "gguf"),
        "onnx": _answer(onnx, "onnx"),
    }


def _answer(path: Path, kind: str) -> list[int]:
    found: list[int] = convert_trial.run(TrialOrder(str(path), kind), _silent)["token_ids"]
    return found


def _torch_tokens(folder: Path) -> list[int]:
    """Greedy tokens of the model as transformers runs it."""
    library = resolve("transformers:AutoModelForCausalLM")
    tokenizer = resolve("tokenizers:Tokenizer").from_file(str(folder / "tokenizer.json"))
    ids: list[int] = tokenizer.encode(_PROMPT, add_special_tokens=False).ids
    model = library.from_pretrained(folder).eval()
    torch = resolve("torch:no_grad")
    with torch():
        for _ in range(_TOKENS):
            scores = model(resolve("torch:tensor")([ids])).logits[0, -1]
            ids.append(int(scores.argmax()))
    return ids[-_TOKENS:]


def _silent(*_: object) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    forbid_remote_code()
    print(json.dumps({one: convert(Path(sys.argv[1]), one) for one in sys.argv[2:]}))
