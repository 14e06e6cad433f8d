"""Everything durable: one SQLite file, content-addressed files beside it, and the only SQL of the program."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, cast


def _import_sqlite_utils_lightly() -> None:
    _import_when_used("dateutil.parser")
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


def _import_when_used(name: str) -> None:
    """Let a module be executed at its first use: here for recipes of sqlite-utils that are never called."""
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    # found there, it is not looked for: looking would execute it
    parent, _, child = name.rpartition(".")
    setattr(importlib.import_module(parent), child, module)


_import_sqlite_utils_lightly()
