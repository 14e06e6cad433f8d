"""Choosing the next token from logits in numpy, for engines whose own sampling lacks an option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from bancada.core.errors import BancadaError
from bancada.inference.types import Sampling

Floats = np.ndarray[Any, np.dtype[np.float32]]

#: how many of the newest tokens a repeat penalty looks at, as in llama.cpp
PENALTY_WINDOW: Final = 64


class TokenChooser:
    """Chooses tokens; the same seed and logits give the same tokens.

    The order is llama.cpp's: penalty, top-k, top-p, min-p, temperature, draw; greedy at temperature 0.
    """

    def __init__(self, sampling: Sampling, seed: int, prompt: Sequence[int]) -> None:
        self._sampling = sampling
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._recent = list(prompt[-PENALTY_WINDOW:])

    def choose(self, logits: Floats) -> int:
        """Choose from one row of logits [vocabulary].

        Raises:
            BancadaError: ``model.bad_numbers`` when the likeliest is not a number: the weights are damaged.
        """
        best = int(logits.argmax())  # of a row with a NaN, the place of the NaN
        if not np.isfinite(logits[best]):
            raise BancadaError("model.bad_numbers")
        token = self._choose(self._penalized(logits), best)
        self._recent = [*self._recent[1 - PENALTY_WINDOW :], token]
        return token

    def _choose(self, logits: Floats, best: int) -> int:
        sampling = self._sampling
        if sampling.temperature <= 0:
            return best if sampling.repeat_penalty == 1.0 else int(logits.argmax())
        count = sampling.top_k if 0 < sampling.top_k < len(logits) else len(logits)
        # the likeliest first; equal ones by their id, so that a seed means the same everywhere
        candidates = np.argpartition(-logits, count - 1)[:count] if count < len(logits) else np.arange(count)
        candidates = candidates[np.lexsort((candidates, -logits[candidates]))]
        chances = _softmax(logits[candidates].astype(np.float64))
        if sampling.top_p < 1:
            kept = int(np.searchsorted(np.cumsum(chances), sampling.top_p)) + 1
            candidates, chances = candidates[:kept], chances[:kept]
        if sampling.min_p > 0:
            kept = max(1, int((chances >= chances[0] * sampling.min_p).sum()))
            candidates = candidates[:kept]
        chances = _softmax(logits[candidates].astype(np.float64) / sampling.temperature)
        place = int(np.searchsorted(np.cumsum(chances), self._random.random()))
        return int(candidates[min(place, len(candidates) - 1)])

    def _penalized(self, logits: Floats) -> Floats:
        penalty = self._sampling.repeat_penalty
        if penalty == 1.0 or penalty <= 0 or not self._recent:
            return logits
        changed = logits.copy()
        recent = np.unique([one for one in self._recent if one < len(logits)])
        values = changed[recent]
        changed[recent] = np.where(values > 0, values / penalty, values * penalty)
        return changed


def _softmax(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    raised = np.exp(values - values.max())
    result: np.ndarray[Any, np.dtype[np.float64]] = raised / raised.sum()
    return result
