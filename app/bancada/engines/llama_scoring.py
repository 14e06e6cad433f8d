"""Two models over the same text in lock-step: each chunk is evaluated by both, and scored at once.

The chunks, the first token, the half that is scored and the way several chunks share a batch are those of
llama.cpp's perplexity tool, so that perplexity is the same to the last digits. What differs: logits are
only made for a few places at a time, so that they take megabytes instead of gigabytes, and they are never
written to a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from bancada.core.errors import BancadaError, Canceled
from bancada.engines.busy_meter import BusyMeter, runnable_others
from bancada.engines.divergence import Floats, Ints, Rows, join, score_one, score_two
from bancada.engines.llama_native import ABORTED, NativeModel, take_log
from bancada.engines.llama_package import native

#: chunks that share a batch, and tokens of one calculation, as in llama.cpp's tool
TOGETHER: Final = 4
_STEP_TOKENS: Final = 512
#: logits of one step; the library keeps them twice
_LOGIT_BYTES: Final = 56 << 20
_SCORERS: Final = 2
LEAST_CONTEXT: Final = 8
MAX_CONTEXT: Final = 32_768


class ChunkModel(Protocol):
    """A model that evaluates several chunks of one length side by side."""

    vocabulary: int

    def begin(self, chunks: Ints) -> None:
        """Forget what was before and take up ``chunks`` [n, context] of token ids."""

    def logits(self, start: int, stop: int) -> Floats:
        """Evaluate the places from ``start`` on; logits [n, stop - start, vocabulary], good until the next.

        Calls go on where the one before stopped; the first one evaluates all that is before it.
        """

    def close(self) -> None:
        """Free what it holds."""


class FreeThreads:
    """How many threads calculate: a thread without a core makes all others wait, so as many as are free."""

    def __init__(self) -> None:
        self._meter = BusyMeter()
        self.count = self._free(float(runnable_others() or 0))

    def adjust(self, handle: Any) -> None:
        """Look again, and tell the context when the number has changed."""
        if not self._meter.due():
            return
        others = self._meter.others()
        count = self._free(float(runnable_others() or 0) if others is None else others)
        if count != self.count:
            self.count = count
            native.llama_set_n_threads(handle, count, count)

    def _free(self, others: float) -> int:
        # a core that is busy for two thirds of the time and more is not free
        return max(1, int(self._meter.cores - others + 0.35))


class LlamaChunks:
    """Implements :class:`ChunkModel` for a loaded GGUF file."""

    def __init__(
        self, model: NativeModel, *, context: int, rows: int, should_stop: Callable[[], bool]
    ) -> None:
        """Make a context for TOGETHER chunks of ``context`` tokens, with logits for ``rows`` places at once.

        Raises:
            BancadaError: ``engine.out_of_memory`` or ``engine.context_failed``.
        """
        self.vocabulary = model.size
        self._model = model
        self._threads = FreeThreads()
        self._abort = native.ggml_abort_callback(lambda _data: should_stop())
        self._handle = self._open(model, context, rows)
        self._memory: Any = native.llama_get_memory(self._handle)
        self._room = TOGETHER * context
        self._batch: Any = native.llama_batch_init(self._room, 0, 1)
        self._chunks: Ints = np.empty((0, context), dtype=np.int32)
        self._at = 0

    def _open(self, model: NativeModel, context: int, rows: int) -> Any:
        take_log()
        params = native.llama_context_default_params()
        params.n_ctx = TOGETHER * context
        params.n_batch = params.n_ctx
        params.n_ubatch = min(_STEP_TOKENS, params.n_ctx)
        params.n_seq_max = TOGETHER
        params.n_outputs_max = TOGETHER * rows
        params.n_outputs_max_per_seq = 0
        params.n_threads = params.n_threads_batch = self._threads.count
        params.no_perf = True
        params.abort_callback = self._abort
        handle = native.llama_init_from_model(model.handle, params)
        if not handle:
            words = take_log()
            code = "engine.out_of_memory" if "alloc" in words else "engine.context_failed"
            raise BancadaError(code, detail=words.strip().splitlines()[-1][:300] if words.strip() else "")
        return handle

    def begin(self, chunks: Ints) -> None:
        native.llama_memory_clear(self._memory, 0)
        self._chunks = chunks.copy()
        if self._model.adds_bos:
            self._chunks[:, 0] = self._model.bos
        self._at = 0

    def logits(self, start: int, stop: int) -> Floats:
        if start > self._at:
            self._evaluate(self._at, start, wanted=False)
        self._evaluate(start, stop, wanted=True)
        shape = (len(self._chunks), stop - start, self.vocabulary)
        flat = np.ctypeslib.as_array(native.llama_get_logits(self._handle), shape=(int(np.prod(shape)),))
        rows: Floats = flat.reshape(shape)
        return rows

    def close(self) -> None:
        if self._handle:
            native.llama_batch_free(self._batch)
            native.llama_free(self._handle)
            self._handle = None

    def _evaluate(self, start: int, stop: int, *, wanted: bool) -> None:
        count, width = len(self._chunks), stop - start
        total = count * width
        batch = self._batch
        for name, values in (
            ("token", self._chunks[:, start:stop].ravel()),
            ("pos", np.tile(np.arange(start, stop, dtype=np.int32), count)),
            ("n_seq_id", np.ones(total, dtype=np.int32)),
            ("logits", np.full(total, wanted, dtype=np.int8)),
        ):
            np.ctypeslib.as_array(getattr(batch, name), shape=(self._room,))[:total] = values
        for place in range(total):
            batch.seq_id[place][0] = place // width
        batch.n_tokens = total
        self._threads.adjust(self._handle)
        status = native.llama_decode(self._handle, batch)
        native.llama_synchronize(self._handle)
        if status == ABORTED:
            raise Canceled
        if status:
            raise BancadaError("engine.evaluation_failed", status=status)
        self._at = stop


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of a text: the rows in the order of the text, and whether all logits were numbers."""

    rows: Rows
    chunks: int
    finite: bool


