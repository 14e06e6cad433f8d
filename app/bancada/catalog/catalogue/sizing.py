"""How large a quantization of a model is, before anybody has the file.

The real bits per weight, not those of the name: a mixture such as ``Q4_K_M`` keeps the output matrix and a
part of the layers in a wider type. The types and their bits are those of ggml-common.h; the shares were
taken from the sizes of Llama 3.1 8B's published files, and what they give is an estimate for every other
model. A row that is no multiple of 256 cannot be packed in k-quants: llama.cpp takes a wider type for it
(``tensor_type_fallback``, llama-quant.cpp), which makes the files of small models larger than their name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.catalog.catalogue.records import Entry, Shape

#: bits per weight of a type of tensor
BITS: Final[dict[str, float]] = {
    "F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.5625, "Q5_K": 5.5, "Q5_1": 6.0,
    "Q5_0": 5.5, "Q4_K": 4.5, "Q4_1": 5.0, "Q4_0": 4.5, "IQ4_XS": 4.25, "IQ4_NL": 4.5, "Q3_K": 3.4375,
    "Q2_K": 2.625, "MXFP4": 4.25,
}  # fmt: skip
_FALLBACK: Final[dict[str, str]] = {
    "Q2_K": "IQ4_NL", "Q3_K": "IQ4_NL", "IQ4_XS": "IQ4_NL", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
#: the vocabulary's texts and the other metadata at the head of a file, for each token
_HEAD_BYTES_PER_TOKEN: Final = 48
_SUPER_BLOCK: Final = 256


@dataclass(frozen=True, slots=True)
class Mixture:
    """Types of tensors: of the layers (``other`` for a share of them), of the output, of the embedding."""

    main: str
    other: str
    share: float
    output: str
    embedding: str


MIXTURES: Final[dict[str, Mixture]] = {
    "F32": Mixture("F32", "F32", 0.0, "F32", "F32"),
    "F16": Mixture("F16", "F16", 0.0, "F16", "F16"),
    "BF16": Mixture("BF16", "BF16", 0.0, "BF16", "BF16"),
    "Q8_0": Mixture("Q8_0", "Q8_0", 0.0, "Q8_0", "Q8_0"),
    "Q6_K": Mixture("Q6_K", "Q6_K", 0.0, "Q6_K", "Q6_K"),
    "Q5_K_M": Mixture("Q5_K", "Q6_K", 0.145, "Q6_K", "Q5_K"),
    "Q4_K_M": Mixture("Q4_K", "Q6_K", 0.145, "Q6_K", "Q4_K"),
    "Q4_K_S": Mixture("Q4_K", "Q5_K", 0.037, "Q6_K", "Q4_K"),
    "Q4_1": Mixture("Q4_1", "Q4_1", 0.0, "Q6_K", "Q4_1"),
    "Q4_0": Mixture("Q4_0", "Q4_0", 0.0, "Q6_K", "Q4_0"),
    "IQ4_XS": Mixture("IQ4_XS", "Q5_K", 0.02, "Q6_K", "IQ4_XS"),
    "Q3_K_M": Mixture("Q3_K", "Q4_K", 0.384, "Q6_K", "Q3_K"),
    "Q2_K": Mixture("Q2_K", "Q3_K", 0.391, "Q6_K", "Q2_K"),
    # experts in 4 bits, all else as it was trained
    "MXFP4": Mixture("MXFP4", "Q8_0", 0.03, "Q8_0", "Q8_0"),
}
#: from the finest to the coarsest; what is chosen from
LADDER: Final = tuple(MIXTURES)


@dataclass(frozen=True, slots=True)
class Sized:
    """A quantization: the bytes of its file, and of its tensors by type; ``exact``: of a known file.

    ``matrices`` are those that an engine may repack: all but a separate embedding.
    """

    quantization: str
    file_bytes: int
    exact: bool
    bits_per_weight: float
    weights: tuple[tuple[str, int], ...]
    matrices: tuple[tuple[str, int], ...]


def size_of(entry: Entry, quantization: str) -> Sized:
    """The size of one of :data:`MIXTURES` for a model; raises KeyError for another name."""
    mixture = MIXTURES[quantization]
    table = entry.shape.vocabulary * entry.shape.width if entry.shape is not None else 0
    tied = entry.shape is None or entry.shape.tied
    body = max(0, entry.parameters - (table if tied else 2 * table))
    layers: dict[str, float] = {}
    for kind, share in _body_types(entry.shape, mixture).items():
        layers[kind] = layers.get(kind, 0.0) + body * share * BITS[kind] / 8
    output = _packed(mixture.output, entry.shape)
    matrices = dict(layers)
    matrices[output] = matrices.get(output, 0.0) + table * BITS[output] / 8
    weights = dict(matrices)
    if not tied:
        embedding = _packed(mixture.embedding, entry.shape)
        weights[embedding] = weights.get(embedding, 0.0) + table * BITS[embedding] / 8
    total = int(sum(weights.values()))
    vocabulary = entry.shape.vocabulary if entry.shape is not None else 0
    known = next((one.size_bytes for one in entry.files if one.quantization == quantization), None)
    estimated = total + vocabulary * _HEAD_BYTES_PER_TOKEN
    return Sized(
        quantization,
        known or estimated,
        known is not None,
        8 * total / max(1, entry.parameters),
        tuple((kind, int(size)) for kind, size in weights.items() if size >= 1),
        tuple((kind, int(size)) for kind, size in matrices.items() if size >= 1),
    )


def _body_types(shape: Shape | None, mixture: Mixture) -> dict[str, float]:
    """The types of the layers and their shares, what cannot be packed in a wider type."""
    shares = {mixture.main: 1.0 - mixture.share}
    shares[mixture.other] = shares.get(mixture.other, 0.0) + mixture.share
    if shape is None or shape.width % _SUPER_BLOCK == 0:
        return shares
    # every matrix but the one back from the feed-forward has rows of the width
    per_layer = 2 * shape.width * shape.head_size * (shape.heads + shape.kv_heads)
    back = shape.width * shape.feed_forward
    kept = back / max(1, per_layer + 3 * back) if shape.feed_forward % _SUPER_BLOCK == 0 else 0.0
    found: dict[str, float] = {}
    for kind, share in shares.items():
        wide = _FALLBACK.get(kind, kind)
        found[wide] = found.get(wide, 0.0) + share * (1 - kept)
        found[kind] = found.get(kind, 0.0) + share * kept
    return found


def _packed(kind: str, shape: Shape | None) -> str:
    odd = shape is not None and shape.width % _SUPER_BLOCK != 0
    return _FALLBACK.get(kind, kind) if odd else kind
