"""Forecasts as this machine has learned to make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from bancada.catalog.forecast import Load, MemoryForecast, forecast, repacked_types
from bancada.catalog.forecast_learning import Correction, learn
from bancada.core.hardware import Hardware, detect
from bancada.storage import devices, memory
from bancada.storage.connection import Database
from bancada.storage.models import VersionRecord

#: newest loads that a correction is learned from
LEARNED_FROM = 200


@dataclass(frozen=True, slots=True)
class Forecaster:
    """Makes forecasts without asking the database again; take a new one after a load.

    ``corrections`` are by format, ``plain`` the hashes of the models that this machine computes without
    flash attention.
    """

    repacks: frozenset[str] = Load(1).repacks
    corrections: Mapping[str, Correction] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()

    def forecast(
        self,
        version: VersionRecord,
        context: int,
        cache_type: str = "f16",
        *,
        flash_attention: bool | None = None,
        gpu_layers: int = 0,
        filled: int | None = None,
    ) -> MemoryForecast:
        """The memory that a worker with this model will take, corrected by earlier loads.

        Args:
            version: the model.
            context: tokens.
            cache_type: element type of the keys and values.
            flash_attention: None takes what this machine's calibration chose, or else flash attention.
            gpu_layers: layers on a GPU, the output counted as one more.
            filled: tokens of the context in use; None is all of them.

        Raises:
            BancadaError: ``model.cache_type_unknown``.
        """
        if flash_attention is None:
            flash_attention = version.sha256 not in self.plain
        # a quantized cache of values works with flash attention alone
        attention = flash_attention or cache_type != "f16"
        load = Load(context, cache_type, attention, gpu_layers, self.repacks, filled)
        return self.corrections.get(version.format, Correction()).apply(forecast(version, load))


def forecaster(database: Database) -> Forecaster:
    """What this machine's calibrations and the loads on it have taught so far."""
    machine = this_machine()
    repacks = repacked_types(machine)
    device = devices.find_device(database, machine.facts())
    if device is None:
        return Forecaster(repacks)
    loads = memory.latest(database, device, limit=LEARNED_FROM)
    newest: dict[str, str] = {}
    for one in loads:
        newest.setdefault(one.format, one.engine)
    corrections = {
        name: learn([one for one in loads if (one.format, one.engine) == (name, engine)])
        for name, engine in newest.items()
    }
    return Forecaster(repacks, corrections, memory.plain_attention(database, device))


def past_loads(database: Database, model_sha256: str, *, limit: int = 20) -> list[memory.MemoryMeasurement]:
    """The newest loads of a model on this machine with what was forecast and measured, newest first."""
    device = devices.find_device(database, this_machine().facts())
    return [] if device is None else memory.history(database, device, model_sha256, limit=limit)


@cache
def this_machine() -> Hardware:
    """The machine, looked at once: it does not change while the program runs."""
    return detect()


def as_measured(
    forecaster: Forecaster, version: VersionRecord, blank: memory.MemoryMeasurement
) -> memory.MemoryMeasurement:
    """A measurement with the forecast for it: at the filling of the context that it was taken at.

    Raises:
        BancadaError: ``model.cache_type_unknown``.
    """
    expected = forecaster.forecast(
        version,
        blank.context,
        blank.cache_type,
        flash_attention=blank.flash_attention,
        filled=blank.filled_tokens,
    )
    return replace(
        blank,
        items=expected.by_name(),
        forecast_bytes=expected.total_bytes,
        corrected_bytes=expected.corrected_bytes,
    )