def rows_at_once(vocabulary: int, context: int, *, models: int = 2) -> int:
    """How many places of each chunk get logits in one step: a share of the second half."""
    wanted = max(1, 2 * _LOGIT_BYTES // (4 * vocabulary * TOGETHER * models))
    rows = context - context // 2
    while rows > wanted and rows % 2 == 0:
        rows //= 2
    return min(rows, wanted)


def chunks_of(tokens: Sequence[int], context: int, limit: int | None) -> Ints:
    """The text's tokens as chunks [n, context]; what is left over at the end is not used.

    Raises:
        BancadaError: ``certificate.text_short``.
    """
    count = len(tokens) // context
    if count < 2:
        raise BancadaError("certificate.text_short", have=len(tokens), need=2 * context)
    if limit is not None:
        count = min(count, limit)
    return np.asarray(tokens[: count * context], dtype=np.int32).reshape(count, context)


def score_text(
    result: ChunkModel,
    source: ChunkModel | None,
    chunks: Ints,
    on_chunks: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> Scored:
    """Score the second half of every chunk with one model, or with both in lock-step.

    Args:
        result: the model that is judged.
        source: what it is compared with.
        chunks: token ids [n, context].
        on_chunks: told of (chunks done, of all).
        should_stop: polled between steps.

    Raises:
        BancadaError: ``engine.evaluation_failed``.
        Canceled: ``should_stop`` said so.
    """
    scored: list[Rows] = []
    with ThreadPoolExecutor(_SCORERS) as pool:
        for begin in range(0, len(chunks), TOGETHER):
            group = chunks[begin : begin + TOGETHER]
            parts: list[list[Rows]] = [[] for _ in group]
            for number, rows in _score_group(result, source, group, should_stop, pool):
                parts[number].append(rows)
            scored += [join(one) for one in parts]
            on_chunks(min(begin + TOGETHER, len(chunks)), len(chunks))
            if not all(_finite(join(one)) for one in parts):
                return Scored(join(scored), len(scored), finite=False)
    return Scored(join(scored), len(scored), finite=True)


def _score_group(
    result: ChunkModel,
    source: ChunkModel | None,
    group: Ints,
    should_stop: Callable[[], bool],
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[int, Rows]]:
    context = group.shape[1]
    models = 1 if source is None else 2
    step = rows_at_once(max(result.vocabulary, source.vocabulary if source else 0), context, models=models)
    result.begin(group)
    if source is not None:
        source.begin(group)
    for start in range(context // 2, context, step):
        stop = min(start + step, context)
        if should_stop():
            raise Canceled
        ours = result.logits(start, stop)
        theirs = source.logits(start, stop) if source is not None else None
        last = min(stop, context - 1)  # after the last token nothing is known
        count, shown = last - start, group[:, start + 1 : last + 1]

        def score(
            number: int,
            ours: Floats = ours,
            theirs: Floats | None = theirs,
            count: int = count,
            shown: Ints = shown,
        ) -> Rows:
            if theirs is None:
                return score_one(ours[number, :count], shown[number])
            return score_two(ours[number, :count], theirs[number, :count], shown[number])

        # numpy lets go of the interpreter for each row, so that two threads score nearly twice as fast
        yield from enumerate(pool.map(score, range(len(group))))


def _finite(rows: Rows) -> bool:
    values: list[npt.NDArray[np.float64]] = [rows.nll, rows.source_nll, rows.kl]
    return all(bool(np.isfinite(one).all()) for one in values)
