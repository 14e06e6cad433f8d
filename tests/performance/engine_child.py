"""Our side of engine_compare.py: one task in a process that holds what a worker holds, and nothing else.

    python tests/performance/engine_child.py '["TASK", "MODEL", {settings}]'

Prints one JSON document; ``value`` is the figure. Tasks: prefill, decode, deep (decode at depth 512),
prefix (ms to the first token after a shared prefix), own (the same tokens without that prefix), memory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

# a worker has them in memory too
import bancada.worker.handlers.model_session
import bancada.worker.runner  # noqa: F401
from bancada.engines.llama_backend import LlamaBackend
from bancada.inference.types import GenerationRequest, GenerationResult, LoadSpec

CONTEXT: Final = 1024
SHARED: Final = 480
OWN: Final = 24
#: the first words of prompts that have nothing in common
STARTS: Final = ("A", "I", "We", "Do", "So", "No")
#: the first words after a shared prefix
TURNS: Final = (" one", " two", " three", " four", " five")


def prefixed(turn: str) -> str:
    """A prompt of SHARED + OWN tokens that differs from another turn's in the last OWN."""
    return "A" + " word" * (SHARED - 1) + turn + " more" * (OWN - 1)


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


class FileStore:
    """Calibrations in a JSON file, where a worker has the database."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, model_sha256: str, engine: str) -> dict[str, Any] | None:
        found = json.loads(self._path.read_text()) if self._path.exists() else {}
        settings: dict[str, Any] | None = found.get(model_sha256 + engine)
        return settings

    def put(self, model_sha256: str, engine: str, settings: dict[str, Any], measured: dict[str, Any]) -> None:
        self._path.write_text(json.dumps({model_sha256 + engine: settings, "measured": measured}))


class Tasks:
    """The loaded model and what is measured of it."""

    def __init__(self, model: str, settings: dict[str, Any]) -> None:
        store = settings.pop("store", None)
        self.amount: int = settings.pop("amount", 0)
        self._backend = LlamaBackend(FileStore(Path(store)) if store else None)
        spec = LoadSpec(model, "gguf", context=CONTEXT, model_sha256="compare", **settings)
        self.report = self._backend.load(spec)

    def prefill(self) -> float:
        starts = STARTS[: self.amount or 3]
        return median([_rate(self._run(self._words(512, one), 1)) for one in starts])

    def decode(self) -> float:
        return self._run(self._words(1), self.amount or 128).timings.decode_tokens_per_s or 0.0

    def deep(self) -> float:
        return self._run(self._words(512), 64).timings.decode_tokens_per_s or 0.0

    def prefix(self) -> float:
        self._run(prefixed(" before"), 4)
        results = [self._run(prefixed(one), 4) for one in TURNS]
        assert all(one.timings.cached_tokens == SHARED for one in results)
        return median([one.timings.ttft_ms for one in results])

    def own(self) -> float:
        self._run(self._words(OWN, "No"), 4)
        results = [self._run(self._words(OWN, one), 4) for one in STARTS[:5]]
        return median([one.timings.ttft_ms for one in results])

    def memory(self) -> float:
        return self._run(self._words(512), 64).peak_memory_bytes / 2**20

    def _words(self, count: int, first: str = "A") -> str:
        text = first + " word" * (count - 1)
        assert len(self._backend.tokenize(text)) == count
        return text

    def _run(self, prompt: str, answer: int) -> GenerationResult:
        request = GenerationRequest(prompt=prompt, max_tokens=answer, ignore_end=True)
        return self._backend.generate(request, lambda _token: None, lambda: False)


def _rate(result: GenerationResult) -> float:
    return result.timings.prefill_tokens_per_s or 0.0


if __name__ == "__main__":
    task, path, options = json.loads(sys.argv[1])
    tasks = Tasks(path, options)
    value: float = getattr(tasks, task)()
    used = {"threads": tasks.report.threads, "flash_attention": tasks.report.flash_attention}
    print(json.dumps({"value": value, **used}))
