"""Random models in Hugging Face's layout, a few hundred kilobytes each, that every converter really reads.

Configuration, weights and tokenizer are written by hand, from a fixed seed: two layers, a SentencePiece
vocabulary of bytes, letters and a few pieces. What they say is noise, but the same noise every time.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sentencepiece import sentencepiece_model_pb2 as protocol

_Array = NDArray[np.float32]

WIDTH, HEADS, KV_HEADS, HEAD, HIDDEN, LAYERS = 64, 4, 2, 16, 96, 2
_SPACE: Final = "\N{LOWER ONE EIGHTH BLOCK}"
_CONTROL: Final = ("<pad>", "</s>", "<s>")
#: pieces of two letters and more, each made of pieces before it
_PIECES: Final = ("th", "he", "in", "an", f"{_SPACE}t", f"{_SPACE}a", "ing", f"{_SPACE}the", "ão", "é ", "00")
_LETTERS: Final = [*string.ascii_letters, *string.digits, *".,;:!?'\"()-ãéçñß", _SPACE]
_CHAT: Final = (
    "{% for message in messages %}{{ '<s>' + message['role'] + '\n' + message['content'] + '</s>' }}"
    "{% endfor %}"
)

_COMMON: Final[dict[str, Any]] = {
    "hidden_size": WIDTH,
    "intermediate_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "head_dim": HEAD,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "torch_dtype": "float32",
}
_GEMMA: Final = {
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh",
    "query_pre_attn_scalar": HEAD,
    "tie_word_embeddings": True,
    "sliding_window": 32,
}
#: family -> what its config.json says besides the common part
FAMILIES: Final[dict[str, dict[str, Any]]] = {
    "llama": {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "tie_word_embeddings": False,
    },
    "mistral": {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "sliding_window": None,
    },
    "qwen2": {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "use_sliding_window": False,
    },
    "qwen3": {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "attention_bias": False,
    },
    "gemma2": {
        "architectures": ["Gemma2ForCausalLM"],
        "model_type": "gemma2",
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
        **_GEMMA,
    },
    "gemma3": {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "rope_local_base_freq": 10000.0,
        "sliding_window_pattern": 6,
        **_GEMMA,
    },
    "phi3": {
        "architectures": ["Phi3ForCausalLM"],
        "model_type": "phi3",
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "original_max_position_embeddings": 256,
        "sliding_window": None,
    },
}


def write_tiny_hf(folder: Path, family: str = "llama", *, seed: int = 0, **config: Any) -> Path:
    """Write a model of ``family`` into ``folder``; ``config`` overrides or adds to its config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = vocabulary()
    content = {**_COMMON, "vocab_size": len(pieces), **FAMILIES[family], **config}
    (folder / "config.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", weights(family, len(pieces), seed))
    write_tokenizer(folder, pieces, prefix=not family.startswith("gemma"))
    return folder


def vocabulary() -> list[tuple[str, int, float]]:
    """Every piece with its SentencePiece type (1 normal, 2 unknown, 3 control, 6 byte) and score."""
    pieces = [(one, 3, 0.0) for one in _CONTROL] + [("<unk>", 2, 0.0)]
    pieces += [(f"<0x{byte:02X}>", 6, 0.0) for byte in range(256)]
    pieces += [(one, 1, -100.0 - index) for index, one in enumerate(_LETTERS)]
    return pieces + [(one.replace(" ", _SPACE), 1, -1.0 - index) for index, one in enumerate(_PIECES)]


