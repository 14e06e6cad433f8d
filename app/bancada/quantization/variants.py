"""All variants of one source side by side: size, quality, speed, and which of them no other one beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bancada.core.errors import BancadaError
from bancada.quantization.certificate import parse
from bancada.storage import certificates, models
from bancada.storage.connection import Database

#: speeds that differ by less are the same: a benchmark of seconds tells no more
_SAME_SPEED: Final = 1.05


@dataclass(frozen=True, slots=True)
class Variant:
    """One point of the chart. The source itself has the divergence 0 and no certificate.

    ``efficient``: no other variant is at least as small, as near to the source and as fast, and better in
    one of these.
    """

    version_id: str
    name: str
    quantization: str
    size_bytes: int
    bits_per_weight: float
    kl_mean: float
    ratio: float
    tokens_per_s: float | None
    verdict: str
    certificate_id: str = ""
    efficient: bool = False


def variants(database: Database, source_sha256: str) -> tuple[Variant, ...]:
    """The source and all that was compared with it, smallest first; what predicts no numbers is left out."""
    found: list[Variant] = []
    source_speed: float | None = None
    for record in certificates.against(database, source_sha256):
        try:
            report = parse(record.report)
            version = models.get_version(database, record.version_id)
        except BancadaError:
            continue  # a report of another version of the program, or a model that goes just now
        speed = report.speed
        source_speed = source_speed or (speed.source.decode_tokens_per_s if speed else None)
        if report.divergence is None or version.sha256 == source_sha256:
            continue
        found.append(
            Variant(
                version_id=version.id,
                name=f"{version.name}:{version.version}",
                quantization=version.quantization,
                size_bytes=version.size_bytes,
                bits_per_weight=version.bits_per_weight,
                kl_mean=max(0.0, report.divergence.kl_mean),
                ratio=report.divergence.ratio,
                tokens_per_s=speed.result.decode_tokens_per_s if speed else None,
                verdict=record.verdict,
                certificate_id=record.id,
            )
        )
    found += [
        Variant(
            one.id,
            f"{one.name}:{one.version}",
            one.quantization,
            one.size_bytes,
            one.bits_per_weight,
            kl_mean=0.0,
            ratio=1.0,
            tokens_per_s=source_speed,
            verdict="source",
        )
        for one in models.list_versions(database)
        if one.sha256 == source_sha256
    ]
    return mark_efficient(sorted(found, key=lambda one: (one.size_bytes, one.kl_mean)))


def mark_efficient(found: Sequence[Variant]) -> tuple[Variant, ...]:
    """Mark those that no other one beats (the Pareto front); a red one is never efficient."""
    good = [one for one in found if one.verdict != "red"]
    return tuple(
        replace(one, efficient=one in good and not any(_beats(other, one) for other in good)) for one in found
    )


def front(found: Sequence[Variant]) -> list[Variant]:
    """The line of size and quality: each larger one on it is nearer to the source. None of it is red."""
    line: list[Variant] = []
    for one in sorted(found, key=lambda each: (each.size_bytes, each.kl_mean)):
        if one.verdict != "red" and (not line or one.kl_mean < line[-1].kl_mean):
            line.append(one)
    return line


def _beats(one: Variant, other: Variant) -> bool:
    if one.size_bytes > other.size_bytes or one.kl_mean > other.kl_mean:
        return False
    better = one.size_bytes < other.size_bytes or one.kl_mean < other.kl_mean
    if one.tokens_per_s and other.tokens_per_s:
        if one.tokens_per_s * _SAME_SPEED < other.tokens_per_s:
            return False
        better = better or one.tokens_per_s > other.tokens_per_s * _SAME_SPEED
    return better
