"""The figures of two models over a text, beside their definitions in 64-bit floats."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from bancada.engines.divergence import join, mean_and_error, perplexity, score_one, score_two, summarize

Floats = npt.NDArray[np.float32]


def logits(rows: int, size: int, *, seed: int, spread: float = 4.0) -> Floats:
    return np.random.default_rng(seed).normal(0, spread, (rows, size)).astype(np.float32)


def log_softmax(values: Floats) -> npt.NDArray[np.float64]:
    wide = values.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(axis=1, keepdims=True)))


@pytest.mark.parametrize("offset", [0.0, 37.5])
def test_rows_are_what_the_definitions_say(offset: float) -> None:
    source = logits(40, 1000, seed=1)
    # near to the source, as a quantized model is; an offset of all logits changes no probability
    ours = source + logits(40, 1000, seed=2, spread=0.1) + np.float32(offset)
    targets = np.random.default_rng(3).integers(0, 1000, 40).astype(np.int32)
    rows = score_two(ours, source, targets)
    log_q, log_p = log_softmax(ours), log_softmax(source)
    every = np.arange(40)
    assert rows.nll == pytest.approx(-log_q[every, targets], abs=1e-4)
    assert rows.source_nll == pytest.approx(-log_p[every, targets], abs=1e-5)
    assert rows.kl == pytest.approx((np.exp(log_p) * (log_p - log_q)).sum(axis=1), rel=0.01, abs=1e-5)
    assert list(rows.same) == list(log_q.argmax(axis=1) == log_p.argmax(axis=1))
    assert score_one(ours, targets).nll == pytest.approx(rows.nll, abs=1e-5)


def test_a_model_beside_itself() -> None:
    values = logits(30, 500, seed=4)
    targets = np.zeros(30, dtype=np.int32)
    found = summarize(score_two(values, values, targets), ())
    assert found.kl_max == pytest.approx(0, abs=1e-5)
    assert (found.same_top, found.ratio, found.ratio_error, found.probability_rms) == (1.0, 1.0, 0.0, 0.0)


def test_the_summary_follows_its_formulas() -> None:
    source, ours = logits(200, 300, seed=5), logits(200, 300, seed=6)
    targets = np.arange(200, dtype=np.int32)
    half = [score_two(ours[part], source[part], targets[part]) for part in (slice(0, 90), slice(90, 200))]
    rows = join(half)
    found = summarize(rows, ())
    assert found.perplexity == pytest.approx(math.exp(float(rows.nll.mean())))
    paired = rows.nll - rows.source_nll
    assert found.ratio == pytest.approx(found.perplexity / found.source_perplexity)
    assert found.ratio_error == pytest.approx(found.ratio * float(paired.std()) / math.sqrt(199))
    assert found.kl_median <= found.kl_p90 <= found.kl_p99 <= found.kl_max
    assert found.kl_mean == pytest.approx(float(rows.kl.mean()))
    p, q = np.exp(-rows.source_nll), np.exp(-rows.nll)
    assert found.probability_rms == pytest.approx(math.sqrt(float(((p - q) ** 2).mean())))


def test_numbers_that_cannot_be_shown_are_bounded() -> None:
    value, error = perplexity(np.full(4, 10_000.0))
    assert math.isfinite(value)
    assert error == 0.0
    assert mean_and_error(np.asarray([3.0])) == (3.0, 0.0)


def test_what_is_no_number_stays_none() -> None:
    values = logits(2, 50, seed=7)
    bad = values.copy()
    bad[1, 3] = np.nan
    rows = score_two(bad, values, np.zeros(2, dtype=np.int32))
    assert math.isfinite(rows.kl[0])
    assert not math.isfinite(rows.nll[1])
