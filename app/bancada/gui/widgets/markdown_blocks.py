"""Markdown to flat blocks of styled runs: what an answer shows, before any widget knows of it.

An answer is hostile text. Nothing here makes HTML: raw HTML stays the characters that it is,
an image becomes a line of words, and a link keeps its target only when it is one that a
person may open. Blocks are values, so that a growing text can be drawn by what changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bancada.gui.widgets.code_colors import code_lines

#: longer texts are shown without Markdown, and past DISPLAY_LIMIT they are cut (Copy gives all)
MARKDOWN_LIMIT: Final = 120_000
DISPLAY_LIMIT: Final = 400_000
#: one paragraph longer than this is not searched for emphasis and links
INLINE_LIMIT: Final = 8_000
#: a larger table is shown as the text that it is
TABLE_CELLS: Final = 1_000
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
LINE_BREAK: Final = "\u2028"
#: characters that a text document takes for structure of its own, or that reverse what is read
_UNSAFE: Final = {
    **dict.fromkeys((0, 0x202D, 0x202E, 0x2029, 0xFDD0, 0xFDD1, 0xFFFC), "\ufffd"),
    0x0B: " ",
    0x0C: " ",
}
_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


class Style(IntFlag):
    """How a run looks besides its colour."""

    NONE = 0
    BOLD = 1
    ITALIC = 2
    STRIKE = 4
    CODE = 8
    MUTED = 16


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one look; ``href`` is a web or mail address, ``color`` a class of code_colors."""

    text: str
    style: Style = Style.NONE
    href: str = ""
    color: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One line group of the flow. ``group`` numbers code fences, 0 elsewhere.

    ``tight``: little room below, in short lists and between the lines of code.
    """

    kind: str  # paragraph, heading, code, code_head, rule
    runs: tuple[Run, ...]
    level: int = 0
    indent: int = 0
    quote: int = 0
    marker: str = ""
    tight: bool = False
    group: int = 0

    @property
    def text(self) -> str:
        """The characters that are drawn, the marker not included."""
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table: rows of cells of runs, the first row is the heading; ``aligns`` per column."""

    rows: tuple[tuple[tuple[Run, ...], ...], ...]
    aligns: tuple[str, ...]
    indent: int = 0
    quote: int = 0

    @property
    def text(self) -> str:
        """Cells in reading order, with nothing between them."""
        return "".join(run.text for row in self.rows for cell in row for run in cell)


Item = Block | TableBlock


def _parser() -> MarkdownIt:
    # no raw HTML; no reference definitions, because one below would change what is already drawn;
    # inline content is parsed block by block, so that a long answer is not read again at each token
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 12}).enable(["table", "strikethrough"])
    return parser.disable(["reference", "inline"])


_PARSER: Final = _parser()
_INLINE: Final = MarkdownIt("commonmark", {"html": False, "maxNesting": 12}).enable(["strikethrough"])


