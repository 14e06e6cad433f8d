"""llama.cpp's quantization: what a type would give (a dry run), and the file itself."""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bancada.catalog.gguf_header import TENSOR_TYPES, GgufHeader, read_header
from bancada.core.errors import BancadaError, Canceled
from bancada.engines.llama_native import open_library
from bancada.engines.llama_package import native
from bancada.quantization.plan import Variant, check_overrides, counts
from bancada.quantization.types import type_named

#: an importance matrix: name of the tensor -> mean squared activation of each input column, per expert
Matrix = Mapping[str, npt.NDArray[np.float32]]
Override = tuple[str, str]

#: rows kept in memory at once; the library's own choice is 8 GiB
_BUFFER_BYTES: Final = 256 << 20
_POLL_S: Final = 0.1
#: the library pads to this whatever the source says
_ALIGNMENT: Final = 32
#: what it adds to the metadata where it is missing: length and text of the key, type, value
_ADDED_KEYS: Final = ("general.quantization_version", "general.file_type")
_BY_NAME: Final = {one.name: (code, one) for code, one in TENSOR_TYPES.items()}
_TENSOR: Final = re.compile(
    r"\[ *(\d+)/ *(\d+)\] (\S+) +- \[[^\]]*\], type = *(\w+), size =[^\n(]*(?:\((\w+)\))?"
)
_FALLBACK: Final = re.compile(r"warning: (\S+) +- ncols[^\n]*?-> falling back to +(\w+)")
_STEP: Final = re.compile(r"\[ *(\d+)/ *(\d+)\] ")
_FAILED: Final = re.compile(r"failed to quantize: ([^\n]*)")


def dry_run(path: Path, kind: str, *, overrides: Sequence[str] = (), matrix: bool = False) -> Variant:
    """What quantizing a GGUF file to ``kind`` would give, in a fraction of a second.

    Args:
        path: a checked GGUF file.
        kind: a name of :data:`bancada.quantization.types.TYPES`.
        overrides: ``PATTERN=TYPE`` for tensors that get another type.
        matrix: an importance matrix will be used; some types change with it.

    Raises:
        BancadaError: ``quantize.*``, ``model.*`` for a file that is none.
    """
    header = read_header(path)
    pairs = _pairs(header, overrides)
    with _log() as lines:
        placeholder = _matrix_data({"none": np.ones(1, np.float32)}) if matrix else None
        _call(path, path, _parameters(kind, pairs, placeholder, threads=1, dry_run=True), lines)
    text = "".join(lines)
    types = {name: (into or stored).upper() for _, _, name, stored, into in _TENSOR.findall(text)}
    if types.keys() != {one.name for one in header.tensors}:
        raise BancadaError("quantize.failed", detail="the dry run did not name every tensor")
    return Variant(
        type=type_named(kind).name,
        size_bytes=_file_size(header, types),
        bits_per_weight=8 * _tensor_bytes(header, types) / header.parameters,
        tensor_types=counts(types),
        fallbacks={name: into.upper() for name, into in _FALLBACK.findall(text)},
        needs_matrix="will require an imatrix" in text,
    )


