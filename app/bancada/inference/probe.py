"""The question what the engine of this installation can do, answered by a worker without a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: the session kind that answers with :class:`EngineFacts` as its report
ENGINE_PROBE: Final = "engine.probe"


@dataclass(frozen=True, slots=True)
class ProbeParams:
    """Nothing needs to be said."""


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """A GPU that this build of the engine can use; memory in bytes."""

    name: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """An engine that really loaded: its version, the processor features it uses, its GPUs."""

    engine: str
    version: str
    cpu_features: tuple[str, ...]
    gpus: tuple[GpuFacts, ...]
