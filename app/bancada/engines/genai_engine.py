"""One loaded ONNX model in onnxruntime-genai: prompts in, tokens out, with the last prefix kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import onnxruntime_genai as genai

from bancada.core.errors import BancadaError
from bancada.engines.answer import Answer, Clock, StoppedError, common_length
from bancada.engines.genai_vocabulary import GenaiVocabulary
from bancada.engines.probabilities import Floats, log_probabilities
from bancada.engines.text_stream import TextStream
from bancada.engines.token_choice import TokenChooser
from bancada.inference.types import GenerationRequest, GenerationResult, Sampling, StopReason, Token

ShouldStop = Callable[[], bool]
#: the library takes a seed as a number of 31 bits; -1 means: draw one
_SEED_BITS: Final = 31


class GenaiEngine:
    """Evaluates prompts and answers with one generator that is kept and rewound between requests.

    The library holds the interpreter's lock while it evaluates, so a prompt goes in by ``chunk``
    tokens at a time: between two of them a stop is seen and other threads run.
    """

    def __init__(self, model: genai.Model, vocabulary: GenaiVocabulary, *, context: int, chunk: int) -> None:
        self._model = model
        self.vocabulary = vocabulary
        self.context = context
        self._chunk = chunk
        self._generator: genai.Generator | None = None
        self._evaluated: list[int] = []
        # the library has no logits after a rewind, so those of the last prompt are kept to ask it again
        self._prompt: list[int] = []
        self._prompt_logits: Floats | None = None

    def warm_up(self) -> None:
        """Make the generator with its cache and evaluate a token, so that the first answer need not.

        Raises:
            BancadaError: ``engine.evaluation_failed``, which includes too little memory.
        """
        try:
            self.step(max(0, self.vocabulary.bos))
        except RuntimeError as error:
            raise BancadaError("engine.evaluation_failed", status=str(error)[:300]) from None
        self._rewind(0)

    def close(self) -> None:
        """Free the generator with its keys and values."""
        self._forget()

    def generate(
        self,
        prompt: list[int],
        request: GenerationRequest,
        *,
        received_ns: int,
        on_token: Callable[[Token], None],
        should_stop: ShouldStop,
    ) -> GenerationResult:
        """Answer a prompt of token ids, which is shorter than the context.

        Raises:
            BancadaError: ``engine.evaluation_failed``, ``model.bad_numbers``, ``schema.invalid``.
        """
        given = request.sampling.seed
        seed = secrets.randbits(_SEED_BITS) if given is None else given
        answer = Answer(TextStream(request.stop), on_token)
        cached = 0
        clock = Clock(received_ns)
        try:
            source: _Free | _Guided
            if request.schema is None:
                cached, logits = self._prefill(prompt, should_stop)
                chooser = TokenChooser(request.sampling, seed, prompt)
                source = _Free(self, chooser, logits, len(prompt))
            else:
                self._forget()  # two generators would keep two caches
                params = self.params(**_search_options(request.sampling, seed))
                source = _Guided(self, prompt, request.schema, params, should_stop)
            clock.prefilled()
            reason = answer.grow(source, request, should_stop)
        except StoppedError:
            clock.prefilled()
            reason = StopReason.CANCELED
        except RuntimeError as error:
            self._forget()
            raise BancadaError("engine.evaluation_failed", status=str(error)[:300]) from None
        return answer.result(reason, seed, clock, prompt=len(prompt), cached=cached)

    def step(self, token: int) -> Floats:
        """Evaluate one more token of the answer; returns the logits [vocabulary] after it."""
        generator = self._ready()
        generator.append_tokens(np.array([token], dtype=np.int32))
        self._evaluated.append(token)
        return _last_row(generator)

    def start(self, params: genai.GeneratorParams) -> genai.Generator:
        """A further generator, with nothing evaluated."""
        return genai.Generator(self._model, params)

    def params(self, **options: float | bool) -> genai.GeneratorParams:
        """Search options of a generator with this engine's context."""
        params = genai.GeneratorParams(self._model)
        params.set_search_options(max_length=self.context, **options)
        return params

    def _prefill(self, prompt: list[int], should_stop: ShouldStop) -> tuple[int, Floats]:
        """Evaluate what is not there yet; return how many tokens were, and the logits after the last."""
        common = common_length(self._evaluated, prompt)
        if common == len(prompt) and self._prompt == prompt and self._prompt_logits is not None:
            self._rewind(common)
            return common, self._prompt_logits
        self._rewind(min(common, len(prompt) - 1))
        cached = len(self._evaluated)
        self._prompt_logits = None
        generator = self._ready()
        try:
            self.append(generator, prompt[cached:], should_stop, self._evaluated)
        except RuntimeError:
            self._forget()
            raise
        logits = _last_row(generator)
        self._prompt, self._prompt_logits = list(prompt), logits
        return cached, logits

    def append(
        self,
        generator: genai.Generator,
        tokens: Sequence[int],
        should_stop: ShouldStop,
        evaluated: list[int] | None = None,
    ) -> None:
        """Evaluate ``tokens`` by chunks, noting in ``evaluated`` what was; stops only between two."""
        for begin in range(0, len(tokens), self._chunk):
            if should_stop():
                raise StoppedError
            chunk = tokens[begin : begin + self._chunk]
            generator.append_tokens(np.array(chunk, dtype=np.int32))
            if evaluated is not None:
                evaluated.extend(chunk)

    def _ready(self) -> genai.Generator:
        if self._generator is None:
            self._generator = genai.Generator(self._model, self.params(do_sample=False))
        return self._generator

    def _rewind(self, length: int) -> None:
        if length < len(self._evaluated):
            self._ready().rewind_to(length)
            del self._evaluated[length:]

    def _forget(self) -> None:
        self._generator = None
        self._evaluated.clear()
        self._prompt_logits = None


