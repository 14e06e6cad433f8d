"""The names that people know files by: ``Q4_K_M`` is a recipe, not the type of any tensor."""

from __future__ import annotations

from typing import Final

#: names of the engine's file types by the number in ``general.file_type``. Source: llama.h of the pinned
#: engine (``enum llama_ftype``)
FILE_TYPES: Final = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0",
    37: "TQ2_0", 38: "MXFP4_MOE", 40: "Q1_0", 41: "Q2_0",
}  # fmt: skip
UNQUANTIZED: Final = frozenset({"F32", "F16", "BF16"})
#: recipes that mix types; the name of any other file type is that of its tensors
_MIXTURES: Final = frozenset(
    {name for name in FILE_TYPES.values() if name.startswith(("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ"))}
    | {"MXFP4_MOE"}
)


def file_type(number: int | None, dominant: str) -> str:
    """What a file is called: its recipe, or the type that most of its parameters have (``dominant``).

    What a file says of itself is believed only as far as it can be: of quantized tensors, that they come of
    a recipe that mixes types (a narrow model as ``Q4_K_M`` is mostly ``Q5_0``).
    """
    named = FILE_TYPES.get(-1 if number is None else number, "")
    return named if named in _MIXTURES and dominant not in UNQUANTIZED else dominant
