"""Finding a model's fastest settings on this machine: a few seconds of measuring, kept for the next time.

What wins differs between machines: flash attention gains prefill and may lose decode at depth, more
threads than the memory can feed only wait for each other. So each is measured with the model itself,
and judged by the time of a typical turn: a prompt of 512 tokens and an answer of 256.

The waiting policy is not measured: threads that spin for a moment are as fast as threads that spin for
long on a quiet machine, and do not collapse on a busy one (docs/decisions). What is measured is how much
the last thread gains: so much may others take of its core before it is given up
(:mod:`bancada.engines.thread_policy`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from bancada.core.errors import BancadaError
from bancada.engines.busy_meter import BusyMeter, runnable_others
from bancada.engines.llama_native import BATCH, NativeContext, NativeModel

PROMPT_TOKENS: Final = 512
ANSWER_TOKENS: Final = 256
#: the first tokens after loading read the file into memory, which is not what is measured
_WARM_UP: Final = 16
_SECONDS_PER_PREFILL: Final = 0.7
_DEADLINE_S: Final = 6.0
_DECODE_STEPS: Final = 6
#: a larger share of a core taken by others than this makes a measurement worthless
_QUIET_CORES: Final = 0.3
#: the share of its speed that a calculation loses when one of its threads has lost its whole core: of an
#: answer, and of a prompt, whose threads take work from each other
_ANSWER_LOSS: Final = 0.75
_PROMPT_LOSS: Final = 0.5
#: a smaller tolerance would be the meter's own noise
_TOLERANCES: Final = (0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to calculate: threads for answers and for prompts, and the kind of attention.

    The tolerances are the shares of a core that others may take before a thread fewer is faster.
    """

    threads: int
    threads_batch: int
    flash_attention: bool
    answer_tolerance: float = 0.3
    prompt_tolerance: float = 0.5

    @classmethod
    def from_json(cls, data: object) -> Settings | None:
        """Settings from what was stored; None when it is not that."""
        if not isinstance(data, dict):
            return None
        threads, batch = data.get("threads"), data.get("threads_batch")
        attention = data.get("flash_attention")
        if not isinstance(threads, int) or not isinstance(batch, int) or not isinstance(attention, bool):
            return None
        answer, prompt = data.get("answer_tolerance"), data.get("prompt_tolerance")
        if not isinstance(answer, float) or not isinstance(prompt, float):
            return None
        sensible = threads > 0 and batch > 0 and 0 < answer < 1 and 0 < prompt < 1
        return cls(threads, batch, attention, answer, prompt) if sensible else None

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        return asdict(self)


class CalibrationStore(Protocol):
    """What was measured on this machine before; whoever makes it binds it to the machine."""

    def get(self, model_sha256: str, engine: str) -> dict[str, Any] | None: ...

    def put(
        self, model_sha256: str, engine: str, settings: dict[str, Any], measured: dict[str, Any]
    ) -> None: ...


@dataclass(slots=True)
class Calibration:
    """The chosen settings and the measurements behind them (tokens/s)."""

    settings: Settings
    measured: dict[str, Any]
    quiet: bool


def machine_is_quiet() -> bool:
    """Whether no other program wants the cores this instant: the cheap check before measuring."""
    return all(not runnable_others() for _ in range(2))


def calibrate(model: NativeModel, *, cores: int, cache_type: str) -> Calibration:
    """Measure and choose. Takes a few seconds, on large models at most about twice the deadline.

    Raises:
        BancadaError: ``engine.out_of_memory``, ``engine.context_failed``, ``engine.evaluation_failed``.
    """
    meter = BusyMeter()
    deadline = time.perf_counter() + _DEADLINE_S
    # a quantized cache of values works with flash attention alone
    attentions = (True, False) if cache_type == "f16" else (True,)
    trials = [_try_attention(model, one, cores, cache_type, deadline) for one in attentions]
    best = min(trials, key=lambda trial: trial.turn_s)
    taken = meter.others()
    return Calibration(
        Settings(
            best.threads,
            best.threads_batch,
            best.flash_attention,
            answer_tolerance=tolerance(best.deep, _ANSWER_LOSS),
            prompt_tolerance=tolerance(best.prefill, _PROMPT_LOSS),
        ),
        {("flash_attention" if one.flash_attention else "plain_attention"): one.to_json() for one in trials},
        quiet=taken is None or taken <= _QUIET_CORES,
    )


