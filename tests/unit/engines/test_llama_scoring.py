"""Scoring a text in lock-step, beside the same text evaluated token by token."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bancada.core.errors import BancadaError, Canceled
from bancada.engines.llama_comparison import Compared, compare_files
from bancada.engines.llama_native import NativeContext, NativeModel
from bancada.engines.llama_questions import answer_all
from bancada.engines.llama_scoring import LlamaChunks, chunks_of, rows_at_once, score_text
from bancada.quantization.questions import Question, questions
from damaged_gguf import quantized, with_nans

CONTEXT = 32
TEXT = "The ferry crosses the river in the morning, and nobody asks why. " * 6


class Watcher:
    def __init__(self, *, stop_at: str = "") -> None:
        self.stages: list[str] = []
        self._stop_at = stop_at

    def progress(self, stage: str, done: float, total: float, unit: str) -> None:
        assert 0 <= done <= total
        assert unit
        self.stages.append(stage)

    def stopped(self) -> bool:
        return bool(self._stop_at) and self._stop_at in self.stages


@pytest.fixture
def model(tiny: Path) -> Iterator[NativeModel]:
    one = NativeModel(str(tiny), mapped=False)
    yield one
    one.close()


def compare(
    result: Path, source: Path, *, watcher: Watcher | None = None, text: str = TEXT, asked: int = 0
) -> Compared:
    return compare_files(
        str(result),
        str(source),
        text,
        context=CONTEXT,
        chunks=None,
        questions=questions()[:asked],
        watcher=watcher or Watcher(),
    )


def token_by_token(model: NativeModel, tokens: list[int]) -> list[float]:
    """Negative log-likelihoods of the second half of a chunk, from one token after the other."""
    context = NativeContext(
        model, context=CONTEXT, threads=1, threads_batch=1, flash_attention=False, cache_type="f16"
    )
    found = []
    for place, token in enumerate(tokens[:-1]):
        assert context.decode_one(token) == 0
        if place >= CONTEXT // 2:
            row = np.ctypeslib.as_array(context.logits(), shape=(model.size,)).astype(np.float64)
            found.append(float(np.log(np.exp(row - row.max()).sum()) + row.max() - row[tokens[place + 1]]))
    context.close()
    return found


def test_likelihoods_are_those_of_single_tokens(model: NativeModel) -> None:
    tokens = model.tokenize(TEXT.encode(), parse_special=False)
    chunks = chunks_of(tokens, CONTEXT, None)
    assert len(chunks) > 5  # more than one batch, and a last one that is not full
    rows = rows_at_once(model.size, CONTEXT, models=1)
    one = LlamaChunks(model, context=CONTEXT, rows=rows, should_stop=lambda: False)
    scored = score_text(one, None, chunks, lambda _done, _all: None, lambda: False)
    one.close()
    expected = [value for chunk in chunks for value in token_by_token(model, [int(each) for each in chunk])]
    assert scored.finite
    assert len(expected) == len(scored.rows.nll) == len(chunks) * (CONTEXT // 2 - 1)
    assert scored.rows.nll == pytest.approx(expected, abs=0.02)  # keys and values are kept in 16 bits
    assert math.fsum(scored.rows.nll) == pytest.approx(math.fsum(expected), rel=1e-4)


def test_few_logits_at_a_time_give_the_same(model: NativeModel) -> None:
    tokens = model.tokenize(TEXT.encode(), parse_special=False)
    chunks = chunks_of(tokens, CONTEXT, 3)
    found = []
    for rows in (1, CONTEXT // 2):
        one = LlamaChunks(model, context=CONTEXT, rows=rows, should_stop=lambda: False)
        one.begin(chunks)
        steps = range(CONTEXT // 2, CONTEXT, rows)
        found.append(np.concatenate([one.logits(at, at + rows).copy() for at in steps], axis=1))
        one.close()
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_how_many_rows_fit() -> None:
    assert rows_at_once(49_152, 512) == 64
    assert rows_at_once(49_152, 512, models=1) == 128
    assert rows_at_once(262_144, 512) * 262_144 * 4 * 4 <= 56 << 20
    assert rows_at_once(300, 32) == 16
    assert rows_at_once(10**9, 512) == 1


def test_a_quantized_file_beside_its_source(tiny: Path, tmp_path: Path) -> None:
    found = compare(quantized(tiny, tmp_path / "q.gguf", "Q8_0"), tiny, asked=4)
    divergence = found.divergence
    assert divergence is not None
    assert found.tokens == found.chunks * (CONTEXT // 2 - 1)
    assert 0 < divergence.kl_mean < 0.01
    assert divergence.ratio == pytest.approx(1, abs=0.02)
    assert divergence.drops
    assert all(one.source_probability > one.probability for one in divergence.drops)
    assert all(one.token in TEXT and one.before in TEXT for one in divergence.drops)
    assert found.tasks is not None
    assert found.tasks.total.count == 4


def test_a_file_beside_itself(tiny: Path) -> None:
    divergence = compare(tiny, tiny).divergence
    assert divergence is not None
    assert divergence.kl_max < 1e-5
    assert (divergence.same_top, divergence.ratio, divergence.drops) == (1.0, 1.0, ())


def test_predictions_that_are_no_numbers(tiny: Path, tmp_path: Path) -> None:
    found = compare(with_nans(tiny, tmp_path / "n.gguf", "blk.0.ffn_up.weight"), tiny)
    assert found.divergence is None
    assert found.broken
    assert "NaN" in found.reason


def test_what_cannot_be_measured_is_refused(tiny: Path) -> None:
    with pytest.raises(BancadaError) as short:
        compare(tiny, tiny, text="Too short.")
    assert short.value.code == "certificate.text_short"
    for context in (33, 100_000):
        with pytest.raises(BancadaError) as refused:
            compare_files(
                str(tiny), str(tiny), TEXT, context=context, chunks=None, questions=(), watcher=Watcher()
            )
        assert refused.value.code == "certificate.context_refused"


@pytest.mark.parametrize("stage", ["comparing on the text", "asking the questions"])
def test_it_stops_when_asked(tiny: Path, stage: str) -> None:
    watcher = Watcher(stop_at=stage)
    with pytest.raises(Canceled):
        compare(tiny, tiny, watcher=watcher, asked=70)
    assert watcher.stages[-1] == stage


def test_shared_options_score_as_each_alone(model: NativeModel) -> None:
    """The batch with shared beginnings gives the choice that single evaluations give."""
    asked = [one for one in questions() if one.options][:6]
    together = answer_all(model, asked, on_answer=lambda _n: None, should_stop=lambda: False)
    assert together == [_likeliest(model, one) for one in asked]


def _likeliest(model: NativeModel, one: Question) -> str:
    def score(option: str) -> float:
        head = model.tokenize(one.question.encode(), parse_special=False)
        tokens = model.tokenize(f"{one.question} {option}".encode(), parse_special=False)
        context = NativeContext(
            model, context=256, threads=1, threads_batch=1, flash_attention=False, cache_type="f16"
        )
        total = 0.0
        for place, token in enumerate(tokens[:-1]):
            context.decode_one(token)
            if place >= len(head) - 1:
                row = np.ctypeslib.as_array(context.logits(), shape=(model.size,)).astype(np.float64)
                total += float(row[tokens[place + 1]] - row.max() - np.log(np.exp(row - row.max()).sum()))
        context.close()
        return total

    return max(one.options, key=score)


def test_written_answers_end(model: NativeModel) -> None:
    asked = [one for one in questions() if not one.options]
    done: list[int] = []
    answers = answer_all(model, asked, on_answer=done.append, should_stop=lambda: False)
    assert done == list(range(1, len(asked) + 1))
    assert all(isinstance(one, str) and len(one) <= 24 * 4 for one in answers)
