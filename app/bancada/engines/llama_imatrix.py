"""The importance matrix: how strongly each input column of a model's weights is used by a text.

Collected as llama.cpp's imatrix program does: for every product of weights and activations the squares of
the activations are summed by column. The engine is asked through the callback of its scheduler, which
hands over a tensor of its graph; the layout of that structure belongs to the pinned version and is checked.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from bancada.core.errors import BancadaError, Canceled
from bancada.engines.imatrix_file import ImportanceMatrix, Sums
from bancada.engines.llama_native import NativeModel, take_log
from bancada.engines.llama_package import library, native

#: tokens of one calculation: fewer are slower by half (tests/performance/quantize_compare.py)
_STEP_TOKENS: Final = 512
#: every row gets logits, which take 4 bytes times the vocabulary each: fewer rows where that is large
_LOGITS_BYTES: Final = 160 << 20
#: rows of activations below which the product is no part of reading a text
_LEAST_ROWS: Final = 16
LEAST_CONTEXT: Final = 32
MAX_CONTEXT: Final = 8_192
_DIMENSIONS, _SOURCES, _NAME_BYTES = 4, 10, 64


class _Tensor(ctypes.Structure):
    """``struct ggml_tensor`` of ggml.h, ggml 0.25.3."""

    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * _DIMENSIONS),
        ("nb", ctypes.c_size_t * _DIMENSIONS),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * _SOURCES),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * _NAME_BYTES),
        ("extra", ctypes.c_void_p),
        ("padding", ctypes.c_char * 8),
    ]


#: ``struct ggml_object`` that stands before each tensor (ggml-impl.h)
_OBJECT_BYTES: Final = 32


class _Collector:
    """Sums what the engine shows; an error is kept, as it cannot be raised through the engine."""

    def __init__(self) -> None:
        self.entries: dict[str, Sums] = {}
        self.error: BaseException | None = None
        self._names: dict[int, bytes] = {}
        self._checked = False
        ggml = library
        ggml.ggml_tensor_overhead.restype = ctypes.c_size_t
        ggml.ggml_op_name.restype = ctypes.c_char_p
        ggml.ggml_nbytes.restype = ctypes.c_size_t
        ggml.ggml_backend_buffer_is_host.restype = ctypes.c_bool
        ggml.ggml_get_name.restype = ctypes.c_char_p
        for function in (ggml.ggml_nbytes, ggml.ggml_get_name, ggml.ggml_backend_buffer_is_host):
            function.argtypes = [ctypes.c_void_p]
        size = ctypes.c_size_t
        ggml.ggml_backend_tensor_get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, size, size]
        if ggml.ggml_tensor_overhead() != ctypes.sizeof(_Tensor) + _OBJECT_BYTES:
            raise BancadaError("engine.layout_unknown", what="ggml_tensor")
        self.callback = native.ggml_backend_sched_eval_callback(self._seen)

    def _seen(self, address: int, ask: bool, _user: object) -> bool:
        try:
            tensor = _Tensor.from_address(address)
            operation = self._operation(tensor.op)
            if operation not in (b"MUL_MAT", b"MUL_MAT_ID"):
                return not ask
            weights, rows = (_Tensor.from_address(tensor.src[at]) for at in (0, 1))
            self._check(tensor.src[0], weights)
            name = _plain_name(weights.name)
            if ask:
                return operation == b"MUL_MAT_ID" or (
                    rows.ne[1] >= _LEAST_ROWS and rows.type == 0 and name.startswith("blk.")
                )
            if operation == b"MUL_MAT":
                self._add_rows(name, weights, tensor.src[1], rows)
            else:
                self._add_experts(name, weights, tensor.src[1], rows, tensor.src[2])
        except BaseException as error:  # noqa: BLE001 - it is raised when the engine has returned
            self.error = self.error or error
            return False
        return True

    def _operation(self, number: int) -> bytes:
        if number not in self._names:
            self._names[number] = library.ggml_op_name(number)
        return self._names[number]

    def _check(self, address: int, tensor: _Tensor) -> None:
        if self._checked:
            return
        if library.ggml_get_name(address) != tensor.name:
            raise BancadaError("engine.layout_unknown", what="ggml_tensor")
        self._checked = True

    def _add_rows(self, name: str, weights: _Tensor, address: int, rows: _Tensor) -> None:
        values = _array(address, rows, np.float32)  # [ne3, ne2, rows, columns]
        matrices = weights.ne[2] * weights.ne[3]
        entry = self._entry(name, matrices, rows.ne[0], counts=1)
        for outer in range(rows.ne[3]):
            for inner in range(rows.ne[2]):
                at = (outer % weights.ne[3]) * weights.ne[2] + inner % weights.ne[2]
                entry.sums[at] += np.einsum("ij,ij->j", values[outer, inner], values[outer, inner])
        entry.counts[:] += rows.ne[1] * rows.ne[2] * rows.ne[3] / matrices

    def _add_experts(
        self, name: str, weights: _Tensor, address: int, rows: _Tensor, ids_address: int
    ) -> None:
        ids_tensor = _Tensor.from_address(ids_address)
        ids = _array(ids_address, ids_tensor, np.int32)[0, 0]  # [tokens, experts used]
        values = _array(address, rows, np.float32)[0]  # [tokens, experts used or 1, columns]
        experts = weights.ne[2]
        if ids.min() < 0 or ids.max() >= experts:
            raise BancadaError("engine.layout_unknown", what="expert ids")
        entry = self._entry(name, experts, rows.ne[0], counts=experts)
        for used in range(ids.shape[1]):
            columns = values[:, used % values.shape[1]]
            np.add.at(entry.sums, ids[:, used], columns * columns)
            np.add.at(entry.counts, ids[:, used], 1)

    def _entry(self, name: str, matrices: int, columns: int, *, counts: int) -> Sums:
        if name not in self.entries:
            self.entries[name] = Sums(np.zeros((matrices, columns), np.float32), np.zeros(counts, np.float32))
        return self.entries[name]


def _array(address: int, tensor: _Tensor, kind: type[np.generic]) -> npt.NDArray[Any]:
    """A tensor's elements as [ne3, ne2, ne1, ne0], whatever its strides and wherever it lies."""
    size = library.ggml_nbytes(address)
    if library.ggml_backend_buffer_is_host(tensor.buffer):
        memory = (ctypes.c_char * size).from_address(tensor.data)
    else:
        memory = ctypes.create_string_buffer(size)
        library.ggml_backend_tensor_get(address, memory, 0, size)
    return np.ndarray(
        shape=tuple(reversed(tensor.ne)), dtype=kind, buffer=memory, strides=tuple(reversed(tensor.nb))
    )


