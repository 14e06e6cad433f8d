"""What models on a hub need of the memory, as records and verdicts; they cross process borders as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from bancada.storage.models import VersionRecord

#: more than this share of the free memory is tight
TIGHT: Final = 0.8
_QUANTIZATION: Final = re.compile(
    r"(?:^|[-._])((?:IQ[1-4]_(?:XXS|XS|S|M|NL)|Q[2-8]_K(?:_(?:XXL|XL|L|M|S))?|Q[458]_[01]|TQ[12]_0|MXFP4"
    r"|BF16|F16|F32|FP16|FP32))(?=[-._]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FileNeed:
    """Bytes of memory that loading the model of a file takes; of a part of a model, the whole model's."""

    path: str
    need_bytes: int


@dataclass(frozen=True, slots=True)
class Weighing:
    """The needs at a context of ``context`` tokens; not ``exact``: at least so much.

    ``context_length`` is what the model was made for, 0 where it is not known; ``read_bytes`` came from
    the hub for this.
    """

    needs: tuple[FileNeed, ...]
    context: int
    context_length: int = 0
    exact: bool = False
    read_bytes: int = 0


def verdict(need: int, free: int) -> str:
    """``fits``, ``tight`` or ``large``, for bytes of memory."""
    return "large" if need > free else "tight" if need > TIGHT * free else "fits"


def quantization_of(path: str) -> str:
    """The quantization that a file's name says, "" where it says none: ``Q4_K_M``."""
    found = _QUANTIZATION.findall(PurePosixPath(path).stem)
    return str(found[-1]).upper() if found else ""


def unseen_version(form: str, quantization: str, size: int, facts: Mapping[str, Any]) -> VersionRecord:
    """A model that is not in the library, as the forecast takes it."""
    return VersionRecord(
        id="",
        model_id="",
        name="",
        version=0,
        format=form,
        architecture="",
        quantization=quantization,
        parameters=0,
        bits_per_weight=0.0,
        layers=0,
        context_length=0,
        license="",
        chat_template=None,
        size_bytes=size,
        sha256="",
        metadata={"facts": dict(facts)},
        warnings=(),
        source="",
        parent_version_id=None,
        produced_by_run_id=None,
        crashes=0,
        created_at="",
        files=(),
    )
