"""How the window looked last, in a small file beside the database.

The window is painted before the database is open: these copies of settings are what it needs until
then. A file that is missing, damaged or cannot be written costs nothing but a flicker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings

from bancada.gui.theme.theme import LARGEST_SCALE, SMALLEST_SCALE


@dataclass(frozen=True)
class FirstLook:
    """Theme as chosen (``system`` ...), size of text, and Qt's geometry of the window."""

    theme: str = "system"
    scale: float = 1.0
    geometry: bytes = b""


def read(home: Path) -> FirstLook:
    """The last look, or the defaults."""
    stored = QSettings(str(home / "window.ini"), QSettings.Format.IniFormat)
    theme, geometry = stored.value("theme"), stored.value("geometry")
    return FirstLook(
        theme if isinstance(theme, str) else "system",
        _scale(stored.value("scale")),
        bytes(geometry.data()) if isinstance(geometry, QByteArray) else b"",
    )


def write(home: Path, look: FirstLook) -> None:
    """Keep the look for the next start."""
    stored = QSettings(str(home / "window.ini"), QSettings.Format.IniFormat)
    stored.setValue("theme", look.theme)
    stored.setValue("scale", str(look.scale))
    stored.setValue("geometry", QByteArray(look.geometry))
    stored.sync()


def _scale(value: Any) -> float:
    try:
        scale = float(value)
    except (TypeError, ValueError):
        return 1.0
    return scale if SMALLEST_SCALE <= scale <= LARGEST_SCALE else 1.0
