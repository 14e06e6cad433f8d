"""Texts for comparing: as a person looks for them, whatever their case and accents."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """``text`` without case and accents, in one form: ``Ação`` is ``acao``."""
    if text.isascii():
        return text.lower()
    spread = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in spread if not unicodedata.combining(one))
