"""A GGUF file beside the one it was made from: the same text, then the same questions, both in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from bancada.core.errors import BancadaError
from bancada.engines.divergence import Ints, Rows, summarize
from bancada.engines.llama_native import NativeModel
from bancada.engines.llama_prompt import to_utf8
from bancada.engines.llama_questions import answer_all
from bancada.engines.llama_scoring import (
    LEAST_CONTEXT,
    MAX_CONTEXT,
    LlamaChunks,
    chunks_of,
    rows_at_once,
    score_text,
)
from bancada.quantization.certificate import Divergence, Drop, TaskFindings
from bancada.quantization.questions import Question, compare_answers

#: the places where the right token lost most, and the tokens shown before each
_DROPS: Final = 10
_BEFORE: Final = 24


class Watcher(Protocol):
    """Who is told of the progress, and says when it is enough."""

    def progress(self, stage: str, done: float, total: float, unit: str) -> None: ...

    def stopped(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found.

    ``divergence`` is None where nothing could be compared; then ``reason`` says why in words, and ``broken``
    whether that is the file's own fault.
    """

    divergence: Divergence | None
    chunks: int
    tokens: int
    tasks: TaskFindings | None
    reason: str = ""
    broken: bool = False


def compare_files(
    result: str,
    source: str,
    text: str,
    *,
    context: int,
    chunks: int | None,
    questions: Sequence[Question],
    watcher: Watcher,
) -> Compared:
    """Load both files and compare them.

    Args:
        result: path of the GGUF file that is judged.
        source: path of the GGUF file that it was made from.
        text: what both are measured on.
        context: tokens of a chunk, even; the second half of each is scored.
        chunks: at most so many, None for all.
        questions: what both are asked, none to leave that out.
        watcher: told of the progress.

    Raises:
        BancadaError: ``certificate.text_short``, ``certificate.context_refused``, ``model.*``, ``engine.*``.
        Canceled: the watcher said so.
    """
    watcher.progress("loading both models", 0, 2, "models")
    ours = NativeModel(result, mapped=False)
    try:
        watcher.progress("loading both models", 1, 2, "models")
        theirs = NativeModel(source, mapped=False)
        try:
            return _Comparison(ours, theirs, watcher).run(text, context, chunks, questions)
        finally:
            theirs.close()
    finally:
        ours.close()


class _Comparison:
    def __init__(self, ours: NativeModel, theirs: NativeModel, watcher: Watcher) -> None:
        self._ours, self._theirs = ours, theirs
        self._watcher = watcher

    def run(self, text: str, context: int, limit: int | None, questions: Sequence[Question]) -> Compared:
        reason = self._not_comparable()
        if reason:
            return Compared(None, 0, 0, self._ask(questions), reason)
        longest = min(self._ours.trained_context, self._theirs.trained_context, MAX_CONTEXT)
        if context % 2 or not LEAST_CONTEXT <= context <= longest:
            raise BancadaError(
                "certificate.context_refused", context=context, low=LEAST_CONTEXT, high=longest
            )
        raw = to_utf8(text)
        tokens = tokens_of(self._ours, raw)
        if tokens != tokens_of(self._theirs, raw):
            reason = (
                "The two files read the text as different tokens, so their predictions cannot be compared."
            )
            return Compared(None, 0, 0, self._ask(questions), reason)
        taken = chunks_of(tokens, context, limit)
        rows, scored, finite = self._score(taken, context)
        if not finite:
            reason = "The file's predictions are no numbers (NaN), so nothing could be averaged."
            return Compared(None, scored, 0, None, reason, broken=True)
        divergence = summarize(rows, largest_drops(rows, taken, self._words))
        return Compared(divergence, scored, len(rows.nll), self._ask(questions))

    def _not_comparable(self) -> str:
        for one in (self._ours, self._theirs):
            if not one.generates_text:
                return "One of the two files does not write text, so there are no predictions to compare."
        if self._ours.size != self._theirs.size:
            return (
                f"The vocabularies differ ({self._ours.size:,} and {self._theirs.size:,} tokens), so the "
                "predictions cannot be compared token by token."
            )
        return ""

    def _score(self, chunks: Ints, context: int) -> tuple[Rows, int, bool]:
        rows = rows_at_once(self._ours.size, context)
        stopped = self._watcher.stopped
        ours = LlamaChunks(self._ours, context=context, rows=rows, should_stop=stopped)
        try:
            theirs = LlamaChunks(self._theirs, context=context, rows=rows, should_stop=stopped)
            try:
                scored = score_text(ours, theirs, chunks, self._on_chunks, stopped)
            finally:
                theirs.close()
        finally:
            ours.close()
        return scored.rows, scored.chunks, scored.finite

    def _on_chunks(self, done: int, total: int) -> None:
        self._watcher.progress("comparing on the text", done, total, "chunks")

    def _words(self, tokens: Ints) -> str:
        pieces = [self._ours.piece(int(one), special=True) for one in tokens]
        return b"".join(pieces).decode("utf-8", "replace")

    def _ask(self, questions: Sequence[Question]) -> TaskFindings | None:
        if not questions or not (self._ours.generates_text and self._theirs.generates_text):
            return None
        total = 2 * len(questions)

        def answers(model: NativeModel, before: int) -> list[str]:
            def on_answer(done: int) -> None:
                self._watcher.progress("asking the questions", before + done, total, "answers")

            stopped: Callable[[], bool] = self._watcher.stopped
            return answer_all(model, questions, on_answer=on_answer, should_stop=stopped)

        given = answers(self._theirs, 0)
        return compare_answers(questions, given, answers(self._ours, len(questions)))


def tokens_of(model: NativeModel, text: bytes) -> list[int]:
    """As llama.cpp's tool reads a text: plain, with the first token in front where the model wants one."""
    text = text.removesuffix(b"\n")
    begin = [model.bos] if model.adds_bos and model.bos >= 0 else []
    return begin + model.tokenize(text, parse_special=False)


def largest_drops(rows: Rows, chunks: Ints, words: Callable[[Ints], str]) -> tuple[Drop, ...]:
    """The places where the right token lost most; a place's number says its chunk and its token.

    Args:
        rows: the scores of all places, in the order of the text.
        chunks: token ids [n, context].
        words: the text of some tokens.
    """
    before, after = np.exp(-rows.source_nll), np.exp(-rows.nll)
    context = chunks.shape[1]
    each = context - 1 - context // 2
    drops = []
    for place in np.argsort(after - before)[:_DROPS]:
        if before[place] <= after[place]:
            break
        chunk, offset = divmod(int(place), each)
        at = context // 2 + 1 + offset
        drops.append(
            Drop(
                before=words(chunks[chunk, max(0, at - _BEFORE) : at]),
                token=words(chunks[chunk, at : at + 1]),
                source_probability=float(before[place]),
                probability=float(after[place]),
            )
        )
    return tuple(drops)