def _plain_name(name: bytes) -> str:
    """``CUDA0#blk.0.attn_k.weight#0`` is a copy of ``blk.0.attn_k.weight`` on a device."""
    text = name.decode("utf-8", "replace")
    return text.split("#")[1] if "#" in text else text


def chunks_of(tokens: Sequence[int], context: int, limit: int | None) -> npt.NDArray[np.int32]:
    """Token ids as chunks [n, context]; the rest of the text is not used.

    Raises:
        BancadaError: ``imatrix.text_short`` with how many tokens there are.
    """
    count = len(tokens) // context
    if count == 0:
        raise BancadaError("imatrix.text_short", have=len(tokens), need=context)
    count = count if limit is None else min(count, limit)
    return np.asarray(tokens[: count * context], dtype=np.int32).reshape(count, context)


def collect(
    model: NativeModel,
    chunks: npt.NDArray[np.int32],
    *,
    threads: int,
    on_chunks: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> ImportanceMatrix:
    """Evaluate a text and sum its activations.

    Args:
        model: a loaded GGUF file.
        chunks: token ids [n, context]; each chunk is read by itself, the first token is the model's begin.
        threads: of the calculation.
        on_chunks: told of (chunks done, of all).
        should_stop: polled between steps.

    Raises:
        BancadaError: ``engine.*``; ``imatrix.not_finite`` where the model computes what is no number.
        Canceled: ``should_stop`` said so.
    """
    collector = _Collector()
    handle = _open(model, chunks.shape[1], threads, collector)
    memory = native.llama_get_memory(handle)
    step = _step(model.size, chunks.shape[1])
    batch = native.llama_batch_init(step, 0, 1)
    try:
        for number, chunk in enumerate(chunks):
            native.llama_memory_clear(memory, 0)
            tokens = chunk.copy()
            if model.adds_bos:
                tokens[0] = model.bos
            for start in range(0, len(tokens), step):
                if should_stop():
                    raise Canceled
                _evaluate(handle, batch, tokens[start : start + step], start)
                if collector.error is not None:
                    raise collector.error
            on_chunks(number + 1, len(chunks))
    finally:
        native.llama_batch_free(batch)
        native.llama_free(handle)
    for name, one in collector.entries.items():
        if not np.isfinite(one.sums).all():
            raise BancadaError("imatrix.not_finite", tensor=name)
    if not collector.entries:
        raise BancadaError("imatrix.nothing_seen")
    return ImportanceMatrix(collector.entries, len(chunks), int(chunks.shape[1]))


def _step(vocabulary: int, context: int) -> int:
    """Tokens of one calculation: equal parts of a chunk, as a short last one would not be counted."""
    most = max(LEAST_CONTEXT, min(_STEP_TOKENS, _LOGITS_BYTES // (4 * max(1, vocabulary))))
    parts = -(-context // most)
    return -(-context // parts)


def _open(model: NativeModel, context: int, threads: int, collector: _Collector) -> Any:
    take_log()
    params = native.llama_context_default_params()
    params.n_ctx = context
    params.n_batch = params.n_ubatch = _step(model.size, context)
    params.n_seq_max = 1
    params.n_threads = params.n_threads_batch = threads
    params.no_perf = True
    params.cb_eval = collector.callback
    handle = native.llama_init_from_model(model.handle, params)
    if not handle:
        words = take_log().strip()
        code = "engine.out_of_memory" if "alloc" in words else "engine.context_failed"
        raise BancadaError(code, detail=words.splitlines()[-1][:300] if words else "")
    return handle


def _evaluate(handle: Any, batch: Any, tokens: npt.NDArray[np.int32], start: int) -> None:
    for at, token in enumerate(tokens.tolist()):
        batch.token[at] = token
        batch.pos[at] = start + at
        batch.n_seq_id[at] = 1
        batch.seq_id[at][0] = 0
        # rows without logits are dropped before the last layer's end, and would be missing there
        batch.logits[at] = 1
    batch.n_tokens = len(tokens)
    status = native.llama_decode(handle, batch)
    native.llama_synchronize(handle)
    if status:
        raise BancadaError("engine.evaluation_failed", status=status)