@dataclass(slots=True)
class _Trial:
    """One kind of attention: rates in tokens/s by number of threads; decode at two depths."""

    flash_attention: bool
    depth: int
    prefill: dict[int, float] = field(default_factory=dict)
    shallow: dict[int, float] = field(default_factory=dict)
    deep: dict[int, float] = field(default_factory=dict)

    @property
    def threads(self) -> int:
        return max(self.deep, key=lambda one: self.deep[one])

    @property
    def threads_batch(self) -> int:
        return max(self.prefill, key=lambda one: self.prefill[one])

    @property
    def turn_s(self) -> float:
        """Seconds of the typical turn: decode time grows linearly with depth, measured at two depths."""
        near, far = 1 / self.shallow[self.threads], 1 / self.deep[self.threads]
        per_token = max(0.0, (far - near) / self.depth)
        middle = PROMPT_TOKENS + ANSWER_TOKENS / 2
        decode_s = ANSWER_TOKENS * (near + per_token * middle)
        return PROMPT_TOKENS / self.prefill[self.threads_batch] + decode_s

    def to_json(self) -> dict[str, Any]:
        """The measurements, as they are stored."""

        def rates(values: dict[int, float]) -> dict[str, float]:
            return {str(threads): round(rate, 1) for threads, rate in values.items()}

        return {
            "depth": self.depth,
            "prefill_tokens_per_s": rates(self.prefill),
            "decode_tokens_per_s_at_0": rates(self.shallow),
            "decode_tokens_per_s_at_depth": rates(self.deep),
            "turn_s": round(self.turn_s, 3),
        }


def tolerance(rates: dict[int, float], loss: float) -> float:
    """The share of a core that others may be seen to take before the last thread is given up.

    Without its last thread the best of ``rates`` (tokens/s by threads) falls by ``gain``; with the
    thread, while others want a share ``d`` of its core, by ``loss * d``. So it is worth keeping up to
    d = gain / loss, of which others are seen to get d / (1 + d), because the thread competes with them.
    """
    best = max(rates, key=lambda one: rates[one])
    fewer = max((one for one in rates if one < best), default=None)
    ratio = 0.0 if fewer is None else (rates[fewer] / rates[best]) ** (1 / (best - fewer))
    share = (1 - ratio) / loss
    least, most = _TOLERANCES
    return round(min(most, max(least, share / (1 + share))), 2)


def thread_candidates(cores: int) -> list[int]:
    """Numbers of threads worth trying: all cores, one fewer, halves down to one; the most first."""
    halves = [cores >> shift for shift in range(cores.bit_length())]
    return sorted({*halves, max(1, cores - 1)}, reverse=True)


def _try_attention(
    model: NativeModel, flash_attention: bool, cores: int, cache_type: str, deadline: float
) -> _Trial:
    size = min(PROMPT_TOKENS + 64, model.trained_context)
    context = NativeContext(
        model,
        context=size,
        threads=cores,
        threads_batch=cores,
        flash_attention=flash_attention,
        cache_type=cache_type,
    )
    try:
        # any tokens do: their number is what costs
        tokens = [1 + index * 7919 % max(1, model.size - 1) for index in range(size)]
        _evaluate(context, tokens[:_WARM_UP])
        second = _timed(lambda: _evaluate(context, tokens[:_WARM_UP]))
        fits = int(_SECONDS_PER_PREFILL * _WARM_UP / second)
        trial = _Trial(flash_attention, max(8, min(size - 64, PROMPT_TOKENS, fits)))
        candidates = thread_candidates(cores)
        _measure_decode(context, trial.shallow, candidates, tokens, deadline)
        context.clear()
        trial.prefill[cores] = trial.depth / _timed(lambda: _evaluate(context, tokens[: trial.depth]))
        _measure_decode(context, trial.deep, candidates, tokens, deadline)
        part = max(8, trial.depth // 4)
        for threads in candidates[1:]:
            # with fewer threads a part of the prompt tells enough
            if time.perf_counter() < deadline:
                context.clear()
                context.set_threads(threads, threads)
                trial.prefill[threads] = part / _timed(lambda: _evaluate(context, tokens[:part]))
        return trial
    finally:
        context.close()


def _measure_decode(
    context: NativeContext,
    rates: dict[int, float],
    candidates: Sequence[int],
    tokens: list[int],
    deadline: float,
) -> None:
    for threads in candidates:
        if rates and time.perf_counter() > deadline:
            return
        context.set_threads(threads, threads)
        steps = sorted(_timed(partial(context.decode_one, token)) for token in tokens[:_DECODE_STEPS])
        rates[threads] = 1 / steps[len(steps) // 2]
    context.set_threads(candidates[0], candidates[0])


def _evaluate(context: NativeContext, tokens: Sequence[int]) -> None:
    for begin in range(0, len(tokens), BATCH):
        status = context.decode(tokens[begin : begin + BATCH])
        if status:
            raise BancadaError("engine.evaluation_failed", status=status)


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return max(1e-9, time.perf_counter() - begin)
