"""What importing a model would bring, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: characters of one metadata value that are kept for display
SHOWN: Final = 2_000


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What would be imported.

    ``files`` maps the names that the model's files will have to where they are now. ``warnings`` are
    sentences for people. ``details`` holds the columns of a model version that come from the file.
    """

    path: Path
    format: str
    name: str
    size_bytes: int
    architecture: str
    quantization: str
    parameters: int
    bits_per_weight: float
    layers: int
    context_length: int
    license: str
    chat_template: str | None
    metadata: dict[str, Any]
    warnings: tuple[str, ...]
    files: dict[str, Path]
