"""The backend for ONNX folders: onnxruntime-genai, on the processor."""

from __future__ import annotations

import importlib.metadata
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import onnxruntime_genai as genai

from bancada.core import hardware
from bancada.core.errors import BancadaError
from bancada.engines.genai_engine import GenaiEngine
from bancada.engines.genai_vocabulary import GenaiVocabulary
from bancada.engines.llama_prompt import PromptBuilder
from bancada.engines.process_memory import resident_bytes
from bancada.inference.types import (
    GenerationRequest,
    GenerationResult,
    LoadReport,
    LoadSpec,
    Message,
    PromptCheck,
    Token,
)

_SMALLEST_CONTEXT: Final = 16
_NAME: Final = "ONNX Runtime GenAI"
#: bytes of weights that two cores get through in the prefill of 64 tokens in about 0.15 s
_CHUNK_TOKENS: Final = 64
_CHUNK_WEIGHTS: Final = 130_000_000
_MAX_CHUNK: Final = 512


class GenaiBackend:
    """Implements :class:`bancada.inference.backend.Backend` for folders with ``genai_config.json``."""

    def __init__(self, _calibrations: object | None = None) -> None:
        """Nothing of this engine is calibrated: ONNX Runtime chooses by the number of cores."""
        self._model: genai.Model | None = None
        self._engine: GenaiEngine | None = None
        self._prompts: PromptBuilder | None = None

    def load(self, spec: LoadSpec) -> LoadReport:
        """Load the folder of ``spec``.

        Raises:
            BancadaError: ``model.load_failed`` with the library's words, ``engine.option_unsupported``,
                ``engine.evaluation_failed``.
        """
        started = time.perf_counter_ns()
        if spec.cache_type != "f16":
            raise BancadaError(
                "engine.option_unsupported", engine=_NAME, option=f"a cache of {spec.cache_type}"
            )
        folder = Path(spec.path)
        section = read_section(folder)
        threads = spec.threads or hardware.usable_cores()
        vocabulary = read_vocabulary(folder, section)
        self._model = load_model(folder, threads, passive_wait=bool(spec.passive_wait))
        context = max(_SMALLEST_CONTEXT, min(spec.context, int(section.get("context_length", spec.context))))
        self._engine = GenaiEngine(self._model, vocabulary, context=context, chunk=_chunk(folder, threads))
        self._engine.warm_up()
        self._prompts = PromptBuilder(vocabulary, limit=context)
        return LoadReport(
            engine=_NAME,
            engine_version=importlib.metadata.version("onnxruntime-genai"),
            device=self._model.device_type,
            cpu_features=hardware.detect().features,
            layers=int(section["decoder"].get("num_hidden_layers", 0)),
            gpu_layers=0,
            device_reason="engine.gpu_not_built",
            context=context,
            threads=threads,
            threads_batch=threads,
            flash_attention=False,
            passive_wait=bool(spec.passive_wait),
            has_chat_template=self._prompts.template is not None,
            vocabulary=int(section.get("vocab_size", vocabulary.size)),
            load_ms=(time.perf_counter_ns() - started) / 1e6,
            rss_bytes=resident_bytes(),
        )

    def count(self, messages: Sequence[Message]) -> PromptCheck:
        """Count the rendered messages, and the oldest turns (system apart) that would have to go."""
        engine, prompts = self._loaded()
        return prompts.check(messages, engine.context)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text as text."""
        return self._loaded()[1].plain(text)

    def generate(
        self,
        request: GenerationRequest,
        on_token: Callable[[Token], None],
        should_stop: Callable[[], bool],
    ) -> GenerationResult:
        """Generate one answer; see :class:`bancada.inference.backend.Backend`.

        Raises:
            BancadaError: ``engine.option_unsupported`` for a GBNF grammar, ``prompt.too_long``, and
                what :class:`GenaiEngine` raises.
        """
        received = time.perf_counter_ns()
        engine, prompts = self._loaded()
        if request.grammar is not None:
            raise BancadaError("engine.option_unsupported", engine=_NAME, option="GBNF grammars")
        prompt = prompts.chat(request.messages) if request.prompt is None else prompts.raw(request.prompt)
        if len(prompt) >= engine.context:
            raise BancadaError("prompt.too_long", tokens=len(prompt), context=engine.context)
        return engine.generate(
            prompt, request, received_ns=received, on_token=on_token, should_stop=should_stop
        )

    def close(self) -> None:
        """Free the model."""
        if self._engine is not None:
            self._engine.close()
        self._engine = self._model = self._prompts = None

    def _loaded(self) -> tuple[GenaiEngine, PromptBuilder]:
        if self._engine is None or self._prompts is None:
            raise BancadaError("engine.not_loaded")
        return self._engine, self._prompts


def load_model(folder: Path, threads: int, *, passive_wait: bool) -> genai.Model:
    """Load a folder on the processor; raises BancadaError ``model.load_failed`` with the library's words."""
    genai.disable_telemetry_events()
    try:
        return genai.Model(_config(folder, threads, passive_wait=passive_wait))
    except RuntimeError as error:
        raise BancadaError("model.load_failed", detail=str(error)[:500]) from None


def read_vocabulary(folder: Path, section: dict[str, Any]) -> GenaiVocabulary:
    """The folder's tokens; raises BancadaError ``model.load_failed``."""
    begin, ends = _ids(section.get("bos_token_id"))[0], _ids(section.get("eos_token_id"))
    return GenaiVocabulary(folder, bos=begin, ends=ends)


def read_section(folder: Path) -> dict[str, Any]:
    """The part ``model`` of the configuration, which was checked when the folder was imported.

    Raises:
        BancadaError: ``model.load_failed``.
    """
    try:
        section: dict[str, Any] = json.loads((folder / "genai_config.json").read_bytes())["model"]
    except (OSError, ValueError, KeyError) as error:
        raise BancadaError("model.load_failed", detail=f"genai_config.json: {error}") from None
    return section


def _ids(value: object) -> tuple[int, ...]:
    """A token id, or several of them; -1 where there is none."""
    found = value if isinstance(value, list) else [value]
    return tuple(one for one in found if isinstance(one, int)) or (-1,)


def _config(folder: Path, threads: int, *, passive_wait: bool) -> genai.Config:
    """The folder's configuration on the processor, whatever provider it names."""
    config = genai.Config(str(folder))
    config.clear_providers()
    options = {
        "intra_op_num_threads": threads,
        "session.intra_op.allow_spinning": "0" if passive_wait else "1",
    }
    config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
    return config


def _chunk(folder: Path, threads: int) -> int:
    """Prompt tokens to evaluate at once, so that one evaluation takes a fraction of a second.

    A power of two by the size of the weights and the number of threads, and not by a measurement:
    other chunks round differently, and the same seed shall give the same tokens the next time.
    """
    weights = max(1, sum(one.stat().st_size for one in folder.iterdir() if one.is_file()))
    fitting = _CHUNK_TOKENS * _CHUNK_WEIGHTS * threads / 2 / weights
    return int(min(_MAX_CHUNK, max(4, 1 << int(fitting).bit_length() - 1))) if fitting >= 4 else 4
