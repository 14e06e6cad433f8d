"""The library as the Models page shows it: rows, states, verdicts, and what an import would bring."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QCoreApplication

from bancada.catalog.forecast import MemoryForecast
from bancada.catalog.forecaster import Forecaster
from bancada.catalog.inspection import ImportPlan, inspect_import
from bancada.catalog.library import CRASH_LIMIT, Duty
from bancada.catalog.lifecycle import STAGES
from bancada.context import AppContext
from bancada.core.hardware import available_memory
from bancada.gui.models.model_card import ModelCard, load_card, stage_text, stage_tone
from bancada.gui.models.records import Column
from bancada.gui.widgets.format import UNKNOWN, bytes_text, memory_text, number, parameters_text, when_text
from bancada.storage import models
from bancada.storage.memory import MemoryMeasurement
from bancada.storage.models import Uses, VersionRecord

#: a model that would take more than this share of the free memory fits, but tightly
TIGHT: Final = 0.8
#: loads whose errors the forecast panel sums up
LOADS_SHOWN: Final = 20
_CONTEXT: Final = "Library"


def _tr(text: str) -> str:
    return QCoreApplication.translate(_CONTEXT, text)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One version with what changes around it.

    ``state``: ``ready``, ``loaded``, ``aside`` (after crashes), ``missing`` or ``damaged``.
    ``need`` is the memory forecast at the usual context, ``free`` what is free now, in bytes.
    """

    version: VersionRecord
    state: str
    need: int
    free: int
    forecaster: Forecaster = field(default_factory=Forecaster, compare=False)
    duty: Duty = field(default_factory=Duty)
    several: bool = False  # the model has other versions

    @property
    def title(self) -> str:
        return f"{self.version.name}:{self.version.version}"

    @property
    def verdict(self) -> str:
        """``fits``, ``tight`` or ``large``."""
        return "large" if self.need > self.free else "tight" if self.need > TIGHT * self.free else "fits"


@dataclass(frozen=True, slots=True)
class ModelDetail:
    """What the panel beside the table shows of one version."""

    row: ModelRow
    notes: str
    files: Mapping[str, str]  # sha256 -> state
    uses: Uses
    loads: tuple[MemoryMeasurement, ...] = ()  # newest first
    card: ModelCard = field(default_factory=ModelCard)


@dataclass(frozen=True, slots=True)
class ImportLook:
    """What an import would bring, and whether there is room for it."""

    plan: ImportPlan
    free: int
    can_link: bool


def load_rows(context: AppContext) -> list[ModelRow]:
    """All versions with their states; one query each for versions and files."""
    files = models.file_states(context.database)
    usual, free = int(context.settings.get("chat.context")), available_memory()
    known = context.library.forecaster()
    versions = context.library.list()
    duties = context.library.duties(versions)
    count = Counter(one.model_id for one in versions)
    return [
        replace(
            _row(context, one, files, usual, free=free, known=known, duty=duties[one.id]),
            several=count[one.model_id] > 1,
        )
        for one in versions
    ]


def load_detail(context: AppContext, version_id: str) -> ModelDetail:
    """One version in full; raises BancadaError ``model.not_found``."""
    database = context.database
    version = models.get_version(database, version_id)
    files = models.file_states(database)
    usual, known = int(context.settings.get("chat.context")), context.library.forecaster()
    duty = context.library.duty(version)
    row = _row(context, version, files, usual, free=available_memory(), known=known, duty=duty)
    return ModelDetail(
        row,
        models.get_model(database, version.model_id).notes,
        {one.sha256: files.get(one.sha256, "missing") for one in version.files},
        models.uses(database, version_id),
        tuple(context.library.past_loads(version_id, limit=LOADS_SHOWN)),
        load_card(context, version),
    )


def look_at(context: AppContext, path: Path) -> ImportLook:
    """Inspect a path for the import sheet; raises BancadaError ``model.*``."""
    plan = inspect_import(path)
    blobs = context.home.blobs
    same_disk = all(one.stat().st_dev == blobs.stat().st_dev for one in plan.files.values())
    return ImportLook(plan, shutil.disk_usage(blobs).free, same_disk)


def memory_at(row: ModelRow, tokens: int) -> MemoryForecast:
    """The forecast with a context of ``tokens``."""
    return row.forecaster.forecast(row.version, tokens)


def _row(
    context: AppContext,
    version: VersionRecord,
    files: Mapping[str, str],
    usual: int,
    *,
    free: int,
    known: Forecaster,
    duty: Duty,
) -> ModelRow:
    states = {files.get(one.sha256, "missing") for one in version.files}
    if "missing" in states:
        state = "missing"
    elif "damaged" in states:
        state = "damaged"
    elif version.crashes >= CRASH_LIMIT:
        state = "aside"
    else:
        state = "loaded" if context.models.current(version.id) else "ready"
    tokens = max(1, min(usual, version.context_length))
    need = known.forecast(version, tokens).corrected_bytes
    return ModelRow(version, state, need, free, known, duty)


