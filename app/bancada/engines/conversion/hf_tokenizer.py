"""A tokenizer in Hugging Face's layout, built from what a GGUF file says about its own.

transformers' own reader of GGUF adds tokens and loses rules, so nothing of it is used. Two kinds are
built: byte-level BPE (``gpt2``) with the splitting rule that the file names, and SentencePiece
(``llama``), whose merges follow from the scores. The result is compared with the engine's by its ids.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sentencepiece import sentencepiece_model_pb2 as protocol

from bancada.core.errors import BancadaError
from bancada.engines.conversion.hf_config import Metadata

_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
_SPACE: Final = "\N{LOWER ONE EIGHTH BLOCK}"

_LETTERS: Final = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SHORT_FORMS: Final = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_CASED: Final = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s"
)
_SLASHED: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
#: the name of the rule in the file -> the expressions as the models' own tokenizer.json have them
#: (also in llama.cpp, src/llama-vocab.cpp, as comments beside what it adapted)
_SPLITS: Final = {
    "llama-bpe": f"{_SHORT_FORMS}|{_LETTERS}|\\p{{N}}{{1,3}}{_REST}",
    "qwen2": f"{_SHORT_FORMS}|{_LETTERS}|\\p{{N}}{_REST}",
    "tekken": _CASED % ("", "") + r"|\p{N}" + _SLASHED,
    "gpt-4o": _CASED % (f"{_SHORT_FORMS}?", f"{_SHORT_FORMS}?") + r"|\p{N}{1,3}" + _SLASHED,
}
_SAME: Final = {
    **dict.fromkeys(("llama3", "llama-v3", "falcon3", "pixtral", "smaug-bpe", "dbrx"), "llama-bpe"),
    **dict.fromkeys(("deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan"), "qwen2"),
    **dict.fromkeys(("llama4", "kanana2"), "gpt-4o"),
}
#: digits one by one, then GPT-2's rule; and GPT-2's rule alone
_DIGITS: Final = frozenset(
    {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
)
_GPT2: Final = frozenset({"gpt-2", "phi-2", "olmo", "mpt", "jais", "trillion"})
#: whole words that are tokens are taken without merging
_IGNORES_MERGES: Final = frozenset({"llama-bpe", "tekken", "gpt-4o"})


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a GGUF file in the order of their ids, with types, and scores or merges."""

    model: str
    rule: str
    tokens: Sequence[str]
    types: Sequence[int]
    scores: Sequence[float]
    merges: Sequence[str]
    adds_bos: bool
    adds_space: bool

    @classmethod
    def read(cls, metadata: Metadata, *, adds_bos: bool) -> Vocabulary:
        """From the file's metadata; ``adds_bos`` is what the engine does with it.

        Raises:
            BancadaError: ``model.metadata_missing`` without tokens.
        """
        tokens = metadata.get("tokenizer.ggml.tokens")
        if not tokens:
            raise BancadaError("model.metadata_missing", key="tokenizer.ggml.tokens")
        return cls(
            model=str(metadata.get("tokenizer.ggml.model", "")),
            rule=str(metadata.get("tokenizer.ggml.pre", "")),
            tokens=tokens,
            types=metadata.get("tokenizer.ggml.token_type") or [_NORMAL] * len(tokens),
            scores=metadata.get("tokenizer.ggml.scores") or [0.0] * len(tokens),
            merges=metadata.get("tokenizer.ggml.merges") or [],
            adds_bos=adds_bos,
            adds_space=bool(metadata.get("tokenizer.ggml.add_space_prefix", True)),
        )


def write_tokenizer(folder: Path, vocabulary: Vocabulary, metadata: Metadata) -> None:
    """Write tokenizer.json, tokenizer_config.json and for SentencePiece tokenizer.model into ``folder``.

    Raises:
        BancadaError: ``convert.tokenizer_unsupported`` for another kind or splitting rule.
    """
    bos = metadata.token("bos")
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(vocabulary),
        **(_bytes_bpe(vocabulary) if vocabulary.model == "gpt2" else _sentencepiece(vocabulary)),
    }
    if vocabulary.adds_bos and bos is not None:
        content["post_processor"] = _starting_with(vocabulary.tokens[bos], bos)
    _write(folder / "tokenizer.json", content)
    _write(folder / "tokenizer_config.json", _tokenizer_config(vocabulary, metadata))
    if vocabulary.model == "llama":
        (folder / "tokenizer.model").write_bytes(_sentencepiece_model(vocabulary))


def _bytes_bpe(vocabulary: Vocabulary) -> dict[str, Any]:
    rule = _SAME.get(vocabulary.rule, vocabulary.rule)
    own_rule = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    if rule in _SPLITS:
        split = {
            "type": "Split",
            "pattern": {"Regex": _SPLITS[rule]},
            "behavior": "Isolated",
            "invert": False,
        }
        before: dict[str, Any] = {
            "type": "Sequence",
            "pretokenizers": [split, {**own_rule, "use_regex": False}],
        }
    elif rule in _DIGITS:
        before = {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, own_rule],
        }
    elif rule in _GPT2:
        before = own_rule
    else:
        raise BancadaError(
            "convert.tokenizer_unsupported", kind=f"byte-level BPE with the rule '{rule[:40]}'"
        )
    return {
        "normalizer": {"type": "NFC"} if rule == "qwen2" else None,
        "pre_tokenizer": before,
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": rule in _IGNORES_MERGES,
            "vocab": _ids(vocabulary),
            "merges": [one.split(" ", 1) for one in vocabulary.merges],
        },
    }


