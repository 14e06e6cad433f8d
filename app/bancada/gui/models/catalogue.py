"""The catalogue as the Models page shows it: rows, columns, the words of facts, facets and verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from PySide6.QtCore import QCoreApplication, QLocale

from bancada.catalog.catalogue.fitting import QuantizationFit
from bancada.catalog.catalogue.looking import Look, look
from bancada.catalog.catalogue.records import EMBEDDER, GENERATOR, RERANKER, Entry, Licence
from bancada.catalog.catalogue.searching import Found
from bancada.context import AppContext
from bancada.gui.models.records import Column
from bancada.gui.widgets.format import UNKNOWN, bytes_text, memory_text, number, parameters_text

_CONTEXT: Final = "Catalogue"
TONES: Final = {"fits": "good", "tight": "warn", "large": "bad"}


def _tr(text: str) -> str:
    return QCoreApplication.translate(_CONTEXT, text)


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """An entry with its verdict, its licence, and the titles and ids of its versions in the library."""

    found: Found
    licence: Licence
    owned: tuple[str, ...] = ()
    owned_ids: tuple[str, ...] = ()

    @property
    def entry(self) -> Entry:
        return self.found.entry


def load_look(context: AppContext) -> Look:
    """Everything that the view shows; for the background."""
    return look(context.database, context.home, int(context.settings.get("chat.context")))


def rows_of(seen: Look) -> list[CatalogueRow]:
    """The rows of the table."""
    rows = []
    for one in seen.found:
        versions = seen.owned.get(one.entry.id, ())
        titles = tuple(f"{each.name}:{each.version}" for each in versions)
        ids = tuple(each.id for each in versions)
        rows.append(CatalogueRow(one, seen.catalogue.licence(one.entry), titles, ids))
    return rows


@cache
def language_name(code: str) -> str:
    """A language by its code, in English."""
    found = QLocale(code)
    if found.language() == QLocale.Language.C:
        return code
    return QLocale.languageToString(found.language())


def languages_text(entry: Entry) -> str:
    """The languages in words, and how many there are where not all are named."""
    names = ", ".join(sorted(language_name(one) for one in entry.languages))
    if entry.language_count <= len(entry.languages):
        return names or _tr("not stated")
    count = _tr("%1 languages").replace("%1", number(entry.language_count))
    return _tr("%1, among them %2").replace("%1", count).replace("%2", names) if names else count


def kind_text(kind: str) -> str:
    return {GENERATOR: _tr("Chat"), EMBEDDER: _tr("Embedder"), RERANKER: _tr("Reranker")}[kind]


def terms_text(terms: str) -> str:
    """What a licence lets an office do."""
    return {
        "open": _tr("Open"),
        "conditions": _tr("With conditions"),
        "research": _tr("Research only"),
    }[terms]


def terms_tone(terms: str) -> str:
    return {"open": "good", "conditions": "warn", "research": "bad"}[terms]


def size_text(size: str) -> str:
    """A class of size in words."""
    return {
        "tiny": _tr("Under 1B"),
        "small": _tr("1B to 5B"),
        "medium": _tr("5B to 16B"),
        "large": _tr("16B to 40B"),
        "huge": _tr("Over 40B"),
    }[size]


def verdict_text(verdict: str) -> str:
    return {"fits": _tr("Fits well"), "tight": _tr("Tight"), "large": _tr("Too large")}[verdict]


def facet_text(facet: str, value: str) -> str:
    """The value of a facet in words."""
    texts: dict[str, Callable[[str], str]] = {
        "kind": kind_text,
        "licence": terms_text,
        "size": size_text,
        "fit": verdict_text,
        "language": language_name,
        "tools": lambda one: _tr("Calls tools") if one == "yes" else _tr("No tools"),
    }
    return texts.get(facet, str)(value)


def fact_text(fact: str) -> str:
    """The name of a fact that evidence is given for."""
    return {
        "licence": _tr("licence"),
        "gated": _tr("whether access is restricted"),
        "parameters": _tr("number of parameters"),
        "shape": _tr("measures for the memory forecast"),
        "context": _tr("context"),
        "languages": _tr("languages"),
        "tools": _tr("tool use"),
        "template": _tr("chat template"),
        "vector_size": _tr("length of the vectors"),
        "files": _tr("GGUF files"),
    }[fact]


def need_text(fit: QuantizationFit, *, whole: bool) -> str:
    """The memory that a quantization needs; at least so much where the model's measures are not known."""
    need = memory_text(fit.need_bytes)
    return need if whole else f"\N{GREATER-THAN OR EQUAL TO} {need}"


