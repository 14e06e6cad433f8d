"""How sure the model was: tokens found in the drawn text, their colours, and what else they could be."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QTextCharFormat
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QWidget

from bancada.gui.theme.theme import Theme
from bancada.inference.types import Token

#: lower bounds of the bands; below the last one is the band 3
BOUNDS: Final = (0.9, 0.5, 0.1)
UNCERTAIN_BAND: Final = 2
_LOOK_AHEAD: Final = 800
_SHOWN_ALTERNATIVES: Final = 6


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """One token of an answer: its text, its probability (0 to 1) and (text, probability) of the others."""

    text: str
    probability: float | None
    alternatives: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, token: Token) -> TokenInfo:
        """From what the engine reports."""
        others = tuple((one.text, math.exp(min(one.logprob, 0.0))) for one in token.alternatives)
        return cls(token.text, None if token.logprob is None else math.exp(min(token.logprob, 0.0)), others)

    def to_json(self) -> list[Any]:
        """A short JSON list, the form that is stored with a message."""
        rounded = None if self.probability is None else round(self.probability, 5)
        return [self.text, rounded, [[text, round(one, 5)] for text, one in self.alternatives]]

    @classmethod
    def from_json(cls, data: Any) -> TokenInfo | None:
        """Back from :meth:`to_json`; None for anything else, which a foreign database could hold."""
        match data:
            case [str(text), None | int() | float() as probability, list(others)]:
                pairs = [(one[0], float(one[1])) for one in others if _is_pair(one)]
                return cls(text, None if probability is None else float(probability), tuple(pairs))
        return None


def _is_pair(data: Any) -> bool:
    return (
        isinstance(data, list)
        and len(data) == 2
        and isinstance(data[0], str)
        and isinstance(data[1], int | float)
    )


def band(probability: float | None) -> int:
    """0 sure to 3 very unsure; an unknown probability counts as sure."""
    if probability is None:
        return 0
    return next((index for index, bound in enumerate(BOUNDS) if probability >= bound), len(BOUNDS))


def band_format(theme: Theme, number: int) -> QTextCharFormat:
    """The look of a band: a ground, and below it a line of its own kind, so that colour is not all."""
    look = QTextCharFormat()
    styles = QTextCharFormat.UnderlineStyle
    if number == 1:
        look.setBackground(theme.color("accent_soft"))
    elif number == 2:
        look.setBackground(theme.color("warn_soft"))
        look.setUnderlineStyle(styles.DashUnderline)
        look.setUnderlineColor(theme.color("warn"))
    elif number == 3:
        look.setBackground(theme.color("bad_soft"))
        look.setUnderlineStyle(styles.SingleUnderline)
        look.setUnderlineColor(theme.color("bad"))
    return look


def visible(text: str) -> str:
    """A token's text with its spaces and line ends to be seen."""
    return text.replace(" ", "\u00b7").replace("\n", "\u21b5").replace("\t", "\u21e5") or "\u2205"


def probability_words(token: TokenInfo, tr: Callable[[str], str]) -> str:
    """What a screen reader says of a token."""
    if token.probability is None:
        return token.text
    words = tr("“{text}” {percent}").format(text=token.text.strip(), percent=percent(token.probability))
    others = [
        f"“{text.strip()}” {percent(one)}"
        for text, one in token.alternatives[:_SHOWN_ALTERNATIVES]
        if text != token.text
    ]
    return words + (tr("; also possible: {others}").format(others=", ".join(others)) if others else "")


def percent(probability: float) -> str:
    """``0.8214`` as ``82 %``, small ones as ``<1 %``."""
    value = probability * 100
    return "<1 %" if 0 < value < 1 else f"{value:.0f} %"


class TokenMap:
    """Which token made which character of the document.

    Markdown's marks are not in the document and bullets are not in the text, so each section's
    characters are looked up in its source in order; a character that is not found has no token.
    """

    def __init__(self) -> None:
        self._tokens: list[TokenInfo] = []
        self._ends: list[int] = []
        self._positions: list[int] = []  # of the document, growing
        self._numbers: list[int] = []  # the token of each position

    def extend_to(self, tokens: Sequence[TokenInfo]) -> None:
        """Take the tokens so far; another beginning than before starts anew."""
        if len(tokens) < len(self._tokens):
            self._tokens, self._ends = [], []
        for token in tokens[len(self._tokens) :]:
            self._ends.append((self._ends[-1] if self._ends else 0) + len(token.text))
            self._tokens.append(token)

    def forget_from(self, position: int) -> None:
        """Drop what was matched from a position of the document on."""
        keep = bisect.bisect_left(self._positions, position)
        del self._positions[keep:], self._numbers[keep:]

    def align(self, source: str, offset: int, pieces: Sequence[tuple[int, str]]) -> None:
        """Match ``pieces`` (position in the document, text) with ``source``, at ``offset`` of the answer."""
        place = 0
        for start, text in pieces:
            for index, char in enumerate(text):
                found = _find(source, place, text, index, "\n" if char == "\u2028" else char)
                if found >= 0:
                    place = found + 1
                    number = bisect.bisect_right(self._ends, offset + found)
                    if number < len(self._tokens):
                        self._positions.append(start + index)
                        self._numbers.append(number)

    def token_at(self, position: int) -> TokenInfo | None:
        """The token of a character of the document."""
        index = bisect.bisect_left(self._positions, position)
        if index < len(self._positions) and self._positions[index] == position:
            return self._tokens[self._numbers[index]]
        return None

    def bands(self, start: int, length: int) -> Iterator[tuple[int, int, int]]:
        """(start in the block, length, band) of the stretches of a block that are not sure."""
        index = bisect.bisect_left(self._positions, start)
        stretch: tuple[int, int, int] | None = None
        while index < len(self._positions) and self._positions[index] < start + length:
            place = self._positions[index] - start
            number = band(self._tokens[self._numbers[index]].probability)
            if stretch and stretch[2] == number and stretch[0] + stretch[1] == place:
                stretch = (stretch[0], stretch[1] + 1, number)
            else:
                if stretch and stretch[2]:
                    yield stretch
                stretch = (place, 1, number)
            index += 1
        if stretch and stretch[2]:
            yield stretch

    def next_uncertain(self, position: int, direction: int) -> int | None:
        """The first character of the nearest uncertain token after or before a position."""
        here = bisect.bisect_left(self._positions, position)
        at_start = here < len(self._positions) and self._positions[here] == position
        skip = self._numbers[here] if at_start else -1
        steps = range(here, len(self._positions)) if direction > 0 else range(here - 1, -1, -1)
        for index in steps:
            number = self._numbers[index]
            if number != skip and band(self._tokens[number].probability) >= UNCERTAIN_BAND:
                return self._positions[self._numbers.index(number)]
        return None


