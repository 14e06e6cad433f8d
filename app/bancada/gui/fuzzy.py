"""How well a few typed letters fit a text."""

from __future__ import annotations


def score(query: str, text: str) -> float | None:
    """None when the letters of ``query`` do not appear in ``text`` in this order, else more for better.

    Letters that follow each other and letters that begin a word count most, short texts win over long
    ones. Case and spaces in the query do not matter.
    """
    letters = [one for one in query.casefold() if not one.isspace()]
    folded = text.casefold()
    if not letters:
        return 0.0
    total, at, previous = 0.0, 0, -2
    for letter in letters:
        found = _next(folded, letter, at, previous)
        if found < 0:
            return None
        starts_word = found == 0 or not folded[found - 1].isalnum()
        total += 1.0 + (2.0 if found == previous + 1 else 0.0) + (1.5 if starts_word else 0.0)
        previous, at = found, found + 1
    return total - len(text) / 100


def _next(text: str, letter: str, at: int, previous: int) -> int:
    """The place of the next letter: right after the last one, else at a word's start, else anywhere."""
    if previous + 1 == at and text.startswith(letter, at):
        return at
    place = text.find(letter, at)
    first = place
    while place >= 0:
        if place == 0 or not text[place - 1].isalnum():
            return place
        place = text.find(letter, place + 1)
    return first
