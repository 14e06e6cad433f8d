"""One generation as the command line sees it: streamed text, then its figures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bancada.cli import text
from bancada.cli.command import Invocation
from bancada.core.error_catalog import CATALOG
from bancada.core.errors import describe
from bancada.core.sizes import bytes_text
from bancada.inference.session import Generation, ModelSession
from bancada.inference.types import GenerationRequest, GenerationResult, LoadReport, StopReason, Token
from bancada.jobs.codec import encode

_POLL_S: Final = 0.02
_ENDED: Final = ("finished", "failed")
_TOLD: Final = (
    "AVX",
    "AVX2",
    "AVX512",
    "AVX512_VNNI",
    "AVX512_BF16",
    "AMX_INT8",
    "NEON",
    "DOTPROD",
    "MATMUL_INT8",
    "SVE",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished generation and its tokens."""

    result: GenerationResult
    tokens: tuple[Token, ...]


def stream_answer(
    invocation: Invocation, session: ModelSession, request: GenerationRequest, *, purpose: str
) -> Answer:
    """Generate, writing the text as it comes.

    Raises:
        BancadaError: the generation failed.
        KeyboardInterrupt: Ctrl+C; the generation was stopped first.
    """
    generation = session.generate(request, purpose=purpose)
    try:
        tokens = _follow(invocation, generation)
        result = generation.wait()
    except BaseException:
        generation.cancel()
        raise
    finally:
        invocation.console.say()
    return Answer(result, tokens)


def _follow(invocation: Invocation, generation: Generation) -> tuple[Token, ...]:
    tokens: list[Token] = []
    while True:
        snapshot = generation.snapshot(since=len(tokens))
        fresh = "".join(token.text for token in snapshot.tokens)
        tokens.extend(snapshot.tokens)
        if fresh:
            invocation.console.stream(fresh)
        if snapshot.state in _ENDED:
            return tuple(tokens)
        time.sleep(_POLL_S)


def answer_document(session: ModelSession, answer: Answer, *, with_tokens: bool) -> dict[str, Any]:
    """Everything measured of an answer, for programs."""
    result, timings = answer.result, answer.result.timings
    document: dict[str, Any] = {
        "text": result.text,
        "token_ids": list(result.token_ids),
        "stop_reason": str(result.stop_reason),
        "seed": result.seed,
        "ttft_ms": timings.ttft_ms,
        "prompt_tokens": timings.prompt_tokens,
        "completion_tokens": timings.completion_tokens,
        "prefill_tokens_per_s": timings.prefill_tokens_per_s,
        "decode_tokens_per_s": timings.decode_tokens_per_s,
        "peak_memory_bytes": max(result.peak_memory_bytes, session.peak_memory_bytes),
        "timings": encode(timings),
        "device": device_line(session.report),
        "engine": encode(session.report),
        "request_id": result.request_id,
    }
    if with_tokens:
        document["tokens"] = encode(answer.tokens)
    return document


def measures_line(result: GenerationResult) -> str:
    """``36 tokens in, 48 out · first token 72 ms · prompt 1,447 tokens/s · answer 301 tokens/s ...``."""
    timings = result.timings
    parts = [f"{timings.prompt_tokens:,} tokens in, {timings.completion_tokens:,} out"]
    parts.append(f"first token {text.milliseconds_text(timings.ttft_ms)}")
    if timings.prefill_tokens_per_s is not None:
        parts.append(f"prompt {timings.prefill_tokens_per_s:,.0f} tokens/s")
    if timings.decode_tokens_per_s is not None:
        parts.append(f"answer {timings.decode_tokens_per_s:,.0f} tokens/s")
    parts.append(f"peak {bytes_text(result.peak_memory_bytes)}")
    parts.append(_STOP_WORDS[result.stop_reason])
    parts.append(f"seed {result.seed}")
    return " \u00b7 ".join(parts)


_STOP_WORDS: Final = {
    StopReason.END: "complete",
    StopReason.LENGTH: "cut at the token limit",
    StopReason.CONTEXT: "the context is full",
    StopReason.STOP: "ended by a stop text",
    StopReason.CANCELED: "stopped",
}


def device_line(report: LoadReport) -> str:
    """The honest line: engine, device, threads, layers on it, and why not the GPU."""
    parts = [f"{report.engine} {report.engine_version} on {report.device}"]
    features = told_features(report.cpu_features)
    if features:
        parts.append(features)
    parts.append(f"{report.threads} threads ({report.threads_batch} for prompts)")
    if report.gpu_layers:
        parts.append(f"{report.gpu_layers} of {report.layers} layers on the GPU")
    if report.device_reason:
        parts.append(reason_text(report.device_reason))
    return ", ".join(parts)


def told_features(features: Sequence[str]) -> str:
    """The processor features that decide how fast an engine is; JSON carries all of them."""
    return " ".join(one for one in _TOLD if one in features)


def reason_text(code: str) -> str:
    """A device reason in the catalogue's words; one that it does not know is shown as it is."""
    return describe(code, {}).what if code in CATALOG else code
