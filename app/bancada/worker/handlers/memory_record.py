"""Keeps what a loaded model really takes of the memory beside what was forecast for it."""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from bancada.catalog.forecaster import Forecaster, as_measured, forecaster, this_machine
from bancada.core.errors import BancadaError
from bancada.inference.types import LoadReport, LoadSpec
from bancada.storage import devices, memory, models
from bancada.storage.connection import Database
from bancada.storage.memory import MemoryMeasurement
from bancada.storage.models import VersionRecord

log = logging.getLogger(__name__)

#: a growth of the peak below this share says nothing new
_GROWTH: Final = 1.001


class MemoryRecord:
    """The measurement of one load; what cannot be stored is not worth a failed answer, and is logged.

    Kept are models of the library in main memory: what lies on a GPU is not in a process's resident memory.
    """

    def __init__(
        self, database: Database, session_id: str, version_id: str, spec: LoadSpec, report: LoadReport
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._spec = spec
        self._report = report
        self._peak = 0
        self._known: tuple[str, VersionRecord, Forecaster] | None = None
        if version_id and not report.gpu_layers:
            try:
                version = models.get_version(database, version_id)
                if version.format == spec.format:
                    device = devices.ensure_device(database, this_machine().facts())
                    # as it was when the load began: later measurements must not judge themselves
                    self._known = (device, version, forecaster(database))
            except BancadaError as error:
                log.warning("the memory of this load is not recorded: %s", error)

    def take(self, peak_bytes: int, filled_tokens: int) -> None:
        """The worker's peak of resident memory, and how much of the context is in use now."""
        if self._known is None or peak_bytes <= self._peak * _GROWTH:
            return
        self._peak = peak_bytes
        device, version, known = self._known
        blank = MemoryMeasurement(
            session_id=self._session_id,
            device_id=device,
            engine=engine_name(self._report),
            format=version.format,
            model_sha256=version.sha256,
            context=self._report.context,
            cache_type=self._spec.cache_type,
            flash_attention=self._report.flash_attention,
            items={},
            forecast_bytes=0,
            corrected_bytes=0,
            measured_bytes=peak_bytes,
            filled_tokens=max(1, min(filled_tokens, self._report.context)),
        )
        try:
            memory.store(self._database, as_measured(known, version, blank))
        except BancadaError as error:
            log.warning("the memory of this load is not recorded: %s", error)


def engine_name(report: LoadReport) -> str:
    """The build of the engine: its name, its version, and a hash of the processor features it uses."""
    features = hashlib.sha256(" ".join(report.cpu_features).encode()).hexdigest()[:8]
    return f"{report.engine} {report.engine_version} {features}"
