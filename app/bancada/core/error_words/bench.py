"""Errors of measurements."""

from __future__ import annotations

from typing import Final

#: code -> (what happened, what it means, what to do)
WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "bench.bad_value": (
        "The benchmark's {option} is {value}, which is outside {low} to {high}.",
        "Nothing was started.",
        "Choose a value in that range.",
    ),
    "bench.context_short": (
        "The longest prompt and answer need {need} tokens, but the context was set to {have}.",
        "The benchmark cannot run its longest combination. Nothing was started.",
        "Leave the context out, raise it to {need} or more, or choose shorter lengths.",
    ),
    "bench.prompt_unreachable": (
        "No text of exactly {need} tokens could be made for this model; the nearest has {have}.",
        "The model's tokenizer splits text in a way that the benchmark cannot steer.",
        "Choose another prompt length.",
    ),
    "bench.no_results": (
        "The benchmark {run} has no measured repetition yet.",
        "It was stopped or failed before its first result.",
        "Resume its job or run it again.",
    ),
    "bench.not_a_benchmark": (
        "{run} is not a benchmark.",
        "Only runs of the kind bench have these results.",
        "The command bancada bench list shows the benchmarks.",
    ),
}
