"""The way into the window. It imports Qt only when it is sure that Qt can come up, and else says why not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.paths import default_home
from bancada.core.registry import resolve

#: the library that Qt misses -> the packages that bring it on Debian and Ubuntu
_PACKAGES: Final = {
    "libEGL": "libegl1",
    "libGL": "libgl1",
    "libxkbcommon": "libxkbcommon0",
    "libdbus": "libdbus-1-3",
    "libfontconfig": "libfontconfig1",
    "libglib": "libglib2.0-0",
}


def run(home: Path | None = None, pictures: Path | None = None) -> int:
    """Open the window on a workspace and return the process's exit code.

    Args:
        home: the workspace's folder; None: the usual one.
        pictures: instead of waiting for a user, save a picture of every page in every theme there.
    """
    if pictures is not None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if not _has_display():
        return _refuse(
            "there is no display here. Start it in a desktop session, or run the first job "
            "without a window: bancada tour"
        )
    try:
        place = home or default_home()
        program = resolve("bancada.gui.program:run")
    except BancadaError as error:
        return _refuse(str(error))
    except ImportError as error:
        return _refuse(_missing_library(str(error)))
    code: int = program(place, pictures)
    return code


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _missing_library(error: str) -> str:
    library = error.partition(":")[0]
    package = next((name for start, name in _PACKAGES.items() if library.startswith(start)), "")
    remedy = f"; on Debian and Ubuntu: apt install {package}" if package else ""
    return f"a library of the window is missing ({error}){remedy}"


def _refuse(reason: str) -> int:
    sys.stderr.write(f"bancada: the window cannot open: {reason}\n")
    return 1
