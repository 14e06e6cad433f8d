"""Choosing a token that a grammar allows, without asking the grammar about the whole vocabulary."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import numpy as np

from bancada.core.errors import BancadaError
from bancada.engines.llama_package import native

_CANDIDATE: Final = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class GrammarChoice:
    """Draws by a chain of samplers; only when the grammar forbids the draw, from what it allows.

    Asking the grammar about one token is cheap, about 50,000 it is not.
    """

    def __init__(self, chain: Any, grammar: Any, vocabulary: int) -> None:
        """``chain`` and ``grammar`` are samplers of llama.cpp, which their owner frees."""
        self._chain = chain
        self._grammar = grammar
        self._candidates = np.empty(vocabulary, dtype=_CANDIDATE)

    def choose(self, logits: Any) -> int:
        """Choose from a pointer to floats [vocabulary], and tell chain and grammar.

        Raises:
            BancadaError: ``grammar.dead_end`` when no token of the vocabulary is allowed.
        """
        row = np.ctypeslib.as_array(logits, shape=self._candidates.shape)
        token = self._draw(row, allowed_only=False)
        if not self._allows(token):
            token = self._draw(row, allowed_only=True)
        native.llama_sampler_accept(self._grammar, token)
        native.llama_sampler_accept(self._chain, token)
        return token

    def _draw(self, logits: np.ndarray[Any, np.dtype[np.float32]], *, allowed_only: bool) -> int:
        self._candidates["id"] = np.arange(len(logits), dtype=np.int32)
        self._candidates["logit"] = logits
        self._candidates["p"] = 0
        row = _token_data_array(self._candidates)
        if allowed_only:
            native.llama_sampler_apply(self._grammar, ctypes.byref(row))
            if self._candidates["logit"].max() == -np.inf:
                raise BancadaError("grammar.dead_end")
        native.llama_sampler_apply(self._chain, ctypes.byref(row))
        return int(row.data[row.selected].id)

    def _allows(self, token: int) -> bool:
        one = np.array([(token, 1.0, 0.0)], dtype=_CANDIDATE)
        native.llama_sampler_apply(self._grammar, ctypes.byref(_token_data_array(one)))
        return bool(np.isfinite(one["logit"][0]))


def _token_data_array(candidates: np.ndarray[Any, np.dtype[Any]]) -> Any:
    row = native.llama_token_data_array()
    row.data = ctypes.cast(candidates.ctypes.data, native.llama_token_data_p)
    row.size = len(candidates)
    row.selected = -1
    row.sorted = False
    return row
