"""What is known of a model from using it: speed and memory as measured, quality as certified."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bancada.storage import certificates, requests, runs
from bancada.storage.connection import Database

#: the newest answers that a median is taken of
ANSWERS: Final = 50
BENCHMARKS: Final = 5
#: our names of the figures -> those of a certificate's report, below its ``divergence``
_QUALITY: Final = {
    "perplexity_ratio": "ratio",
    "kl_divergence": "kl_mean",
    "same_top_token": "same_top",
    "perplexity": "perplexity",
}


@dataclass(frozen=True, slots=True)
class BenchmarkFacts:
    """One benchmark: medians of its first combination, in tokens a second and milliseconds."""

    run_id: str
    name: str
    started_at: str
    decode_tokens_per_s: float | None
    prefill_tokens_per_s: float | None
    ttft_ms: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """The newest certificate: its verdict and its figures by name, as far as it states them."""

    verdict: str
    figures: tuple[tuple[str, float], ...]
    created_at: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the newest ``answers`` finished answers; None where nothing was measured."""

    answers: int
    decode_tokens_per_s: float | None
    prefill_tokens_per_s: float | None
    ttft_ms: float | None
    peak_memory_bytes: int | None
    benchmarks: tuple[BenchmarkFacts, ...]
    quality: Quality | None

    @property
    def empty(self) -> bool:
        """Whether nothing is known yet."""
        return not (self.answers or self.benchmarks or self.quality)


def measured(database: Database, version_id: str) -> Measured:
    """What answers, benchmarks and certificates say of a version."""
    done = [
        one
        for one in requests.list_page(database, limit=ANSWERS, model_version_id=version_id)
        if one.outcome == "finished"
    ]
    peaks = [one.peak_memory_bytes for one in done if one.peak_memory_bytes]
    return Measured(
        answers=len(done),
        decode_tokens_per_s=_median([one.decode_tokens_per_s for one in done]),
        prefill_tokens_per_s=_median([one.prefill_tokens_per_s for one in done]),
        ttft_ms=_median([one.ttft_ms for one in done]),
        peak_memory_bytes=max(peaks, default=None),
        benchmarks=tuple(_benchmarks(database, version_id)),
        quality=quality(database, version_id),
    )


def quality(database: Database, version_id: str) -> Quality | None:
    """The newest certificate of this very content, None where there is none."""
    newest = certificates.newest(database, version_id)
    if newest is None:
        return None
    report = json.loads(newest.report)
    found = report.get("divergence") if isinstance(report, dict) else None
    # a certificate of damaged files or of other formats measures none
    divergence = found if isinstance(found, dict) else {}
    figures = {name: _number(divergence.get(key)) for name, key in _QUALITY.items()}
    return Quality(
        newest.verdict,
        tuple((name, value) for name, value in figures.items() if value is not None),
        newest.created_at,
    )


def _benchmarks(database: Database, version_id: str) -> list[BenchmarkFacts]:
    found = []
    for one in runs.of_version(database, "bench", version_id, limit=BENCHMARKS):
        medians = one.summary.get("medians")
        if isinstance(medians, dict):
            speeds = {name: _number(medians.get(name)) for name in ("decode_tokens_per_s", "ttft_ms")}
            prefill = _number(medians.get("prefill_tokens_per_s"))
            found.append(
                BenchmarkFacts(one.id, one.name, one.started_at, prefill_tokens_per_s=prefill, **speeds)
            )
    return found


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return statistics.median(known) if known else None
