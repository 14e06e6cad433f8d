"""From the logits of two models at the same places to perplexity and divergence, row by row.

The formulas are those of llama.cpp's tools/perplexity/perplexity.cpp; there the source's logits go through
a file of 16-bit numbers, here they never leave memory, so that nothing is rounded on the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bancada.quantization.certificate import Divergence, Drop

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Rows:
    """What is kept of scored places, one value each: nats, and probabilities of the right token.

    ``source_nll``, ``kl`` and ``same`` are empty when only one model was scored.
    """

    nll: Doubles
    source_nll: Doubles
    kl: Doubles
    same: npt.NDArray[np.bool_]


def score_one(logits: Floats, targets: Ints) -> Rows:
    """Score rows of logits [n, vocabulary] by the tokens that really came [n]."""
    count, size = logits.shape
    nll = np.empty(count)
    room = np.empty(size, dtype=np.float32)
    for row in range(count):
        top = logits[row].max()
        np.subtract(logits[row], top, out=room)
        np.exp(room, out=room)
        nll[row] = float(top) + math.log(float(room.sum())) - float(logits[row, targets[row]])
    return Rows(nll, np.empty(0), np.empty(0), np.empty(0, dtype=np.bool_))


def score_two(logits: Floats, source: Floats, targets: Ints) -> Rows:
    """Score rows of both models [n, vocabulary] by the tokens that really came [n].

    KL(source || result) = sum_i p_i (s_i - r_i) - log Z_s + log Z_r, with s, r the logits, p the source's
    probabilities and Z the sums of exponentials; maxima are taken off before.
    """
    count, size = logits.shape
    nll, source_nll, kl = np.empty(count), np.empty(count), np.empty(count)
    same = np.empty(count, dtype=np.bool_)
    room, apart = np.empty(size, dtype=np.float32), np.empty(size, dtype=np.float32)
    for row in range(count):
        ours, theirs, target = logits[row], source[row], targets[row]
        best, source_best = int(ours.argmax()), int(theirs.argmax())
        np.subtract(ours, ours[best], out=room)
        np.exp(room, out=room)
        log_z = math.log(float(room.sum()))
        np.subtract(theirs, theirs[source_best], out=room)
        # s - r with both maxima taken off: small numbers, so that little is lost in 32 bits
        np.subtract(room, ours, out=apart)
        apart += ours[best]
        np.exp(room, out=room)
        z = float(room.sum())
        source_log_z = math.log(z)
        nll[row] = log_z - float(ours[target] - ours[best])
        source_nll[row] = source_log_z - float(theirs[target] - theirs[source_best])
        kl[row] = float(np.dot(room, apart)) / z - source_log_z + log_z
        same[row] = best == source_best
    return Rows(nll, source_nll, kl, same)


def join(rows: list[Rows]) -> Rows:
    """One after the other."""
    return Rows(
        np.concatenate([one.nll for one in rows]),
        np.concatenate([one.source_nll for one in rows]),
        np.concatenate([one.kl for one in rows]),
        np.concatenate([one.same for one in rows]),
    )


def perplexity(nll: Doubles) -> tuple[float, float]:
    """exp(mean) and its standard error, that of the mean times itself."""
    mean, error = mean_and_error(nll)
    value = _exp(mean)
    return value, value * error


def mean_and_error(values: Doubles) -> tuple[float, float]:
    """The mean and its standard error: sqrt((mean of squares - square of mean) / (n - 1))."""
    mean = float(values.mean())
    spread = float(np.square(values - mean).mean())
    return mean, math.sqrt(spread / max(1, len(values) - 1))


def summarize(rows: Rows, drops: tuple[Drop, ...]) -> Divergence:
    """The figures over all scored places; the percentiles interpolate between ranks."""
    value, error = perplexity(rows.nll)
    source_value, source_error = perplexity(rows.source_nll)
    log_ratio, log_ratio_error = mean_and_error(rows.nll - rows.source_nll)
    kl_mean, kl_error = mean_and_error(rows.kl)
    median, p90, p99 = (float(one) for one in np.percentile(rows.kl, (50, 90, 99)))
    same = float(rows.same.mean())
    change = np.square(np.exp(-rows.nll) - np.exp(-rows.source_nll))
    square, square_error = mean_and_error(change)
    rms = math.sqrt(square)
    return Divergence(
        perplexity=value,
        perplexity_error=error,
        source_perplexity=source_value,
        source_perplexity_error=source_error,
        ratio=_exp(log_ratio),
        ratio_error=_exp(log_ratio) * log_ratio_error,
        kl_mean=kl_mean,
        kl_error=kl_error,
        kl_median=median,
        kl_p90=p90,
        kl_p99=p99,
        kl_max=float(rows.kl.max()),
        same_top=same,
        same_top_error=math.sqrt(same * (1 - same) / max(1, len(rows.kl) - 1)),
        probability_rms=rms,
        probability_rms_error=0.5 / rms * square_error if rms else 0.0,
        drops=drops,
    )


def _exp(value: float) -> float:
    # a broken model can be so surprised that its perplexity is no finite number
    return math.exp(min(value, 700.0))
