"""The declared thresholds of a certificate, and the verdict that follows from them, with its reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bancada.quantization.certificate import Divergence, TaskFindings, TensorFault, TensorFindings
from bancada.storage.certificates import Verdict


@dataclass(frozen=True, slots=True)
class Threshold:
    """Beyond ``amber`` a value is amber, beyond ``red`` red; ``below`` says which side is beyond."""

    key: str
    words: str
    amber: float
    red: float
    below: bool = False

    def judge(self, value: float) -> Verdict:
        """Where a value stands."""
        if self.below:
            return "red" if value < self.red else "amber" if value < self.amber else "green"
        return "red" if value > self.red else "amber" if value > self.amber else "green"


#: written into every certificate. For orientation: of a good model Q8_0 has a mean KL divergence of
#: about 0.001, Q4_K_M of 0.02 to 0.06, Q2_K of 0.3 and more
THRESHOLDS: Final = (
    Threshold("kl_mean", "mean KL divergence", 0.1, 0.7),
    Threshold("kl_p99", "KL divergence of the worst hundredth", 1.0, 6.0),
    Threshold("ratio", "perplexity relative to the source", 1.05, 1.6),
    Threshold("same_top", "share of equal likeliest tokens", 0.85, 0.6, below=True),
)
#: a loss of right answers that chance explains less often than this counts
TASK_AMBER: Final = 0.05
TASK_RED: Final = 0.001
_ORDER: Final[tuple[Verdict, ...]] = ("green", "amber", "red")
_NAMED: Final = 5


def thresholds() -> dict[str, float]:
    """The thresholds as they are written into a certificate."""
    limits = {f"{one.key}.amber": one.amber for one in THRESHOLDS}
    limits |= {f"{one.key}.red": one.red for one in THRESHOLDS}
    return {**limits, "tasks_p.amber": TASK_AMBER, "tasks_p.red": TASK_RED}


def worst(verdicts: Iterator[Verdict] | list[Verdict]) -> Verdict:
    """The worst of several; green without any."""
    return max(verdicts, key=_ORDER.index, default="green")


def at_least(verdict: str, limit: str) -> bool:
    """Whether a verdict is as bad as ``limit`` or worse."""
    order: dict[str, int] = {one: place for place, one in enumerate(_ORDER)}
    return order[verdict] >= order[limit]


def judge(
    tensors: TensorFindings | None,
    divergence: Divergence | None,
    tasks: TaskFindings | None,
    not_compared: str,
    *,
    broken: bool = False,
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and why, the worst reasons first; ``broken`` says that it predicts no numbers at all."""
    found = [
        *_of_tensors(tensors),
        *_of_divergence(divergence),
        *_of_tasks(tasks),
    ]
    if not_compared:
        found.append(("red" if broken else "amber", not_compared))
    if not found:
        return "green", ("Every measure is within its threshold, and no tensor is damaged.",)
    found.sort(key=lambda one: -_ORDER.index(one[0]))
    return found[0][0], tuple(words for _, words in found)


def _of_tensors(tensors: TensorFindings | None) -> Iterator[tuple[Verdict, str]]:
    if tensors is None:
        return
    for fault, words in (
        ("not_finite", "{} with values that are no numbers (NaN or infinite)"),
        ("zero", "{} with zeros only, which the source has not"),
        ("swapped", "{} in another tensor's place"),
        ("different", "{} far from the source's values"),
        ("missing", "{} missing"),
    ):
        named = [one for one in tensors.faults if one.fault == fault]
        if named:
            count = "1 tensor" if len(named) == 1 else f"{len(named)} tensors"
            yield "red", f"{words.format(count)}: {_names(named)}."
    if tensors.source_faults:
        yield "amber", f"Damaged in the source already: {_names(list(tensors.source_faults))}."


def _names(faults: list[TensorFault]) -> str:
    shown = [f"{one.name} (holds {one.holds})" if one.holds else one.name for one in faults[:_NAMED]]
    more = len(faults) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _of_divergence(divergence: Divergence | None) -> Iterator[tuple[Verdict, str]]:
    if divergence is None:
        return
    for one in THRESHOLDS:
        value = float(getattr(divergence, one.key))
        verdict = one.judge(value)
        if verdict != "green":
            limit = one.red if verdict == "red" else one.amber
            side = "below" if one.below else "above"
            yield verdict, f"The {one.words} is {value:.3g}, {side} {limit:g}."


def _of_tasks(tasks: TaskFindings | None) -> Iterator[tuple[Verdict, str]]:
    if tasks is None:
        return
    total = tasks.total
    if total.only_source <= total.only_result or total.p_value >= TASK_AMBER:
        return
    verdict: Verdict = "red" if total.p_value < TASK_RED else "amber"
    words = (
        f"It answers {total.result_right} of {total.count} questions, its source {total.source_right}; "
        f"chance alone would do that in {total.p_value:.1%} of cases."
    )
    yield verdict, words
