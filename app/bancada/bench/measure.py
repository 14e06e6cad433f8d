"""Runs the repetitions of a benchmark on a loaded model and hands on what each one measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

import psutil

from bancada.bench.machine import OthersLoad
from bancada.bench.plan import TOKEN_STRIDE, BenchParams, Repetition, repetitions
from bancada.bench.prompts import PromptMaker
from bancada.core.errors import Canceled
from bancada.inference.backend import Backend
from bancada.inference.types import GenerationRequest, GenerationResult, Sampling, StopReason, Token

#: how long the machine is watched before the first repetition
_WATCH_S: Final = 1.0
#: tokens of the generation that finds out how many special tokens the engine adds to a raw prompt
_PROBE_TOKENS: Final = 8

#: (key, step, value)
Metric = tuple[str, int, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of one repetition, to be stored together."""

    repetition: Repetition
    metrics: tuple[Metric, ...]


class Measurement:
    """One benchmark on one loaded backend.

    Args:
        should_stop: polled inside a generation; when it says yes, :class:`Canceled` is raised.
    """

    def __init__(self, backend: Backend, params: BenchParams, should_stop: Callable[[], bool]) -> None:
        self._backend = backend
        self._params = params
        self._should_stop = should_stop
        self._prompts = PromptMaker(backend.tokenize)
        self._process = psutil.Process()
        self._extra_tokens = 0

    def others_before(self) -> float:
        """Cores that other processes keep busy just before the start, watched for a second."""
        load = OthersLoad()
        deadline = time.monotonic() + _WATCH_S
        while time.monotonic() < deadline:
            if self._should_stop():
                raise Canceled
            time.sleep(0.05)
        return load.cores()

    def prepare(self, on_warmup: Callable[[int], None]) -> None:
        """Find out the special tokens of a prompt, then run the generations that are not counted.

        ``on_warmup`` is called with the number of warm-ups done.
        """
        probe = self._generate(self._prompts.make(_PROBE_TOKENS, 0), 1, [])
        self._extra_tokens = probe.timings.prompt_tokens - _PROBE_TOKENS
        for number in range(self._params.warmup):
            prompt = self._prompt(self._params.prompt_tokens[0], number + 1)
            self._generate(prompt, self._params.answer_tokens[0], [])
            on_warmup(number + 1)

    def run(self, done_steps: Collection[int]) -> Iterable[Measured]:
        """Measure every repetition whose step is not in ``done_steps``, one at a time."""
        for repetition in repetitions(self._params):
            if repetition.step not in done_steps:
                yield self._measure(repetition)

    def _measure(self, repetition: Repetition) -> Measured:
        cell = repetition.cell
        # variants after those of the warm-ups, and never the same one twice in a row
        prompt = self._prompt(cell.prompt_tokens, self._params.warmup + 1 + repetition.step)
        others = OthersLoad()
        tokens: list[Token] = []
        result = self._generate(prompt, cell.answer_tokens, tokens)
        others_cores = others.cores()
        return Measured(repetition, tuple(self._metrics(repetition.step, result, tokens, others_cores)))

    def _metrics(
        self, step: int, result: GenerationResult, tokens: list[Token], others_cores: float
    ) -> Iterable[Metric]:
        timings = result.timings
        values: dict[str, float | None] = {
            "ttft_ms": timings.ttft_ms,
            "prefill_ms": timings.prefill_ms,
            "total_ms": timings.total_ms,
            "prefill_tokens_per_s": timings.prefill_tokens_per_s,
            "decode_tokens_per_s": timings.decode_tokens_per_s,
            "prompt_tokens": timings.prompt_tokens,
            "cached_tokens": timings.cached_tokens,
            "completion_tokens": timings.completion_tokens,
            "rss_bytes": self._process.memory_info().rss,
            "peak_memory_bytes": result.peak_memory_bytes,
            "others_cores": others_cores,
        }
        yield from ((key, step, float(value)) for key, value in values.items() if value is not None)
        for index in range(1, len(tokens)):
            gap_ms = (tokens[index].t_ns - tokens[index - 1].t_ns) / 1e6
            yield "itl_ms", step * TOKEN_STRIDE + index, gap_ms

    def _prompt(self, tokens: int, variant: int) -> str:
        # a prompt of one token that gets a special one besides cannot be shortened further
        return self._prompts.make(max(1, tokens - self._extra_tokens), variant)

    def _generate(self, prompt: str, answer_tokens: int, tokens: list[Token]) -> GenerationResult:
        request = GenerationRequest(
            prompt=prompt,
            # without a seed the number of threads may follow what is free; greedy needs none
            sampling=Sampling(temperature=0.0),
            max_tokens=answer_tokens,
            ignore_end=True,
        )
        result = self._backend.generate(request, tokens.append, self._should_stop)
        if result.stop_reason is StopReason.CANCELED:
            raise Canceled
        return result
