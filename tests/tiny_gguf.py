"""A random GGUF model of a few hundred kilobytes that llama.cpp really loads: the tests' small real thing.

Byte-level vocabulary (every byte is a token, so every text can be written and read), ChatML's control
tokens, two layers of llama architecture with weights from a fixed seed: what it says is noise, but the
same noise every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from gguf import GGUFWriter

CHATML: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CONTROL_TOKENS: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
#: byte pairs that get a token of their own, so that merging is exercised
MERGES: Final = ("t h", "th e", "Ġ the", "i n", "a n", "Ã ©")
_CONTROL, _NORMAL = 3, 1


@dataclass(frozen=True, slots=True)
class TinyModel:
    """Sizes and metadata of a tiny model; the defaults make a file of about 200 kB."""

    chat_template: str | None = CHATML
    layers: int = 2
    width: int = 32
    hidden: int = 64
    heads: int = 2
    context: int = 512
    seed: int = 0
    name: str = "Tiny"
    eos: int = 2


def write_tiny_gguf(path: Path, model: TinyModel | None = None) -> Path:
    """Write ``model`` (or the default one) as a GGUF file at ``path``, and return ``path``."""
    model = model or TinyModel()
    writer = GGUFWriter(path, "llama")
    _write_metadata(writer, model)
    _write_vocabulary(writer, model)
    _write_tensors(writer, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def vocabulary() -> list[str]:
    """The token texts in GPT-2's printable form of bytes: control tokens, 256 bytes, merges."""
    return [*CONTROL_TOKENS, *_byte_letters(), *(merge.replace(" ", "") for merge in MERGES)]


def _byte_letters() -> list[str]:
    # GPT-2 writes the printable Latin-1 bytes as themselves and moves all others to U+0100 and up
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    letters, moved = [], 0
    for byte in range(256):
        if byte in printable:
            letters.append(chr(byte))
        else:
            letters.append(chr(256 + moved))
            moved += 1
    return letters


def _write_metadata(writer: GGUFWriter, model: TinyModel) -> None:
    writer.add_name(model.name)
    writer.add_license("apache-2.0")
    writer.add_block_count(model.layers)
    writer.add_context_length(model.context)
    writer.add_embedding_length(model.width)
    writer.add_feed_forward_length(model.hidden)
    writer.add_head_count(model.heads)
    writer.add_head_count_kv(model.heads)
    writer.add_rope_dimension_count(model.width // model.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(0)


def _write_vocabulary(writer: GGUFWriter, model: TinyModel) -> None:
    tokens = vocabulary()
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([_CONTROL] * len(CONTROL_TOKENS) + [_NORMAL] * (len(tokens) - len(CONTROL_TOKENS)))
    writer.add_token_merges(list(MERGES))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(model.eos)
    writer.add_add_bos_token(value=False)
    if model.chat_template is not None:
        writer.add_chat_template(model.chat_template)


def _write_tensors(writer: GGUFWriter, model: TinyModel) -> None:
    numbers = np.random.default_rng(model.seed)
    size = len(vocabulary())

    def add(name: str, *shape: int) -> None:
        values = numbers.standard_normal(shape, dtype=np.float32) * np.float32(shape[-1] ** -0.5)
        writer.add_tensor(name, values)

    def add_ones(name: str) -> None:
        writer.add_tensor(name, np.ones(model.width, dtype=np.float32))

    add("token_embd.weight", size, model.width)
    add("output.weight", size, model.width)
    add_ones("output_norm.weight")
    for layer in range(model.layers):
        prefix = f"blk.{layer}"
        add_ones(f"{prefix}.attn_norm.weight")
        add_ones(f"{prefix}.ffn_norm.weight")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"{prefix}.{name}.weight", model.width, model.width)
        add(f"{prefix}.ffn_gate.weight", model.hidden, model.width)
        add(f"{prefix}.ffn_up.weight", model.hidden, model.width)
        add(f"{prefix}.ffn_down.weight", model.width, model.hidden)