def _find(source: str, place: int, text: str, index: int, char: str) -> int:
    if place < len(source) and source[place] == char:
        return place
    # marks between: the next few characters together say where the text goes on
    some = text[index : index + 4].replace("\u2028", "\n")
    found = source.find(some, place, place + _LOOK_AHEAD)
    return found if found >= 0 else source.find(char, place, place + 8)


class AlternativesPopup(QFrame):
    """A small card beside a word: its probability and those of what else could have stood there."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._window = parent
        self.setObjectName("alternatives")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(self.tr("Other words that were possible here"))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(10, 8, 10, 8)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(3)
        self._token: TokenInfo | None = None
        self.hide()

    def show_token(self, token: TokenInfo, below: QPoint) -> None:
        """Show the alternatives under a point of the parent, inside its edges."""
        if token is not self._token or not self.isVisible():
            self._token = token
            self._fill(token)
            self._restyle()
        self.adjustSize()
        area = self._window.rect()
        x = min(max(below.x(), 4), area.right() - self.width() - 4)
        y = below.y() + 4
        if y + self.height() > area.bottom():
            y = below.y() - self.height() - 28
        self.move(x, max(y, 4))
        self.raise_()
        self.show()

    def _fill(self, token: TokenInfo) -> None:
        while item := self._grid.takeAt(0):
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        rows = list(token.alternatives[:_SHOWN_ALTERNATIVES])
        if token.probability is not None and all(text != token.text for text, _ in rows):
            rows.insert(0, (token.text, token.probability))
        for row, (text, probability) in enumerate(rows):
            word = QLabel(visible(text)[:40])
            word.setTextFormat(Qt.TextFormat.PlainText)
            font = self._theme.mono(12)
            font.setBold(text == token.text)
            word.setFont(font)
            figure = QLabel(percent(probability))
            figure.setFont(self._theme.mono(12))
            figure.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(word, row, 0)
            self._grid.addWidget(_Bar(self._theme, probability, chosen=text == token.text), row, 1)
            self._grid.addWidget(figure, row, 2)

    def _restyle(self) -> None:
        line = 2 if self._theme.name == "contrast" else 1
        self.setStyleSheet(
            f"#alternatives {{ background: {self._theme.color('raised').name()};"
            f" border: {line}px solid {self._theme.color('edge').name()}; border-radius: 6px; }}"
        )


class _Bar(QWidget):
    """A probability as a bar."""

    def __init__(self, theme: Theme, value: float, *, chosen: bool) -> None:
        super().__init__()
        self._theme, self._value, self._chosen = theme, value, chosen
        self.setFixedSize(72, 12)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("border"))
        painter.drawRect(QRect(0, 4, self.width(), 4))
        painter.setBrush(self._theme.color("accent" if self._chosen else "muted"))
        painter.drawRect(QRect(0, 4, max(1, round(self.width() * min(self._value, 1.0))), 4))
        painter.end()


class ProbabilityLegend(QWidget):
    """What the colours under an answer mean."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        words = (
            self.tr("90 % and over"),
            self.tr("50 to 90 %"),
            self.tr("10 to 50 %"),
            self.tr("under 10 %"),
        )
        for number, text in enumerate(words):
            row.addWidget(_Swatch(theme, number, text))
        hint = QLabel(self.tr("F8: next unsure word"))
        hint.setProperty("role", "note")
        row.addWidget(hint)
        row.addStretch(1)
        self.setAccessibleName(self.tr("Legend: how probable the model found each token"))
        self.setToolTip(self.accessibleName())


class _Swatch(QLabel):
    def __init__(self, theme: Theme, number: int, text: str) -> None:
        super().__init__(text)
        self.setProperty("role", "note")
        self._theme, self._number = theme, number
        self.setContentsMargins(4, 1, 4, 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        look = band_format(self._theme, self._number)
        painter = QPainter(self)
        if self._number:
            painter.fillRect(self.rect(), look.background())
        styles = QTextCharFormat.UnderlineStyle
        if look.underlineStyle() != styles.NoUnderline:
            dashed = look.underlineStyle() == styles.DashUnderline
            line = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
            painter.setPen(QPen(look.underlineColor(), 1, line))
            painter.drawLine(4, self.height() - 2, self.width() - 4, self.height() - 2)
        painter.end()
        super().paintEvent(event)
