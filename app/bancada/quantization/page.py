"""The certificate as a page: one HTML file that loads nothing, can be printed, and hides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import jinja2

from bancada.core.paths import resources
from bancada.core.sizes import bytes_text
from bancada.quantization.certificate import Certificate, Divergence, FileFacts, SpeedFindings, TensorFault
from bancada.quantization.picture import variants_chart
from bancada.quantization.variants import Variant
from bancada.quantization.verdict import THRESHOLDS

_TEMPLATE: Final = "certificate.html.j2"
_VERDICTS: Final = {
    "green": "Green: as good as its source for all that was measured",
    "amber": "Amber: usable, with losses that you should know",
    "red": "Red: do not use this file",
}
_FAULTS: Final = {
    "not_finite": "values that are no numbers",
    "zero": "zeros only",
    "different": "far from the source",
    "swapped": "another tensor's values",
    "missing": "missing",
}


def render(
    certificate: Certificate, *, certificate_id: str, signature: str, found: Sequence[Variant] = ()
) -> str:
    """The page. ``signature`` says in words whose it is; every text from a file or a model is escaped.

    Args:
        certificate: the report.
        certificate_id: its id here.
        signature: what came of verifying its signature.
        found: all variants of the same source, for the chart.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources() / "reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    this = next((one.version_id for one in found if one.certificate_id == certificate_id), "")
    return environment.get_template(_TEMPLATE).render(
        one=certificate,
        certificate_id=certificate_id,
        signature=signature,
        verdict=_VERDICTS[certificate.verdict],
        facts=_facts(certificate),
        measures=divergence_rows(certificate.divergence) if certificate.divergence else [],
        faults=[fault_words(one) for one in certificate.tensors.faults] if certificate.tensors else [],
        speeds=speed_rows(certificate.speed) if certificate.speed else [],
        thresholds=_thresholds(certificate),
        chart=variants_chart(found, this=this) if len(found) > 1 else "",
        variants=found,
        bytes_text=bytes_text,
    )


def divergence_rows(one: Divergence) -> list[tuple[str, str, str]]:
    """The measures over the text: name, value, standard error."""
    return [
        ("Perplexity", f"{one.perplexity:.4f}", f"{one.perplexity_error:.4f}"),
        ("Perplexity of the source", f"{one.source_perplexity:.4f}", f"{one.source_perplexity_error:.4f}"),
        ("Ratio of the two", f"{one.ratio:.5f}", f"{one.ratio_error:.5f}"),
        ("KL divergence, mean", f"{round(one.kl_mean, 6) + 0.0:.6f}", f"{one.kl_error:.6f}"),
        ("KL divergence, median", f"{one.kl_median:.6f}", ""),
        ("KL divergence, p90", f"{one.kl_p90:.6f}", ""),
        ("KL divergence, p99", f"{one.kl_p99:.6f}", ""),
        ("KL divergence, largest", f"{one.kl_max:.6f}", ""),
        ("Same likeliest token", f"{one.same_top:.2%}", f"{one.same_top_error:.2%}"),
        (
            "Change of the right token's probability (RMS)",
            f"{one.probability_rms:.2%}",
            f"{one.probability_rms_error:.2%}",
        ),
    ]


def speed_rows(speed: SpeedFindings) -> list[tuple[str, str, str]]:
    """Loading, speed and memory: name, source, this file."""

    def milliseconds(value: float | None) -> str:
        return "\u2013" if value is None else f"{value:,.0f} ms"

    def rate(value: float | None) -> str:
        return "\u2013" if value is None else f"{value:,.1f} tokens/s"

    before, after = speed.source, speed.result
    return [
        ("Loading", milliseconds(before.load_ms), milliseconds(after.load_ms)),
        ("Time to first token", milliseconds(before.ttft_ms), milliseconds(after.ttft_ms)),
        ("Prompt speed", rate(before.prefill_tokens_per_s), rate(after.prefill_tokens_per_s)),
        ("Answer speed", rate(before.decode_tokens_per_s), rate(after.decode_tokens_per_s)),
        ("Peak memory", bytes_text(before.peak_memory_bytes), bytes_text(after.peak_memory_bytes)),
    ]


def fault_words(fault: TensorFault) -> tuple[str, str, str]:
    """A damaged tensor: its name, its type, what is wrong."""
    words = _FAULTS.get(fault.fault, fault.fault)
    if fault.fault == "not_finite" and fault.count:
        words = f"{fault.count:,} {words}"
    if fault.holds:
        words = f"holds {fault.holds}"
    if fault.error is not None:
        words += f" (relative error {fault.error:.2f})"
    return fault.name, fault.type, words


def _facts(certificate: Certificate) -> list[tuple[str, str]]:
    text = certificate.text
    rows = [
        ("This file", _file_words(certificate.subject)),
        ("SHA-256", certificate.subject.sha256),
        ("Compared with", _file_words(certificate.source)),
        ("SHA-256", certificate.source.sha256),
        ("Made", f"{certificate.made_at} by {certificate.made_by}"),
        ("Machine", f"{certificate.machine}; {certificate.engine or 'engine not asked'}"),
    ]
    if text is not None:
        words = (
            f"{text.name} (SHA-256 {text.sha256[:16]}\u2026), {text.chunks} chunks of {text.context} tokens"
        )
        rows.append(("Text", f"{words}, {text.tokens:,} predictions scored"))
    return rows


def _file_words(file: FileFacts) -> str:
    return (
        f"{file.name}:{file.version}, {file.format}, {file.quantization}, {bytes_text(file.size_bytes)}, "
        f"{file.bits_per_weight:.2f} bits per weight"
    )


def _thresholds(certificate: Certificate) -> list[tuple[str, str, str]]:
    """As they were when the certificate was made."""
    limits = certificate.thresholds
    rows = []
    for one in THRESHOLDS:
        side = "below" if one.below else "above"
        amber, red = limits.get(f"{one.key}.amber"), limits.get(f"{one.key}.red")
        if amber is not None and red is not None:
            rows.append((one.words.capitalize(), f"{side} {amber:g}", f"{side} {red:g}"))
    return rows
