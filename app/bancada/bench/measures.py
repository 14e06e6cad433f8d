"""What is measured: each measure's name, unit and formula. The window and the reports show these words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure; ``better`` is ``higher``, ``lower`` or empty where neither is."""

    key: str
    name: str
    unit: str
    better: str
    formula: str


MEASURES: Final[dict[str, Measure]] = {
    one.key: one
    for one in (
        Measure(
            "ttft_ms",
            "Time to first token",
            "ms",
            "lower",
            "from the worker's receipt of the request to its first token; the prompt shares no beginning "
            "with the one before, so nothing is reused",
        ),
        Measure(
            "prefill_tokens_per_s",
            "Prompt speed",
            "tokens/s",
            "higher",
            "evaluated prompt tokens (without reused ones) / time to evaluate them",
        ),
        Measure(
            "decode_tokens_per_s",
            "Answer speed",
            "tokens/s",
            "higher",
            "(answer tokens - 1) / time from the first token to the last",
        ),
        Measure(
            "itl_ms", "Inter-token latency", "ms", "lower", "time between one token and the next, every gap"
        ),
        Measure("total_ms", "Whole request", "ms", "lower", "from the receipt of the request to its end"),
        Measure(
            "peak_memory_bytes",
            "Peak memory",
            "bytes",
            "lower",
            "largest resident memory of the worker up to the end of the repetition",
        ),
    )
}

#: above this many cores kept busy by others, a result says so
BUSY_CORES: Final = 0.25
#: above this deviation relative to the mean, a result says that it is unsteady
UNSTEADY: Final = 0.10
