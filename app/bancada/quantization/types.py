"""The types that GGUF files are quantized to, best first, with words for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.core.errors import BancadaError


@dataclass(frozen=True, slots=True)
class QuantizationType:
    """One file type of the engine.

    ``code`` is its ``llama_ftype``; ``bits`` the bits per weight that its name promises, which a real file
    may exceed; ``family`` is plain (no loss worth naming), simple (one scale a block), k (scales of scales),
    i (look-up tables, slower on processors) or low (below three bits: only with an importance matrix, or for
    models trained for it).
    """

    name: str
    code: int
    bits: float
    family: str


#: best first, by perplexity on Llama-3-8B as llama.cpp's quantize program lists it (tools/quantize), and by
#: bits where it lists none. Codes: llama.h of the pinned engine.
TYPES: Final = (
    QuantizationType("F32", 0, 32.0, "plain"),
    QuantizationType("BF16", 32, 16.0, "plain"),
    QuantizationType("F16", 1, 16.0, "plain"),
    QuantizationType("Q8_0", 7, 8.5, "plain"),
    QuantizationType("Q6_K", 18, 6.5625, "k"),
    QuantizationType("Q5_K_M", 17, 5.69, "k"),
    QuantizationType("Q5_K_S", 16, 5.54, "k"),
    QuantizationType("Q5_1", 9, 6.0, "simple"),
    QuantizationType("Q5_0", 8, 5.5, "simple"),
    QuantizationType("Q4_K_M", 15, 4.85, "k"),
    QuantizationType("Q4_K_S", 14, 4.58, "k"),
    QuantizationType("IQ4_NL", 25, 4.5, "i"),
    QuantizationType("IQ4_XS", 30, 4.25, "i"),
    QuantizationType("Q4_1", 3, 5.0, "simple"),
    QuantizationType("Q4_0", 2, 4.5, "simple"),
    QuantizationType("IQ3_M", 27, 3.66, "i"),
    QuantizationType("Q3_K_L", 13, 4.27, "k"),
    QuantizationType("Q3_K_M", 12, 3.91, "k"),
    QuantizationType("IQ3_S", 26, 3.44, "i"),
    QuantizationType("IQ3_XS", 22, 3.3, "i"),
    QuantizationType("Q3_K_S", 11, 3.5, "k"),
    QuantizationType("IQ3_XXS", 23, 3.06, "i"),
    QuantizationType("IQ2_M", 29, 2.7, "low"),
    QuantizationType("Q2_K", 10, 2.96, "low"),
    QuantizationType("IQ2_S", 28, 2.5, "low"),
    QuantizationType("Q2_K_S", 21, 2.75, "low"),
    QuantizationType("IQ2_XS", 20, 2.31, "low"),
    QuantizationType("IQ2_XXS", 19, 2.06, "low"),
    QuantizationType("Q2_0", 41, 2.25, "low"),
    QuantizationType("TQ2_0", 37, 2.06, "low"),
    QuantizationType("IQ1_M", 31, 1.75, "low"),
    QuantizationType("TQ1_0", 36, 1.69, "low"),
    QuantizationType("IQ1_S", 24, 1.56, "low"),
    QuantizationType("Q1_0", 40, 1.125, "low"),
    QuantizationType("MXFP4_MOE", 38, 4.25, "simple"),
)
#: what is worth looking at first, best first; the others are for those who know why
USUAL: Final = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q4_0", "Q3_K_M", "Q2_K")
#: models that were not trained for them answer nonsense
FOR_TRAINED: Final = frozenset({"TQ1_0", "TQ2_0", "Q1_0", "Q2_0", "MXFP4_MOE"})

_BY_NAME: Final = {one.name: one for one in TYPES}
_ALIASES: Final = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "FP16": "F16", "FP32": "F32"}


def type_named(name: str) -> QuantizationType:
    """The type of a name in any case; raises BancadaError ``quantize.type_unknown``."""
    upper = name.strip().upper()
    found = _BY_NAME.get(_ALIASES.get(upper, upper))
    if found is None:
        raise BancadaError(
            "quantize.type_unknown", type=name[:40], known=", ".join(one.name for one in TYPES)
        )
    return found


def rank(name: str) -> int:
    """The place in the order of quality: 0 is the best."""
    return next(at for at, one in enumerate(TYPES) if one.name == name)
