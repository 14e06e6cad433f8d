"""Prompts of an exact length in tokens, cut from a neutral text that comes with the program."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.paths import resources

#: short pieces that most vocabularies hold as one token: they fill the last gap
_FILLERS: Final = (" a", " the", " and", ".", ",", " of", "a", "e", "\n")
#: words between the beginnings of two variants, and how many variants there are before they repeat
_SHIFT: Final = 37
_VARIANTS: Final = 64


@cache
def neutral_words() -> tuple[str, ...]:
    """The bundled text as words."""
    return tuple((resources() / "prompts" / "neutral.txt").read_text(encoding="utf-8").split())


class PromptMaker:
    """Makes texts of exactly ``n`` tokens for one tokenizer.

    Variants begin at different words, so that a prompt shares no beginning with the one before
    and an engine that reuses prefixes has nothing to reuse.
    """

    def __init__(self, tokenize: Callable[[str], list[int]], words: tuple[str, ...] | None = None) -> None:
        self._tokenize = tokenize
        self._words = words if words is not None else neutral_words()
        self._starts = _beginnings(self._words)

    def make(self, tokens: int, variant: int) -> str:
        """A text of exactly ``tokens`` tokens.

        Raises:
            BancadaError: ``bench.prompt_unreachable`` when the tokenizer cannot be steered there.
        """
        words = self._words_that_fit(tokens, variant)
        text = self._text(words, variant)
        have = self._count(text)
        while have < tokens:
            longer = next((text + one for one in _FILLERS if have < self._count(text + one) <= tokens), None)
            if longer is None:
                raise BancadaError("bench.prompt_unreachable", need=tokens, have=have)
            text, have = longer, self._count(longer)
        return text

    def _words_that_fit(self, tokens: int, variant: int) -> int:
        """The largest number of words that take at most ``tokens`` tokens, by bisection."""
        low, high = 0, 1
        # a word takes a token or more, so that twice as many words never fit a sane tokenizer
        while high < 2 * tokens and self._count(self._text(high, variant)) <= tokens:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if self._count(self._text(middle, variant)) <= tokens:
                low = middle
            else:
                high = middle
        return low

    def _text(self, count: int, variant: int) -> str:
        start = self._starts[variant % len(self._starts)]
        return " ".join(self._words[(start + index) % len(self._words)] for index in range(count))

    def _count(self, text: str) -> int:
        return len(self._tokenize(text)) if text else 0


def _beginnings(words: tuple[str, ...]) -> tuple[int, ...]:
    """Places to begin at; neighbours (and the last and the first) begin with different letters."""
    starts = [0]
    for _ in range(_VARIANTS - 1):
        place = starts[-1] + _SHIFT
        last = words[starts[-1] % len(words)][0].lower()
        # a text of one letter only has no better place: it is left after one round
        for _ in words:
            if words[place % len(words)][0].lower() != last:
                break
            place += 1
        starts.append(place)
    first = words[0][0].lower()
    while len(starts) > 1 and words[starts[-1] % len(words)][0].lower() == first:
        starts.pop()
    return tuple(starts)
