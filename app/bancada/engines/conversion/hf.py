"""From a GGUF file to a folder in Hugging Face's layout, with the weights dequantized.

Runs in the conversion's own process. Tensors are read, dequantized and written one by one; the tokenizer
is built from the file's metadata, and its ids are compared with the engine's before anything is believed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, ReaderTensor
from gguf.quants import dequantize
from numpy.typing import NDArray

from bancada.core.errors import BancadaError
from bancada.engines.conversion.compare import Progress, compare_tokenizers
from bancada.engines.conversion.hf_config import Metadata, make_config, make_generation_config
from bancada.engines.conversion.hf_family import ROPE_TENSORS, Family, family_of, hf_name, restored
from bancada.engines.conversion.hf_tokenizer import Vocabulary, write_tokenizer
from bancada.engines.conversion.orders import CARD, DequantizeOrder
from bancada.engines.conversion.safetensors_writer import SafetensorsWriter, TensorEntry
from bancada.engines.llama_native import NativeModel


def run(order: DequantizeOrder, progress: Progress) -> dict[str, Any]:
    """Make the folder.

    Returns:
        ``architecture`` (Hugging Face's), ``tensors`` and ``compared_tokens`` (by both tokenizers).

    Raises:
        BancadaError: ``convert.architecture_unsupported``, ``convert.tensor_unknown``,
            ``convert.rope_unknown``, ``convert.tokenizer_unsupported``, ``convert.tokenizer_differs``,
            ``convert.bad_numbers``, ``convert.overflow``, ``model.metadata_missing``.
    """
    folder = Path(order.folder)
    folder.mkdir(parents=True, exist_ok=True)
    progress("reading the header", 0, None, "")
    reader = GGUFReader(order.source)
    metadata = Metadata({name: one.contents() for name, one in reader.fields.items()})
    family = family_of(metadata.architecture)
    native = NativeModel(order.source, vocabulary_only=True)
    try:
        vocabulary = Vocabulary.read(metadata, adds_bos=bool(native.adds_bos))
        write_tokenizer(folder, vocabulary, metadata)
        progress("comparing the tokenizers", 0, None, "")
        text = Path(order.check_text).read_text(encoding="utf-8")
        compared = compare_tokenizers(native, folder / "tokenizer.json", text)
    finally:
        native.close()
    _write_configs(folder, family, metadata, reader, order)
    count = _write_weights(order, family, metadata, reader, progress)
    return {"architecture": family.architecture, "tensors": count, "compared_tokens": compared}


def _write_configs(
    folder: Path, family: Family, metadata: Metadata, reader: GGUFReader, order: DequantizeOrder
) -> None:
    tensors = {one.name: one for one in reader.tensors}
    if "token_embd.weight" not in tensors:
        raise BancadaError("model.metadata_missing", key="token_embd.weight")
    config = make_config(
        family,
        metadata,
        {name: _values(one) for name, one in tensors.items() if name in ROPE_TENSORS},
        dtype=order.dtype,
        vocabulary=_shape(tensors["token_embd.weight"])[0],
        tied="output.weight" not in tensors,
        biased="blk.0.attn_q.bias" in tensors,
    )
    config["_name_or_path"] = order.name
    if order.card:
        (folder / CARD).write_text(order.card, encoding="utf-8")
    for name, content in (
        ("config.json", config),
        ("generation_config.json", make_generation_config(metadata)),
    ):
        (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")


def _write_weights(
    order: DequantizeOrder, family: Family, metadata: Metadata, reader: GGUFReader, progress: Progress
) -> int:
    heads = int(metadata.need("attention.head_count"))
    kv_heads = int(metadata.own("attention.head_count_kv") or heads)
    tensors = [one for one in reader.tensors if one.name not in ROPE_TENSORS]
    entries = [TensorEntry(hf_name(family, one.name), _shape(one)) for one in tensors]
    with SafetensorsWriter(Path(order.folder) / "model.safetensors", order.dtype, entries) as writer:
        done = 0
        for tensor, entry in zip(tensors, entries, strict=True):
            progress("dequantizing", done, writer.data_bytes, "bytes")
            values = restored(family, tensor.name, _values(tensor), heads, kv_heads)
            done += writer.add(entry.name, values)
        progress("dequantizing", done, writer.data_bytes, "bytes")
    return len(entries)


def _shape(tensor: ReaderTensor) -> tuple[int, ...]:
    """Rows first, as PyTorch counts them; GGUF names the row's length first."""
    return tuple(int(one) for one in reversed(tensor.shape))


def _values(tensor: ReaderTensor) -> NDArray[np.float32]:
    values = dequantize(tensor.data, GGMLQuantizationType(tensor.tensor_type))
    return np.asarray(values, dtype=np.float32).reshape(_shape(tensor))
