"""Registries hold ``"module:attribute"`` strings, so that naming a thing does not import it."""

from __future__ import annotations

import importlib
from typing import Any


def resolve(target: str) -> Any:
    """Import the module of ``"package.module:attribute"`` and return the attribute.

    Raises:
        ValueError: the string has no colon.
        ImportError, AttributeError: the module or the attribute is missing.
    """
    module, colon, attribute = target.partition(":")
    if not colon:
        raise ValueError(f"not a module:attribute target: {target!r}")
    return getattr(importlib.import_module(module), attribute)
