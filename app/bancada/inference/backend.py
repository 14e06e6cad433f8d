"""The one protocol that every engine implements; it runs inside a worker only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from bancada.inference.types import (
    GenerationRequest,
    GenerationResult,
    LoadReport,
    LoadSpec,
    Message,
    PromptCheck,
    Token,
)

#: model format -> "module:Class" of its backend; only a worker resolves these
BACKENDS: Final[dict[str, str]] = {
    "gguf": "bancada.engines.llama_backend:LlamaBackend",
    "onnx": "bancada.engines.genai_backend:GenaiBackend",
    "scripted": "bancada.inference.scripted:ScriptedBackend",
}


class Backend(Protocol):
    """A loaded model. Calls come from one thread at a time; ``should_stop`` is polled often."""

    def load(self, spec: LoadSpec) -> LoadReport:
        """Load the model. Raises BancadaError ``engine.*`` or ``model.*`` with the cause."""

    def count(self, messages: Sequence[Message]) -> PromptCheck:
        """Say how many tokens the rendered messages take, and what would be dropped."""

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, without special tokens added."""

    def generate(
        self,
        request: GenerationRequest,
        on_token: Callable[[Token], None],
        should_stop: Callable[[], bool],
    ) -> GenerationResult:
        """Generate until a stop. A stop by ``should_stop`` answers within 0.5 s, also inside prefill."""

    def close(self) -> None:
        """Free the model; the backend is not used again."""
