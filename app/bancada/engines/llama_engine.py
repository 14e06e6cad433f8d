"""One loaded GGUF model: prompts in, tokens out, with the prefix of the last prompt kept."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.registry import resolve
from bancada.engines.answer import Answer, common_length, timings
from bancada.engines.busy_meter import BusyMeter, runnable_others
from bancada.engines.calibration import Settings
from bancada.engines.llama_native import ABORTED, BATCH, NativeContext, NativeModel
from bancada.engines.llama_sampling import Sampler
from bancada.engines.process_memory import peak_resident_bytes
from bancada.engines.text_stream import TextStream
from bancada.inference.types import (
    Alternative,
    GenerationRequest,
    GenerationResult,
    StopReason,
    Token,
)

OnToken = Callable[[Token], None]
ShouldStop = Callable[[], bool]

#: the sampler of llama.cpp reads this seed as "draw one", so it is never handed on
_RANDOM_SEED: Final = 0xFFFFFFFF
#: a prefill of so few tokens ends before anybody could want to stop it
_UNSTOPPABLE: Final = 64
#: from so many tokens on, flash attention adds up one token's attention in as many parts as there are
#: threads, and rounds accordingly; an answer with a fixed seed then keeps to one number of them, one
#: fewer than the best, because a core is soon taken
_SPLIT_FROM: Final = 256
#: imported when first wanted, because it needs numpy (12 MB), which plain answers do not
_LOG_PROBABILITIES: Final = "bancada.engines.probabilities:log_probabilities_at"


class _StoppedError(Exception):
    """``should_stop`` said so in the middle of a prefill."""


class Engine:
    """Evaluates prompts and answers in one context; calls come from one thread at a time."""

    def __init__(
        self,
        model: NativeModel,
        settings: Settings,
        *,
        context: int,
        cache_type: str,
        adaptive: bool,
    ) -> None:
        """Make the context. ``adaptive``: use fewer threads while others keep the cores busy.

        Raises:
            BancadaError: ``engine.out_of_memory``, ``engine.context_failed``.
        """
        self.model = model
        self.settings = settings
        self.context = context
        self._adaptive = adaptive
        self._splits = settings.flash_attention and cache_type == "f16"
        self._native = NativeContext(
            model,
            context=context,
            threads=settings.threads,
            threads_batch=settings.threads_batch,
            flash_attention=settings.flash_attention,
            cache_type=cache_type,
        )
        self._meter = BusyMeter()
        self._threads = (settings.threads, settings.threads_batch)
        self._free = self._meter.cores
        self._steady = False  # whether the number of threads must not depend on what others do
        self._evaluated: list[int] = []
        # the whole last prompt and the logits after it: asked again, it needs no evaluation, and gives the
        # same bits (evaluating its last token alone would not: batches of other sizes round differently)
        self._prompt: list[int] = []
        self._prompt_logits: Any = None

    def close(self) -> None:
        """Free the context."""
        self._native.close()

    def generate(
        self,
        prompt: list[int],
        request: GenerationRequest,
        grammar: str | None,
        *,
        received_ns: int,
        on_token: OnToken,
        should_stop: ShouldStop,
    ) -> GenerationResult:
        """Answer a prompt of token ids, which is shorter than the context.

        Raises:
            BancadaError: ``engine.evaluation_failed``, ``model.bad_numbers``, ``grammar.dead_end``.
        """
        seed = request.sampling.seed if request.sampling.seed is not None else secrets.randbits(31)
        sampler = Sampler(self.model, request.sampling, seed % _RANDOM_SEED, grammar)
        answer = Answer(TextStream(request.stop), on_token)
        cached = 0
        started_ns = time.perf_counter_ns()
        prefilled_ns = started_ns
        try:
            sampler.remember(prompt)
            self._steady = request.sampling.seed is not None and self._splits
            self._adapt(starting=True)
            cached = self._prefill(prompt, should_stop)
            prefilled_ns = time.perf_counter_ns()
            reason = self._decode(request, sampler, answer, should_stop)
        except _StoppedError:
            prefilled_ns = time.perf_counter_ns()
            reason = StopReason.CANCELED
        finally:
            sampler.close()
        return GenerationResult(
            text=answer.stream.text,
            token_ids=tuple(answer.ids),
            stop_reason=reason,
            seed=seed,
            timings=timings(
                len(prompt),
                cached,
                answer.times,
                received_ns=received_ns,
                started_ns=started_ns,
                prefilled_ns=prefilled_ns,
            ),
            peak_memory_bytes=peak_resident_bytes(),
        )

    def warm_up(self) -> None:
        """Evaluate one token, so that the first request finds the weights in memory."""
        self._check(self._native.decode_one(max(0, self.model.bos)))
        self._forget()

    def _step(self, token: int) -> None:
        """Evaluate one more token."""
        self._check(self._native.decode_one(token))
        self._evaluated.append(token)

    def _prefill(self, prompt: list[int], should_stop: ShouldStop) -> int:
        """Evaluate what is not there yet; return how many tokens were."""
        common = common_length(self._evaluated, prompt)
        if common == len(prompt) and self._prompt == prompt and self._prompt_logits is not None:
            self._rewind(common)
            if len(self._evaluated) == common:
                self._native.put_logits(self._prompt_logits)
                return common
        self._prompt_logits = None
        self._rewind(min(common, len(prompt) - 1))
        cached = len(self._evaluated)
        self._extend(prompt[cached:], should_stop)
        self._prompt, self._prompt_logits = prompt, self._native.keep_logits()
        return cached

    def _rewind(self, length: int) -> None:
        if length == len(self._evaluated):
            return
        if length and self._native.cut(length):
            del self._evaluated[length:]
        else:
            self._forget()

    def _forget(self) -> None:
        self._native.clear()
        self._evaluated.clear()

    def _extend(self, tokens: Sequence[int], should_stop: ShouldStop) -> None:
        stoppable = len(tokens) > _UNSTOPPABLE
        if stoppable:
            self._native.set_abort(should_stop)
        try:
            for begin in range(0, len(tokens), BATCH):
                if should_stop():
                    raise _StoppedError
                chunk = tokens[begin : begin + BATCH]
                self._check(self._native.decode(chunk))
                self._evaluated.extend(chunk)
                self._adapt()
        finally:
            if stoppable:
                self._native.set_abort(None)

    def _check(self, status: int) -> None:
        if status == 0:
            return
        # parts of the batch may be in the memory, and what they are is not known
        self._forget()
        if status == ABORTED:
            raise _StoppedError
        raise BancadaError("engine.evaluation_failed", status=status)

    def _decode(
        self, request: GenerationRequest, sampler: Sampler, answer: Answer, should_stop: ShouldStop
    ) -> StopReason:
        while len(answer.ids) < request.max_tokens:
            if should_stop():
                answer.flush(None)
                return StopReason.CANCELED
            token = sampler.choose(self._native)
            now = time.perf_counter_ns()
            if self.model.is_end(token) and not request.ignore_end:
                answer.flush(Token(token, "", now))
                return StopReason.END
            logprob, alternatives = self._probabilities(token, request.logprobs)
            full = len(self._evaluated) >= self.context
            last = full or len(answer.ids) + 1 >= request.max_tokens
            answer.add(Token(token, "", now, logprob, alternatives), self.model.piece(token), last=last)
            if answer.stream.stopped:
                return StopReason.STOP
            if last:
                return StopReason.CONTEXT if full else StopReason.LENGTH
            self._adapt()
            self._step(token)
        return StopReason.LENGTH

    def _probabilities(self, token: int, wanted: int) -> tuple[float | None, tuple[Alternative, ...]]:
        if wanted <= 0:
            return None, ()
        own, likeliest = resolve(_LOG_PROBABILITIES)(self._native.logits(), self.model.size, token, wanted)
        named = (
            Alternative(one, self.model.piece(one, special=True).decode("utf-8", "replace"), value)
            for one, value in likeliest
        )
        return own, tuple(named)

    def _adapt(self, *, starting: bool = False) -> None:
        """Leave the cores that others use to them: a thread without a core makes all others wait."""
        if not self._adaptive or not (starting or self._meter.due() or self._steady_now()):
            return
        others = self._meter.others() if starting or self._meter.due() else None
        if others is None and starting:
            others = float(runnable_others() or 0)
        if others is not None:
            # a core that is busy for two thirds of the time and more is not free
            self._free = max(1, int(self._meter.cores - others + 0.35))
        threads = min(self.settings.threads, self._free)
        if self._steady_now():
            threads = max(1, self.settings.threads - 1)
        self._use(threads, min(self.settings.threads_batch, self._free))

    def _steady_now(self) -> bool:
        return self._steady and len(self._evaluated) >= _SPLIT_FROM

    def _use(self, threads: int, threads_batch: int) -> None:
        if (threads, threads_batch) != self._threads:
            self._threads = (threads, threads_batch)
            self._native.set_threads(threads, threads_batch)