def quantize(
    source: Path,
    target: Path,
    kind: str,
    *,
    overrides: Sequence[str] = (),
    matrix: Matrix | None = None,
    requantize: bool = False,
    threads: int,
    on_tensors: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> None:
    """Write ``source`` as ``kind`` to ``target``, byte for byte as llama-quantize does.

    Args:
        source: a checked GGUF file.
        target: the file to write; on failure or cancel nothing useful is there.
        kind: a name of :data:`bancada.quantization.types.TYPES`.
        overrides: ``PATTERN=TYPE`` for tensors that get another type.
        matrix: the importance matrix.
        requantize: a source that is already quantized is taken all the same.
        threads: of the calculation.
        on_tensors: told of (tensors begun, of all).
        should_stop: polled; the library cannot be stopped, so it is left to the end of the process.

    Raises:
        BancadaError: ``quantize.*`` in words, ``quantize.failed`` with the library's own.
        Canceled: ``should_stop`` said so.
    """
    header = read_header(source)
    pairs = _pairs(header, overrides)
    failure: list[BaseException] = []

    def work() -> None:
        try:
            _call(source, target, parameters, lines)
        except BaseException as error:  # noqa: BLE001 - handed on by the thread that waits
            failure.append(error)

    with _log() as lines:
        parameters = _parameters(
            kind, pairs, _matrix_data(matrix) if matrix else None, threads=threads, requantize=requantize
        )
        # a daemon: a canceled one does not keep the worker from ending
        thread = threading.Thread(target=work, name="quantize", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(_POLL_S)
            if should_stop():
                raise Canceled
            steps = _STEP.findall(lines[-1]) if lines else []
            if steps:
                on_tensors(int(steps[-1][0]), int(steps[-1][1]))
    if failure:
        raise failure[0]


def _pairs(header: GgufHeader, overrides: Sequence[str]) -> list[Override]:
    return check_overrides(overrides, (one.name for one in header.tensors), _BY_NAME)


def _parameters(
    kind: str,
    overrides: Sequence[Override],
    matrix: Any,
    *,
    threads: int,
    requantize: bool = False,
    dry_run: bool = False,
) -> Any:
    parameters = native.llama_model_quantize_default_params()
    parameters.ftype = type_named(kind).code
    parameters.nthread = threads
    parameters.allow_requantize = requantize
    parameters.dry_run = dry_run
    parameters.max_buf_size = _BUFFER_BYTES
    if overrides:
        array = (native.llama_model_tensor_override * (len(overrides) + 1))()
        for one, (pattern, name) in zip(array, overrides, strict=False):
            one.pattern = pattern.encode("ascii")
            one.type = _BY_NAME[name][0]
        parameters.tt_overrides = ctypes.cast(array, ctypes.POINTER(native.llama_model_tensor_override))
        parameters.kept_overrides = array
    if matrix is not None:
        parameters.imatrix = ctypes.cast(matrix, ctypes.POINTER(native.llama_model_imatrix_data))
        parameters.kept_matrix = matrix
    return parameters


def _matrix_data(matrix: Matrix) -> Any:
    """The library's array; it keeps the values that it points to."""
    array = (native.llama_model_imatrix_data * (len(matrix) + 1))()
    kept = []
    for one, (name, values) in zip(array, matrix.items(), strict=False):
        flat = np.ascontiguousarray(values, dtype=np.float32).ravel()
        kept.append(flat)
        one.name = name.encode()
        one.data = flat.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        one.size = flat.size
    array.kept_values = kept
    return array


def _call(source: Path, target: Path, parameters: Any, lines: list[str]) -> None:
    status = native.llama_model_quantize(_bytes(source), _bytes(target), ctypes.byref(parameters))
    if status:
        raise _failure("".join(lines[-40:]))


def _failure(text: str) -> BancadaError:
    found = _FAILED.search(text)
    words = found[1].strip() if found else "the engine gave no reason"
    if "requires an imatrix" in words or "Missing importance matrix" in words:
        return BancadaError("quantize.matrix_needed", detail=words[:300])
    if "requantizing from type" in words:
        return BancadaError("quantize.already_quantized", type=words.split()[3][:20].upper())
    if "imatrix size" in words:
        return BancadaError("quantize.matrix_of_another", detail=words[:300])
    return BancadaError("quantize.failed", detail=words[:300])


def _bytes(path: Path) -> bytes:
    return str(path).encode("utf-8", "surrogateescape")


#: who hears the library now, the newest last
_listening: list[list[str]] = []


def _hear(_level: int, text: bytes | None, _user: object) -> None:
    if not _listening:
        return
    lines, words = _listening[-1], (text or b"").decode("utf-8", "replace")
    # a tensor's message comes in two pieces
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += words
    else:
        lines.append(words)


#: as long-lived as the library: a canceled quantization goes on in its thread, and on talking, until the
#: process ends
_callback: Final = native.llama_log_callback(_hear)


@contextmanager
def _log() -> Iterator[list[str]]:
    """The library's log, one text a message; what listened before listens again afterwards."""
    open_library()
    before, user = native.llama_log_callback(), ctypes.c_void_p()
    native.llama_log_get(ctypes.byref(before), ctypes.byref(user))
    lines: list[str] = []
    _listening.append(lines)
    native.llama_log_set(_callback, ctypes.c_void_p())
    try:
        yield lines
    finally:
        native.llama_log_set(before, user)
        _listening.remove(lines)


def _tensor_bytes(header: GgufHeader, types: Mapping[str, str]) -> int:
    return sum(_stored(one.elements, types[one.name]) for one in header.tensors)


def _file_size(header: GgufHeader, types: Mapping[str, str]) -> int:
    """Header with what is added to it, then every tensor, each padded."""
    added = sum(8 + len(key) + 4 + 4 for key in _ADDED_KEYS if key not in header.metadata)
    size = _padded(header.header_bytes + added)
    return size + sum(_padded(_stored(one.elements, types[one.name])) for one in header.tensors)


def _stored(elements: int, kind: str) -> int:
    known = _BY_NAME[kind][1]
    return elements // known.block * known.block_bytes


def _padded(count: int) -> int:
    return (count + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT
