"""Colours of code in answers: pygments' tokens folded into the few classes that the themes colour."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType
from pygments.util import ClassNotFound

#: code that grows is coloured piece by piece, so that a token costs the same at any length
PIECE: Final = 1_200
#: finished code up to this length is coloured as a whole, longer code by pieces
WHOLE: Final = 8_000

_CLASSES: Final[tuple[tuple[_TokenType, str], ...]] = (
    (Comment, "comment"),
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (String, "string"),
    (Number, "number"),
    (Name.Function, "name"),
    (Name.Class, "name"),
    (Name.Decorator, "name"),
    (Name.Builtin, "builtin"),
    (Name.Tag, "keyword"),
    (Name.Attribute, "builtin"),
)

#: (text, class); the class "" has the colour of text
Piece = tuple[str, str]


def code_lines(code: str, language: str, *, growing: bool = False) -> list[tuple[Piece, ...]]:
    """The lines of ``code`` as coloured pieces; an unknown language has no colours."""
    if not growing and len(code) <= WHOLE:
        return list(_colored(code, language))
    lines: list[tuple[Piece, ...]] = []
    start = 0
    while start <= len(code):
        cut = code.find("\n", start + PIECE)
        end = len(code) if cut < 0 else cut
        lines.extend(_colored(code[start:end], language))
        start = end + 1
    return lines


@lru_cache(maxsize=256)
def _colored(code: str, language: str) -> tuple[tuple[Piece, ...], ...]:
    lexer = _lexer(language)
    if lexer is None:
        return tuple(((line, ""),) if line else () for line in code.split("\n"))
    lines: list[list[Piece]] = [[]]
    for kind, text in lexer.get_tokens(code):
        color = next((name for token, name in _CLASSES if kind in token), "")
        first, *rest = text.split("\n")
        if first:
            lines[-1].append((first, color))
        lines.extend([(part, color)] if part else [] for part in rest)
    wanted = code.count("\n") + 1
    lines = [*lines, *([] for _ in range(wanted - len(lines)))][:wanted]
    return tuple(tuple(line) for line in lines)


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    if not language or language in ("text", "plain"):
        return None
    try:
        # ensurenl and stripnl would change the code's lines
        return get_lexer_by_name(language, ensurenl=False, stripnl=False)
    except ClassNotFound:
        return None
