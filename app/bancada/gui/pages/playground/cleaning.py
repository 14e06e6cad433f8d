"""What a person types, pastes or drops, made fit to be stored and sent: cut and cleaned, never refused."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError
from bancada.gui.widgets.format import bytes_text

#: characters of one message; more is cut with a notice
TEXT_LIMIT: Final = 200_000
#: bytes of a dropped file
FILE_LIMIT: Final = 200_000
_SNIFF: Final = 4_096
#: overrides reverse the text that a person reads; embeddings and isolates stay, scripts need them
_OVERRIDES: Final[dict[int, None]] = dict.fromkeys((0x202D, 0x202E))
_ALLOWED_CONTROLS: Final = "\n\t"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text that can be stored, and what was done to it: characters cut off the end and taken out."""

    text: str
    cut: int = 0
    removed: int = 0

    @property
    def changed(self) -> bool:
        """Whether the user should be told."""
        return bool(self.cut or self.removed)


def clean(text: str, limit: int = TEXT_LIMIT) -> Cleaned:
    """Cut ``text`` to ``limit`` characters; take out NUL, controls, lone surrogates and overrides."""
    cut = max(len(text) - limit, 0)
    text = text[:limit].replace("\r\n", "\n").replace("\r", "\n")
    before = len(text)
    broken = {ord(char): None for char in set(text) if char not in _ALLOWED_CONTROLS and _is_broken(char)}
    text = text.translate(broken | _OVERRIDES)
    return Cleaned(text, cut, before - len(text))


def _is_broken(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs")


def read_text_file(path: Path, limit: int = FILE_LIMIT) -> str:
    """The text of a file that was dropped on the composer.

    Raises:
        BancadaError: ``chat.file_unreadable``, ``chat.file_too_large`` or ``chat.file_not_text``.
    """
    try:
        # a device or a pipe has no end: regular files alone
        if not path.is_file():
            raise BancadaError("chat.file_unreadable", path=str(path), detail="not a file")
        size = path.stat().st_size
        if size > limit:
            raise BancadaError(
                "chat.file_too_large", name=path.name, size=bytes_text(size), limit=bytes_text(limit)
            )
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BancadaError("chat.file_unreadable", path=str(path), detail=error.strerror or "") from error
    if b"\0" in data[:_SNIFF]:
        raise BancadaError("chat.file_not_text", name=path.name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BancadaError("chat.file_not_text", name=path.name) from None


def quoted_file(name: str, text: str) -> str:
    """A file's text as a fenced quotation; the fence is longer than any inside."""
    fence = "```"
    while fence in text:
        fence += "`"
    safe = " ".join(clean(name, 120).text.split())
    return f"{safe}:\n{fence}\n{text.rstrip()}\n{fence}\n"
