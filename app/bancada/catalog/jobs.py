"""The jobs of the library: import, verify and export. Their handlers run in a worker."""

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


@dataclass(frozen=True, slots=True)
class ExportParams:
    """A version, and the folder that is to hold its files; it must not be there, or be empty."""

    version_id: str
    path: str


IMPORT: Final = JobKind("model.import", ImportParams, lane="disk")
VERIFY: Final = JobKind("model.verify", VerifyParams, lane="disk")
EXPORT: Final = JobKind("model.export", ExportParams, lane="disk")
