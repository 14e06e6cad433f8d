"""Figures and tables as text for people: short, aligned, with units, safe to print."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

_COUNT_UNITS: Final = ("", " k", " M", " G", " T")
#: joiners belong to emoji and to Persian and Indic words; every other format character is shown escaped
_JOINERS: Final = "\u200c\u200d"
GAP: Final = "  "


def count_text(count: float) -> str:
    """A large count with its power of a thousand: ``134.5 M``."""
    power = 0
    while abs(count) >= 999.95 and power < len(_COUNT_UNITS) - 1:
        count /= 1000
        power += 1
    return f"{count:.0f}" if power == 0 else f"{count:.1f}{_COUNT_UNITS[power]}"


def number_text(value: float | None, digits: int = 1) -> str:
    """A figure with thousands separated, or an en dash where there is none."""
    return "\u2013" if value is None else f"{value:,.{digits}f}"


def milliseconds_text(value: float | None) -> str:
    """A duration in the unit that reads best: ``0.42 ms``, ``72.1 ms``, ``1.85 s``, ``2 min 05 s``."""
    if value is None:
        return "\u2013"
    if value < 10:
        return f"{value:.2f} ms"
    if value < 100:
        return f"{value:.1f} ms"
    if value < 1_000:
        return f"{value:.0f} ms"
    return seconds_text(value / 1000)


def seconds_text(seconds: float) -> str:
    """``1.85 s``, ``42 s``, ``2 min 05 s``, ``3 h 20 min``."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def when_text(stamp: str | None) -> str:
    """A stored ISO 8601 time to the minute, in UTC as it is stored."""
    return "\u2013" if not stamp else stamp[:16].replace("T", " ")


def printable(text: str) -> str:
    """``text`` on one line and without anything that steers a terminal or turns its direction.

    Control and format characters (bidirectional overrides among them) and lone surrogates
    become escapes that can be seen.
    """
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character


def steerless(text: str) -> str:
    """Like :func:`printable` for text of several lines: line breaks and tabs stay."""
    return "".join(one if one in "\n\t" else _shown(one) for one in text)


def width(text: str) -> int:
    """The columns that ``text`` takes in a terminal: wide characters two, combining ones none."""
    columns = 0
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return columns


def clip(text: str, columns: int) -> str:
    """``text`` cut to ``columns`` with an ellipsis where it is longer."""
    if width(text) <= columns:
        return text
    kept = ""
    for character in text:
        if width(kept + character) > columns - 1:
            break
        kept += character
    return f"{kept}\u2026"


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), columns: int = 0
) -> list[str]:
    """Lines of an aligned table, its headings first.

    Args:
        headings: one short name for each column.
        rows: one text per cell; whatever is not printable is escaped.
        right: the indexes of columns that are set flush right (figures).
        columns: the terminal's width; the first column is clipped to fit it. 0 clips nothing.
    """
    cells = [[printable(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(width(row[index]) for row in cells) for index in range(len(headings))]
    if columns:
        over = sum(widths) + len(GAP) * (len(widths) - 1) - columns
        if over > 0:
            widths[0] = max(12, widths[0] - over)
    lines = []
    for row in cells:
        parts = []
        for index, cell in enumerate(row):
            shown = clip(cell, widths[index])
            space = " " * (widths[index] - width(shown))
            parts.append(space + shown if index in right else shown + space)
        lines.append(GAP.join(parts).rstrip())
    return lines


def pairs(items: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of names and values, the values aligned."""
    wide = max((width(name) for name, _value in items), default=0)
    return [f"{name}{' ' * (wide - width(name))}{GAP}{printable(value)}".rstrip() for name, value in items]
