"""A random BERT in Hugging Face's layout: as an embedding model, or as a reranker with one score."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_hf import write_safetensors

_WIDTH, _HIDDEN, _LAYERS, _WORDS = 32, 64, 2, ("the", "cat", "##s", "sat", "is", "##ing")


def write_tiny_bert(folder: Path, *, reranker: bool = False) -> Path:
    """Write the model into ``folder`` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.ascii_lowercase, *string.digits, *_WORDS]
    words += [f"##{one}" for one in string.ascii_lowercase]
    config: dict[str, Any] = {
        "architectures": ["BertForSequenceClassification" if reranker else "BertModel"],
        "model_type": "bert",
        "hidden_size": _WIDTH,
        "intermediate_size": _HIDDEN,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": 2,
        "max_position_embeddings": 128,
        "type_vocab_size": 2,
        "vocab_size": len(words),
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    if reranker:
        config |= {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", _weights(len(words), reranker=reranker))
    _write_tokenizer(folder, words)
    if not reranker:
        (folder / "1_Pooling").mkdir(exist_ok=True)
        pooling = {"word_embedding_dimension": _WIDTH, "pooling_mode_mean_tokens": True}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    return folder


def _write_tokenizer(folder: Path, words: list[str]) -> None:
    special = [
        {
            "id": index,
            "content": words[index],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index in range(5)
    ]
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {word: index for index, word in enumerate(words)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    config = {
        "tokenizer_class": "BertTokenizer",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "unk_token": "[UNK]",
        "pad_token": "[PAD]",
        "mask_token": "[MASK]",
        "model_max_length": 128,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


def _weights(words: int, *, reranker: bool) -> dict[str, NDArray[np.float32]]:
    numbers = np.random.default_rng(7)
    found: dict[str, NDArray[np.float32]] = {}

    def matrix(name: str, rows: int, columns: int) -> None:
        found[name] = numbers.standard_normal((rows, columns), dtype=np.float32) * np.float32(columns**-0.5)

    def linear(name: str, rows: int, columns: int) -> None:
        matrix(f"{name}.weight", rows, columns)
        found[f"{name}.bias"] = np.zeros(rows, dtype=np.float32)

    def norm(name: str) -> None:
        found[f"{name}.weight"] = np.ones(_WIDTH, dtype=np.float32)
        found[f"{name}.bias"] = np.zeros(_WIDTH, dtype=np.float32)

    at = "bert." if reranker else ""
    for name, rows in (("word", words), ("position", 128), ("token_type", 2)):
        matrix(f"{at}embeddings.{name}_embeddings.weight", rows, _WIDTH)
    norm(f"{at}embeddings.LayerNorm")
    for index in range(_LAYERS):
        layer = f"{at}encoder.layer.{index}."
        for name in ("query", "key", "value"):
            linear(f"{layer}attention.self.{name}", _WIDTH, _WIDTH)
        linear(f"{layer}attention.output.dense", _WIDTH, _WIDTH)
        norm(f"{layer}attention.output.LayerNorm")
        linear(f"{layer}intermediate.dense", _HIDDEN, _WIDTH)
        linear(f"{layer}output.dense", _WIDTH, _HIDDEN)
        norm(f"{layer}output.LayerNorm")
    linear(f"{at}pooler.dense", _WIDTH, _WIDTH)
    if reranker:
        linear("classifier", 1, _WIDTH)
    return found
