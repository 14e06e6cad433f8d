"""A comparison of two models as a table's rows: names and values for people, what differs marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QCoreApplication

from bancada.catalog.comparing import Comparison, Pair
from bancada.gui.models.model_card import stage_text
from bancada.gui.models.records import Column
from bancada.gui.widgets.format import UNKNOWN, bytes_text, memory_text, milliseconds_text, number, rate_text

_CONTEXT: Final = "Library"


def _tr(text: str) -> str:
    return QCoreApplication.translate(_CONTEXT, text)


#: how a value is said, by the fact
_TEXTS: Final[dict[str, Callable[[Any], str]]] = {
    "size_bytes": bytes_text,
    "forecast_bytes": memory_text,
    "peak_memory_bytes": memory_text,
    "ttft_ms": milliseconds_text,
    "stage": stage_text,
    "decode_tokens_per_s": lambda speed: rate_text(speed, _tr("tok")),
    "prefill_tokens_per_s": lambda speed: rate_text(speed, _tr("tok")),
}


@dataclass(frozen=True, slots=True)
class CompareRow:
    """One line: a fact of both, in words."""

    key: str
    name: str
    left: str
    right: str
    differs: bool


def compare_rows(found: Comparison, *, all_of_them: bool) -> list[CompareRow]:
    """The lines; without ``all_of_them`` only those that differ."""
    names = _names()
    return [
        CompareRow(
            f"{one.section}.{one.key}",
            names.get(one.key, one.key),
            _value(one, one.left),
            _value(one, one.right),
            one.differs,
        )
        for one in found.pairs
        if one.differs or (all_of_them and (one.left, one.right) != (None, None))
    ]


def compare_columns(left: str, right: str) -> tuple[Column[CompareRow], ...]:
    """What, the one, the other; a mark in words beside the colour."""

    def tone(one: CompareRow) -> str:
        return "accent" if one.differs else ""

    return (
        Column("what", "", lambda one: one.name, width=170),
        Column("differs", _tr("Differs"), lambda one: not one.differs,
               lambda one: _tr("differs") if one.differs else "", tone=tone, width=76),
        Column("left", left, lambda one: one.left, tone=tone, tip=lambda one: one.left, width=230),
        Column("right", right, lambda one: one.right, tone=tone, tip=lambda one: one.right, stretch=True),
    )  # fmt: skip


def _names() -> dict[str, str]:
    return {
        "format": _tr("Format"),
        "architecture": _tr("Architecture"),
        "quantization": _tr("Quantization"),
        "parameters": _tr("Parameters"),
        "bits_per_weight": _tr("Bits per weight"),
        "layers": _tr("Layers"),
        "context_length": _tr("Context"),
        "size_bytes": _tr("Size"),
        "license": _tr("Licence"),
        "source": _tr("Came from"),
        "chat_template": _tr("Chat template"),
        "sha256": _tr("SHA-256"),
        "stage": _tr("Stage"),
        "aliases": _tr("Aliases"),
        "tags": _tr("Tags"),
        "forecast_bytes": _tr("Memory forecast"),
        "decode_tokens_per_s": _tr("Answer speed"),
        "prefill_tokens_per_s": _tr("Prompt speed"),
        "ttft_ms": _tr("First token after"),
        "peak_memory_bytes": _tr("Peak memory"),
        "certificate": _tr("Certificate"),
    }


def _value(one: Pair, value: Any) -> str:
    if value is None:
        return UNKNOWN
    if one.section == "metadata":
        return " ".join(str(value).split())
    if one.key in _TEXTS:
        return _TEXTS[one.key](value)
    if isinstance(value, bool):
        return _tr("yes") if value else _tr("no")
    if isinstance(value, int | float):
        return number(value, 2 if isinstance(value, float) else 0)
    return str(value)
