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


@dataclass(frozen=True, slots=True)
class QuantizeParams:
    """What to quantize, and to what: ``type``, or the best one within ``target_bytes`` or ``target_bits``.

    ``matrix_id`` names an importance matrix, ``overrides`` are ``PATTERN=TYPE`` for single tensors,
    ``requantize`` takes a source that is already quantized. With ``certify`` the result is compared with its
    source; ``text`` is what for, as in :class:`CertifyParams`.
    """

    version_id: str
    type: str = ""
    target_bytes: int | None = None
    target_bits: float | None = None
    matrix_id: str = ""
    overrides: tuple[str, ...] = ()
    requantize: bool = False
    name: str = ""
    certify: bool = True
    text: str = ""
    chunks: int | None = None


QUANTIZE: Final = JobKind(
    "model.quantize",
    QuantizeParams,
    lane="compute",
    forecast="bancada.worker.handlers.quantize:memory_needed",
)


@dataclass(frozen=True, slots=True)
class SweepParams:
    """Several types of one model, each with its certificate; the best of them for ``goal`` is named.

    ``goal`` is quality (best that the device can run), size (smallest that is not red) or speed (fastest that
    is not red). A type that is there already is not made again.
    """

    version_id: str
    types: tuple[str, ...]
    goal: str = "quality"
    matrix_id: str = ""
    requantize: bool = False
    text: str = ""
    chunks: int | None = None


SWEEP: Final = JobKind(
    "model.sweep",
    SweepParams,
    lane="compute",
    forecast="bancada.worker.handlers.sweep:memory_needed",
)


@dataclass(frozen=True, slots=True)
class MatrixParams:
    """The model, and the text (file or folder; empty: the bundled one) that its columns are weighed by."""

    version_id: str
    text: str = ""
    name: str = ""
    context: int = 512
    chunks: int | None = None


MATRIX: Final = JobKind(
    "model.imatrix",
    MatrixParams,
    lane="compute",
    forecast="bancada.worker.handlers.imatrix:memory_needed",
)
