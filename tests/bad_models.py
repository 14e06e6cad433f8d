"""Broken and hostile model files, made byte by byte: what the library must survive."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Final

MAGIC: Final = b"GGUF"
U8, I32, U32, BOOL, STRING, ARRAY, U64 = 0, 5, 4, 7, 8, 9, 10
F32, Q4_0 = 0, 2


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def kv(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def kv_text(key: str, value: str) -> bytes:
    return kv(key, STRING, text(value))


def kv_u32(key: str, value: int) -> bytes:
    return kv(key, U32, struct.pack("<I", value))


def kv_array(key: str, kind: int, count: int, items: bytes) -> bytes:
    return kv(key, ARRAY, struct.pack("<IQ", kind, count) + items)


def kv_texts(key: str, values: list[str]) -> bytes:
    return kv_array(key, STRING, len(values), b"".join(text(one) for one in values))


def tensor(name: str | bytes, dimensions: tuple[int, ...], kind: int = F32, offset: int = 0) -> bytes:
    shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return text(name) + shape + struct.pack("<IQ", kind, offset)


#: the metadata and tensors of a small model that is in order
GOOD_METADATA: Final = {
    "general.architecture": kv_text("general.architecture", "llama"),
    "general.name": kv_text("general.name", "Small"),
    "general.license": kv_text("general.license", "apache-2.0"),
    "llama.block_count": kv_u32("llama.block_count", 1),
    "llama.context_length": kv_u32("llama.context_length", 256),
    "llama.embedding_length": kv_u32("llama.embedding_length", 32),
    "llama.attention.head_count": kv_u32("llama.attention.head_count", 4),
    "llama.attention.head_count_kv": kv_u32("llama.attention.head_count_kv", 2),
    "tokenizer.ggml.tokens": kv_texts("tokenizer.ggml.tokens", [f"t{one}" for one in range(16)]),
    "tokenizer.ggml.eos_token_id": kv_u32("tokenizer.ggml.eos_token_id", 2),
    "tokenizer.chat_template": kv_text("tokenizer.chat_template", "{{ messages }}"),
}
GOOD_TENSORS: Final = (
    tensor("token_embd.weight", (32, 16), F32, 0),
    tensor("blk.0.attn_q.weight", (32, 32), Q4_0, 2048),
)
GOOD_DATA: Final = bytes(2048 + 576)


def gguf(
    metadata: dict[str, bytes] | None = None,
    tensors: tuple[bytes, ...] = GOOD_TENSORS,
    *,
    data: bytes = GOOD_DATA,
    version: int = 3,
    tensor_count: int | None = None,
    entry_count: int | None = None,
    alignment: int = 32,
) -> bytes:
    """The bytes of a GGUF file, with counts that may lie."""
    entries = GOOD_METADATA if metadata is None else metadata
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(entries) if entry_count is None else entry_count,
    )
    head = MAGIC + struct.pack("<IQQ", version, *counts) + b"".join(entries.values()) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data


def changed(key: str, entry: bytes | None) -> dict[str, bytes]:
    """The good metadata with one entry replaced, added or (None) taken out."""
    result = dict(GOOD_METADATA)
    if entry is None:
        del result[key]
    else:
        result[key] = entry
    return result


def hostile_headers() -> dict[str, tuple[bytes, str]]:
    """name -> (file, error code): the list of known attacks and damages."""
    invalid = "model.header_invalid"
    eos, blocks = "tokenizer.ggml.eos_token_id", "llama.block_count"
    embedding = GOOD_TENSORS[0]
    return {
        "empty": (b"", "model.empty_file"),
        "magic only": (MAGIC, "model.cut_in_header"),
        "zeros": (bytes(4096), "model.not_gguf"),
        "pickle": (b"\x80\x04\x95" + bytes(100), "model.not_gguf"),
        "zip": (b"PK\x03\x04" + bytes(100), "model.not_gguf"),
        "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(100), "model.not_gguf"),
        "web page": (b"<!DOCTYPE html><html>not found</html>", "model.not_gguf"),
        "git lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", "model.not_gguf"),
        "big endian": (MAGIC + struct.pack(">IQQ", 3, 1, 1) + bytes(100), "model.big_endian"),
        "version 1": (gguf(version=1), "model.gguf_version"),
        "version 99": (gguf(version=99), "model.gguf_version"),
        "2^40 entries": (gguf(entry_count=1 << 40), invalid),
        "2^40 tensors": (gguf(tensor_count=1 << 40), invalid),
        "negative counts": (gguf(tensor_count=(1 << 64) - 1, entry_count=(1 << 64) - 1), invalid),
        "more entries than there are": (gguf(entry_count=5000), invalid),
        "key of 2^62 bytes": (MAGIC + struct.pack("<IQQQ", 3, 1, 1, 1 << 62) + bytes(64), invalid),
        "text of 2^62 bytes": (
            gguf(changed("x", kv("x", STRING, struct.pack("<Q", 1 << 62)))),
            invalid,
        ),
        "text of 60 MB that is not there": (
            gguf(changed("x", kv("x", STRING, struct.pack("<Q", 60 << 20)))),
            "model.cut_in_header",
        ),
        "37 bytes with an empty key": (
            MAGIC + struct.pack("<IQQ", 3, 0, 1) + text(b"") + struct.pack("<IB", U8, 1),
            invalid,
        ),
        "key with a zero byte": (gguf(changed("x", kv(b"a\0b", U8, b"\1"))), invalid),
        "key that is no text": (gguf(changed("x", kv(b"\xff\xfe", U8, b"\1"))), invalid),
        "key twice": (gguf(changed("x", GOOD_METADATA["general.name"])), invalid),
        "unknown value type": (gguf(changed("x", kv("x", 77, bytes(8)))), invalid),
        "array of arrays": (gguf(changed("x", kv_array("x", ARRAY, 1, bytes(64)))), invalid),
        "array of 2^61 numbers": (gguf(changed("x", kv_array("x", U64, 1 << 61, bytes(64)))), invalid),
        "array of 2^27 numbers that are not there": (
            gguf(changed("x", kv_array("x", U64, 1 << 27, bytes(64)))),
            invalid,
        ),
        "array of many texts": (gguf(changed("x", kv_array("x", STRING, 1 << 24, bytes(64)))), invalid),
        "array of texts that end": (
            gguf(changed("x", kv_array("x", STRING, 1 << 20, bytes(64)))),
            "model.cut_in_header",
        ),
        "alignment 0": (gguf(changed("general.alignment", kv_u32("general.alignment", 0))), invalid),
        "alignment 33": (gguf(changed("general.alignment", kv_u32("general.alignment", 33))), invalid),
        "alignment 2^31": (gguf(changed("general.alignment", kv_u32("general.alignment", 1 << 31))), invalid),
        "alignment of type INT32": (
            gguf(changed("general.alignment", kv("general.alignment", I32, struct.pack("<i", 32)))),
            invalid,
        ),
        "100000 layers": (gguf(changed(blocks, kv_u32(blocks, 100_000))), invalid),
        "2^31-1 layers": (gguf(changed(blocks, kv_u32(blocks, 2**31 - 1))), invalid),
        "0 layers": (gguf(changed(blocks, kv_u32(blocks, 0))), invalid),
        "7 layers, tensors of one": (gguf(changed(blocks, kv_u32(blocks, 7))), invalid),
        "layers as a text": (gguf(changed(blocks, kv_text(blocks, "1"))), invalid),
        "layers as a list": (gguf(changed(blocks, kv_texts(blocks, ["1"]))), invalid),
        "no layers": (gguf(changed(blocks, None)), "model.metadata_missing"),
        "no architecture": (gguf(changed("general.architecture", None)), "model.metadata_missing"),
        "architecture with a path": (
            gguf(changed("general.architecture", kv_text("general.architecture", "../x"))),
            invalid,
        ),
        "architecture as a number": (
            gguf(changed("general.architecture", kv_u32("general.architecture", 1))),
            invalid,
        ),
        "heads for too few layers": (
            gguf(
                changed(
                    "llama.attention.head_count_kv",
                    kv_array("llama.attention.head_count_kv", U32, 0, b""),
                )
            ),
            invalid,
        ),
        "tokens as a number": (
            gguf(changed("tokenizer.ggml.tokens", kv_u32("tokenizer.ggml.tokens", 3))),
            invalid,
        ),
        "end token outside the vocabulary": (gguf(changed(eos, kv_u32(eos, 4_000_000))), invalid),
        "one of three parts": (gguf(changed("split.count", kv_u32("split.count", 3))), "model.split_file"),
        "no tensors": (gguf(tensors=(), data=b""), "model.no_weights"),
        "tensor without a name": (gguf(tensors=(tensor("", (32, 16)),)), invalid),
        "tensor with a long name": (gguf(tensors=(tensor("x" * 64, (32, 16)),)), invalid),
        "tensor twice": (
            gguf(tensors=(embedding, tensor("token_embd.weight", (32, 16), F32, 2048))),
            invalid,
        ),
        "9 dimensions": (gguf(tensors=(tensor("a", (1,) * 9),)), invalid),
        "2^31 dimensions": (
            gguf(tensors=(text("a") + struct.pack("<I", 1 << 31) + bytes(64),)),
            invalid,
        ),
        "no dimension": (gguf(tensors=(tensor("a", ()),)), invalid),
        "dimension of 0": (gguf(tensors=(tensor("a", (32, 0)),)), invalid),
        "product over 2^63": (gguf(tensors=(tensor("a", (1 << 32, 1 << 32)),)), invalid),
        "product that wraps to 32": (gguf(tensors=(tensor("a", (1 << 63, 2, 1, 32)),)), invalid),
        "product of 2^60": (gguf(tensors=(tensor("a", (1 << 30, 1 << 30)),)), invalid),
        "unknown tensor type": (gguf(tensors=(tensor("a", (32, 16), 4),)), invalid),
        "rows that do not fit the type": (gguf(tensors=(tensor("a", (31, 16), Q4_0),)), invalid),
        "offset beyond the end": (
            gguf(tensors=(embedding, tensor("blk.0.attn_q.weight", (32, 32), Q4_0, 1 << 40))),
            invalid,
        ),
        "offset that overlaps": (
            gguf(tensors=(embedding, tensor("blk.0.attn_q.weight", (32, 32), Q4_0, 0))),
            invalid,
        ),
        "offset out of step": (
            gguf(tensors=(embedding, tensor("blk.0.attn_q.weight", (32, 32), Q4_0, 2049))),
            invalid,
        ),
        "cut at half": (gguf()[: len(gguf()) // 2], "model.incomplete"),
        "one byte short": (gguf()[:-1], "model.incomplete"),
        "cut in the header": (gguf()[:300], "model.cut_in_header"),
    }


def mutations(valid: bytes, header_bytes: int, count: int = 70, seed: int = 7) -> Iterator[tuple[str, bytes]]:
    """``count`` damaged copies of a valid file: two of three in its header, the others in its data."""
    random_ = random.Random(seed)
    for index in range(count):
        raw = bytearray(valid)
        inside = index % 3 != 2
        low, high = (0, header_bytes) if inside else (header_bytes, len(raw))
        at = random_.randrange(low, high - 16)
        kind = ("flip", "zero", "ones", "random", "cut", "insert", "delete", "number")[index % 8]
        if kind == "flip":
            raw[at] ^= 1 << random_.randrange(8)
        elif kind == "zero":
            raw[at : at + 8] = bytes(8)
        elif kind == "ones":
            raw[at : at + 8] = b"\xff" * 8
        elif kind == "random":
            raw[at : at + 16] = random_.randbytes(16)
        elif kind == "cut":
            del raw[at:]
        elif kind == "insert":
            raw[at:at] = random_.randbytes(random_.randrange(1, 9))
        elif kind == "delete":
            del raw[at : at + random_.randrange(1, 9)]
        else:
            raw[at : at + 4] = struct.pack("<I", random_.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
        yield f"{index:02}-{kind}-{at}", bytes(raw)
