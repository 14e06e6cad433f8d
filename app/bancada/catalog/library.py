"""The library of models: what is there, what it needs, and what an engine gets to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bancada.catalog import collecting
from bancada.catalog.forecast import MemoryForecast, check_cache_type, is_read, repacked_types
from bancada.catalog.forecaster import Forecaster, forecaster, past_loads, this_machine
from bancada.catalog.inspection import ImportPlan, inspect_import
from bancada.catalog.jobs import EXPORT, IMPORT, VERIFY, ImportParams, VerifyParams
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.inference.backend import BACKENDS
from bancada.inference.types import LoadSpec
from bancada.storage import jobs, lifecycle, models, settings
from bancada.storage.blobs import BlobStore
from bancada.storage.database import Database
from bancada.storage.lifecycle import Stage
from bancada.storage.memory import MemoryMeasurement
from bancada.storage.models import VersionRecord

__all__ = [
    "CRASH_LIMIT",
    "EXPORT",
    "IMPORT",
    "VERIFY",
    "Duty",
    "ImportParams",
    "ImportPlan",
    "Library",
    "VerifyParams",
    "inspect_import",
]

#: a model whose worker died this often is put aside until the user insists
CRASH_LIMIT: Final = 3


@dataclass(frozen=True, slots=True)
class Duty:
    """Who answers for a version: its stage, the aliases that lead to it, and its model's tags."""

    stage: Stage = "none"
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Library:
    """The models of one workspace."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs
        self._home = Home(database.path.parent)

    def list(self, search: str = "") -> list[VersionRecord]:
        """All versions by name; ``search`` is part of a name, architecture or quantization."""
        return models.list_versions(self._database, search=search)

    def find(self, text: str) -> VersionRecord:
        """The version named by ``name``, ``name:version``, ``name@alias`` or id.

        Raises:
            BancadaError: ``model.not_found``.
        """
        return models.find(self._database, text)

    def forecaster(self) -> Forecaster:
        """What makes forecasts as this machine has learned to; for many forecasts at once."""
        return forecaster(self._database)

    def past_loads(self, version_id: str, *, limit: int = 20) -> Sequence[MemoryMeasurement]:
        """The newest loads on this machine; raises BancadaError ``model.not_found``."""
        return past_loads(self._database, models.get_version(self._database, version_id).sha256, limit=limit)

    def forecast(
        self,
        version_id: str,
        context: int | None = None,
        cache_type: str = "f16",
        *,
        gpu_layers: int = 0,
    ) -> MemoryForecast:
        """The memory that the model will take with this context, corrected by earlier loads.

        Raises:
            BancadaError: ``model.not_found``, ``model.context_out_of_range``, ``model.cache_type_unknown``.
        """
        version = models.get_version(self._database, version_id)
        return self.forecaster().forecast(
            version, self._context(version, context), cache_type, gpu_layers=gpu_layers
        )

    def load_spec(
        self,
        version_id: str,
        *,
        context: int | None = None,
        cache_type: str = "f16",
        force: bool = False,
        **over: Any,
    ) -> LoadSpec:
        """What an engine is told to load, once every file is known to be whole.

        Args:
            version_id: the version.
            context: tokens; None takes the setting ``chat.context``, at most what the model was made for.
            cache_type: element type of the KV cache.
            force: load also what was put aside after crashes.
            over: further fields of LoadSpec.

        Raises:
            BancadaError: ``model.not_found``, ``model.not_runnable`` for a format that no engine runs,
                ``model.put_aside``, ``model.file_missing`` (with the path),
                ``model.file_damaged``, ``model.context_out_of_range``, ``model.cache_type_unknown``.
        """
        version = models.get_version(self._database, version_id)
        if version.format not in BACKENDS:
            raise BancadaError("model.not_runnable", name=version.name, format=version.format)
        if version.crashes >= CRASH_LIMIT and not force:
            raise BancadaError("model.put_aside", name=version.name, crashes=version.crashes)
        check_cache_type(cache_type)
        wanted = self._context(version, context)
        paths = [self._blobs.ensure_intact(one.sha256) for one in version.files]
        if version.format == "onnx":
            path = self._blobs.view(version.id, {one.path: one.sha256 for one in version.files})
        else:
            path = paths[0]
        return LoadSpec(
            path=str(path),
            format=version.format,
            model_sha256=version.sha256,
            context=wanted,
            cache_type=cache_type,
            mapped=not is_read(version, repacked_types(this_machine()), over.get("gpu_layers")),
            **over,
        )

    def duty(self, version: VersionRecord) -> Duty:
        """Who answers for a version, in short."""
        named = lifecycle.aliases(self._database, version.model_id)
        return Duty(
            lifecycle.stage_of(self._database, version.id),
            tuple(one.name for one in named if one.version_id == version.id),
            lifecycle.tags(self._database, version.model_id),
        )

    def duties(self, versions: Iterable[VersionRecord]) -> dict[str, Duty]:
        """The same for many versions by their id, in three queries."""
        stages, tags = lifecycle.stages(self._database), lifecycle.all_tags(self._database)
        named: dict[str, list[str]] = {}
        for one in (alias for every in lifecycle.all_aliases(self._database).values() for alias in every):
            named.setdefault(one.version_id, []).append(one.name)
        return {
            one.id: Duty(stages.get(one.id, "none"), tuple(named.get(one.id, ())), tags.get(one.model_id, ()))
            for one in versions
        }

    def uses(self, version_id: str) -> models.Uses:
        """What a version's removal would break and free."""
        return models.uses(self._database, version_id)

    def trust_again(self, version_id: str) -> None:
        """Forget the crashes of a version that was put aside."""
        models.reset_crashes(self._database, version_id)

    def remove(self, version_id: str) -> int:
        """Remove a version and the files that only it had.

        Returns:
            The bytes freed (0 while an import runs: they are freed with the next removal).

        Raises:
            BancadaError: ``model.not_found``, or ``model.in_use`` naming the job that needs it.
        """
        version = models.get_version(self._database, version_id)
        for job in jobs.unfinished(self._database):
            if _mentions(job.params, version_id):
                raise BancadaError("model.in_use", name=version.name, job=job.title)
        freed = 0
        try:
            models.remove_version(self._database, version_id)
        except BancadaError as error:
            if error.code != "disk.full":
                raise
            # not even this fits: the files make the room for it
            freed = self._blobs.drop_files_of(version_id)
            models.remove_version(self._database, version_id)
        return freed + collecting.collect(self._home, self._blobs)

    def _context(self, version: VersionRecord, context: int | None) -> int:
        if context is None:
            return min(int(settings.get(self._database, "chat.context")), version.context_length)
        if not 1 <= context <= version.context_length:
            raise BancadaError(
                "model.context_out_of_range", context=context, limit=version.context_length, name=version.name
            )
        return context


def _mentions(value: Any, text: str) -> bool:
    if isinstance(value, dict):
        return any(_mentions(one, text) for one in value.values())
    if isinstance(value, list):
        return any(_mentions(one, text) for one in value)
    return bool(value == text)