def write_tokenizer(folder: Path, pieces: list[tuple[str, int, float]], *, prefix: bool) -> None:
    """The three files of one and the same vocabulary; with ``prefix`` a text begins with a space."""
    model = protocol.ModelProto()
    for text, kind, score in pieces:
        model.pieces.add(piece=text, score=score, type=kind)
    model.trainer_spec.model_type = 2
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.unk_id = 3
    model.trainer_spec.bos_id, model.trainer_spec.eos_id, model.trainer_spec.pad_id = 2, 1, 0
    model.normalizer_spec.add_dummy_prefix = prefix
    model.normalizer_spec.remove_extra_whitespaces = False
    (folder / "tokenizer.model").write_bytes(model.SerializeToString())
    added = [
        {"id": index, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for index, (text, kind, _) in enumerate(pieces) if kind in (2, 3)
    ]  # fmt: skip
    known = [text for text, _, _ in pieces]
    merges = [
        [text[:at], text[at:]]
        for text, kind, _ in sorted(pieces, key=lambda one: -one[2])
        if kind == 1
        for at in range(1, len(text))
        if text[:at] in known and text[at:] in known
    ]
    space: dict[str, Any] = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    before = [{"type": "Prepend", "prepend": _SPACE}] if prefix else []
    after = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []
    content = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [*before, space]},
        "pre_tokenizer": None, "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, *after]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": {text: index for index, text in enumerate(known)}, "merges": merges},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "unk_token": "<unk>", "pad_token": "<pad>", "add_bos_token": False, "add_prefix_space": prefix,
        "clean_up_tokenization_spaces": False, "chat_template": _CHAT, "model_max_length": 256,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def weights(family: str, words: int, seed: int) -> dict[str, _Array]:
    """All tensors of a family by Hugging Face's names, rows first."""
    numbers = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> _Array:
        return numbers.standard_normal((rows, columns), dtype=np.float32) * np.float32(columns**-0.5)

    def norm(size: int = WIDTH) -> _Array:
        # multiples of 1/64, so that adding one and taking it away again loses nothing
        return np.asarray(numbers.integers(-16, 16, size) / 64, dtype=np.float32) + np.float32(not gemma)

    gemma = family.startswith("gemma")
    tied = bool(FAMILIES[family]["tie_word_embeddings"])
    # a tied embedding of the usual size would only repeat the last word
    scale = np.float32(1.0 if not tied else 0.03 if gemma else 0.05)
    found = {"model.embed_tokens.weight": matrix(words, WIDTH) * scale, "model.norm.weight": norm()}
    if not tied:
        found["lm_head.weight"] = matrix(words, WIDTH)
    for layer in range(LAYERS):
        found |= _layer(f"model.layers.{layer}.", family, matrix, norm)
    return found


def _layer(
    at: str, family: str, matrix: Callable[[int, int], _Array], norm: Callable[..., _Array]
) -> dict[str, _Array]:
    found: dict[str, _Array] = {}
    sizes = {"q": HEADS * HEAD, "k": KV_HEADS * HEAD, "v": KV_HEADS * HEAD}
    for name in ("input_layernorm", "post_attention_layernorm"):
        found[f"{at}{name}.weight"] = norm()
    if family.startswith("gemma"):
        for name in ("pre_feedforward_layernorm", "post_feedforward_layernorm"):
            found[f"{at}{name}.weight"] = norm()
    if family == "phi3":
        found[f"{at}self_attn.qkv_proj.weight"] = matrix(sum(sizes.values()), WIDTH)
        found[f"{at}mlp.gate_up_proj.weight"] = matrix(2 * HIDDEN, WIDTH)
    else:
        for name, rows in sizes.items():
            found[f"{at}self_attn.{name}_proj.weight"] = matrix(rows, WIDTH)
            if family == "qwen2":
                found[f"{at}self_attn.{name}_proj.bias"] = matrix(rows, 1)[:, 0]
        for name in ("gate", "up"):
            found[f"{at}mlp.{name}_proj.weight"] = matrix(HIDDEN, WIDTH)
    if family in ("qwen3", "gemma3"):
        found[f"{at}self_attn.q_norm.weight"] = norm(HEAD)
        found[f"{at}self_attn.k_norm.weight"] = norm(HEAD)
    found[f"{at}self_attn.o_proj.weight"] = matrix(WIDTH, HEADS * HEAD)
    found[f"{at}mlp.down_proj.weight"] = matrix(WIDTH, HIDDEN)
    return found


def write_safetensors(path: Path, tensors: dict[str, _Array]) -> None:
    """All tensors as F32."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    raw = json.dumps(header).encode()
    data = b"".join(one.tobytes() for one in tensors.values())
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)


def read_safetensors(path: Path) -> dict[str, _Array]:
    """The tensors of a file of F32 tensors."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    found = {}
    for name, one in header.items():
        if name != "__metadata__":
            begin, end = (start + at for at in one["data_offsets"])
            found[name] = np.frombuffer(content[begin:end], "<f4").reshape(one["shape"])
    return found
