"""One loaded GGUF model: prompts in, tokens out, with the prefix of the last prompt kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.registry import resolve
from bancada.engines.answer import Answer, Clock, StoppedError, common_length
from bancada.engines.calibration import Settings
from bancada.engines.llama_native import ABORTED, BATCH, NativeContext, NativeModel
from bancada.engines.llama_sampling import Sampler
from bancada.engines.text_stream import TextStream
from bancada.engines.thread_policy import ThreadPolicy
from bancada.inference.types import GenerationRequest, GenerationResult, StopReason, Token

OnToken = Callable[[Token], None]
ShouldStop = Callable[[], bool]

#: the sampler of llama.cpp reads this seed as "draw one", so it is never handed on
_RANDOM_SEED: Final = 0xFFFFFFFF
#: a prefill of so few tokens ends before anybody could want to stop it
_UNSTOPPABLE: Final = 64
#: imported when first wanted, because it needs numpy (12 MB), which plain answers do not
_LOG_PROBABILITIES: Final = "bancada.engines.probabilities:log_probabilities_at"


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
        self.context = context
        self._splits = settings.flash_attention and cache_type == "f16"
        self._native = NativeContext(
            model,
            context=context,
            threads=settings.threads,
            threads_batch=settings.threads_batch,
            flash_attention=settings.flash_attention,
            cache_type=cache_type,
        )
        self._policy = ThreadPolicy(settings, adaptive=adaptive)
        self._threads = (settings.threads, settings.threads_batch)
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
        clock = Clock(received_ns)
        try:
            sampler.remember(prompt)
            steady = request.sampling.seed is not None and self._splits
            self._use(self._policy.begin(steady=steady))
            cached = self._prefill(prompt, should_stop)
            clock.prefilled()
            reason = answer.grow(_Source(self, sampler), request, should_stop)
        except StoppedError:
            clock.prefilled()
            reason = StopReason.CANCELED
        finally:
            sampler.close()
        return answer.result(reason, seed, clock, prompt=len(prompt), cached=cached)

    def warm_up(self) -> None:
        """Evaluate one token, so that the first request finds the weights in memory."""
        self._check(self._native.decode_one(max(0, self.model.bos)))
        self._forget()

    @property
    def native(self) -> NativeContext:
        """The context, with the newest logits."""
        return self._native

    @property
    def is_full(self) -> bool:
        """Whether no further token can be evaluated."""
        return len(self._evaluated) >= self.context

    def step(self, token: int) -> None:
        """Evaluate one more token.

        Raises:
            BancadaError: ``engine.evaluation_failed``.
        """
        self._adapt()
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
                    raise StoppedError
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
            raise StoppedError
        raise BancadaError("engine.evaluation_failed", status=status)

    def _adapt(self) -> None:
        self._use(self._policy.next(len(self._evaluated)))

    def _use(self, threads: tuple[int, int]) -> None:
        if threads != self._threads:
            self._threads = threads
            self._native.set_threads(*threads)


class _Source:
    """Tokens of one answer, drawn by its sampler from the engine's logits."""

    def __init__(self, engine: Engine, sampler: Sampler) -> None:
        self._engine = engine
        self._sampler = sampler
        self.is_end = engine.model.is_end
        self.piece = engine.model.piece
        self.accept = engine.step

    def choose(self) -> int:
        return self._sampler.choose(self._engine.native)

    def probabilities(self, token: int, wanted: int) -> tuple[float, list[tuple[int, float]]]:
        found: tuple[float, list[tuple[int, float]]] = resolve(_LOG_PROBABILITIES)(
            self._engine.native.logits(), self._engine.model.size, token, wanted
        )
        return found

    def is_full(self) -> bool:
        return self._engine.is_full
