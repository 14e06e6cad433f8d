"""Errors that say themselves: a stable code, parameters, and a catalogue of words.

Code below the entry points raises :class:`BancadaError` with a code and parameters only.
The words live in :mod:`bancada.core.error_catalog`; the window translates them, the
command line prints them in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bancada.core.registry import resolve

#: read with the first error that is put into words, which a worker hardly ever does
_CATALOG: Final = "bancada.core.error_catalog:CATALOG"


class BancadaError(Exception):
    """A failure that a person can act on.

    Args:
        code: a key of the error catalogue, ``area.what_happened``.
        params: values for the placeholders of the catalogue's texts; they must be JSON
            values, because an error crosses process borders and is stored.
    """

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params: dict[str, Any] = params

    def __str__(self) -> str:
        text = describe(self.code, self.params)
        return f"{text.what} {text.remedy}".strip()

    def to_json(self) -> dict[str, Any]:
        """Return ``{"code", "params"}``, the form that is stored and sent."""
        return {"code": self.code, "params": self.params}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BancadaError:
        """Rebuild an error from :meth:`to_json`; a malformed record becomes ``internal.error``."""
        code, params = data.get("code"), data.get("params")
        if not isinstance(code, str) or not isinstance(params, dict):
            return cls("internal.error", detail=str(dict(data))[:500])
        return cls(code, **{str(key): value for key, value in params.items()})


class Canceled(Exception):
    """The user stopped the work. Not an error: no catalogue entry, no traceback shown."""


@dataclass(frozen=True, slots=True)
class ErrorText:
    """An error in words: what happened, what it means, what to do."""

    code: str
    what: str
    meaning: str
    remedy: str


def describe(code: str, params: Mapping[str, Any]) -> ErrorText:
    """Fill the catalogue's English texts; an unknown code or parameter never raises."""
    catalog: Mapping[str, tuple[str, str, str]] = resolve(_CATALOG)
    entry = catalog.get(code, catalog["internal.error"])
    values = _Lenient(params)
    if code not in catalog:
        values.setdefault("detail", code)
    what, meaning, remedy = (part.format_map(values) for part in entry)
    return ErrorText(code, what, meaning, remedy)


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"({key})"
