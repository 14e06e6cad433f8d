"""A backend that needs no model: its tokens follow from the prompt and a small script file.

The file is JSON; every key may be left out: see :class:`Script`. It serves the tests of everything
above the engines, and behaves as an engine does: it counts, caches prefixes, stops, and can die.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError
from bancada.inference.types import (
    Alternative,
    GenerationRequest,
    GenerationResult,
    LoadReport,
    LoadSpec,
    Message,
    PromptCheck,
    StopReason,
    Timings,
    Token,
)
from bancada.jobs.codec import decode

ENGINE: Final = "scripted"
_PIECES: Final = re.compile(r"\s*\S+|\s+")
_VOCABULARY: Final = 32_000
_END_ID: Final = 2
_WORDS: Final = (
    *("the", "model", "answers", "with", "words", "that", "follow", "from", "its", "prompt", "and", "a"),
    *("number", "so", "every", "run", "of", "it", "is", "same", "each", "token", "has", "time", "own"),
)
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Script:
    """How the fake behaves.

    ``answer``: the text to say; None: words that follow from the prompt. ``tokens``: how many of these
    words; None: 20 to 60, by the prompt. ``load_ms``, ``prefill_ms`` and ``delay_ms``: time to load, for
    each prompt token that is not cached, and for each new token. ``memory_mb``: taken at load.
    ``die_at``: the token at which the process ends itself as ``die`` says (``abort``, ``exit``, ``hang``);
    ``fail_load``: an error code that loading raises. ``has_chat_template``: what it reports.
    """

    answer: str | None = None
    tokens: int | None = None
    load_ms: float = 0.0
    prefill_ms: float = 0.0
    delay_ms: float = 0.0
    memory_mb: int = 0
    die_at: int | None = None
    die: str = "abort"
    fail_load: str | None = None
    has_chat_template: bool = True


class ScriptedBackend:
    """Implements :class:`bancada.inference.backend.Backend` for the format ``scripted``."""

    def __init__(self, calibrations: object = None) -> None:
        self._calibrations = calibrations
        self._script = Script()
        self._context = 0
        self._cached: list[int] = []
        self._ballast = b""

    def load(self, spec: LoadSpec) -> LoadReport:
        """Read the script.

        Raises:
            BancadaError: ``model.file_missing``, ``model.load_failed``, or what the script says.
        """
        started = time.perf_counter_ns()
        self._script = _read(spec.path)
        if self._script.fail_load:
            raise BancadaError(self._script.fail_load, path=spec.path)
        time.sleep(self._script.load_ms / 1000)
        self._ballast = b"\1" * (self._script.memory_mb * 1_000_000)
        self._context = spec.context
        return LoadReport(
            engine=ENGINE,
            engine_version="1",
            device="CPU",
            cpu_features=(),
            layers=1,
            gpu_layers=0,
            device_reason="engine.scripted",
            context=spec.context,
            threads=spec.threads or 1,
            threads_batch=spec.threads_batch or 1,
            flash_attention=bool(spec.flash_attention),
            passive_wait=bool(spec.passive_wait),
            has_chat_template=self._script.has_chat_template,
            vocabulary=_VOCABULARY,
            load_ms=(time.perf_counter_ns() - started) / 1e6,
            rss_bytes=0,
        )

    def count(self, messages: Sequence[Message]) -> PromptCheck:
        """Tokens of the rendered messages; the oldest turns but the system's go first, the last never."""
        turns = list(messages)
        tokens = len(_prompt_ids(turns, None))
        needed, dropped = tokens, 0
        while needed > self._context:
            oldest = next((at for at, one in enumerate(turns[:-1]) if one.role != "system"), None)
            if oldest is None:
                break
            del turns[oldest]
            dropped += 1
            needed = len(_prompt_ids(turns, None))
        return PromptCheck(tokens, self._context, dropped)

    def tokenize(self, text: str) -> list[int]:
        """One token for each word with the space before it."""
        return [_id(piece) for piece in _PIECES.findall(text)]

    def generate(
        self,
        request: GenerationRequest,
        on_token: Callable[[Token], None],
        should_stop: Callable[[], bool],
    ) -> GenerationResult:
        """Say the script's answer, or words that follow from prompt and seed.

        Raises:
            BancadaError: ``engine.option_unsupported`` for grammar and schema, ``prompt.too_long``.
        """
        received = time.perf_counter_ns()
        if request.grammar is not None or request.schema is not None:
            raise BancadaError("engine.option_unsupported", option="grammar", engine=ENGINE)
        prompt = _prompt_ids(request.messages, request.prompt)
        if len(prompt) >= self._context:
            raise BancadaError("prompt.too_long", tokens=len(prompt), context=self._context)
        seed = request.sampling.seed
        if seed is None:
            seed = random.SystemRandom().randrange(2**32)
        cached = _shared(self._cached, prompt)
        stopped = _rest(self._script.prefill_ms * (len(prompt) - cached), should_stop)
        prefilled = time.perf_counter_ns()
        tokens: list[Token] = []
        text = ""
        reason = StopReason.CANCELED if stopped else StopReason.END
        for piece in () if stopped else self._pieces(request, prompt, seed):
            if len(tokens) >= request.max_tokens:
                reason = StopReason.LENGTH
                break
            if len(prompt) + len(tokens) >= self._context:
                reason = StopReason.CONTEXT
                break
            if _rest(self._script.delay_ms, should_stop):
                reason = StopReason.CANCELED
                break
            if self._script.die_at == len(tokens):
                _die(self._script.die)
            text, added, ended = _until_stop(text, piece, request.stop)
            tokens.append(_token(added, request.logprobs))
            on_token(tokens[-1])
            if ended:
                reason = StopReason.STOP
                break
        ids = tuple(one.id for one in tokens)
        self._cached = [*prompt, *ids]
        timings = _timings(received, prefilled, len(prompt), cached, tokens)
        return GenerationResult(text, ids, reason, seed, timings, 0)

    def close(self) -> None:
        """Forget everything."""
        self._ballast = b""
        self._cached = []

    def _pieces(self, request: GenerationRequest, prompt: list[int], seed: int) -> Iterator[str]:
        if self._script.answer is not None:
            yield from _PIECES.findall(self._script.answer)
            return
        source = ",".join(map(str, prompt)) + (f"/{seed}" if request.sampling.temperature > 0 else "")
        chance = random.Random(hashlib.sha256(source.encode()).digest())  # noqa: S311 - it is to be repeatable
        length = chance.randint(20, 60) if self._script.tokens is None else self._script.tokens
        if request.ignore_end:
            length = request.max_tokens + 1
        for place in range(length):
            word = chance.choice(_WORDS)
            yield word.capitalize() if place == 0 else f" {word}"


