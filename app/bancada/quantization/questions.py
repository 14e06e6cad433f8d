"""The small set of questions that come with the program, and the comparison of two lists of answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bancada.core.paths import resources
from bancada.quantization.certificate import LostTask, TaskFindings, TaskGroup

_FILE: Final = "questions.json"
_SHOWN: Final = 12
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Question:
    """One question; ``expected`` says for people what is right.

    With ``options`` the likeliest is the answer, and the first of them is right; without, an answer is
    written and must match ``pattern``.
    """

    kind: str
    language: str
    question: str
    options: tuple[str, ...] = ()
    pattern: str = ""
    expected: str = ""

    @property
    def right(self) -> str:
        """The right answer, for people."""
        return self.options[0] if self.options else self.expected

    def is_right(self, answer: str) -> bool:
        """Whether a given answer counts."""
        if self.options:
            return answer == self.options[0]
        return re.search(self.pattern, answer.strip()) is not None


def questions() -> tuple[Question, ...]:
    """The bundled questions in their order."""
    data = json.loads((resources() / "certificate" / _FILE).read_text(encoding="utf-8"))
    return tuple(Question(**{**one, "options": tuple(one.get("options", ()))}) for one in data)


def compare_answers(
    asked: Sequence[Question], source_answers: Sequence[str], answers: Sequence[str]
) -> TaskFindings:
    """Pair the answers of both models question by question."""
    right = [
        (one, one.is_right(before), one.is_right(after), before, after)
        for one, before, after in zip(asked, source_answers, answers, strict=True)
    ]
    kinds = list(dict.fromkeys(one.kind for one in asked))
    groups = [
        _group(kind, [(before, after) for one, before, after, *_ in right if kind in (one.kind, ALL)])
        for kind in [*kinds, ALL]
    ]
    lost = [
        LostTask(one.kind, one.language, one.question, one.right, before[:200], after[:200])
        for one, was, now, before, after in right
        if was and not now
    ]
    return TaskFindings(tuple(groups), tuple(lost[:_SHOWN]))


def _group(kind: str, pairs: Sequence[tuple[bool, bool]]) -> TaskGroup:
    only_source = sum(was and not now for was, now in pairs)
    only_result = sum(now and not was for was, now in pairs)
    return TaskGroup(
        kind=kind,
        count=len(pairs),
        both=sum(was and now for was, now in pairs),
        only_source=only_source,
        only_result=only_result,
        p_value=binomial_p(only_source, only_result),
    )


def binomial_p(losses: int, wins: int) -> float:
    """How often a fair coin would split ``losses + wins`` throws at least so unevenly, either way.

    The exact form of McNemar's test of paired answers: min(1, 2 P(B <= min)), B binomial(n, 1/2).
    """
    count = losses + wins
    below = sum(math.comb(count, one) for one in range(min(losses, wins) + 1))
    return float(min(1, 2 * below / (1 << count)))
