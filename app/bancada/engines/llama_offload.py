"""How many layers go to a GPU: what fits into its free memory, and why not more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bancada.engines.llama_native import Gpu

#: what the driver, the buffers of the calculation and the desktop keep for themselves
RESERVE_BYTES: Final = 512 << 20
_RESERVE_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Offload:
    """``layers`` counts the output layer too, as the engine does; ``reason`` is a code, "" for all layers."""

    layers: int
    reason: str
    device: str


def plan_offload(
    devices: Sequence[Gpu],
    *,
    built: bool,
    wanted: int | None,
    layers: int,
    model_bytes: int,
    cache_bytes: int,
) -> Offload:
    """Choose the layers for the GPU by a forecast of what fits.

    Args:
        devices: the GPUs that the engine sees.
        built: whether the engine was built with GPU support at all.
        wanted: a number that the user fixed, or None for the forecast.
        layers: the model's repeating layers; the output counts as one more.
        model_bytes: the weights.
        cache_bytes: keys and values of the whole context.
    """
    if not built:
        return Offload(0, "engine.gpu_not_built", "CPU")
    if not devices:
        return Offload(0, "engine.gpu_not_found", "CPU")
    if wanted == 0:
        return Offload(0, "engine.gpu_not_wanted", "CPU")
    free = sum(max(0, int(one.free_bytes * (1 - _RESERVE_SHARE)) - RESERVE_BYTES) for one in devices)
    fits = int(free // max(1, (model_bytes + cache_bytes) / (layers + 1)))
    chosen = min(layers + 1, fits if wanted is None else wanted)
    if chosen <= 0:
        return Offload(0, "engine.gpu_too_small", "CPU")
    names = " + ".join(one.name for one in devices)
    if chosen <= layers:
        return Offload(chosen, "engine.gpu_partly" if wanted is None else "engine.gpu_layers_fixed", names)
    return Offload(chosen, "", names)