def _read(path: str) -> Script:
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        return decode(Script, data)
    except FileNotFoundError as error:
        raise BancadaError("model.file_missing", path=path) from error
    except (OSError, ValueError, BancadaError) as error:
        raise BancadaError("model.load_failed", path=path, detail=str(error)[:300]) from error


def _prompt_ids(messages: Sequence[Message], prompt: str | None) -> list[int]:
    """Token ids of the rendered prompt: for messages two tokens around each turn and one for the answer."""
    if prompt is not None:
        return [1, *(_id(piece) for piece in _PIECES.findall(prompt))]
    ids = []
    for one in messages:
        ids += [_id(f"<{one.role}>"), *(_id(piece) for piece in _PIECES.findall(one.content)), _END_ID]
    return [*ids, _id("<assistant>")]


def _id(piece: str) -> int:
    return 3 + zlib.crc32(piece.encode("utf-8", "surrogatepass")) % (_VOCABULARY - 3)


def _shared(old: Sequence[int], new: Sequence[int]) -> int:
    """Length of the common prefix; the last token of a prompt is always evaluated anew."""
    length = 0
    for one, other in zip(old, new[:-1], strict=False):
        if one != other:
            break
        length += 1
    return length


def _rest(milliseconds: float, should_stop: Callable[[], bool]) -> bool:
    """Wait, looking at ``should_stop`` all the time; whether it said stop."""
    until = time.perf_counter() + milliseconds / 1000
    while not should_stop():
        left = until - time.perf_counter()
        if left <= 0:
            return False
        time.sleep(min(left, _POLL_S))
    return True


def _until_stop(text: str, piece: str, stops: Sequence[str]) -> tuple[str, str, bool]:
    """Add a piece; at a stop string the text ends before it. Returns (text, what was added, ended)."""
    whole = text + piece
    places = [at for at in (whole.find(one) for one in stops if one) if at >= 0]
    if not places:
        return whole, piece, False
    kept = whole[: min(places)]
    return kept, kept[len(text) :], True


def _token(piece: str, alternatives: int) -> Token:
    number, now = _id(piece), time.perf_counter_ns()
    if not alternatives:
        return Token(number, piece, now)
    share = 0.5 + (number % 45) / 100
    others = tuple(
        Alternative(_id(word), f" {word}", math.log((1 - share) / 2**place))
        for place, word in enumerate(_WORDS[: alternatives - 1], start=1)
    )
    return Token(number, piece, now, math.log(share), (Alternative(number, piece, math.log(share)), *others))


def _timings(received: int, prefilled: int, prompt: int, cached: int, tokens: Sequence[Token]) -> Timings:
    now = time.perf_counter_ns()
    prefill_ms = (prefilled - received) / 1e6
    first = tokens[0].t_ns if tokens else now
    decode_ms = (tokens[-1].t_ns - first) / 1e6 if tokens else 0.0
    return Timings(
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=len(tokens),
        queue_ms=0.0,
        prefill_ms=prefill_ms,
        ttft_ms=(first - received) / 1e6,
        decode_ms=decode_ms,
        total_ms=(now - received) / 1e6,
        prefill_tokens_per_s=(prompt - cached) / prefill_ms * 1000 if prefill_ms > 0 else None,
        decode_tokens_per_s=(len(tokens) - 1) / decode_ms * 1000 if decode_ms > 0 else None,
    )


def _die(how: str) -> None:
    if how == "exit":
        os._exit(0)
    while how == "hang":
        time.sleep(60)
    os.abort()
