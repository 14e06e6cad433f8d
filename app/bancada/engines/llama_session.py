"""A GGUF model with all that was chosen for it: layers on devices, threads, attention, template."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.hardware import usable_cores
from bancada.engines.calibration import CalibrationStore, Settings, calibrate, machine_is_quiet
from bancada.engines.grammar import GrammarChecker
from bancada.engines.llama_engine import Engine, OnToken, ShouldStop
from bancada.engines.llama_native import (
    CACHE_TYPES,
    NativeModel,
    gpus,
    library_path,
    open_library,
    supports_gpu,
    system_features,
)
from bancada.engines.llama_offload import Offload, plan_offload
from bancada.engines.llama_package import version
from bancada.engines.llama_prompt import PromptBuilder
from bancada.engines.process_memory import resident_bytes
from bancada.inference.types import GenerationRequest, GenerationResult, LoadReport, LoadSpec

_SMALLEST_CONTEXT: Final = 16


class LlamaSession:
    """Loads by a spec, and then answers; calls come from one thread at a time."""

    def __init__(self, spec: LoadSpec, calibrations: CalibrationStore | None) -> None:
        """Load the model.

        Raises:
            BancadaError: as :meth:`bancada.engines.llama_backend.LlamaBackend.load`.
        """
        started = time.perf_counter_ns()
        if spec.cache_type not in CACHE_TYPES:
            raise BancadaError("engine.cache_type", value=spec.cache_type, known=", ".join(CACHE_TYPES))
        open_library()
        offload = _offload(spec)
        mapped = spec.mapped or offload.layers > 0
        self._model = NativeModel(spec.path, gpu_layers=offload.layers, mapped=mapped)
        self._engine: Engine | None = None
        try:
            _require_text(self._model)
            settings = _settings(self._model, spec, calibrations)
            context = max(_SMALLEST_CONTEXT, min(spec.context, self._model.trained_context or spec.context))
            self._engine = Engine(
                self._model,
                settings,
                context=context,
                cache_type=spec.cache_type,
                adaptive=spec.threads is None,
            )
            self._engine.warm_up()
            self.prompts = PromptBuilder(self._model, limit=context)
        except BaseException:
            self.close()
            raise
        self._grammars = GrammarChecker(library_path())
        self.context = context
        self.report = self._report(settings, offload, spec, started)

    def generate(
        self, request: GenerationRequest, on_token: OnToken, should_stop: ShouldStop
    ) -> GenerationResult:
        """Generate one answer.

        Raises:
            BancadaError: as :meth:`bancada.engines.llama_backend.LlamaBackend.generate`.
        """
        received = time.perf_counter_ns()
        if self._engine is None:
            raise BancadaError("engine.not_loaded")
        prompts = self.prompts
        prompt = prompts.chat(request.messages) if request.prompt is None else prompts.raw(request.prompt)
        if len(prompt) >= self.context:
            raise BancadaError("prompt.too_long", tokens=len(prompt), context=self.context)
        grammar = self._grammars.grammar(request.grammar, request.schema)
        return self._engine.generate(
            prompt, request, grammar, received_ns=received, on_token=on_token, should_stop=should_stop
        )

    def close(self) -> None:
        """Free the model."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self._model.close()

    def _report(self, settings: Settings, offload: Offload, spec: LoadSpec, started_ns: int) -> LoadReport:
        return LoadReport(
            engine="llama.cpp",
            engine_version=version(),
            device=offload.device,
            cpu_features=system_features(),
            layers=self._model.layers,
            gpu_layers=min(offload.layers, self._model.layers),
            device_reason=offload.reason,
            context=self.context,
            threads=settings.threads,
            threads_batch=settings.threads_batch,
            flash_attention=settings.flash_attention,
            passive_wait=bool(spec.passive_wait),
            has_chat_template=self.prompts.template is not None,
            vocabulary=self._model.size,
            load_ms=(time.perf_counter_ns() - started_ns) / 1e6,
            rss_bytes=resident_bytes(),
        )


def _require_text(model: NativeModel) -> None:
    if not model.generates_text:
        raise BancadaError("model.no_text")


def _offload(spec: LoadSpec) -> Offload:
    built = supports_gpu()
    devices = gpus() if built else []
    if not devices or spec.gpu_layers == 0:
        return plan_offload(
            devices, built=built, wanted=spec.gpu_layers, layers=0, model_bytes=0, cache_bytes=0
        )
    peek = NativeModel(spec.path, vocabulary_only=True)
    try:
        return plan_offload(
            devices,
            built=built,
            wanted=spec.gpu_layers,
            layers=peek.layers,
            model_bytes=Path(spec.path).stat().st_size,
            cache_bytes=peek.cache_bytes(spec.context),
        )
    finally:
        peek.close()


def _settings(model: NativeModel, spec: LoadSpec, calibrations: CalibrationStore | None) -> Settings:
    """What the spec fixes; for the rest what was measured, now or earlier; or the usual."""
    chosen = Settings(usable_cores(), usable_cores(), flash_attention=True)
    open_choices = None in (spec.threads, spec.threads_batch, spec.flash_attention)
    if calibrations is not None and spec.model_sha256 and open_choices:
        chosen = _calibrated(model, spec, calibrations) or chosen
    attention = chosen.flash_attention if spec.flash_attention is None else spec.flash_attention
    return replace(
        chosen,
        threads=spec.threads or chosen.threads,
        threads_batch=spec.threads_batch or spec.threads or chosen.threads_batch,
        # a quantized cache of values works with flash attention alone
        flash_attention=attention or spec.cache_type != "f16",
    )


def _calibrated(model: NativeModel, spec: LoadSpec, store: CalibrationStore) -> Settings | None:
    key = f"{engine_build()} {spec.cache_type}"
    stored = Settings.from_json(store.get(spec.model_sha256, key))
    if stored is not None:
        return stored
    if not machine_is_quiet():
        return None  # the next load will try again
    found = calibrate(model, cores=usable_cores(), cache_type=spec.cache_type)
    if found.quiet:
        store.put(spec.model_sha256, key, found.settings.to_json(), found.measured)
    return found.settings


def engine_build() -> str:
    """Name of this very build of the engine: version, processor features, sizes of its libraries."""
    sizes = sorted((one.name, one.stat().st_size) for one in library_path().parent.iterdir())
    digest = hashlib.sha256(repr((system_features(), sizes)).encode()).hexdigest()[:12]
    return f"llama.cpp {version()} {digest}"
