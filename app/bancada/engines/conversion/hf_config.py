"""``config.json`` and ``generation_config.json`` for a model whose facts are in a GGUF file.

Keys are those of transformers 4.57; what a file does not say has the value that the engine assumes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bancada.core.errors import BancadaError
from bancada.engines.conversion.hf_family import Family

_NONE: Final = 0xFFFFFFFF
_TORCH_TYPES: Final = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
#: layers of the largest models of Gemma 2 and 3, whose queries are scaled in another way (llama-model.cpp)
_LARGEST_GEMMA: Final = {"gemma2": 46, "gemma3_text": 62}


class Metadata:
    """The metadata of a GGUF file, with the architecture's own keys by their short names."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.architecture = str(values.get("general.architecture", ""))

    def get(self, key: str, default: Any = None) -> Any:
        """A value by its full key; floats as the shortest number that is the same in 32 bits."""
        value = self._values.get(key, default)
        return float(str(np.float32(value))) if isinstance(value, float) else value

    def own(self, key: str, default: Any = None) -> Any:
        """A value under the architecture's prefix."""
        return self.get(f"{self.architecture}.{key}", default)

    def need(self, key: str) -> Any:
        """The same; raises BancadaError ``model.metadata_missing``."""
        value = self.own(key)
        if value is None:
            raise BancadaError("model.metadata_missing", key=f"{self.architecture}.{key}")
        return value

    def token(self, kind: str) -> int | None:
        """The id of a special token such as ``bos``."""
        value = self.get(f"tokenizer.ggml.{kind}_token_id")
        return int(value) if value is not None and int(value) != _NONE else None


