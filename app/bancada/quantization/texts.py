"""The texts that models are measured and calibrated on: the bundled ones, or files of the user's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.paths import resources

#: about a million tokens, which take hours; a longer text costs the tokenizer gigabytes
MAX_BYTES: Final = 4 << 20
BUNDLED: Final = "the text that comes with the program"
_TEXT_ENDINGS: Final = frozenset((".txt", ".md"))


@dataclass(frozen=True, slots=True)
class EvaluationText:
    """A text with its name for people and the sha256 of its bytes."""

    name: str
    sha256: str
    content: str


def evaluation_text(path: str) -> EvaluationText:
    """Read the text to measure on; an empty path stands for the bundled one.

    Raises:
        BancadaError: ``certificate.text_unreadable``.
    """
    if path:
        return _text(Path(path), Path(path).name)
    return _text(resources() / "certificate" / "text.txt", BUNDLED)


def calibration_text(path: str) -> EvaluationText:
    """Read the text to calibrate on: a file, the text files of a folder, or (empty path) the bundled one.

    Raises:
        BancadaError: ``certificate.text_unreadable``.
    """
    if not path:
        return _text(resources() / "calibration" / "neutral.txt", BUNDLED)
    source = Path(path)
    if not source.is_dir():
        return _text(source, source.name)
    files = sorted(one for one in source.rglob("*") if one.suffix.lower() in _TEXT_ENDINGS and one.is_file())
    if not files:
        raise _unreadable(source, "the folder holds no text files (.txt, .md)")
    parts, size = [], 0
    for one in files:
        parts.append(_text(one, one.name).content)
        size += len(parts[-1])
        if size >= MAX_BYTES:
            break
    content = "\n\n".join(parts)[:MAX_BYTES]
    return EvaluationText(source.name, hashlib.sha256(content.encode()).hexdigest(), content)


def _text(source: Path, name: str) -> EvaluationText:
    raw = _read(source)
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(source, f"it is no text in UTF-8 (byte {error.start})") from error
    if "\0" in content:
        raise _unreadable(source, "it holds NUL characters, so it is no text")
    if not content.strip():
        raise _unreadable(source, "it is empty")
    return EvaluationText(name, hashlib.sha256(raw).hexdigest(), content)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _unreadable(path, "there is no such file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    if len(raw) > MAX_BYTES:
        raise _unreadable(path, f"it is larger than {MAX_BYTES >> 20} MB")
    return raw


def _unreadable(path: Path, detail: str) -> BancadaError:
    return BancadaError("certificate.text_unreadable", path=str(path), detail=detail)
