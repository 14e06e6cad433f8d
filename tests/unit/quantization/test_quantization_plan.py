"""Types, targets, overrides and advice: what is decided before a file is quantized."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bancada.core.errors import BancadaError
from bancada.engines.llama_package import native
from bancada.quantization.plan import Variant, advice, check_overrides, choose, result_name, size_of
from bancada.quantization.types import FOR_TRAINED, TYPES, USUAL, rank, type_named

TENSORS = ("token_embd.weight", "blk.0.ffn_down.weight", "blk.1.ffn_down.weight", "blk.0.attn_q.weight")


def variant(name: str, size: int, **more: object) -> Variant:
    return Variant(name, size, bits_per_weight=size / 100, **more)  # type: ignore[arg-type]


#: a narrow model: Q4_K_M is larger than Q4_1, as with SmolLM2
VARIANTS = [
    variant("F16", 1600),
    variant("Q8_0", 850),
    variant("Q4_K_M", 620, fallbacks={"blk.0.ffn_down.weight": "Q5_0", "blk.1.ffn_down.weight": "Q5_0"}),
    variant("Q5_0", 600),
    variant("Q4_1", 560),
    variant("Q2_K", 500),
    variant("IQ2_XXS", 400, needs_matrix=True),
    variant("TQ1_0", 200),
]


def test_every_type_of_the_engine_is_there_under_its_number() -> None:
    known = {
        name.removeprefix("LLAMA_FTYPE_MOSTLY_").removeprefix("LLAMA_FTYPE_ALL_"): value
        for name, value in vars(native).items()
        if name.startswith(("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_")) and isinstance(value, int)
    }
    # made by conversion alone: the engine's quantizer refuses it
    beside = {"NVFP4"}
    assert {one.name: one.code for one in TYPES} == {
        name: value for name, value in known.items() if name not in beside
    }
    assert set(USUAL) | FOR_TRAINED <= {one.name for one in TYPES}


def test_names_of_types() -> None:
    assert type_named(" q4_k_m ").name == "Q4_K_M"
    assert type_named("q4_k") is type_named("Q4_K_M")
    assert rank("Q8_0") < rank("Q6_K") < rank("Q4_K_M") < rank("Q2_K")
    with pytest.raises(BancadaError) as caught:
        type_named("Q9_Z")
    assert caught.value.code == "quantize.type_unknown"
    assert "Q4_K_M" in str(caught.value.params["known"])


@pytest.mark.parametrize(
    ("text", "size"),
    [("600MB", 600_000_000), ("1.5 GiB", 1_610_612_736), ("98000000", 98_000_000), ("0,5g", 500_000_000)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "0", "-5MB", "5 pounds", "nan", "1e9", "MB", "1" * 40])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(BancadaError) as caught:
        size_of(text)
    assert caught.value.code == "quantize.size_invalid"


@pytest.mark.parametrize(
    ("target", "matrix", "chosen"),
    [
        (5000, False, "F16"),
        (850, False, "Q8_0"),
        (849, False, "Q4_K_M"),  # tensors of it fall back, so the real bits count
        (619, False, "Q5_0"),
        (599, False, "Q4_1"),
        (500, False, "Q2_K"),
        (499, True, "IQ2_XXS"),
    ],
)
def test_the_best_type_within_a_size(target: int, matrix: bool, chosen: str) -> None:
    assert choose(VARIANTS, target, matrix=matrix).type == chosen


def test_the_best_type_within_bits() -> None:
    assert choose(VARIANTS, None, matrix=False, target_bits=6.1).type == "Q5_0"
    assert choose(VARIANTS, None, matrix=False, target_bits=6.2).type == "Q4_K_M"
    with pytest.raises(BancadaError) as caught:
        choose(VARIANTS, None, matrix=False, target_bits=4.9)
    assert caught.value.code == "quantize.nothing_fits"
    assert caught.value.params["target"] == "4.9 bits per weight"
    assert caught.value.params["type"] == "Q2_K, 5.00 bits per weight"
    with pytest.raises(BancadaError) as caught:
        choose(VARIANTS, None, matrix=False, target_bits=64)
    assert caught.value.code == "quantize.bits_invalid"


def test_nothing_is_offered_that_needs_a_matrix_or_training() -> None:
    with pytest.raises(BancadaError) as caught:
        choose(VARIANTS, 450, matrix=False)
    assert caught.value.code == "quantize.nothing_fits"
    assert str(caught.value.params["type"]).startswith("Q2_K")


def test_advice_names_what_the_name_hides() -> None:
    said = " ".join(advice(VARIANTS[2], VARIANTS, matrix=False, requantizes="Q4_1"))
    assert "already quantized (Q4_1)" in said
    assert "2 tensors are too narrow for Q4_K_M" in said
    assert "2 as Q5_0" in said
    single = replace(VARIANTS[2], fallbacks={"blk.0.attn_v.weight": "Q5_0"})
    assert "1 tensor is too narrow for Q4_K_M and stored otherwise: 1 as Q5_0." in advice(
        single, VARIANTS, matrix=False
    )
    assert "promises 4.85 bits per weight; this file has 6.20" in said
    assert "Q5_0, which promises more, takes no more room here (600 bytes)" in said
    # where nothing falls back, names tell of quality
    later = variant("Q4_0", 600)
    assert "Q5_0 is of better quality and not larger" in " ".join(advice(later, VARIANTS, matrix=False))
    assert "importance matrix" in " ".join(advice(VARIANTS[5], VARIANTS, matrix=False))
    assert "importance matrix" not in " ".join(advice(VARIANTS[5], VARIANTS, matrix=True))
    assert "trained for it" in " ".join(advice(VARIANTS[7], VARIANTS, matrix=True))
    assert advice(variant("Q8_0", 850), VARIANTS, matrix=False) == []


def test_overrides() -> None:
    given = ("ffn_down=q8_0", r"blk\.[01]\.attn_q=F16")
    found = check_overrides(given, TENSORS, ("Q8_0", "F16"))
    assert found == [("ffn_down", "Q8_0"), (r"blk\.[01]\.attn_q", "F16")]
    assert all(any(re.search(pattern, name) for name in TENSORS) for pattern, _ in found)


@pytest.mark.parametrize(
    ("override", "detail"),
    [
        ("ffn_down", "not PATTERN=TYPE"),
        ("=Q8_0", "not PATTERN=TYPE"),
        ("ffn_down=Q9", "no type"),
        ("ffn_up=Q8_0", "no tensor"),
        ("(ffn=Q8_0", "no regular expression"),
        ("(f+)+=Q8_0", "repeats a repetition"),
        ("(?<=b)lk=Q8_0", "engine's grammar"),
        ("(?P<n>f)fn=Q8_0", "engine's grammar"),
        (r"\Ablk=Q8_0", "engine's grammar"),
        ("f" * 121 + "=Q8_0", "too long"),
        ("fé=Q8_0", "not ASCII"),
    ],
)
def test_overrides_that_cannot_be_used(override: str, detail: str) -> None:
    with pytest.raises(BancadaError) as caught:
        check_overrides((override,), TENSORS, ("Q8_0",))
    assert caught.value.code == "quantize.override_invalid"
    assert detail in str(caught.value.params["detail"])


def test_too_many_overrides() -> None:
    with pytest.raises(BancadaError) as caught:
        check_overrides(("ffn_down=Q8_0",) * 65, TENSORS, ("Q8_0",))
    assert "too many" in str(caught.value.params["detail"])


@pytest.mark.parametrize(
    ("source", "matrix", "name"),
    [
        ("Smol", False, "Smol-Q4_K_M"),
        ("Smol-F16", False, "Smol-Q4_K_M"),
        ("Smol.Q4_1", True, "Smol-Q4_K_M-imat"),
        ("Smol-bf16", False, "Smol-Q4_K_M"),
        ("Smol-IQ4_XS-imat", False, "Smol-Q4_K_M"),
        ("F16", False, "F16-Q4_K_M"),
    ],
)
def test_names_to_propose(source: str, matrix: bool, name: str) -> None:
    assert result_name(source, "Q4_K_M", matrix=matrix) == name
