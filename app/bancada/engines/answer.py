"""What the engines share: an answer as it grows, and its timings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from bancada.engines.text_stream import TextStream
from bancada.inference.types import Timings, Token


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


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    return next(index for index in range(length) if one[index] != other[index])


def timings(
    prompt: int, cached: int, times: Sequence[int], *, received_ns: int, started_ns: int, prefilled_ns: int
) -> Timings:
    prefill_s = (prefilled_ns - started_ns) / 1e9
    decode_s = (times[-1] - times[0]) / 1e9 if times else 0.0
    return Timings(
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=len(times),
        queue_ms=0.0,
        prefill_ms=prefill_s * 1e3,
        ttft_ms=(times[0] - received_ns) / 1e6 if times else 0.0,
        decode_ms=decode_s * 1e3,
        total_ms=(time.perf_counter_ns() - received_ns) / 1e6,
        prefill_tokens_per_s=(prompt - cached) / prefill_s if prompt > cached and prefill_s > 0 else None,
        decode_tokens_per_s=(len(times) - 1) / decode_s if len(times) > 1 and decode_s > 0 else None,
    )
