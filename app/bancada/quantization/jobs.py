"""The jobs of quantization. Their handlers run in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.jobs.spec import JobKind


@dataclass(frozen=True, slots=True)
class CertifyParams:
    """What to compare with what.

    ``text`` is the path of a text of the user's, empty for the one that comes with the program;
    ``context`` is the tokens of a chunk, of which the second half is scored; ``chunks`` limits how many
    chunks are taken (None: the whole text). Without ``tasks`` the questions are left out, without ``speed``
    loading time, speed and memory.
    """

    version_id: str
    source_version_id: str
    text: str = ""
    context: int = 512
    chunks: int | None = None
    tasks: bool = True
    speed: bool = True


CERTIFY: Final = JobKind(
    "model.certify",
    CertifyParams,
    lane="compute",
    forecast="bancada.worker.handlers.certify:memory_needed",
)


@dataclass(frozen=True, slots=True)
class ConvertParams:
    """What to convert into what.

    The source is a version of the library, or the folder or file at ``path``, which is taken into the
    library first. ``target`` is gguf, onnx or hf; an empty ``type`` or ``name`` takes the usual one;
    ``provider`` is the device that an ONNX model is made for. ``ignore_code`` converts a model that asks for
    program code of its own with the converters' implementation alone.
    """

    target: str
    version_id: str = ""
    path: str = ""
    type: str = ""
    name: str = ""
    provider: str = "cpu"
    link: bool = True
    ignore_code: bool = False


CONVERT: Final = JobKind(
    "model.convert",
    ConvertParams,
    lane="compute",
    forecast="bancada.worker.handlers.convert:memory_needed",
)
