"""What identifies a model's content, however many files it has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def folder_hash(files: Iterable[tuple[str, str]]) -> str:
    """The hash of a folder given as (path, sha256): of the sorted lines ``sha256  path``."""
    lines = sorted(f"{sha256}  {path}\n" for path, sha256 in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
