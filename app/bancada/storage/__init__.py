"""Everything durable: one SQLite file, content-addressed files beside it, and the only SQL of the program."""

from __future__ import annotations

import importlib
import sys
from typing import Any, cast


def _import_sqlite_utils_without_numpy() -> None:
    # sqlite-utils imports numpy where it finds it, only to know names of column types: 12 MB and a
    # tenth of a second in every process, the window's included
    if "numpy" in sys.modules:
        return
    modules = cast("dict[str, Any]", sys.modules)
    modules["numpy"] = None
    try:
        importlib.import_module("sqlite_utils")
    finally:
        del modules["numpy"]


_import_sqlite_utils_without_numpy()