class _Source:
    """Tokens of one answer to ``prompt`` tokens: what both ways of choosing them share."""

    def __init__(self, engine: GenaiEngine, prompt: int) -> None:
        self._engine = engine
        self._length = prompt
        self._logits: Floats = np.empty(0, dtype=np.float32)
        self.is_end = engine.vocabulary.is_end
        self.piece = engine.vocabulary.piece

    def probabilities(self, token: int, wanted: int) -> tuple[float, list[tuple[int, float]]]:
        return log_probabilities(self._logits, token, wanted)

    def is_full(self) -> bool:
        return self._length + 1 >= self._engine.context

    def accept(self, _token: int, /) -> None:
        self._length += 1


class _Free(_Source):
    """Tokens by our own choice, evaluated one at a time by the engine's generator."""

    def __init__(self, engine: GenaiEngine, chooser: TokenChooser, logits: Floats, prompt: int) -> None:
        super().__init__(engine, prompt)
        self._chooser = chooser
        self._logits = logits

    def choose(self) -> int:
        return self._chooser.choose(self._logits)

    def accept(self, token: int, /) -> None:
        super().accept(token)
        self._logits = self._engine.step(token)


class _Guided(_Source):
    """Tokens by the library's own search under a JSON schema, which masks what the schema forbids.

    Its search knows no smallest probability (``min_p``); the other options hold. It has evaluated its
    token already when it is accepted.
    """

    def __init__(
        self,
        engine: GenaiEngine,
        prompt: Sequence[int],
        schema: str,
        params: genai.GeneratorParams,
        should_stop: ShouldStop,
    ) -> None:
        super().__init__(engine, len(prompt))
        try:
            params.set_guidance("json_schema", schema)
            self._generator = engine.start(params)
        except RuntimeError as error:
            raise BancadaError("schema.invalid", detail=str(error)[:300]) from None
        engine.append(self._generator, prompt, should_stop)

    def choose(self) -> int:
        self._logits = _last_row(self._generator)
        self._generator.generate_next_token()
        return int(self._generator.get_next_tokens()[0])


def _search_options(sampling: Sampling, seed: int) -> dict[str, float | bool]:
    options: dict[str, float | bool] = {"do_sample": sampling.temperature > 0}
    if sampling.temperature > 0:
        options |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
        options["random_seed"] = seed % (1 << _SEED_BITS)
        if sampling.top_k > 0:
            options["top_k"] = sampling.top_k
    if sampling.repeat_penalty != 1.0:
        options["repetition_penalty"] = sampling.repeat_penalty
    return options


def _last_row(generator: genai.Generator) -> Floats:
    logits: Floats = np.array(generator.get_logits(), dtype=np.float32).reshape(-1)
    return logits