def _sentencepiece(vocabulary: Vocabulary) -> dict[str, Any]:
    if vocabulary.model != "llama":
        raise BancadaError("convert.tokenizer_unsupported", kind=vocabulary.model[:40] or "none")
    ids = _ids(vocabulary)
    space = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    steps: list[dict[str, Any]] = [space]
    decoding: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if vocabulary.adds_space:
        steps.insert(0, {"type": "Prepend", "prepend": _SPACE})
        decoding.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    unknown = [
        token for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True) if kind == _UNKNOWN
    ]
    return {
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoding},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": unknown[0] if unknown else None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": _BYTE in vocabulary.types,
            "ignore_merges": False,
            "vocab": ids,
            "merges": merges_by_score(vocabulary, ids),
        },
    }


def merges_by_score(vocabulary: Vocabulary, ids: dict[str, int]) -> list[tuple[str, str]]:
    """The pairs that make each normal token, best score first: SentencePiece's order as BPE's.

    Pieces of the same score keep the order of their parts' ids, as transformers has it.
    """
    found = []
    for token, kind, score in zip(vocabulary.tokens, vocabulary.types, vocabulary.scores, strict=True):
        if kind not in (_NORMAL, _UNUSED):
            continue
        pairs = [(token[:at], token[at:]) for at in range(1, len(token))]
        found += [
            (-score, ids[left], ids[right], left, right)
            for left, right in pairs
            if left in ids and right in ids
        ]
    return [(left, right) for *_, left, right in sorted(found)]


def _ids(vocabulary: Vocabulary) -> dict[str, int]:
    ids = {
        token: index
        for index, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True))
        if not (kind == _UNUSED and token == f"[PAD{index}]")
    }
    named = sum(1 for index, one in enumerate(vocabulary.tokens) if one in ids and ids[one] != index)
    if named:
        raise BancadaError("convert.tokenizer_unsupported", kind=f"{named} tokens that bear a name twice")
    return ids


def _added(vocabulary: Vocabulary) -> list[dict[str, Any]]:
    return [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind != _USER,
        }
        for index, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True))
        if kind in (_CONTROL, _USER, _UNKNOWN)
    ]


def _starting_with(token: str, token_id: int) -> dict[str, Any]:
    """A text begins with this token."""
    special = {"SpecialToken": {"id": token, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [special, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [special, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {token: {"id": token, "ids": [token_id], "tokens": [token]}},
    }


def _tokenizer_config(vocabulary: Vocabulary, metadata: Metadata) -> dict[str, Any]:
    config: dict[str, Any] = {
        # the generic class takes tokenizer.json as it is; others change its rules while loading
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": int(metadata.need("context_length")),
        "clean_up_tokenization_spaces": False,
        "add_bos_token": vocabulary.adds_bos,
        "add_prefix_space": vocabulary.model == "llama" and vocabulary.adds_space,
        "added_tokens_decoder": {
            str(one["id"]): {key: value for key, value in one.items() if key != "id"}
            for one in _added(vocabulary)
        },
    }
    for name, kind in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        token = metadata.token(kind)
        if token is not None and token < len(vocabulary.tokens):
            config[f"{name}_token"] = vocabulary.tokens[token]
    template = metadata.get("tokenizer.chat_template")
    if isinstance(template, str) and template:
        config["chat_template"] = template
    if vocabulary.model == "gpt2" and metadata.architecture == "phi3":
        # by this word the converter tells Phi-4's tokenizer from the SentencePiece of Phi-3
        config["tokenizer_class"] = "GPT2Tokenizer"
    return config


def _sentencepiece_model(vocabulary: Vocabulary) -> bytes:
    """The same vocabulary as a SentencePiece model, which converters ask for."""
    model = protocol.ModelProto()
    for token, kind, score in zip(vocabulary.tokens, vocabulary.types, vocabulary.scores, strict=True):
        model.pieces.add(piece=token, score=score, type=kind)
    trained = model.trainer_spec
    trained.model_type = 2  # BPE
    trained.vocab_size = len(vocabulary.tokens)
    trained.byte_fallback = _BYTE in vocabulary.types
    trained.unk_id = next((at for at, kind in enumerate(vocabulary.types) if kind == _UNKNOWN), 0)
    trained.bos_id = trained.eos_id = trained.pad_id = -1
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = vocabulary.adds_space
    model.normalizer_spec.remove_extra_whitespaces = False
    model.normalizer_spec.escape_whitespaces = True
    return bytes(model.SerializeToString())


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