def state_text(state: str) -> str:
    """The word of a state."""
    return {
        "ready": _tr("ready"),
        "present": _tr("whole"),
        "loaded": _tr("loaded"),
        "aside": _tr("put aside"),
        "missing": _tr("file missing"),
        "damaged": _tr("file damaged"),
    }[state]


def state_tone(state: str) -> str:
    """The tone of a state for chips and cells; the word is always beside it."""
    return {"ready": "muted", "loaded": "good", "aside": "warn"}.get(state, "bad")


def verdict_text(row: ModelRow) -> str:
    """Whether the model fits, with the memory that it would take."""
    words = {"fits": _tr("fits"), "tight": _tr("tight"), "large": _tr("too large")}
    return f"{words[row.verdict]} \N{MIDDLE DOT} {memory_text(row.need)}"


def verdict_tone(row: ModelRow) -> str:
    return {"fits": "good", "tight": "warn", "large": "bad"}[row.verdict]


def license_text(version: VersionRecord) -> str:
    return version.license or _tr("not stated")


def columns() -> tuple[Column[ModelRow], ...]:
    """The columns of the table of models."""
    return (
        Column("name", _tr("Name"), lambda one: (one.version.name.casefold(), one.version.version),
               lambda one: one.title if one.several else one.version.name,
               tip=lambda one: one.title, width=188),
        Column("state", _tr("State"), lambda one: one.state, lambda one: state_text(one.state),
               tone=lambda one: state_tone(one.state), width=88),
        Column("stage", _tr("Stage"), lambda one: STAGES.index(one.duty.stage),
               lambda one: stage_text(one.duty.stage) if one.duty.stage != "none" else "",
               tone=lambda one: stage_tone(one.duty.stage), width=92),
        Column("verdict", _tr("Memory"), lambda one: one.need / max(one.free, 1), verdict_text,
               tone=verdict_tone, tip=lambda _one: _tr("Forecast at the usual context"), width=128),
        Column("size", _tr("Size"), lambda one: one.version.size_bytes,
               lambda one: bytes_text(one.version.size_bytes), figures=True, width=82),
        Column("parameters", _tr("Parameters"), lambda one: one.version.parameters,
               lambda one: parameters_text(one.version.parameters), figures=True, width=92),
        Column("bits", _tr("Bits/weight"), lambda one: one.version.bits_per_weight,
               lambda one: number(one.version.bits_per_weight, 2), figures=True, width=92),
        Column("context", _tr("Context"), lambda one: one.version.context_length,
               lambda one: number(one.version.context_length), figures=True, width=78),
        Column("architecture", _tr("Architecture"), lambda one: one.version.architecture, width=104),
        Column("template", _tr("Template"), lambda one: one.version.chat_template is None,
               lambda one: _tr("yes") if one.version.chat_template is not None else _tr("no"), width=80),
        Column("license", _tr("Licence"), lambda one: one.version.license.casefold(),
               lambda one: license_text(one.version), tip=lambda one: license_text(one.version), width=104),
        Column("version", _tr("Version"), lambda one: one.version.version, figures=True, width=70),
        Column("aliases", _tr("Aliases"), lambda one: ", ".join(one.duty.aliases), width=110, hidden=True),
        Column("tags", _tr("Tags"), lambda one: ", ".join(one.duty.tags), width=130, hidden=True),
        Column("quantization", _tr("Quantization"), lambda one: one.version.quantization, width=110,
               hidden=True),
        Column("format", _tr("Format"), lambda one: one.version.format, width=80, hidden=True),
        Column("added", _tr("Added"), lambda one: one.version.created_at,
               lambda one: when_text(one.version.created_at), width=130, hidden=True),
        Column("source", _tr("Source"), lambda one: one.version.source, width=200, hidden=True),
    )  # fmt: skip


def facts(version: VersionRecord) -> list[tuple[str, str]]:
    """Names and values of the detail panel."""
    return [
        (_tr("Architecture"), f"{version.architecture}, {version.format.upper()}"),
        (_tr("Quantization"), version.quantization or UNKNOWN),
        (_tr("Bits per weight"), number(version.bits_per_weight, 2)),
        (_tr("Parameters"), number(version.parameters)),
        (_tr("Layers"), number(version.layers)),
        (_tr("Context"), _tr("%1 tokens").replace("%1", number(version.context_length))),
        (_tr("Size"), bytes_text(version.size_bytes)),
        (_tr("Chat template"), _tr("yes") if version.chat_template is not None else _tr("none")),
        (_tr("Licence"), license_text(version)),
        (_tr("Added"), when_text(version.created_at)),
        (_tr("Came from"), version.source),
    ]
