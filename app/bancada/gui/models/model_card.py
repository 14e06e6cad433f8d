"""What the card of a model tells beside its facts: who answers for it, where it comes from, how it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QCoreApplication

from bancada.catalog import licences, lifecycle, lineage
from bancada.catalog.lineage import Branch
from bancada.catalog.measured import Measured, measured
from bancada.context import AppContext
from bancada.gui.models.records import Column
from bancada.gui.widgets.format import memory_text, milliseconds_text, number, rate_text, when_text
from bancada.storage.lifecycle import Alias, Change, aliases
from bancada.storage.memory import MemoryMeasurement
from bancada.storage.models import VersionRecord

_CONTEXT: Final = "Library"
_NOTHING: Final = Measured(0, None, None, None, None, (), None)


def _tr(text: str) -> str:
    return QCoreApplication.translate(_CONTEXT, text)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Of one version: its model's aliases and history, its family, what was measured, and its grade.

    ``red`` says that the newest certificate speaks against its use.
    """

    aliases: tuple[Alias, ...] = ()
    history: tuple[Change, ...] = ()
    family: tuple[Branch, ...] = ()
    measured: Measured = _NOTHING
    red: bool = False


def load_card(context: AppContext, version: VersionRecord) -> ModelCard:
    """Read all of it; a few queries."""
    database = context.database
    return ModelCard(
        aliases(database, version.model_id),
        tuple(lifecycle.history(database, version.model_id)),
        lineage.tree(database, version.id),
        measured(database, version.id),
        lifecycle.red_certificate(database, version.id),
    )


def stage_text(stage: str) -> str:
    """The word of a stage."""
    return {
        "none": _tr("no stage"),
        "candidate": _tr("candidate"),
        "approved": _tr("approved"),
        "retired": _tr("retired"),
    }[stage]


def stage_tone(stage: str) -> str:
    """The tone of a stage for chips and cells; the word is always beside it."""
    return {"approved": "good", "candidate": "accent", "retired": "warn"}.get(stage, "muted")


def change_text(one: Change) -> str:
    """A line of the history: what was done to what."""
    texts = {
        "stage": _tr("version %2 is %1"),
        "alias_set": _tr("alias %1 leads to version %2"),
        "alias_removed": _tr("alias %1 is removed"),
        "tags_set": _tr("tags: %1") if one.value else _tr("no tags"),
    }
    value = stage_text(one.value) if one.what == "stage" else one.value
    return texts[one.what].replace("%2", str(one.version)).replace("%1", value)


def history_text(changes: tuple[Change, ...]) -> str:
    """The whole history as plain text: what, who and when, why."""
    lines = []
    for one in changes:
        lines.append(f"{change_text(one)}\n    {one.actor}, {when_text(one.at)}")
        if one.reason:
            lines.append(f"    {one.reason}")
        if one.override:
            lines.append("    " + _tr("The red certificate was overruled: %1").replace("%1", one.override))
    return "\n".join(lines)


def licence_text(version: VersionRecord) -> str:
    """The licence: the texts that came with the model, else what its name is known to ask."""
    texts = licences.texts(version)
    known = licences.known(version.license)
    parts = []
    if known is not None:
        asks = "\n".join(f"\N{BULLET} {one}" for one in known.obligations) or _tr("It asks for nothing.")
        work = _tr("Paid work: allowed.") if known.commercial else _tr("Paid work: not allowed.")
        parts.append(f"{known.name}\n{asks}\n{work}")
    elif version.license:
        parts.append(
            _tr("%1: not known here. Read its text before you rely on it.").replace("%1", version.license)
        )
    else:
        parts.append(
            _tr("The model does not state its licence. Ask where it came from before you rely on it.")
        )
    parts += [f"{name}\n\n{text}" for name, text in texts.items()]
    return "\n\n".join(parts)


def measured_rows(found: Measured) -> list[tuple[str, str]]:
    """What was measured, as names and values; what was not is left out."""
    rows = [
        (_tr("Answer speed"), rate_text(found.decode_tokens_per_s, _tr("tok")), found.decode_tokens_per_s),
        (_tr("Prompt speed"), rate_text(found.prefill_tokens_per_s, _tr("tok")), found.prefill_tokens_per_s),
        (_tr("First token after"), milliseconds_text(found.ttft_ms), found.ttft_ms),
        (_tr("Peak memory"), memory_text(found.peak_memory_bytes), found.peak_memory_bytes),
    ]
    shown = [(name, text) for name, text, value in rows if value is not None]
    for one in found.benchmarks:
        speed = rate_text(one.decode_tokens_per_s, _tr("tok"))
        shown.append((_tr("Benchmark, %1").replace("%1", when_text(one.started_at)), speed))
    return shown + _quality_rows(found)


def _quality_rows(found: Measured) -> list[tuple[str, str]]:
    if found.quality is None:
        return []
    words = {"green": _tr("like its source"), "amber": _tr("a little worse"), "red": _tr("much worse")}
    names = {
        "perplexity_ratio": _tr("Perplexity against the source"),
        "kl_divergence": _tr("KL divergence"),
        "same_top_token": _tr("Same top token"),
        "perplexity": _tr("Perplexity"),
    }
    rows = [(_tr("Certificate"), words[found.quality.verdict])]
    for name, value in found.quality.figures:
        share = name == "same_top_token" and value <= 1
        rows.append((names[name], f"{number(100 * value, 1)} %" if share else number(value, 3)))
    return rows


def load_columns() -> tuple[Column[MemoryMeasurement], ...]:
    """The columns of the table of loads: what was forecast, what was measured; when is said on top of it."""

    def when(one: MemoryMeasurement) -> str:
        return f"{when_text(one.created_at)}, {one.cache_type}"

    return (
        Column("context", _tr("Context"), lambda one: one.context, lambda one: number(one.context),
               figures=True, width=76, tip=when),
        Column("forecast", _tr("Forecast"), lambda one: one.corrected_bytes,
               lambda one: memory_text(one.corrected_bytes), figures=True, width=82,
               tip=lambda one: _tr("By formula alone: %1").replace("%1", memory_text(one.forecast_bytes))),
        Column("measured", _tr("Measured"), lambda one: one.measured_bytes,
               lambda one: memory_text(one.measured_bytes), figures=True, width=82),
        Column("error", _tr("Error"), lambda one: abs(one.corrected_error),
               lambda one: f"{100 * one.corrected_error:+.1f} %", figures=True, stretch=True, tip=when,
               tone=lambda one: "warn" if abs(one.corrected_error) > 0.08 else ""),
    )  # fmt: skip
