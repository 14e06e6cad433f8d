"""llama.cpp's library behind typed handles: its log, its devices, a model, a context. No policy here.

The class ``llama_cpp.Llama`` is not used: it detokenizes the whole answer at every token, keeps
all logits for log-probabilities and crashes on a bad grammar.
"""

from __future__ import annotations

import ctypes
import logging
import re
import sysconfig
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.engines.llama_package import library, native

log = logging.getLogger(__name__)

#: names of key-value cache types -> ggml's numbers
CACHE_TYPES: Final = {
    "f16": native.GGML_TYPE_F16,
    "q8_0": native.GGML_TYPE_Q8_0,
    "q4_0": native.GGML_TYPE_Q4_0,
}
#: tokens evaluated by one call; the compute buffers are as large. 512, llama.cpp's own choice, takes 7 to
#: 10 MB more on a small model and is not measurably faster (tests/performance/engine_compare.py)
BATCH: Final = 256
ABORTED: Final = 2

_LOG_WARNING, _LOG_ERROR, _LOG_CONTINUED = 3, 4, 5
_GPU_TYPES: Final = (1, 2)  # GGML_BACKEND_DEVICE_TYPE_GPU, _IGPU
_log: deque[str] = deque(maxlen=60)
_log_level = 0
_opened = False


def _keep_log(level: int, text: bytes | None, _user: object) -> None:
    global _log_level  # noqa: PLW0603  the library continues a line without repeating its level
    if level != _LOG_CONTINUED:
        _log_level = level
    if _log_level >= _LOG_WARNING and text:
        words = text.decode("utf-8", "replace")
        _log.append(words)
        if _log_level == _LOG_ERROR:
            log.warning("llama.cpp: %s", words.rstrip())


_log_callback = native.llama_log_callback(_keep_log)


def open_library() -> None:
    """Prepare the library once: its log goes to memory, its CPU variants are found, its tables are made."""
    global _opened  # noqa: PLW0603  the library's own state is one per process
    if _opened:
        return
    native.llama_log_set(_log_callback, ctypes.c_void_p(0))
    ggml = library
    if ggml.ggml_backend_reg_count() == 0:
        # a wheel for every processor keeps its variants in site-packages/bin and loads none by itself
        folder = Path(sysconfig.get_path("platlib")) / "bin"
        ggml.ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
        ggml.ggml_backend_load_all_from_path(str(folder).encode())
    native.llama_backend_init()
    _opened = True


def take_log() -> str:
    """Return and forget the warnings and errors that the library logged, newest last."""
    text = "".join(_log)
    _log.clear()
    return text


def system_features() -> tuple[str, ...]:
    """The processor features that this build really uses, such as ``AVX512_VNNI`` or ``AMX_INT8``."""
    text: bytes = native.llama_print_system_info()
    return tuple(re.findall(r"(\w+) = 1", text.decode("ascii", "replace")))


def library_path() -> Path:
    """The shared library of llama.cpp that this process uses."""
    return Path(vars(library)["_name"])