def columns() -> tuple[Column[CatalogueRow], ...]:
    """The columns of the catalogue; the hidden ones are searched like the others."""
    return (
        Column("name", _tr("Name"), lambda one: one.entry.name.casefold(), lambda one: one.entry.name,
               tip=lambda one: one.entry.summary, width=204),
        Column("verdict", _tr("Fit"),
               lambda one: (("fits", "tight", "large").index(one.found.fit.verdict),
                            -one.entry.parameters),
               lambda one: verdict_text(one.found.fit.verdict),
               tone=lambda one: TONES[one.found.fit.verdict], tip=_why, width=94),
        Column("memory", _tr("Memory"), lambda one: one.found.fit.best.need_bytes,
               lambda one: need_text(one.found.fit.best, whole=one.found.fit.whole), figures=True, width=96),
        Column("licence", _tr("Licence"), lambda one: one.licence.terms,
               lambda one: terms_text(one.licence.terms), tip=lambda one: one.licence.name, width=128),
        Column("parameters", _tr("Parameters"), lambda one: one.entry.parameters,
               lambda one: parameters_text(one.entry.parameters), figures=True, width=96),
        Column("best", _tr("Best here"), lambda one: one.found.fit.best.quantization, width=90, hidden=True),
        Column("context", _tr("Context"), lambda one: one.entry.context,
               lambda one: number(one.entry.context), figures=True, width=80),
        Column("kind", _tr("Kind"), lambda one: one.entry.kind, lambda one: kind_text(one.entry.kind),
               width=88),
        Column("owned", _tr("Library"), lambda one: not one.owned,
               lambda one: _tr("In the library") if one.owned else "", tone=lambda _one: "accent",
               tip=lambda one: ", ".join(one.owned), width=104),
        Column("tools", _tr("Tools"), lambda one: not one.entry.tools,
               lambda one: _tr("yes") if one.entry.tools else "", width=60, hidden=True),
        Column("file", _tr("File"), lambda one: one.found.fit.best.file_bytes,
               lambda one: bytes_text(one.found.fit.best.file_bytes), figures=True, width=84, hidden=True),
        Column("family", _tr("Family"), lambda one: one.entry.family.casefold(),
               lambda one: one.entry.family, width=120, hidden=True),
        Column("publisher", _tr("Publisher"), lambda one: one.entry.publisher.casefold(),
               lambda one: one.entry.publisher, width=160, hidden=True),
        Column("languages", _tr("Languages"), lambda one: len(one.entry.languages),
               lambda one: languages_text(one.entry), width=200, hidden=True),
        Column("licence_name", _tr("Name of the licence"), lambda one: one.licence.name.casefold(),
               lambda one: one.licence.name, width=160, hidden=True),
        Column("repo", _tr("Repository"), lambda one: one.entry.repo.casefold(),
               lambda one: f"{one.entry.repo} {one.entry.gguf_repo}".strip(), width=220, hidden=True),
        Column("summary", _tr("Summary"), lambda one: one.entry.summary, width=300, hidden=True),
    )  # fmt: skip


