"""Which of several variants to take: for a goal, on this device, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.quantization.variants import Variant

GOALS: Final = ("quality", "size", "speed")
#: a divergence that differs by less is the same: the standard error of a short text is as large
_SAME_DIVERGENCE: Final = 1.05


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The variant to take, and why."""

    version_id: str
    name: str
    reason: str


def check_goal(goal: str) -> None:
    """Raise BancadaError ``quantize.goal_unknown`` for a goal that there is not."""
    if goal not in GOALS:
        raise BancadaError("quantize.goal_unknown", goal=goal[:40], known=", ".join(GOALS))


def recommend(found: Sequence[Variant], goal: str, memory_bytes: int) -> Recommendation | None:
    """The variant for a goal among those that are not red and fit; None when there is none.

    Args:
        found: variants with certificates; the source counts for nothing.
        goal: ``quality``: nearest to the source among those no other one beats; ``size``: the smallest;
            ``speed``: the fastest.
        memory_bytes: what the device can give to the weights.
    """
    check_goal(goal)
    usable = [one for one in found if one.verdict in ("green", "amber") and one.size_bytes <= memory_bytes]
    if not usable:
        return None
    green = [one for one in usable if one.verdict == "green"] or usable
    if goal == "size":
        best = min(green, key=lambda one: (one.size_bytes, one.kl_mean))
        reason = f"the smallest ({bytes_text(best.size_bytes)}) whose certificate is {best.verdict}"
    elif goal == "speed":
        best = max(green, key=lambda one: (one.tokens_per_s or 0.0, -one.kl_mean))
        speed = f"{best.tokens_per_s:.0f} tokens/s" if best.tokens_per_s else "no speed was measured"
        reason = f"the fastest ({speed}) whose certificate is {best.verdict}"
    else:
        least = min(one.kl_mean for one in green)
        near = [one for one in green if one.kl_mean <= least * _SAME_DIVERGENCE]
        best = min(near, key=lambda one: one.size_bytes)
        reason = (
            f"the nearest to the source that fits (KL divergence {best.kl_mean:.4f}, "
            f"{bytes_text(best.size_bytes)})"
        )
    return Recommendation(best.version_id, best.name, f"{best.name}: {reason}.")
