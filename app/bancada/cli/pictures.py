"""Pictures of the window's pages, taken by a window of its own process that is never shown."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bancada.cli.detach import program

_TIMEOUT_S: Final = 180
_MAX_PICTURES: Final = 40
_MAX_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Pictures:
    """Names and PNG data of the pages; where there is none, ``reason`` says why."""

    files: tuple[tuple[str, bytes], ...]
    reason: str


def take_pictures(home: Path) -> Pictures:
    """Start the window off-screen, let it draw its pages, and read the pictures."""
    with tempfile.TemporaryDirectory(prefix="bancada-") as place:
        command = [*program(), "--home", str(home), "gui", "--pictures", place]
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Pictures((), f"No pictures: the window did not finish within {_TIMEOUT_S} seconds.")
        except OSError as error:
            return Pictures((), f"No pictures: the window could not be started ({error.strerror}).")
        files = tuple(
            (one.stem, one.read_bytes())
            for one in sorted(Path(place).glob("*.png"))[:_MAX_PICTURES]
            if one.stat().st_size <= _MAX_BYTES
        )
    if files:
        return Pictures(files, "")
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    why = lines[-1][:300] if lines else f"it ended with {done.returncode}"
    return Pictures((), f"No pictures: the window could not draw its pages ({why}).")
