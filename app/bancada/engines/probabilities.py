"""Log-probabilities of the model itself, from raw logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def log_probabilities(logits: Floats, token: int, alternatives: int) -> tuple[float, list[tuple[int, float]]]:
    """Natural-log probabilities of the model itself, before any sampling option changes them.

    Args:
        logits: one row [vocabulary].
        token: the token that was chosen.
        alternatives: how many of the likeliest to return.

    Returns:
        The chosen token's log-probability, and (token, log-probability) of the likeliest, best first:
        log softmax(x)_i = x_i - max - log(sum exp(x_j - max)), summed in float64.
    """
    wide = logits.astype(np.float64)
    wide -= wide.max()
    wide -= np.log(np.exp(wide).sum())
    count = min(alternatives, len(wide))
    top = np.argpartition(-wide, count - 1)[:count] if count else np.empty(0, dtype=np.int64)
    # equal ones by their id, so that the order is the same everywhere
    ordered = sorted(((int(one), float(wide[one])) for one in top), key=lambda pair: (-pair[1], pair[0]))
    return float(wide[token]), ordered


def log_probabilities_at(
    logits: Any, vocabulary: int, token: int, alternatives: int
) -> tuple[float, list[tuple[int, float]]]:
    """As :func:`log_probabilities`, for a pointer to floats [vocabulary]."""
    return log_probabilities(np.ctypeslib.as_array(logits, shape=(vocabulary,)), token, alternatives)
