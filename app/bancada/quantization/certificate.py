"""The certificate: what a file is, what it was compared with, what was found, and the verdict in words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.jobs.codec import decode, encode

RUN_KIND: Final = "certify"
FORMAT: Final = "bancada-certificate"
VERSION: Final = 1
VERDICTS: Final = ("green", "amber", "red")
MAX_REPORT_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One of the two files; ``sha256`` is that of the very content that was measured."""

    name: str
    version: int
    format: str
    quantization: str
    parameters: int
    bits_per_weight: float
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TextFacts:
    """The text that both were measured on: chunks of ``context`` tokens, their second halves scored."""

    name: str
    sha256: str
    context: int
    chunks: int
    tokens: int


@dataclass(frozen=True, slots=True)
class TensorFault:
    """A tensor that is not what it should be.

    ``fault`` is ``not_finite`` (``count`` values are NaN or infinite), ``zero`` (all values are),
    ``different`` (``error`` is its distance to the source's tensor relative to that one's length),
    ``swapped`` (it holds what ``holds`` names) or ``missing`` (the source has it, the file does not).
    """

    name: str
    type: str
    fault: str
    count: int = 0
    error: float | None = None
    holds: str = ""


@dataclass(frozen=True, slots=True)
class TensorFindings:
    """What a look at every tensor found: ``compared`` of ``count`` have a counterpart in the source.

    ``errors`` are the largest relative errors by type of tensor: sqrt(sum (a - b)^2 / sum b^2), b the
    source's values, in 32-bit floats.
    """

    count: int
    compared: int
    faults: tuple[TensorFault, ...]
    source_faults: tuple[TensorFault, ...]
    errors: dict[str, float]


@dataclass(frozen=True, slots=True)
class Drop:
    """A place where the file finds the right next token less likely than its source does."""

    before: str
    token: str
    source_probability: float
    probability: float


@dataclass(frozen=True, slots=True)
class Divergence:
    """Two models over the same text, as llama.cpp's perplexity tool defines it.

    Perplexity is exp(mean negative log-likelihood), its error that of the mean times itself. The ratio's
    error is that of the mean of the paired differences, times the ratio. KL divergence is sum p_source
    (log p_source - log p) in nats at each scored position. ``probability_rms`` is the root of the mean
    square of the right token's change of probability. Errors are standard errors.
    """

    perplexity: float
    perplexity_error: float
    source_perplexity: float
    source_perplexity_error: float
    ratio: float
    ratio_error: float
    kl_mean: float
    kl_error: float
    kl_median: float
    kl_p90: float
    kl_p99: float
    kl_max: float
    same_top: float
    same_top_error: float
    probability_rms: float
    probability_rms_error: float
    drops: tuple[Drop, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Questions of one kind: how many both, only the source, only the file, and neither got right.

    ``p_value`` is the exact two-sided binomial (McNemar) test of the pairs that differ.
    """

    kind: str
    count: int
    both: int
    only_source: int
    only_result: int
    p_value: float

    @property
    def source_right(self) -> int:
        return self.both + self.only_source

    @property
    def result_right(self) -> int:
        return self.both + self.only_result


@dataclass(frozen=True, slots=True)
class LostTask:
    """A question that the source answered and the file does not."""

    kind: str
    language: str
    question: str
    expected: str
    source_answer: str
    answer: str


@dataclass(frozen=True, slots=True)
class TaskFindings:
    """The small set of questions before and after; ``groups`` by kind, the last one is all of them."""

    groups: tuple[TaskGroup, ...]
    lost: tuple[LostTask, ...]

    @property
    def total(self) -> TaskGroup:
        return self.groups[-1]


@dataclass(frozen=True, slots=True)
class SpeedFacts:
    """Medians of short generations on the machine of the certificate; memory is the worker's at its peak."""

    load_ms: float
    ttft_ms: float | None
    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True)
class SpeedFindings:
    """Before and after; ``others_cores`` is how many cores other programs kept busy meanwhile."""

    source: SpeedFacts
    result: SpeedFacts
    others_cores: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """The whole of it. Parts that were left out or could not be compared are None, with ``not_compared``."""

    format: str
    version: int
    made_at: str
    made_by: str
    engine: str
    machine: str
    subject: FileFacts
    source: FileFacts
    verdict: str
    reasons: tuple[str, ...]
    thresholds: dict[str, float]
    not_compared: str = ""
    tensors: TensorFindings | None = None
    text: TextFacts | None = None
    divergence: Divergence | None = None
    tasks: TaskFindings | None = None
    speed: SpeedFindings | None = None


def to_text(certificate: Certificate) -> str:
    """The canonical form, over which it is signed: sorted keys, no white space, ASCII, one line."""
    return json.dumps(
        encode(certificate), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def parse(report: str) -> Certificate:
    """Read a report, which may come from elsewhere.

    Raises:
        BancadaError: ``certificate.malformed``.
    """
    if len(report) > MAX_REPORT_BYTES:
        raise _malformed("it is longer than a certificate can be")
    try:
        data: Any = json.loads(report)
    except (ValueError, RecursionError) as error:
        raise _malformed("it is no JSON") from error
    if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (FORMAT, VERSION):
        raise _malformed("it is of a kind or version that is not known here")
    try:
        certificate = decode(Certificate, data)
    except BancadaError as error:
        raise _malformed(f"{error.params['field']} is {error.params['value']}"[:300]) from error
    if certificate.verdict not in VERDICTS:
        raise _malformed("its verdict is none")
    if certificate.tasks is not None and not certificate.tasks.groups:
        raise _malformed("a part of it is empty")
    return certificate


def _malformed(detail: str) -> BancadaError:
    return BancadaError("certificate.malformed", detail=detail)