def make_config(
    family: Family,
    metadata: Metadata,
    rope: Mapping[str, NDArray[np.float32]],
    *,
    dtype: str,
    vocabulary: int,
    tied: bool,
    biased: bool,
) -> dict[str, Any]:
    """The content of config.json.

    Args:
        family: the architecture.
        metadata: the file's own.
        rope: the tensors of rotary positions that the file stores, by name.
        dtype: element type of the weights (``F32``, ``F16``, ``BF16``).
        vocabulary: rows of the embedding.
        tied: the output matrix is the embedding.
        biased: queries, keys and values have a bias.

    Raises:
        BancadaError: ``model.metadata_missing``, ``convert.rope_unknown``.
    """
    heads, width = int(metadata.need("attention.head_count")), int(metadata.need("embedding_length"))
    head = int(metadata.own("attention.key_length") or width // heads)
    config = {
        "architectures": [family.architecture],
        "model_type": family.model_type,
        "hidden_size": width,
        "intermediate_size": int(metadata.need("feed_forward_length")),
        "num_hidden_layers": int(metadata.need("block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(metadata.own("attention.head_count_kv") or heads),
        "head_dim": head,
        "max_position_embeddings": int(metadata.need("context_length")),
        "rms_norm_eps": metadata.need("attention.layer_norm_rms_epsilon"),
        "rope_theta": metadata.own("rope.freq_base", 10_000.0),
        "rope_scaling": _scaling(metadata, rope, head),
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "attention_bias": biased,
        "attention_dropout": 0.0,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "torch_dtype": _TORCH_TYPES[dtype],
        "use_cache": True,
        "bos_token_id": metadata.token("bos"),
        "eos_token_id": metadata.token("eos"),
        "pad_token_id": metadata.token("padding"),
        "transformers_version": "4.57.6",
    }
    return config | _special(family, metadata, config)


def make_generation_config(metadata: Metadata) -> dict[str, Any]:
    """The content of generation_config.json: all tokens that end an answer."""
    ends = [
        one
        for one in (metadata.token("eos"), metadata.token("eot"), metadata.token("eom"))
        if one is not None
    ]
    ends = list(dict.fromkeys(ends))
    return {
        "bos_token_id": metadata.token("bos"),
        "eos_token_id": ends[0] if len(ends) == 1 else ends or None,
        "pad_token_id": metadata.token("padding"),
        "transformers_version": "4.57.6",
    }


def _special(family: Family, metadata: Metadata, config: Mapping[str, Any]) -> dict[str, Any]:
    """What only one family says."""
    if family.model_type.startswith("qwen"):
        return {"use_sliding_window": False, "sliding_window": None}
    if family.model_type == "phi3":
        rotated = int(metadata.own("rope.dimension_count") or config["head_dim"])
        return {
            "partial_rotary_factor": rotated / int(config["head_dim"]),
            "original_max_position_embeddings": int(
                metadata.own("rope.scaling.original_context_length") or config["max_position_embeddings"]
            ),
            "sliding_window": int(metadata.own("attention.sliding_window") or 0) or None,
            "pad_token_id": config["pad_token_id"]
            if config["pad_token_id"] is not None
            else config["eos_token_id"],
        }
    if family.model_type.startswith("gemma"):
        return _gemma(family, metadata, config)
    return {}


def _gemma(family: Family, metadata: Metadata, config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh"}
    if family.model_type == "gemma":
        return found
    largest = config["num_hidden_layers"] == _LARGEST_GEMMA[family.model_type]
    scale = config["hidden_size"] // config["num_attention_heads"] if largest else config["head_dim"]
    window = int(metadata.own("attention.sliding_window") or 0)
    found |= {
        "query_pre_attn_scalar": scale,
        "sliding_window": window or 4096,
        "final_logit_softcapping": metadata.own("final_logit_softcapping"),
        "attn_logit_softcapping": metadata.own("attn_logit_softcapping"),
    }
    if family.model_type == "gemma2":
        found["final_logit_softcapping"] = metadata.own("final_logit_softcapping", 30.0)
        found["attn_logit_softcapping"] = metadata.own("attn_logit_softcapping", 50.0)
    else:
        found["sliding_window_pattern"] = 6 if window else 1
        found["rope_local_base_freq"] = metadata.own("rope.freq_base_swa", 10_000.0)
    return found


def _scaling(metadata: Metadata, rope: Mapping[str, NDArray[np.float32]], head: int) -> dict[str, Any] | None:
    """How positions beyond the first training are stretched."""
    if "rope_freqs.weight" in rope:
        return _llama3(metadata, rope["rope_freqs.weight"], head)
    if "rope_factors_long.weight" in rope:
        return {
            "type": "longrope",
            "rope_type": "longrope",
            "long_factor": [float(one) for one in rope["rope_factors_long.weight"]],
            "short_factor": [float(one) for one in rope["rope_factors_short.weight"]],
        }
    kind, factor = metadata.own("rope.scaling.type"), metadata.own("rope.scaling.factor")
    if kind in (None, "none", "") or (kind != "yarn" and factor in (None, 0.0, 1.0)):
        return None
    if kind == "linear":
        return {"type": "linear", "rope_type": "linear", "factor": factor}
    if kind == "yarn":
        original = int(metadata.need("rope.scaling.original_context_length"))
        return {
            "type": "yarn",
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": original,
        }
    raise BancadaError("convert.rope_unknown", kind=str(kind)[:40])


def _llama3(metadata: Metadata, stored: NDArray[np.float32], head: int) -> dict[str, Any]:
    """The parameters whose factors are the stored ones (of Llama 3.1 to 3.3), checked by computing them."""
    base = float(metadata.own("rope.freq_base", 10_000.0))
    factor = float(stored.max())
    for original in (8_192, 4_096, 16_384, 32_768, 131_072):
        made = llama3_factors(base, head, factor=factor, original=original)
        if made.shape == stored.shape and np.allclose(made, stored, rtol=1e-4):
            return {
                "type": "llama3",
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": original,
            }
    raise BancadaError("convert.rope_unknown", kind="stored factors that no known formula gives")


def llama3_factors(base: float, head: int, *, factor: float, original: int) -> NDArray[np.float32]:
    """The factor of each rotary frequency in Llama 3.1's scaling, shape (head / 2,).

    Source of the formula: ``_compute_llama3_parameters`` of transformers, with its factors 1 and 4.
    """
    made = []
    for index in range(0, head, 2):
        wave = 2 * math.pi * base ** (index / head)
        if wave < original / 4:
            made.append(1.0)
        elif wave > original:
            made.append(factor)
        else:
            smooth = (original / wave - 1.0) / 3.0
            made.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(made, dtype=np.float32)