def normalized(text: str) -> str:
    """Line ends as one character and no character that a document would misread; lengths stay otherwise."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNSAFE)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.translate(_SURROGATES)
    return text


@dataclass(frozen=True, slots=True)
class Section:
    """A top-level piece of the text: its first line, the line after it, and what it shows."""

    first_line: int
    end_line: int
    items: tuple[Item, ...]


def parse(text: str, *, growing: bool = False) -> list[Section]:
    """Split ``text`` into sections in order. ``growing``: the last code fence may still be open."""
    if len(text) > MARKDOWN_LIMIT:
        return [Section(0, text.count("\n") + 1, plain(text))]
    tokens = _PARSER.parse(text)
    sections: list[Section] = []
    start = 0
    while start < len(tokens):
        end = start + 1
        if tokens[start].nesting == 1:
            while tokens[end].level > 0 or tokens[end].nesting != -1:
                end += 1
            end += 1
        span = tokens[start].map or [0, 0]
        walker = _Walker(growing=growing and end == len(tokens))
        sections.append(Section(span[0], span[1], tuple(walker.walk(tokens[start:end]))))
        start = end
    return sections


def plain(text: str) -> tuple[Item, ...]:
    """The text as it is, one block a line, cut at DISPLAY_LIMIT with a word about the rest."""
    shown = text[:DISPLAY_LIMIT]
    blocks: list[Item] = [Block("paragraph", (Run(line),), tight=True) for line in shown.split("\n")]
    if len(text) > DISPLAY_LIMIT:
        rest = f"[{len(text) - DISPLAY_LIMIT:,} more characters are not drawn]"
        blocks.append(Block("paragraph", (Run(rest, Style.MUTED | Style.ITALIC),)))
    return tuple(blocks)


class StreamParser:
    """Parses a growing text; only what follows the last finished section is read again.

    A section is finished when another one begins after it on a line that is complete: no later
    character can join the two. :meth:`feed` gives all items so far, and how many of them are settled
    for good; the result is that of :func:`parse` on the whole text, however it was cut.
    """

    def __init__(self) -> None:
        self.settled: list[Item] = []
        #: (offset in the text, number of settled items before it), one for each settled section
        self.starts: list[tuple[int, int]] = [(0, 0)]
        self._lines = 0

    @property
    def settled_chars(self) -> int:
        """Where the part of the text begins that may still change its look."""
        return self.starts[-1][0]

    def feed(self, text: str, *, finished: bool = False) -> list[Item]:
        """Return the items after the settled ones for the whole ``text`` so far."""
        if len(text) > MARKDOWN_LIMIT:
            self.settled, self.starts, self._lines = [], [(0, 0)], 0
            return list(plain(text))
        tail = text[self.settled_chars :]
        sections = parse(tail, growing=not finished)
        last_line = tail.count("\n")
        settled = 0
        for index in range(len(sections) - 1):
            if sections[index + 1].first_line < last_line:
                settled = index + 1
        if settled:
            self._settle(tail, sections[:settled], sections[settled].first_line)
            base = self._lines - sections[settled].first_line
        else:
            base = self._lines
        return [_shift(item, base) for section in sections[settled:] for item in section.items]

    def _settle(self, tail: str, sections: Sequence[Section], end_line: int) -> None:
        for section in sections:
            self.settled.extend(_shift(item, self._lines) for item in section.items)
        offset = self.settled_chars
        position = 0
        for _ in range(end_line):
            position = tail.index("\n", position) + 1
        self.starts.append((offset + position, len(self.settled)))
        self._lines += end_line


def _shift(item: Item, lines: int) -> Item:
    """Number code groups by the line of the whole text, so that they stay apart."""
    if lines and isinstance(item, Block) and item.group:
        return replace(item, group=item.group + lines)
    return item


class _Walker:
    """Turns the tokens of one section into items."""

    def __init__(self, *, growing: bool) -> None:
        self._growing = growing
        self._items: list[Item] = []
        self._lists: list[int | None] = []  # the next number, None for bullets
        self._quote = 0
        self._marker = ""
        self._heading = 0
        self._table: list[list[tuple[Run, ...]]] = []
        self._aligns: list[str] = []
        self._source: list[str] = []

    def walk(self, tokens: Sequence[Token]) -> list[Item]:
        for index, token in enumerate(tokens):
            kind = token.type
            if kind in ("fence", "code_block"):
                last = self._growing and index >= len(tokens) - 1 - len(self._lists) * 2 - self._quote
                self._code(token, growing=last)
            elif kind == "inline":
                tight = index > 0 and tokens[index - 1].type == "paragraph_open" and tokens[index - 1].hidden
                self._inline(token, in_table=bool(self._table), tight=tight)
            elif kind == "hr":
                self._add(Block("rule", ()))
            else:
                self._structure(token)
        return self._items

    def _structure(self, token: Token) -> None:
        kind, _, edge = token.type.rpartition("_")
        if kind == "heading":
            self._heading = int(token.tag[1:]) if edge == "open" else 0
        elif kind in ("bullet_list", "ordered_list"):
            self._list(token, ordered=kind == "ordered_list")
        elif kind == "list_item":
            self._list_item(token)
        elif kind == "blockquote":
            self._quote += token.nesting
        elif token.type == "tr_open":
            self._table.append([])
        elif token.type == "table_close":
            self._close_table()
        elif kind in ("th", "td") and edge == "open" and len(self._table) == 1:
            self._aligns.append(str(token.attrGet("style") or "").rpartition(":")[2])

    def _list(self, token: Token, *, ordered: bool) -> None:
        if token.nesting < 0:
            self._lists.pop()
            return
        start = token.attrGet("start")
        self._lists.append((1 if start is None else int(start)) if ordered else None)

    def _list_item(self, token: Token) -> None:
        if token.nesting > 0:
            self._open_item(token)
        elif self._marker:  # an item without text still shows that it is one
            self._add(Block("paragraph", (), tight=True))

    def _open_item(self, token: Token) -> None:
        number = self._lists[-1]
        if number is None:
            self._marker = "\u2022" if len(self._lists) % 2 else "\u25e6"
        else:
            self._marker = f"{number}{token.markup}"
            self._lists[-1] = number + 1

    def _add(self, block: Block) -> None:
        self._items.append(replace(block, indent=len(self._lists), quote=self._quote, marker=self._marker))
        self._marker = ""

    def _inline(self, token: Token, *, in_table: bool, tight: bool) -> None:
        runs = inline_runs(token.content)
        if in_table:
            self._table[-1].append(runs)
        elif self._heading:
            self._add(Block("heading", runs, level=self._heading))
        else:
            self._add(Block("paragraph", runs, tight=tight))

    def _close_table(self) -> None:
        rows = tuple(tuple(row) for row in self._table)
        if sum(len(row) for row in rows) > TABLE_CELLS:
            for row in rows:
                cells = " | ".join("".join(run.text for run in cell) for cell in row)
                self._add(Block("paragraph", (Run(cells, Style.CODE),), tight=True))
        else:
            self._items.append(TableBlock(rows, tuple(self._aligns), len(self._lists), self._quote))
        self._table, self._aligns = [], []

    def _code(self, token: Token, *, growing: bool) -> None:
        group = (token.map or [0])[0] + 1
        language = token.info.split()[0][:30] if token.info.strip() else ""
        self._add(Block("code_head", (Run(language or "text", Style.MUTED),), group=group))
        code = token.content.removesuffix("\n")
        lines = code_lines(code, language, growing=growing)
        for number, line in enumerate(lines, 1):
            runs = tuple(Run(text, Style.CODE, color=color) for text, color in line)
            self._add(Block("code", runs, tight=number < len(lines), group=group))


@lru_cache(maxsize=2_048)
def inline_runs(content: str) -> tuple[Run, ...]:
    """The runs of a paragraph's source."""
    if len(content) > INLINE_LIMIT:
        return (Run(content.replace("\n", LINE_BREAK)),)
    children: list[Token] = []
    _INLINE.inline.parse(content, _INLINE, {}, children)
    runs: list[Run] = []
    style, href = Style.NONE, ""
    styles = {"strong": Style.BOLD, "em": Style.ITALIC, "s": Style.STRIKE}
    depth = dict.fromkeys(styles, 0)
    for child in children:
        name, _, edge = child.type.rpartition("_")
        if name in styles:
            depth[name] += 1 if edge == "open" else -1
            style = Style(sum(flag for key, flag in styles.items() if depth[key]))
        elif child.type == "link_open":
            href = str(child.attrGet("href") or "")
        elif child.type == "link_close":
            if href and not is_openable(href):
                runs.append(Run(f" ({href})", style | Style.MUTED))
            href = ""
        else:
            run = _leaf(child, style)
            if run.text:
                runs.append(replace(run, href=href if is_openable(href) else ""))
    return tuple(runs)


def _leaf(token: Token, style: Style) -> Run:
    if token.type in ("softbreak", "hardbreak"):
        return Run(LINE_BREAK, style)
    if token.type == "code_inline":
        return Run(token.content, style | Style.CODE)
    if token.type == "image":
        # nothing is ever fetched for an answer: the picture's name and address are words
        return Run(f"[image not loaded: {token.content} \u2013 {token.attrGet('src')}]", style | Style.MUTED)
    return Run(token.content, style)


def is_openable(href: str) -> bool:
    """Whether a link may be offered at all: web and mail addresses with a host and no control characters."""
    if not href or any(ord(char) < 33 for char in href):
        return False
    try:
        parts = urlsplit(href)
        target = parts.path if parts.scheme == "mailto" else parts.hostname
        return parts.scheme in _SCHEMES and bool(target) and "%" not in (parts.hostname or "")
    except ValueError:
        return False
