"""How many threads calculate while other programs want the same cores: chosen again from what is measured.

A thread whose core is taken makes all others wait at the next barrier, so at some point one thread fewer
is faster. Where that point lies differs: what the last thread gains is known from the calibration, and
what it costs was measured (docs/decisions/0006-threads-not-waiting.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol

from bancada.engines.busy_meter import BusyMeter, runnable_others
from bancada.engines.calibration import Settings

#: from so many tokens on, flash attention adds up one token's attention in as many parts as there are
#: threads, and rounds accordingly; an answer with a fixed seed then keeps to one number of them, one
#: fewer than the best, because a core is soon taken
SPLIT_FROM: Final = 256


class Meter(Protocol):
    """What :class:`bancada.engines.busy_meter.BusyMeter` does."""

    cores: int

    def due(self) -> bool: ...

    def others(self, oldest_s: float = ...) -> float | None: ...


class ThreadPolicy:
    """Numbers of threads for (answers, prompts), never more than the settings say."""

    def __init__(
        self,
        settings: Settings,
        *,
        adaptive: bool,
        meter: Meter | None = None,
        runnable: Callable[[], int | None] = runnable_others,
    ) -> None:
        """``adaptive``: follow the load; otherwise the settings hold whatever others do."""
        self._settings = settings
        self._adaptive = adaptive
        self._meter: Meter = meter or BusyMeter()
        self._runnable = runnable
        self._steady = False
        self._guessed = False
        # cores that others keep busy, as far as answers and prompts are to mind them
        self._others_answer = self._others_prompt = 0.0

    def begin(self, *, steady: bool) -> tuple[int, int]:
        """A request begins. ``steady``: its number of threads must not depend on what others do."""
        self._steady = steady
        if self._adaptive:
            measured = self._meter.others()
            self._guessed = measured is None
            # who wants a core this instant may not want it for long: that is reason enough to begin the
            # answer with one thread fewer, and not to take twice as long for a short prompt
            self._others_answer = float(self._runnable() or 0) if measured is None else measured
            self._others_prompt = measured or 0.0
        return self._threads(0)

    def next(self, evaluated: int) -> tuple[int, int]:
        """What to go on with when so many tokens are evaluated; cheap enough to ask at every token."""
        if self._adaptive:
            measured = self._meter.others(oldest_s=math.inf) if self._meter.due() else None
            if measured is not None:
                self._others_answer = self._others_prompt = measured
            elif self._guessed:
                self._others_answer = min(self._others_answer, float(self._runnable() or 0))
            self._guessed = False
        return self._threads(evaluated)

    def _threads(self, evaluated: int) -> tuple[int, int]:
        chosen = self._settings
        answer, prompt = chosen.threads, chosen.threads_batch
        if not self._adaptive:
            return answer, prompt
        prompt = self._fitting(prompt, self._others_prompt, chosen.prompt_tolerance)
        if self._steady and evaluated >= SPLIT_FROM:
            return max(1, answer - 1), prompt
        return self._fitting(answer, self._others_answer, chosen.answer_tolerance), prompt

    def _fitting(self, wanted: int, others: float, tolerance: float) -> int:
        return min(wanted, max(1, int(self._meter.cores - others + tolerance)))
