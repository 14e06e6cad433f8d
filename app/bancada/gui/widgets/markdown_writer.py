"""Writes blocks into a text document, touching only what changed since the last time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextLength,
    QTextOption,
    QTextTableFormat,
)

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.markdown_blocks import Block, Item, Run, Style, TableBlock

#: links that the program itself makes; text of an answer cannot hold one (see is_openable)
COPY_SCHEME: Final = "bancada-copy:"
INDENT: Final = 22
QUOTE: Final = 16
CODE_PADDING: Final = 12
_HEADINGS: Final = {1: 18, 2: 16, 3: 15}
_SYNTAX: Final = {
    "comment": "muted",
    "keyword": "accent",
    "string": "good",
    "number": "warn",
    "builtin": "accent",
}
_STRONG: Final = frozenset({"keyword", "name"})


@dataclass(frozen=True, slots=True)
class Decoration:
    """What is painted behind or beside blocks ``first`` to ``last`` (item numbers): code, quote or rule."""

    kind: str
    first: int
    last: int
    inset: int


class MarkdownWriter:
    """Keeps a document equal to a list of items. The items' texts and places can be asked afterwards."""

    def __init__(self, document: QTextDocument, theme: Theme, tr: Callable[[str], str]) -> None:
        self._document = document
        self._theme = theme
        self._copy_word = tr("Copy code")
        self.items: list[Item] = []
        self._starts: list[int] = []
        self._settled = 0
        self._formats: dict[tuple[Style, bool, str, int, str], QTextCharFormat] = {}
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)
        self.retheme()

    def retheme(self) -> None:
        """Forget what was drawn and take the theme's fonts; the next show draws everything."""
        self._formats.clear()
        self._document.clear()
        font = QFont()
        font.setPixelSize(self._theme.px(14))
        self._document.setDefaultFont(font)
        self.items, self._starts, self._settled = [], [], 0

    def show(self, settled: Sequence[Item], rest: Sequence[Item]) -> int:
        """Make the document show both lists; returns the number of the first item that was touched.

        ``settled`` may only grow from one call to the next; a shorter one starts anew.
        """
        if len(settled) < self._settled:
            self._settled = 0
        index = self._settled
        total = len(settled) + len(rest)

        def item(number: int) -> Item:
            return settled[number] if number < len(settled) else rest[number - len(settled)]

        while index < len(self.items) and index < total and self.items[index] == item(index):
            index += 1
        self._settled = len(settled)
        if index == total == len(self.items):
            return index
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        first = index
        if index < len(self.items):
            new = item(index) if index < total else None
            if new is not None and self._extend(cursor, index, new):
                index += 1
            else:
                self._cut(cursor, index)
        for number in range(index, total):
            self._append(cursor, item(number))
        cursor.endEditBlock()
        return first

    def block(self, number: int) -> QTextBlock:
        """The text block of an item that is a Block."""
        return self._document.findBlock(self._starts[number])

    def start(self, number: int) -> int:
        """Where an item begins in the document; the end for one that is not there."""
        known = number < len(self._starts)
        return self._starts[number] if known else self._document.characterCount()

    def text_start(self, number: int) -> int:
        """The position of the first character of a block, after its marker."""
        item = self.items[number]
        return self._starts[number] + (len(item.marker) + 1 if isinstance(item, Block) and item.marker else 0)

    def code_of(self, group: int) -> str:
        """The code of a fence, by its group."""
        lines = [one.text for one in self.items if isinstance(one, Block) and one.group == group]
        return "\n".join(lines[1:])

    def decorations(self) -> list[Decoration]:
        """What is to be painted around the blocks, in order."""
        found: list[Decoration] = []
        code: Decoration | None = None
        quotes: dict[int, Decoration] = {}
        last_group = 0
        for number, item in enumerate(self.items):
            group = item.group if isinstance(item, Block) else 0
            if group and group == last_group and code is not None:
                code = replace(code, last=number)
            else:
                found.extend([code] if code else [])
                inset = item.indent * INDENT + item.quote * QUOTE
                code = Decoration("code", number, number, inset) if group else None
            last_group = group
            ended = [one for one in quotes if one > item.quote]
            found.extend(quotes.pop(depth) for depth in ended)
            if isinstance(item, Block):
                for depth in range(1, item.quote + 1):
                    old = quotes.get(depth, Decoration("quote", number, number, (depth - 1) * QUOTE))
                    quotes[depth] = replace(old, last=number)
                if item.kind == "rule":
                    found.append(Decoration("rule", number, number, item.indent * INDENT))
        return [*found, *([code] if code else []), *quotes.values()]

    def _extend(self, cursor: QTextCursor, number: int, new: Item) -> bool:
        """Change the last item in place when it only grew; the selection in it stays."""
        old = self.items[number]
        if number != len(self.items) - 1 or not (isinstance(old, Block) and isinstance(new, Block)):
            return False
        if replace(old, runs=()) != replace(new, runs=()) or not old.runs or not new.runs:
            return False
        same = 0
        while same < len(old.runs) and same < len(new.runs) and old.runs[same] == new.runs[same]:
            same += 1
        position = self.text_start(number) + sum(len(run.text) for run in new.runs[:same])
        rest = list(new.runs[same:])
        if same < len(old.runs) and rest:
            before, after = old.runs[same], rest[0]
            if replace(before, text="") == replace(after, text="") and after.text.startswith(before.text):
                position += len(before.text)
                rest[0] = replace(after, text=after.text[len(before.text) :])
        cursor.setPosition(position)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._insert_runs(cursor, new, rest)
        self.items[number] = new
        return True

    def _cut(self, cursor: QTextCursor, number: int) -> None:
        start = self._starts[number]
        after_block = number > 0 and isinstance(self.items[number - 1], Block)
        if after_block and isinstance(self.items[number], Block):
            start -= 1
        cursor.setPosition(start)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        del self.items[number:], self._starts[number:]
        if after_block:
            # joining two blocks may leave the format of the second
            item = self.items[-1]
            if isinstance(item, Block):
                cursor.setBlockFormat(self._block_format(item))

    def _append(self, cursor: QTextCursor, item: Item) -> None:
        cursor.movePosition(QTextCursor.MoveOperation.End)
        reuse = not self.items or isinstance(self.items[-1], TableBlock)
        if isinstance(item, TableBlock):
            if reuse:
                self._shrink(cursor)
            self._starts.append(cursor.position())
            self._insert_table(cursor, item)
        else:
            plain = self._format(Run(""), item)
            if reuse:
                cursor.setBlockFormat(self._block_format(item))
                cursor.setBlockCharFormat(plain)
            else:
                cursor.insertBlock(self._block_format(item), plain)
            self._starts.append(cursor.position())
            if item.marker:
                cursor.insertText(item.marker + "\t", self._format(Run("", Style.MUTED), item))
            self._insert_runs(cursor, item, item.runs)
        self.items.append(item)

    def _insert_runs(self, cursor: QTextCursor, item: Block, runs: Sequence[Run]) -> None:
        for run in runs:
            cursor.insertText(run.text, self._format(run, item))
        if item.kind == "code_head":
            cursor.insertText("   ", self._format(Run(""), item))
            link = self._format(Run(self._copy_word, href=f"{COPY_SCHEME}{item.group}"), item)
            cursor.insertText(self._copy_word, link)

    def _shrink(self, cursor: QTextCursor) -> None:
        """Make an empty block that only separates as low as a line can be."""
        thin = QTextBlockFormat()
        thin.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        cursor.setBlockFormat(thin)

    def _insert_table(self, cursor: QTextCursor, item: TableBlock) -> None:
        columns = max((len(row) for row in item.rows), default=1)
        look = QTextTableFormat()
        look.setBorderCollapse(True)
        look.setBorder(1)
        look.setBorderBrush(self._theme.color("border"))
        look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        look.setCellPadding(6)
        look.setTopMargin(4)
        look.setBottomMargin(10)
        look.setLeftMargin(item.indent * INDENT + item.quote * QUOTE)
        look.setHeaderRowCount(1)
        look.setColumnWidthConstraints([QTextLength()] * columns)
        table = cursor.insertTable(max(len(item.rows), 1), max(columns, 1), look)
        for row, cells in enumerate(item.rows):
            for column, runs in enumerate(cells):
                cell = table.cellAt(row, column)
                inside = cell.firstCursorPosition()
                block = QTextBlockFormat()
                align = item.aligns[column] if column < len(item.aligns) else ""
                sides = {"right": Qt.AlignmentFlag.AlignRight, "center": Qt.AlignmentFlag.AlignHCenter}
                block.setAlignment(sides.get(align, Qt.AlignmentFlag.AlignLeft))
                inside.setBlockFormat(block)
                if row == 0:
                    shade = cell.format()
                    shade.setBackground(self._theme.color("raised"))
                    cell.setFormat(shade)
                for run in runs:
                    style = run.style | Style.BOLD if row == 0 else run.style
                    inside.insertText(run.text, self._format(replace(run, style=style), None))
        cursor.movePosition(QTextCursor.MoveOperation.End)
        self._shrink(cursor)

    def _block_format(self, item: Block) -> QTextBlockFormat:
        look = QTextBlockFormat()
        left = item.indent * INDENT + item.quote * QUOTE
        look.setLineHeight(128, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        look.setBottomMargin(3 if item.tight else 9)
        if item.kind == "heading":
            look.setTopMargin(8)
            look.setBottomMargin(6)
            look.setHeadingLevel(min(item.level, 6))
        elif item.kind in ("code", "code_head"):
            left += CODE_PADDING
            look.setRightMargin(CODE_PADDING)
            look.setTopMargin(18 if item.kind == "code_head" else 0)
            last = item.kind == "code" and not item.tight
            look.setBottomMargin(4 if item.kind == "code_head" else 20 if last else 0)
        elif item.kind == "rule":
            look.setLineHeight(12, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        look.setLeftMargin(left)
        if item.marker:
            look.setTextIndent(-INDENT)
            look.setTabPositions([QTextOption.Tab(INDENT, QTextOption.TabType.LeftTab)])
        return look

    def _format(self, run: Run, item: Block | None) -> QTextCharFormat:
        level = item.level if item is not None else 0
        kind = item.kind if item is not None else ""
        key = (run.style, bool(run.href), run.color, level, kind)
        look = self._formats.get(key)
        if look is None:
            look = self._formats[key] = self._make_format(run, kind, level)
        if run.href:
            look = QTextCharFormat(look)
            look.setAnchorHref(run.href)
            look.setToolTip("" if run.href.startswith(COPY_SCHEME) else run.href)
        return look

    def _make_format(self, run: Run, kind: str, level: int) -> QTextCharFormat:
        look = QTextCharFormat()
        font = QFont(self._document.defaultFont())
        color: QColor = self._theme.color("muted" if run.style & Style.MUTED else "text")
        if run.style & Style.CODE:
            font = self._theme.mono(13)
            if kind != "code":
                look.setBackground(self._theme.color("hover"))
        if kind == "code_head":
            font.setPixelSize(self._theme.px(11))
        if level:
            font.setPixelSize(self._theme.px(_HEADINGS.get(level, 14)))
        bold = bool(level) or bool(run.style & Style.BOLD) or run.color in _STRONG
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        font.setItalic(bool(run.style & Style.ITALIC) or run.color == "comment")
        font.setStrikeOut(bool(run.style & Style.STRIKE))
        if run.color in _SYNTAX:
            color = self._theme.color(_SYNTAX[run.color])
        if run.href:
            color = self._theme.color("accent")
            font.setUnderline(True)
            look.setAnchor(True)
        look.setFont(font)
        look.setForeground(color)
        return look
