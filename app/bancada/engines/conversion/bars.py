"""The progress bars of other programs, turned into progress of ours."""

from __future__ import annotations

import importlib
import io
from typing import Any

from bancada.engines.conversion.compare import Progress


def report_bars(progress: Progress, stage: str) -> None:
    """From now on every ``tqdm`` bar draws nowhere and says its state instead.

    Call it before the modules are imported that take ``tqdm`` by its name.
    """
    library = importlib.import_module("tqdm")

    class Reporting(library.tqdm):  # type: ignore[misc, name-defined]
        """A bar that reports."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "file": io.StringIO(), "disable": False})

        def update(self, n: float = 1) -> bool | None:
            """Count on."""
            shown: bool | None = super().update(n)
            if self.total:
                progress(stage, min(self.n, self.total), self.total, "bytes" if self.unit == "B" else "")
            return shown

    for module in ("tqdm", "tqdm.auto", "tqdm.std"):
        vars(importlib.import_module(module))["tqdm"] = Reporting
