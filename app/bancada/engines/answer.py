"""What the engines share: how an answer begins, grows, ends, and its timings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from bancada.engines.process_memory import peak_resident_bytes
from bancada.engines.text_stream import TextStream
from bancada.inference.types import (
    Alternative,
    GenerationRequest,
    GenerationResult,
    StopReason,
    Timings,
    Token,
)


class StoppedError(Exception):
    """``should_stop`` said so in the middle of a prefill."""


class TokenSource(Protocol):
    """What an engine does for an answer: choose a token, say what it is, evaluate it."""

    def choose(self) -> int: ...

    def probabilities(self, token: int, wanted: int) -> tuple[float, list[tuple[int, float]]]:
        """Natural-log probability of the token just chosen, and of the ``wanted`` likeliest, best first."""

    def is_end(self, token: int) -> bool: ...

    def piece(self, token: int, *, special: bool = False) -> bytes: ...

    def is_full(self) -> bool:
        """Whether the token just chosen is the last that the context has room for."""

    def accept(self, token: int, /) -> None:
        """Evaluate the token just chosen."""


class Clock:
    """When a request was received, begun and prefilled, in ns of the worker's clock."""

    def __init__(self, received_ns: int) -> None:
        self.received_ns = received_ns
        self.started_ns = self.prefilled_ns = time.perf_counter_ns()

    def prefilled(self) -> None:
        """The prompt is evaluated, or was given up."""
        self.prefilled_ns = time.perf_counter_ns()


class Answer:
    """What was generated so far, and when."""

    def __init__(self, stream: TextStream, on_token: Callable[[Token], None]) -> None:
        self.stream = stream
        self.ids: list[int] = []
        self.times: list[int] = []
        self._on_token = on_token

    def add(self, token: Token, piece: bytes, *, last: bool) -> None:
        """Give out a token with the text that is certain now; all of it when it is the last."""
        text = self.stream.feed(piece)
        if last:
            text += self.stream.finish()
        self.ids.append(token.id)
        self.times.append(token.t_ns)
        self._on_token(replace(token, text=text))

    def flush(self, end: Token | None) -> None:
        """Give out what was held back, at the end of the answer, with its end token."""
        text = self.stream.finish()
        if text and end is not None:
            self._on_token(replace(end, text=text))

    def grow(
        self, source: TokenSource, request: GenerationRequest, should_stop: Callable[[], bool]
    ) -> StopReason:
        """Add tokens until something ends the answer; raises what the source raises."""
        while len(self.ids) < request.max_tokens:
            if should_stop():
                self.flush(None)
                return StopReason.CANCELED
            token = source.choose()
            now = time.perf_counter_ns()
            if source.is_end(token) and not request.ignore_end:
                self.flush(Token(token, "", now))
                return StopReason.END
            full = source.is_full()
            last = full or len(self.ids) + 1 >= request.max_tokens
            one = Token(token, "", now, *_probabilities(source, token, request.logprobs))
            self.add(one, source.piece(token), last=last)
            if self.stream.stopped:
                return StopReason.STOP
            if last:
                return StopReason.CONTEXT if full else StopReason.LENGTH
            source.accept(token)
        return StopReason.LENGTH

    def result(
        self, reason: StopReason, seed: int, clock: Clock, *, prompt: int, cached: int
    ) -> GenerationResult:
        """The finished answer to ``prompt`` tokens, of which ``cached`` were evaluated before."""
        return GenerationResult(
            text=self.stream.text,
            token_ids=tuple(self.ids),
            stop_reason=reason,
            seed=seed,
            timings=timings(prompt, cached, self.times, clock),
            peak_memory_bytes=peak_resident_bytes(),
        )


def _probabilities(
    source: TokenSource, token: int, wanted: int
) -> tuple[float | None, tuple[Alternative, ...]]:
    if wanted <= 0:
        return None, ()
    own, likeliest = source.probabilities(token, wanted)
    return own, tuple(
        Alternative(one, source.piece(one, special=True).decode("utf-8", "replace"), value)
        for one, value in likeliest
    )


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    return next(index for index in range(length) if one[index] != other[index])


def timings(prompt: int, cached: int, times: Sequence[int], clock: Clock) -> Timings:
    """The timings of an answer whose tokens came at ``times`` (ns)."""
    prefill_s = (clock.prefilled_ns - clock.started_ns) / 1e9
    decode_s = (times[-1] - times[0]) / 1e9 if times else 0.0
    return Timings(
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=len(times),
        queue_ms=0.0,
        prefill_ms=prefill_s * 1e3,
        ttft_ms=(times[0] - clock.received_ns) / 1e6 if times else 0.0,
        decode_ms=decode_s * 1e3,
        total_ms=(time.perf_counter_ns() - clock.received_ns) / 1e6,
        prefill_tokens_per_s=(prompt - cached) / prefill_s if prompt > cached and prefill_s > 0 else None,
        decode_tokens_per_s=(len(times) - 1) / decode_s if len(times) > 1 and decode_s > 0 else None,
    )
