"""The backend for GGUF files: llama.cpp through llama-cpp-python's low-level functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from bancada.core.errors import BancadaError
from bancada.core.registry import resolve
from bancada.inference.types import (
    GenerationRequest,
    GenerationResult,
    LoadReport,
    LoadSpec,
    Message,
    PromptCheck,
    Token,
)

if TYPE_CHECKING:
    from bancada.engines.calibration import CalibrationStore
    from bancada.engines.llama_session import LlamaSession

#: imported at the first load, because the library reads its environment when it is loaded
_SESSION: Final = "bancada.engines.llama_session:LlamaSession"


class LlamaBackend:
    """Implements :class:`bancada.inference.backend.Backend` for GGUF files."""

    def __init__(self, calibrations: CalibrationStore | None = None) -> None:
        self._calibrations = calibrations
        self._session: LlamaSession | None = None

    def load(self, spec: LoadSpec) -> LoadReport:
        """Load the model of ``spec`` and choose what it leaves open.

        Raises:
            BancadaError: ``engine.missing``, ``model.unsupported_architecture``, ``model.load_failed``,
                ``model.no_text``, ``engine.out_of_memory``, ``engine.context_failed``,
                ``engine.cache_type``.
        """
        prepare_environment(passive=bool(spec.passive_wait))
        try:
            session_class: type[LlamaSession] = resolve(_SESSION)
        except (ImportError, OSError, RuntimeError) as error:
            raise BancadaError("engine.missing", detail=str(error)[:300]) from error
        self.close()
        self._session = session_class(spec, self._calibrations)
        return self._session.report

    def count(self, messages: Sequence[Message]) -> PromptCheck:
        """Count the rendered messages, and the oldest turns (system apart) that would have to go."""
        session = self._loaded()
        return session.prompts.check(messages, session.context)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text as text: nothing added, nothing read as a control token."""
        return self._loaded().prompts.plain(text)

    def generate(
        self,
        request: GenerationRequest,
        on_token: Callable[[Token], None],
        should_stop: Callable[[], bool],
    ) -> GenerationResult:
        """Generate one answer; see :class:`bancada.inference.backend.Backend`.

        Raises:
            BancadaError: ``prompt.too_long``, ``prompt.empty``, ``prompt.refused_by_template``,
                ``model.no_chat_template``, ``model.template_refused``, ``grammar.*``, ``schema.*``,
                ``engine.evaluation_failed``, ``model.bad_numbers``.
        """
        return self._loaded().generate(request, on_token, should_stop)

    def close(self) -> None:
        """Free the model."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _loaded(self) -> LlamaSession:
        if self._session is None:
            raise BancadaError("engine.not_loaded")
        return self._session


def prepare_environment(*, passive: bool) -> None:
    """What the libraries read once, when they are loaded."""
    if passive:
        os.environ["OMP_WAIT_POLICY"] = "passive"
    # numpy finds maxima here, and needs no threads of its own for that
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # an abort would start a debugger first, while the user waits to hear of it
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
