"""An ONNX folder beside the GGUF file it was made from: the same tokens through both, in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime_genai as genai

from bancada.core import hardware
from bancada.core.errors import BancadaError
from bancada.engines.divergence import Floats, Ints, summarize
from bancada.engines.genai_backend import load_model, read_section, read_vocabulary
from bancada.engines.genai_vocabulary import GenaiVocabulary
from bancada.engines.llama_comparison import Compared, Watcher, largest_drops, tokens_of
from bancada.engines.llama_native import NativeModel
from bancada.engines.llama_prompt import to_utf8
from bancada.engines.llama_scoring import (
    LEAST_CONTEXT,
    MAX_CONTEXT,
    LlamaChunks,
    chunks_of,
    rows_at_once,
    score_text,
)

#: the library holds the interpreter's lock while it evaluates: between two steps a cancel is seen
_STEP_TOKENS: Final = 64


class OnnxChunks:
    """Implements :class:`bancada.engines.llama_scoring.ChunkModel`: one generator for each chunk."""

    def __init__(self, model: genai.Model, vocabulary: int, begin: int, context: int) -> None:
        """``begin`` is the token that stands at the start of each chunk, -1 for none."""
        self.vocabulary = vocabulary
        self._model, self._begin, self._context = model, begin, context
        self._chunks: Ints = np.empty((0, context), dtype=np.int32)
        self._generators: list[genai.Generator] = []
        self._at = 0

    def begin(self, chunks: Ints) -> None:
        self._chunks = chunks.copy()
        if self._begin >= 0:
            self._chunks[:, 0] = self._begin
        self._generators = [self._generator() for _ in chunks]
        self._at = 0

    def logits(self, start: int, stop: int) -> Floats:
        for first in range(self._at, start, _STEP_TOKENS):
            self._evaluate(first, min(first + _STEP_TOKENS, start))
        rows = self._evaluate(start, stop)
        self._at = stop
        return rows

    def close(self) -> None:
        self._generators = []

    def _generator(self) -> genai.Generator:
        params = genai.GeneratorParams(self._model)
        params.set_search_options(max_length=self._context + 1)
        return genai.Generator(self._model, params)

    def _evaluate(self, start: int, stop: int) -> Floats:
        found = []
        try:
            for generator, chunk in zip(self._generators, self._chunks, strict=True):
                generator.append_tokens(np.ascontiguousarray(chunk[start:stop], dtype=np.int32))
                found.append(np.asarray(generator.get_output("logits"), dtype=np.float32)[0])
        except RuntimeError as error:
            raise BancadaError("engine.evaluation_failed", status=str(error)[:300]) from None
        rows: Floats = np.stack(found)[:, :, : self.vocabulary]
        return rows


def compare_with_gguf(
    folder: str, source: str, text: str, *, context: int, chunks: int | None, watcher: Watcher
) -> Compared:
    """Load both and compare their predictions.

    Args:
        folder: the ONNX folder that is judged.
        source: path of the GGUF file that it was made from.
        text: what both are measured on.
        context: tokens of a chunk, even; the second half of each is scored.
        chunks: at most so many, None for all.
        watcher: told of the progress.

    Raises:
        BancadaError: ``certificate.text_short``, ``certificate.context_refused``, ``model.*``, ``engine.*``.
        Canceled: the watcher said so.
    """
    watcher.progress("loading both models", 0, 2, "models")
    section = read_section(Path(folder))
    vocabulary = read_vocabulary(Path(folder), section)
    size = int(section.get("vocab_size", vocabulary.size))
    theirs = NativeModel(source, mapped=False)
    try:
        raw = to_utf8(text)
        tokens = tokens_of(theirs, raw)
        reason = _not_comparable(theirs, vocabulary, size, raw, tokens)
        if reason:
            return Compared(None, 0, 0, None, reason)
        longest = min(theirs.trained_context, int(section.get("context_length", MAX_CONTEXT)), MAX_CONTEXT)
        if context % 2 or not LEAST_CONTEXT <= context <= longest:
            raise BancadaError(
                "certificate.context_refused", context=context, low=LEAST_CONTEXT, high=longest
            )
        taken = chunks_of(tokens, context, chunks)
        watcher.progress("loading both models", 1, 2, "models")
        model = load_model(Path(folder), hardware.usable_cores(), passive_wait=True)
        begin = theirs.bos if theirs.adds_bos else -1
        ours = OnnxChunks(model, size, begin, context)
        return _score(ours, theirs, taken, watcher, _words(vocabulary))
    finally:
        theirs.close()


def _not_comparable(
    theirs: NativeModel, vocabulary: GenaiVocabulary, size: int, raw: bytes, tokens: list[int]
) -> str:
    if not theirs.generates_text:
        return "The source does not write text, so there are no predictions to compare."
    if size != theirs.size:
        return (
            f"The vocabularies differ ({size:,} and {theirs.size:,} tokens), so the predictions cannot be "
            "compared token by token."
        )
    begin = tokens[:1] if theirs.adds_bos and theirs.bos >= 0 else []
    if begin + vocabulary.tokenize(raw.removesuffix(b"\n"), parse_special=False) != tokens:
        return "The two read the text as different tokens, so their predictions cannot be compared."
    return ""


def _score(
    ours: OnnxChunks, theirs: NativeModel, chunks: Ints, watcher: Watcher, words: Callable[[Ints], str]
) -> Compared:
    context = chunks.shape[1]
    rows = rows_at_once(theirs.size, context)
    source = LlamaChunks(theirs, context=context, rows=rows, should_stop=watcher.stopped)
    try:
        scored = score_text(
            ours,
            source,
            chunks,
            lambda done, total: watcher.progress("comparing on the text", done, total, "chunks"),
            watcher.stopped,
        )
    finally:
        source.close()
        ours.close()
    if not scored.finite:
        reason = "The model's predictions are no numbers (NaN), so nothing could be averaged."
        return Compared(None, scored.chunks, 0, None, reason, broken=True)
    divergence = summarize(scored.rows, largest_drops(scored.rows, chunks, words))
    return Compared(divergence, scored.chunks, len(scored.rows.nll), None)


def _words(vocabulary: GenaiVocabulary) -> Callable[[Ints], str]:
    def words(tokens: Ints) -> str:
        pieces = [vocabulary.piece(int(one), special=True) for one in tokens]
        return b"".join(pieces).decode("utf-8", "replace")

    return words
