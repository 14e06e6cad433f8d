"""How the tensors of a GGUF file are called and stored in Hugging Face's layout, by architecture.

The inverse of what the engine's own converter does (its ``conversion`` folder): names are mapped back,
rows that it reordered for rotary positions are put back, and the one that it adds to Gemma's norms goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bancada.core.errors import BancadaError

_LAYER: Final = re.compile(r"blk\.(\d+)\.(.+)")
_OUTSIDE: Final = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
#: stored beside the weights, and told by config.json in Hugging Face's layout
ROPE_TENSORS: Final = frozenset(
    {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"}
)
_ATTENTION: Final = {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    **{f"attn_{one}.weight": f"self_attn.{one}_proj.weight" for one in "qkv"},
}
_BIASES: Final = {f"attn_{one}.bias": f"self_attn.{one}_proj.bias" for one in "qkv"}
_QK_NORMS: Final = {f"attn_{one}_norm.weight": f"self_attn.{one}_norm.weight" for one in "qk"}
_GATED: Final = {f"ffn_{one}.weight": f"mlp.{one}_proj.weight" for one in ("gate", "up", "down")}
_ONE_NORM: Final = {"ffn_norm.weight": "post_attention_layernorm.weight"}
_FOUR_NORMS: Final = {
    "post_attention_norm.weight": "post_attention_layernorm.weight",
    "ffn_norm.weight": "pre_feedforward_layernorm.weight",
    "post_ffw_norm.weight": "post_feedforward_layernorm.weight",
}


@dataclass(frozen=True)
class Family:
    """One architecture: what Hugging Face calls it, and the names of a layer's tensors.

    ``norm_shift`` is what the converter adds to every norm, ``permuted`` whether it reorders the rows of
    queries and keys.
    """

    model_type: str
    architecture: str
    layer: dict[str, str] = field(repr=False)
    norm_shift: float = 0.0
    permuted: bool = False


#: the architecture in the GGUF file -> its family; Mistral's files say "llama" and have its layout
FAMILIES: Final = {
    "llama": Family(
        "llama", "LlamaForCausalLM", {**_ATTENTION, **_BIASES, **_ONE_NORM, **_GATED}, permuted=True
    ),
    "qwen2": Family("qwen2", "Qwen2ForCausalLM", {**_ATTENTION, **_BIASES, **_ONE_NORM, **_GATED}),
    "qwen3": Family("qwen3", "Qwen3ForCausalLM", {**_ATTENTION, **_QK_NORMS, **_ONE_NORM, **_GATED}),
    "gemma": Family("gemma", "GemmaForCausalLM", {**_ATTENTION, **_ONE_NORM, **_GATED}, norm_shift=1.0),
    "gemma2": Family("gemma2", "Gemma2ForCausalLM", {**_ATTENTION, **_FOUR_NORMS, **_GATED}, norm_shift=1.0),
    "gemma3": Family(
        "gemma3_text",
        "Gemma3ForCausalLM",
        {**_ATTENTION, **_QK_NORMS, **_FOUR_NORMS, **_GATED},
        norm_shift=1.0,
    ),
    "phi3": Family(
        "phi3",
        "Phi3ForCausalLM",
        {
            "attn_norm.weight": "input_layernorm.weight",
            "attn_qkv.weight": "self_attn.qkv_proj.weight",
            "attn_output.weight": "self_attn.o_proj.weight",
            "ffn_up.weight": "mlp.gate_up_proj.weight",
            "ffn_down.weight": "mlp.down_proj.weight",
            **_ONE_NORM,
        },
    ),
}


def family_of(architecture: str) -> Family:
    """The family; raises BancadaError ``convert.architecture_unsupported``."""
    family = FAMILIES.get(architecture)
    if family is None:
        raise BancadaError(
            "convert.architecture_unsupported",
            architecture=architecture,
            tool="the way from GGUF to Hugging Face's layout",
            known=", ".join(sorted(FAMILIES)),
        )
    return family


def hf_name(family: Family, name: str) -> str:
    """Hugging Face's name of a tensor; raises BancadaError ``convert.tensor_unknown``."""
    found = _LAYER.fullmatch(name)
    mapped = _OUTSIDE.get(name) if found is None else family.layer.get(found[2])
    if mapped is None:
        raise BancadaError("convert.tensor_unknown", tensor=name[:80], architecture=family.model_type)
    return mapped if found is None else f"model.layers.{found[1]}.{mapped}"


def restored(
    family: Family, name: str, values: NDArray[np.float32], heads: int, kv_heads: int
) -> NDArray[np.float32]:
    """The values of the GGUF tensor ``name`` as Hugging Face's layout stores them; same shape."""
    if family.norm_shift and name.endswith("norm.weight"):
        return values - np.float32(family.norm_shift)
    if family.permuted:
        if ".attn_q." in name:
            return _unpermuted(values, heads)
        if ".attn_k." in name:
            return _unpermuted(values, kv_heads)
    return values


def _unpermuted(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo the converter's ``permute``: each head's two interleaved halves come apart again."""
    rows = values.shape[0]
    if heads <= 0 or rows % (2 * heads):
        raise BancadaError(
            "convert.tensor_unknown", tensor=f"{rows} rows for {heads} heads", architecture="llama"
        )
    split = values.reshape(heads, rows // heads // 2, 2, *values.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2)).reshape(values.shape)
