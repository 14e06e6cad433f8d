"""The vocabulary of generation: what is asked, what comes back, and how it was timed.

All of these cross a process border as JSON, so each has ``to_json``/``from_json`` through
:mod:`bancada.jobs.codec`. Times are nanoseconds of ``time.perf_counter_ns`` in the worker, or
milliseconds where the name ends in ``_ms``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class StopReason(StrEnum):
    """Why an answer ended."""

    END = "end"  # the model said so
    LENGTH = "length"  # max_tokens reached
    CONTEXT = "context"  # the context window is full
    STOP = "stop"  # a stop string appeared
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. Temperature 0 is greedy; a ``seed`` of None draws one and reports it."""

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One generation. Either ``messages`` (chat template) or ``prompt`` (raw completion) is set.

    ``schema`` is a JSON schema as text, ``grammar`` GBNF text; at most one of the two.
    ``logprobs`` is how many alternatives to report per token (0: none, not even the token's own).
    ``ignore_end`` goes on past the model's own end of answer, so that a benchmark gets exactly
    ``max_tokens`` tokens.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    schema: str | None = None
    grammar: str | None = None
    logprobs: int = 0
    ignore_end: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another token that could have come: its text and natural-log probability."""

    id: int
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token; ``t_ns`` is the worker's clock when it was known.

    ``text`` may be empty while a multi-byte character is incomplete.
    """

    id: int
    text: str
    t_ns: int
    logprob: float | None = None
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of one request went.

    ``ttft_ms``: from the worker's receipt of the request to its first token.
    ``prefill_tokens_per_s``: evaluated prompt tokens (without the cached ones) / prefill time.
    ``decode_tokens_per_s``: (completion_tokens - 1) / time from the first token to the last.
    ``cached_tokens``: prompt tokens whose keys and values were still there from before.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    queue_ms: float
    prefill_ms: float
    ttft_ms: float
    decode_ms: float
    total_ms: float
    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """A finished generation, canceled ones included."""

    text: str
    token_ids: tuple[int, ...]
    stop_reason: StopReason
    seed: int
    timings: Timings
    peak_memory_bytes: int
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """What to load and how. None means: chosen by calibration, or the engine's own choice.

    ``path`` is a GGUF file or an ONNX folder; ``cache_type`` is the KV cache's (``f16``, ``q8_0``).
    A GGUF file that is not ``mapped`` is read, unless layers of it go to a GPU.
    """

    path: str
    format: str
    model_sha256: str = ""
    context: int = 4096
    threads: int | None = None
    threads_batch: int | None = None
    flash_attention: bool | None = None
    cache_type: str = "f16"
    gpu_layers: int | None = None
    passive_wait: bool | None = None
    mapped: bool = True


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What came of loading: the honest device line.

    ``device_reason`` says why the GPU is not (or only partly) used, as an error-catalogue-like code.
    """

    engine: str
    engine_version: str
    device: str
    cpu_features: tuple[str, ...]
    layers: int
    gpu_layers: int
    device_reason: str
    context: int
    threads: int
    threads_batch: int
    flash_attention: bool
    passive_wait: bool
    has_chat_template: bool
    vocabulary: int
    load_ms: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class PromptCheck:
    """How a prompt fits the context, asked before it is sent.

    ``dropped_messages`` counts the oldest turns that would have to go.
    """

    tokens: int
    context: int
    dropped_messages: int
