"""ONNX files made field by field, with whatever a hostile one would hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FLOAT, UINT8, INT64, INT4 = 1, 2, 7, 22


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def block(tag: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return varint(tag << 3 | 2) + varint(len(raw)) + raw


def pair(tag: int, key: str, value: str) -> bytes:
    return block(tag, block(1, key) + block(2, value))


def stored(
    name: str,
    dimensions: tuple[int, ...],
    kind: int = FLOAT,
    *,
    raw: bytes = b"",
    external: dict[str, str] | None = None,
    packed: bool = False,
) -> bytes:
    """A TensorProto."""
    shape = (
        block(1, b"".join(map(varint, dimensions)))
        if packed
        else b"".join(number(1, one) for one in dimensions)
    )
    out = shape + number(2, kind) + block(8, name)
    if external is not None:
        entries = b"".join(pair(13, key, value) for key, value in external.items())
        return out + entries + number(14, 1)
    return out + block(9, raw)


def node(operator: str, domain: str = "", inputs: tuple[str, ...] = (), attributes: bytes = b"") -> bytes:
    """A NodeProto."""
    names = b"".join(block(1, one) for one in inputs)
    return names + block(2, "out") + block(3, "n") + block(4, operator) + attributes + block(7, domain)


def attribute(name: str, value: int) -> bytes:
    """A node's attribute with an integer."""
    return block(5, block(1, name) + number(3, value) + number(20, 2))


def graph(nodes: tuple[bytes, ...] = (), tensors: tuple[bytes, ...] = ()) -> bytes:
    return (
        b"".join(block(1, one) for one in nodes) + block(2, "g") + b"".join(block(5, one) for one in tensors)
    )


def model(content: bytes, extra: bytes = b"") -> bytes:
    opset = block(8, block(1, "") + number(2, 21))
    return number(1, 10) + block(2, "test") + block(7, content) + opset + pair(14, "made", "by hand") + extra


CONFIG: dict[str, Any] = {
    "model": {
        "type": "llama",
        "context_length": 128,
        "vocab_size": 16,
        "eos_token_id": 2,
        "decoder": {
            "filename": "model.onnx",
            "head_size": 8,
            "hidden_size": 32,
            "num_attention_heads": 4,
            "num_hidden_layers": 1,
            "num_key_value_heads": 2,
            "session_options": {"log_id": "x", "provider_options": [{"cuda": {"enable_cuda_graph": "0"}}]},
        },
    },
    "search": {"max_length": 128},
}


def write_folder(folder: Path, content: bytes, *, config: Any = None, data: bytes = bytes(4096)) -> Path:
    """A folder with a graph of one's own, a data file and a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    (folder / "model.onnx.data").write_bytes(data)
    (folder / "genai_config.json").write_text(json.dumps(CONFIG if config is None else config))
    (folder / "tokenizer.json").write_text("{}")
    return folder