def supports_gpu() -> bool:
    """Whether the engine was built with support for any GPU."""
    return bool(native.llama_supports_gpu_offload())


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that layers can be offloaded to; memory in bytes."""

    name: str
    free_bytes: int
    total_bytes: int


def gpus() -> list[Gpu]:
    """The GPUs that this build of the engine can use."""
    ggml = library
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    ggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_dev_description.restype = ctypes.c_char_p
    ggml.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    size = ctypes.c_size_t
    ggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, ctypes.POINTER(size), ctypes.POINTER(size)]
    ggml.ggml_backend_dev_memory.restype = None
    found = []
    for index in range(ggml.ggml_backend_dev_count()):
        device = ggml.ggml_backend_dev_get(index)
        if ggml.ggml_backend_dev_type(device) in _GPU_TYPES:
            free, total = size(), size()
            ggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
            name = ggml.ggml_backend_dev_description(device).decode("utf-8", "replace")
            found.append(Gpu(name, free.value, total.value))
    return found


class NativeModel:
    """A loaded model file with its vocabulary."""

    def __init__(
        self, path: str, *, gpu_layers: int = 0, vocabulary_only: bool = False, mapped: bool = True
    ) -> None:
        """Load the file; one that is not ``mapped`` is read, so that repacked weights are there only once.

        Raises:
            BancadaError: ``model.unsupported_architecture``, ``engine.out_of_memory`` or
                ``model.load_failed`` with the library's own words.
        """
        open_library()
        take_log()
        params = native.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.vocab_only = vocabulary_only
        if not mapped:
            # repacked weights would be a second copy in memory of what is mapped from the file
            params.load_mode = native.LLAMA_LOAD_MODE_NONE
        self._handle: Any = native.llama_model_load_from_file(path.encode("utf-8", "surrogateescape"), params)
        if not self._handle:
            raise _load_error(take_log())
        self.vocabulary: Any = native.llama_model_get_vocab(self._handle)
        self.size: int = native.llama_vocab_n_tokens(self.vocabulary)
        self.layers: int = native.llama_model_n_layer(self._handle)
        self.trained_context: int = native.llama_model_n_ctx_train(self._handle)
        self.bytes: int = native.llama_model_size(self._handle)
        self.bos: int = native.llama_vocab_bos(self.vocabulary)
        self.eos: int = native.llama_vocab_eos(self.vocabulary)
        self.adds_bos: bool = native.llama_vocab_get_add_bos(self.vocabulary)
        self._piece = ctypes.create_string_buffer(256)

    @property
    def handle(self) -> Any:
        return self._handle

    def cache_bytes(self, context: int) -> int:
        """Bytes of 16-bit keys and values for ``context`` tokens in all layers."""
        heads: int = native.llama_model_n_head(self._handle)
        width: int = native.llama_model_n_embd(self._handle)
        shared: int = native.llama_model_n_head_kv(self._handle)
        return 2 * 2 * context * self.layers * width * max(1, shared) // max(1, heads)

    @property
    def is_recurrent(self) -> bool:
        """Whether earlier states cannot be returned to, so that no prefix is reused."""
        return bool(
            native.llama_model_is_recurrent(self._handle) or native.llama_model_is_hybrid(self._handle)
        )

    @property
    def generates_text(self) -> bool:
        """Whether this is a causal language model (not an encoder, not a diffusion model)."""
        return bool(
            native.llama_model_has_decoder(self._handle)
            and not native.llama_model_has_encoder(self._handle)
            and not native.llama_model_is_diffusion(self._handle)
        )

    def chat_template(self) -> str | None:
        """The model's own chat template, or None: then there is none (never a default one)."""
        text: bytes | None = native.llama_model_chat_template(self._handle, None)
        return text.decode("utf-8", "replace") if text else None

    def tokenize(self, text: bytes, *, parse_special: bool) -> list[int]:
        """Token ids of UTF-8 ``text``; no token is added at either end."""
        room = len(text) + 8
        while True:
            tokens = (ctypes.c_int32 * room)()
            count: int = native.llama_tokenize(
                self.vocabulary,
                text,
                len(text),
                tokens,
                room,
                0,
                parse_special,
            )
            if count >= 0:
                return tokens[:count]
            room = -count

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that a token writes; control tokens write none unless ``special``."""
        while True:
            size: int = native.llama_token_to_piece(
                self.vocabulary, token, self._piece, len(self._piece), 0, special
            )
            if size >= 0:
                return self._piece.raw[:size]
            self._piece = ctypes.create_string_buffer(-size)

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""
        return bool(native.llama_vocab_is_eog(self.vocabulary, token))

    def control_texts(self) -> list[str]:
        """The texts that would be read as control tokens, such as ``<|im_end|>``."""
        marks = native.LLAMA_TOKEN_ATTR_CONTROL | native.LLAMA_TOKEN_ATTR_UNKNOWN
        texts = []
        for token in range(self.size):
            if native.llama_vocab_get_attr(self.vocabulary, token) & marks:
                text = native.llama_vocab_get_text(self.vocabulary, token).decode("utf-8", "replace")
                if text:
                    texts.append(text)
        return texts

    def close(self) -> None:
        """Free the model; contexts made from it must be closed before."""
        if self._handle:
            native.llama_model_free(self._handle)
            self._handle = None


def _load_error(words: str) -> BancadaError:
    architecture = re.search(r"unknown model architecture: '([^']*)'", words)
    if architecture:
        return BancadaError("model.unsupported_architecture", architecture=architecture[1][:80])
    if re.search(r"unable to allocate|failed to allocate|bad_alloc|Cannot allocate memory", words):
        return BancadaError("engine.out_of_memory", detail=_last_line(words))
    return BancadaError("model.load_failed", detail=_last_line(words))


def _last_line(words: str) -> str:
    # the cause stands behind "error loading model:"; later lines only repeat that it failed
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    named = [
        line.partition("error loading model:")[2].strip() for line in lines if "error loading model:" in line
    ]
    return (named or lines or ["the engine gave no reason"])[-1][:300]


class NativeContext:
    """The memory of one conversation with a model: keys, values, logits."""

    def __init__(
        self,
        model: NativeModel,
        *,
        context: int,
        threads: int,
        threads_batch: int,
        flash_attention: bool,
        cache_type: str,
    ) -> None:
        """Make a context of ``context`` tokens.

        Raises:
            BancadaError: ``engine.out_of_memory`` or ``engine.context_failed``.
        """
        take_log()
        params = native.llama_context_default_params()
        params.n_ctx = context
        params.n_batch = min(BATCH, context)
        params.n_ubatch = params.n_batch
        params.n_seq_max = 1
        params.n_outputs_max = 1  # only the newest row of logits is ever wanted
        params.n_threads = threads
        params.n_threads_batch = threads_batch
        params.flash_attn_type = (
            native.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash_attention else native.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        params.type_k = params.type_v = CACHE_TYPES[cache_type]
        params.no_perf = True
        self._handle: Any = native.llama_init_from_model(model.handle, params)
        if not self._handle:
            words = take_log()
            code = "engine.out_of_memory" if "alloc" in words else "engine.context_failed"
            raise BancadaError(code, detail=_last_line(words))
        self._memory: Any = native.llama_get_memory(self._handle)
        self._size = model.size
        self._batch: int = params.n_batch
        self._one = (ctypes.c_int32 * 1)()
        self._one_batch = native.llama_batch_get_one(self._one, 1)
        self._abort: Any = native.ggml_abort_callback()

    @property
    def handle(self) -> Any:
        return self._handle

    def set_threads(self, threads: int, threads_batch: int) -> None:
        """Change how many threads decode and prefill from the next call on."""
        native.llama_set_n_threads(self._handle, threads, threads_batch)

    def set_abort(self, should_abort: Callable[[], bool] | None) -> None:
        """Have ``should_abort`` asked between the operations of a calculation, or no longer."""
        self._abort = (
            native.ggml_abort_callback(lambda _data: should_abort())
            if should_abort
            else native.ggml_abort_callback()
        )
        native.llama_set_abort_callback(self._handle, self._abort, None)

    def decode_one(self, token: int) -> int:
        """Evaluate one token after the last; 0 is success, ABORTED an abort, others a failure."""
        self._one[0] = token
        status: int = native.llama_decode(self._handle, self._one_batch)
        return status

    def decode(self, tokens: Sequence[int]) -> int:
        """Evaluate up to BATCH tokens after the last; logits are kept for the newest.

        Raises:
            ValueError: more tokens than that, on which the library would abort the process.
        """
        if len(tokens) > self._batch:
            raise ValueError(f"{len(tokens)} tokens in a batch of at most {self._batch}")
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        status: int = native.llama_decode(self._handle, native.llama_batch_get_one(array, len(tokens)))
        return status

    def length(self) -> int:
        """How many positions are in the memory."""
        return int(native.llama_memory_seq_pos_max(self._memory, 0)) + 1

    def cut(self, length: int) -> bool:
        """Forget everything from position ``length`` on; False when this memory cannot do that."""
        return bool(native.llama_memory_seq_rm(self._memory, 0, length, -1))

    def clear(self) -> None:
        """Forget everything (the buffers are not wiped: that would touch all of their memory)."""
        native.llama_memory_clear(self._memory, 0)

    def logits(self) -> Any:
        """The newest row of logits: a pointer to floats [vocabulary], good until the next evaluation."""
        return native.llama_get_logits_ith(self._handle, -1)

    def keep_logits(self) -> Any:
        """A copy of the newest row of logits, for :meth:`put_logits`."""
        copy = (ctypes.c_float * self._size)()
        ctypes.memmove(copy, self.logits(), ctypes.sizeof(copy))
        return copy

    def put_logits(self, kept: Any) -> None:
        """Make a kept row the newest again; something must have been evaluated since the last clearing."""
        ctypes.memmove(self.logits(), kept, ctypes.sizeof(kept))

    def close(self) -> None:
        """Free the context."""
        if self._handle:
            native.llama_free(self._handle)
            self._handle = None
