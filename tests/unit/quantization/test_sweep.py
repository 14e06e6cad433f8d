"""Which of several variants is recommended, and why."""

from __future__ import annotations

import pytest

from bancada.core.errors import BancadaError
from bancada.quantization.sweep import recommend
from bancada.quantization.variants import Variant

GB = 10**9


def variant(name: str, size: float, kl: float, speed: float | None, verdict: str = "green") -> Variant:
    return Variant(
        version_id=name, name=name, quantization=name, size_bytes=int(size * GB), bits_per_weight=size,
        kl_mean=kl, ratio=1 + kl, tokens_per_s=speed, verdict=verdict,
    )  # fmt: skip


VARIANTS = [
    variant("source", 16, 0.0, 10, "source"),
    variant("Q8_0", 8.5, 0.001, 20),
    variant("Q6_K", 6.6, 0.00104, 24),
    variant("Q4_K_M", 4.9, 0.02, 33),
    variant("Q4_0", 4.5, 0.05, 40, "amber"),
    variant("Q2_K", 2.9, 0.6, 45, "red"),
]


@pytest.mark.parametrize(
    ("goal", "memory", "chosen", "word"),
    [
        ("quality", 20, "Q6_K", "nearest"),  # as near as Q8_0, as far as can be told, and smaller
        ("quality", 6, "Q4_K_M", "nearest"),
        ("quality", 4.6, "Q4_0", "nearest"),
        ("size", 20, "Q4_K_M", "smallest"),
        ("speed", 20, "Q4_K_M", "33 tokens/s"),
        ("speed", 4.6, "Q4_0", "amber"),
    ],
)
def test_a_goal_has_its_variant(goal: str, memory: float, chosen: str, word: str) -> None:
    found = recommend(VARIANTS, goal, int(memory * GB))
    assert found is not None
    assert found.version_id == chosen
    assert word in found.reason


def test_a_red_one_is_never_recommended() -> None:
    assert recommend(VARIANTS, "size", 3 * GB) is None
    assert recommend([VARIANTS[0], VARIANTS[-1]], "quality", 20 * GB) is None


def test_without_speeds_none_is_claimed() -> None:
    found = recommend([variant("Q8_0", 8.5, 0.001, None)], "speed", 20 * GB)
    assert found is not None
    assert "no speed was measured" in found.reason


def test_an_unknown_goal() -> None:
    with pytest.raises(BancadaError) as caught:
        recommend(VARIANTS, "beauty", GB)
    assert caught.value.code == "quantize.goal_unknown"
