"""What the Convert & quantize page shows: sources, what each type would give, and what was made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from bancada.catalog.certificate_signing import signature_of
from bancada.context import AppContext
from bancada.core.hardware import available_memory
from bancada.core.sizes import bytes_text
from bancada.gui.models.records import Column
from bancada.gui.widgets.format import UNKNOWN, number, parameters_text
from bancada.quantization import plan, variants
from bancada.quantization.certificate import Certificate, parse
from bancada.quantization.page import render
from bancada.quantization.plan import PlanParams
from bancada.quantization.types import FOR_TRAINED, USUAL, rank, type_named
from bancada.storage import certificates, matrices, models
from bancada.storage.certificates import CertificateRecord
from bancada.storage.matrices import MatrixRecord
from bancada.storage.models import VersionRecord
from bancada.storage.sqlite_errors import free_bytes

#: formats that something can be made of
SOURCES = ("gguf", "hf")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Quantize", text)


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One type for the chosen source; ``advice`` are the sentences to read before it is made."""

    variant: plan.Variant
    advice: tuple[str, ...]
    fits: bool

    @property
    def name(self) -> str:
        return self.variant.type

    @property
    def usual(self) -> bool:
        return self.variant.type in USUAL


@dataclass(frozen=True, slots=True)
class TypesLook:
    """All types of a source, best first, and the type of a source that is already quantized."""

    rows: tuple[TypeRow, ...]
    quantized: str
    free_disk: int


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A variant of the source: measured against it, or not yet (``verdict`` is then empty)."""

    version_id: str
    name: str
    quantization: str
    size_bytes: int
    bits_per_weight: float
    verdict: str
    kl_mean: float | None = None
    ratio: float | None = None
    tokens_per_s: float | None = None
    efficient: bool = False
    certificate_id: str = ""


@dataclass(frozen=True, slots=True)
class CertificateLook:
    """A certificate as the page shows it, with what its signature is worth."""

    record: CertificateRecord
    certificate: Certificate
    signature: str


def load_sources(context: AppContext) -> list[VersionRecord]:
    """What can be converted or quantized, by name."""
    return [one for one in context.library.list() if one.format in SOURCES]


def load_matrices(context: AppContext) -> list[MatrixRecord]:
    return matrices.list_matrices(context.database)


def load_types(
    context: AppContext, version_id: str, *, matrix: bool, overrides: tuple[str, ...]
) -> TypesLook:
    """Ask a worker what each type would give; raises BancadaError ``quantize.*``, ``model.*``."""
    found = context.quantization_plan(PlanParams(version_id, (), overrides, matrix))
    free = available_memory()
    rows = tuple(
        TypeRow(
            one,
            tuple(plan.advice(one, found.variants, matrix=matrix, requantizes=found.quantized)),
            one.size_bytes < free,
        )
        for one in sorted(found.variants, key=lambda each: rank(each.type))
        if one.type not in FOR_TRAINED
    )
    return TypesLook(rows, found.quantized, free_bytes(context.home.temporary))


def load_results(context: AppContext, version_id: str) -> list[ResultRow]:
    """The source and everything that was made of it, smallest first."""
    source = models.get_version(context.database, version_id)
    measured = {one.version_id: one for one in variants.variants(context.database, source.sha256)}
    rows = [
        ResultRow(
            one.version_id, one.name, one.quantization, one.size_bytes, one.bits_per_weight, one.verdict,
            one.kl_mean, one.ratio, one.tokens_per_s, one.efficient, one.certificate_id,
        )
        for one in measured.values()
    ]  # fmt: skip
    for one in context.library.list():
        if one.parent_version_id == source.id and one.id not in measured:
            newest = certificates.newest(context.database, one.id)
            rows.append(
                ResultRow(
                    one.id, f"{one.name}:{one.version}", one.quantization, one.size_bytes,
                    one.bits_per_weight, newest.verdict if newest else "",
                    certificate_id=newest.id if newest else "",
                )
            )  # fmt: skip
    return sorted(rows, key=lambda one: (one.size_bytes, one.name))


def load_certificate(context: AppContext, certificate_id: str) -> CertificateLook:
    """Raises BancadaError ``certificate.not_found``, ``certificate.malformed``."""
    record = certificates.get(context.database, certificate_id)
    return CertificateLook(record, parse(record.report), signature_of(context.database, record).words)


def certificate_page(context: AppContext, certificate_id: str) -> str:
    """The printable page; raises BancadaError as :func:`load_certificate`."""
    look = load_certificate(context, certificate_id)
    found = variants.variants(context.database, look.record.source_sha256)
    return render(look.certificate, certificate_id=look.record.id, signature=look.signature, found=found)


def source_text(version: VersionRecord) -> str:
    """``SmolLM2:1 - GGUF, F16, 135 M, 270.9 MB``."""
    facts = ", ".join(
        (
            version.format.upper() if version.format == "gguf" else _tr("Hugging Face folder"),
            version.quantization,
            parameters_text(version.parameters),
            bytes_text(version.size_bytes),
        )
    )
    return f"{version.name}:{version.version} \N{MIDDLE DOT} {facts}"


def quality_words(name: str) -> str:
    """What a type is worth, for people who do not know its name."""
    at, kind = rank(name), type_named(name)
    if kind.name in ("F32", "BF16", "F16"):
        return _tr("exact")
    if kind.name == "Q8_0":
        return _tr("hardly any loss")
    if at <= rank("Q5_0"):
        return _tr("small loss")
    if at <= rank("Q4_0"):
        return _tr("usual choice")
    if kind.family != "low":
        return _tr("noticeable loss")
    return _tr("strong loss")


def verdict_words(verdict: str) -> str:
    return {
        "green": _tr("green"),
        "amber": _tr("amber"),
        "red": _tr("red"),
        "source": _tr("the source"),
    }.get(verdict, _tr("not certified"))


def verdict_tone(verdict: str) -> str:
    return {"green": "good", "amber": "warn", "red": "bad"}.get(verdict, "")


def type_columns() -> Sequence[Column[TypeRow]]:
    return (
        Column("type", _tr("Type"), lambda one: rank(one.name), lambda one: one.name, width=76),
        Column("words", _tr("Quality"), lambda one: rank(one.name), lambda one: quality_words(one.name),
               stretch=True),
        Column("size", _tr("Size"), lambda one: one.variant.size_bytes,
               lambda one: bytes_text(one.variant.size_bytes), figures=True, width=88,
               tone=lambda one: "" if one.fits else "bad",
               tip=lambda one: "" if one.fits else _tr("More than the memory that is free now")),
        Column("bits", _tr("Bits"), lambda one: one.variant.bits_per_weight,
               lambda one: number(one.variant.bits_per_weight, 2), figures=True, width=88),
        Column("mind", _tr("Mind"), lambda one: len(one.advice), _mind, width=78,
               tip=lambda one: "\n".join(one.advice), tone=lambda one: "warn" if one.advice else ""),
    )  # fmt: skip


def _mind(row: TypeRow) -> str:
    if row.variant.needs_matrix:
        return _tr("needs a matrix")
    if row.variant.fallbacks:
        return _tr("mixed")
    return ""


def result_columns() -> Sequence[Column[ResultRow]]:
    return (
        Column("name", _tr("Variant"), lambda one: one.name, stretch=True, tip=lambda one: one.name),
        Column("verdict", _tr("Verdict"), lambda one: one.verdict,
               lambda one: verdict_words(one.verdict), tone=lambda one: verdict_tone(one.verdict), width=104),
        Column("size", _tr("Size"), lambda one: one.size_bytes, lambda one: bytes_text(one.size_bytes),
               figures=True, width=80),
        Column("kl", _tr("KL"), lambda one: -1.0 if one.kl_mean is None else one.kl_mean,
               lambda one: UNKNOWN if one.kl_mean is None else number(one.kl_mean, 4), figures=True, width=66,
               tip=lambda _one: _tr("How far its predictions are from the source's: 0 is the same")),
        Column("ratio", _tr("Perplexity ratio"), lambda one: -1.0 if one.ratio is None else one.ratio,
               lambda one: UNKNOWN if one.ratio is None else number(one.ratio, 3), figures=True, width=96,
               hidden=True),
        Column("speed", _tr("Speed"), lambda one: one.tokens_per_s or 0.0,
               lambda one: UNKNOWN if one.tokens_per_s is None else number(one.tokens_per_s, 0), figures=True,
               width=76, tip=lambda _one: _tr("Tokens of an answer in a second")),
        Column("bits", _tr("Bits/weight"), lambda one: one.bits_per_weight,
               lambda one: number(one.bits_per_weight, 2), figures=True, width=88, hidden=True),
    )  # fmt: skip
