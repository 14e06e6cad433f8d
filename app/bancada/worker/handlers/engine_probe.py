"""The session ``engine.probe``: loads the engine's library, says what it can do, serves nothing."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from bancada.core.errors import BancadaError
from bancada.engines.llama_native import gpus, open_library, system_features
from bancada.inference.probe import EngineFacts, GpuFacts, ProbeParams
from bancada.jobs.codec import encode
from bancada.jobs.job_context import CallContext, JobContext


class EngineProbe:
    """Answers when it is opened."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx

    def open(self, params: ProbeParams) -> Any:
        """Load the library; a build that does not fit the processor dies here, in a worker."""
        self._ctx.log.info("probing the engine: %s", params)
        open_library()
        return encode(
            EngineFacts(
                engine="llama.cpp",
                version=importlib.metadata.version("llama-cpp-python"),
                cpu_features=system_features(),
                gpus=tuple(GpuFacts(one.name, one.free_bytes, one.total_bytes) for one in gpus()),
            )
        )

    def call(self, call: CallContext, name: str, payload: Any) -> Any:
        """There is nothing to call."""
        raise BancadaError(
            "message.malformed", field=f"call {call.id}", value=f"{name}: {type(payload).__name__}"
        )

    def close(self) -> None:
        """Nothing is held."""
