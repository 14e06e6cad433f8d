"""The jobs of the library: import and verify. Their handlers run in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.jobs.spec import JobKind


@dataclass(frozen=True, slots=True)
class ImportParams:
    """``path`` is a GGUF file or an ONNX folder; an empty ``name`` means: take it from the model."""

    path: str
    name: str = ""
    link: bool = True


@dataclass(frozen=True, slots=True)
class VerifyParams:
    """Versions whose files are hashed again; none means all of them."""

    version_ids: tuple[str, ...] = ()


IMPORT: Final = JobKind("model.import", ImportParams, lane="disk")
VERIFY: Final = JobKind("model.verify", VerifyParams, lane="disk")
