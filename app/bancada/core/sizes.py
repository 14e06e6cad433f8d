"""Byte counts as text, for errors and reports (decimal units, as disks are sold)."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("kB", "MB", "GB", "TB", "PB")


def bytes_text(count: float) -> str:
    """Return ``count`` bytes in words: ``512 bytes``, ``16.0 MB``, ``1.2 GB``."""
    if abs(count) < 1000:
        return f"{count:.0f} bytes"
    for unit in _UNITS:
        count /= 1000
        if abs(count) < 999.95 or unit == _UNITS[-1]:
            break
    return f"{count:.1f} {unit}"