def _why(row: CatalogueRow) -> str:
    best = row.found.fit.best
    text = _tr("%1 needs %2 at %3 tokens of context")
    need = need_text(best, whole=row.found.fit.whole)
    for mark, value in (("%1", best.quantization), ("%2", need), ("%3", number(row.found.fit.context))):
        text = text.replace(mark, value)
    return text


def quantization_columns(*, whole: bool, gpu: bool) -> tuple[Column[QuantizationFit], ...]:
    """The columns of the quantizations of one model."""
    return (
        Column("quantization", _tr("Type"), lambda one: -one.bits_per_weight, lambda one: one.quantization,
               tip=lambda one: one.path or _tr("As such repositories usually offer it"), width=86),
        Column("file", _tr("File"), lambda one: one.file_bytes,
               lambda one: bytes_text(one.file_bytes) if one.exact else f"~ {bytes_text(one.file_bytes)}",
               figures=True, tip=lambda one: one.sha256 or _tr("Estimated from the parameters"), width=98),
        Column("memory", _tr("Memory"), lambda one: one.need_bytes,
               lambda one: need_text(one, whole=whole), figures=True, width=80),
        Column("verdict", _tr("Fit"), lambda one: one.need_bytes,
               lambda one: verdict_text(one.verdict), tone=lambda one: TONES[one.verdict], width=94),
        Column("gpu", _tr("GPU"), lambda one: not one.on_gpu,
               lambda one: _tr("whole") if one.on_gpu else _tr("in part"), width=64, hidden=not gpu),
        Column("bits", _tr("Bits/weight"), lambda one: one.bits_per_weight,
               lambda one: number(one.bits_per_weight, 2), figures=True, width=88, hidden=True),
        Column("hash", _tr("SHA-256"), lambda one: one.sha256, lambda one: one.sha256[:12] or UNKNOWN,
               tip=lambda one: one.sha256, width=110, hidden=True),
    )  # fmt: skip


def facts_of(row: CatalogueRow) -> list[tuple[str, str]]:
    """Names and values of the card."""
    entry = row.entry
    parameters = number(entry.parameters)
    if entry.active_parameters:
        active = _tr("%1, of which a token uses %2").replace("%1", parameters)
        parameters = active.replace("%2", parameters_text(entry.active_parameters))
    facts = [
        (_tr("Family"), f"{entry.family}, {entry.publisher}"),
        (_tr("Kind"), kind_text(entry.kind)),
        (_tr("Parameters"), parameters),
        (_tr("Context"), _tr("%1 tokens").replace("%1", number(entry.context))),
        (_tr("Languages"), languages_text(entry)),
    ]
    if entry.kind == GENERATOR:
        facts.append((_tr("Tool use"), _tr("yes") if entry.tools else _tr("no")))
        facts.append((_tr("Chat template"), _tr("yes") if entry.template else _tr("no")))
        if entry.reasoning:
            facts.append((_tr("Thinks first"), _tr("yes, which takes more time and tokens")))
    if entry.vector_size:
        facts.append((_tr("Vectors"), _tr("%1 numbers").replace("%1", number(entry.vector_size))))
    facts.append((_tr("Repository"), entry.repo))
    if entry.gguf_repo:
        facts.append((_tr("GGUF files"), entry.gguf_repo))
    return facts


def evidence_text(entry: Entry) -> str:
    """Where the facts were read, and which were not verified."""
    lines = [f"{one.url}\n    {', '.join(fact_text(fact) for fact in one.facts)}" for one in entry.evidence]
    if entry.not_verified:
        names = ", ".join(fact_text(one) for one in entry.not_verified)
        lines.append(_tr("Not verified: %1").replace("%1", names))
    return "\n".join(lines)


def files_wanted(row: CatalogueRow) -> tuple[str, tuple[str, ...]]:
    """The repository to look into, and the patterns of the files that fit this machine best."""
    entry, best = row.entry, row.found.fit.best
    if not entry.gguf_repo:
        return entry.repo, ()
    return entry.gguf_repo, (best.path or f"*{best.quantization}*.gguf",)
