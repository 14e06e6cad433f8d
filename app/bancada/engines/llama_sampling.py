"""Choosing the next token: a chain of llama.cpp's samplers, and a grammar."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from bancada.core.errors import BancadaError
from bancada.core.registry import resolve
from bancada.engines.llama_native import NativeContext, NativeModel, take_log
from bancada.engines.llama_package import native
from bancada.inference.types import Sampling

if TYPE_CHECKING:
    from bancada.engines.grammar_choice import GrammarChoice

#: how many of the newest tokens a repeat penalty looks at (llama.cpp's own default)
PENALTY_WINDOW: Final = 64
#: imported with the first grammar, because it needs numpy (12 MB), which plain answers do not
_GRAMMAR_CHOICE: Final = "bancada.engines.grammar_choice:GrammarChoice"


class Sampler:
    """Chooses tokens from logits; the same seed and logits give the same tokens."""

    def __init__(self, model: NativeModel, sampling: Sampling, seed: int, grammar: str | None) -> None:
        """Build the chain: penalties, top-k, top-p, min-p, temperature, draw; or the greatest alone.

        ``grammar`` is GBNF that was validated before (:mod:`bancada.engines.grammar`).

        Raises:
            BancadaError: ``grammar.invalid``.
        """
        self._size = model.size
        self._grammar: Any = None
        self._chain: Any = native.llama_sampler_chain_init(native.llama_sampler_chain_default_params())
        self._grammar_choice: GrammarChoice | None = None
        self._penalized = sampling.repeat_penalty != 1.0 and sampling.repeat_penalty > 0
        for sampler in self._samplers(sampling, seed):
            native.llama_sampler_chain_add(self._chain, sampler)
        if grammar is not None:
            take_log()
            self._grammar = native.llama_sampler_init_grammar(model.vocabulary, grammar.encode(), b"root")
            if not self._grammar:
                self.close()
                raise BancadaError("grammar.invalid", detail=take_log().strip()[-300:])
            choice_class: type[GrammarChoice] = resolve(_GRAMMAR_CHOICE)
            self._grammar_choice = choice_class(self._chain, self._grammar, self._size)

    def _samplers(self, sampling: Sampling, seed: int) -> list[Any]:
        samplers: list[Any] = []
        if self._penalized:
            penalty = sampling.repeat_penalty
            samplers.append(
                native.llama_sampler_init_penalties(self._size, PENALTY_WINDOW, penalty, 0.0, 0.0)
            )
        if sampling.temperature <= 0:
            # finding the best first halves the time of the greedy sampler over a whole vocabulary
            return [*samplers, native.llama_sampler_init_top_k(1), native.llama_sampler_init_greedy()]
        if sampling.top_k > 0:
            samplers.append(native.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            samplers.append(native.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            samplers.append(native.llama_sampler_init_min_p(sampling.min_p, 1))
        samplers.append(native.llama_sampler_init_temp(sampling.temperature))
        samplers.append(native.llama_sampler_init_dist(seed))
        return samplers

    def remember(self, tokens: list[int]) -> None:
        """Tell the repeat penalty what the prompt ends with."""
        if self._penalized:
            for token in tokens[-PENALTY_WINDOW:]:
                native.llama_sampler_accept(self._chain, token)

    def choose(self, context: NativeContext) -> int:
        """Choose the next token from the context's newest logits.

        Raises:
            BancadaError: ``model.bad_numbers`` (the weights are damaged), ``grammar.dead_end``.
        """
        token: int
        if self._grammar_choice is not None:
            token = self._grammar_choice.choose(context.logits())
        else:
            token = native.llama_sampler_sample(self._chain, context.handle, -1)
        if not math.isfinite(context.logits()[token]):
            raise BancadaError("model.bad_numbers")
        return token

    def close(self) -> None:
        """Free the samplers."""
        for sampler in (self._grammar, self._chain):
            if sampler:
                native.llama_sampler_free(sampler)
        self._grammar = self._chain = self._grammar_choice = None
