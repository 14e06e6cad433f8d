"""Shows one message: Markdown that grows while it is drawn, or a question as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTextBlock,
    QTextCursor,
    QTextLayout,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.markdown_blocks import Block, Item, StreamParser, TableBlock, normalized, plain
from bancada.gui.widgets.markdown_writer import COPY_SCHEME, MarkdownWriter
from bancada.gui.widgets.token_text import (
    AlternativesPopup,
    TokenInfo,
    TokenMap,
    band_format,
    probability_words,
)

_RADIUS: Final = 8


class MarkdownView(QTextBrowser):
    """A text as tall as it is: the page around it scrolls. Read-only, selectable, walkable by keyboard.

    It loads no resource of any kind. A web or mail link is handed out by :attr:`link_activated` and
    nothing else happens; the links "Copy code" are its own.
    """

    link_activated = Signal(str)
    #: the place of the caret or of a found word, for the page to scroll to
    reveal = Signal(QRectF)

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._plain = False
        self._source = ""
        self._parser = StreamParser()
        self._tokens = TokenMap()
        self._colored = False
        self._popup: AlternativesPopup | None = None
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setObjectName("message_text")
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet("QTextBrowser { background: transparent; border: none; padding: 0; }")
        self._writer = MarkdownWriter(self.document(), theme, self.tr)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.anchorClicked.connect(self._follow)
        self.cursorPositionChanged.connect(self._caret_moved)
        self.viewport().setMouseTracking(True)
        theme.changed.connect(self._retheme)

    # -- the text

    @property
    def text(self) -> str:
        """The text as it was given."""
        return self._source

    def set_plain(self, text: str) -> None:
        """Show a text as it is, without Markdown."""
        self._plain = True
        self._source = text
        self._draw()

    def set_markdown(self, text: str, *, finished: bool = True) -> None:
        """Show a Markdown text; one that begins with the last one only costs what was added."""
        if self._plain or not text.startswith(self._source):
            self._parser = StreamParser()
        self._plain = False
        self._source = text
        self._draw(finished=finished)

    def loadResource(self, _kind: int, _name: QUrl | str) -> Any:
        """Load nothing: whatever an answer names stays where it is."""
        return None

    def _draw(self, *, finished: bool = True) -> None:
        text = normalized(self._source)
        settled: Sequence[Item] = ()
        if self._plain:
            rest: Sequence[Item] = plain(text)
        else:
            rest = self._parser.feed(text, finished=finished)
            settled = self._parser.settled
        first = self._writer.show(settled, rest)
        if first == 0 and not self.hasFocus():
            # what is inserted pushes the caret to the end; who comes by keyboard begins at the beginning
            self.moveCursor(QTextCursor.MoveOperation.Start)
        if self._colored:
            self._color_from(first)

    def _retheme(self) -> None:
        self._writer.retheme()
        self._draw()
        if self._colored:
            self._color_from(0)

    # -- probabilities

    def set_tokens(self, tokens: Sequence[TokenInfo], *, colored: bool) -> None:
        """Give the tokens of the text (more than before while it grows) and whether to colour them."""
        fresh = colored and not self._colored
        self._tokens.extend_to(tokens)
        if self._colored and not colored:
            self._clear_colors()
        self._colored = colored
        if fresh:
            self._color_from(0)

    @property
    def colored(self) -> bool:
        """Whether probabilities are shown."""
        return self._colored

    def token_at(self, position: int) -> TokenInfo | None:
        """The token that made the character at a position of the document."""
        return self._tokens.token_at(position) if self._colored else None

    def step_uncertain(self, direction: int) -> bool:
        """Move the caret to the next (1) or previous (-1) uncertain word and show what else it could be."""
        place = self._tokens.next_uncertain(self.textCursor().position(), direction)
        if place is None:
            return False
        cursor = self.textCursor()
        cursor.setPosition(place)
        self.setTextCursor(cursor)
        self._show_alternatives(place, announce=True)
        return True

    def _color_from(self, first: int) -> None:
        """Colour the blocks from an item on. Sections are matched with their source as a whole."""
        starts = self._parser.starts
        section = max((index for index, (_, items) in enumerate(starts) if items <= first), default=0)
        text = normalized(self._source)
        self._tokens.forget_from(self._writer.start(starts[section][1]))
        for index in range(section, len(starts)):
            offset, begin = starts[index]
            last = index + 1 == len(starts)
            end = len(self._writer.items) if last else starts[index + 1][1]
            source = text[offset:] if last else text[offset : starts[index + 1][0]]
            pieces = [piece for number in range(begin, end) for piece in self._pieces(number)]
            self._tokens.align(
                source, offset, [(block.position() + skip, body) for block, skip, body in pieces]
            )
            for block, _, _ in pieces:
                self._color_block(block)
        self.viewport().update()

    def _pieces(self, number: int) -> list[tuple[QTextBlock, int, str]]:
        """(block, characters before the text, text) of an item: one, or one for each cell of a table."""
        item = self._writer.items[number]
        if isinstance(item, Block):
            if item.kind == "code_head":
                return []
            skip = len(item.marker) + 1 if item.marker else 0
            return [(self._writer.block(number), skip, item.text)]
        return self._cells(number, item)

    def _cells(self, number: int, item: TableBlock) -> list[tuple[QTextBlock, int, str]]:
        block = self._writer.block(number).next()
        found = []
        for row in item.rows:
            for cell in row:
                found.append((block, 0, "".join(run.text for run in cell)))
                block = block.next()
        return found

    def _color_block(self, block: QTextBlock) -> None:
        ranges = []
        for start, length, band in self._tokens.bands(block.position(), block.length()):
            one = QTextLayout.FormatRange()
            one.start, one.length, one.format = start, length, band_format(self._theme, band)
            ranges.append(one)
        if ranges or block.layout().formats():
            block.layout().setFormats(ranges)
            self.document().markContentsDirty(block.position(), block.length())

    def _clear_colors(self) -> None:
        block = self.document().begin()
        while block.isValid():
            block.layout().clearFormats()
            block = block.next()
        self.document().markContentsDirty(0, self.document().characterCount())
        self._hide_alternatives()
        self.viewport().update()

    def _show_alternatives(self, position: int, *, announce: bool) -> None:
        token = self.token_at(position)
        if token is None or token.probability is None:
            self._hide_alternatives()
            return
        if self._popup is None:
            self._popup = AlternativesPopup(self._theme, self.window())
        cursor = QTextCursor(self.document())
        cursor.setPosition(position)
        rect = self.cursorRect(cursor)
        self._popup.show_token(token, self.viewport().mapTo(self.window(), rect.bottomLeft()))
        self.reveal.emit(QRectF(rect))
        if announce:
            words = probability_words(token, self.tr)
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def _hide_alternatives(self) -> None:
        if self._popup is not None:
            self._popup.hide()

    def _caret_moved(self) -> None:
        if self._colored and self.hasFocus() and not self.textCursor().hasSelection():
            self._show_alternatives(self.textCursor().position(), announce=True)

    # -- links, keys and mouse

    def _follow(self, url: QUrl) -> None:
        target = url.toString(QUrl.ComponentFormattingOption.FullyEncoded)
        if not target.startswith(COPY_SCHEME):
            self.link_activated.emit(target)
            return
        QGuiApplication.clipboard().setText(self._writer.code_of(int(target.removeprefix(COPY_SCHEME))))
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, self.tr("Code copied")))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F8 and Shift+F8 go through uncertain words; Escape hides the alternatives."""
        if event.key() == Qt.Key.Key_F8 and self._colored:
            back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.step_uncertain(-1 if back else 1)
        elif event.key() == Qt.Key.Key_Escape and self._popup is not None and self._popup.isVisible():
            self._popup.hide()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show what else a word could have been under the pointer."""
        super().mouseMoveEvent(event)
        if self._colored and event.buttons() == Qt.MouseButton.NoButton:
            place = self.document().documentLayout().hitTest(event.position(), Qt.HitTestAccuracy.ExactHit)
            if place >= 0:
                self._show_alternatives(place, announce=False)
            else:
                self._hide_alternatives()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hide_alternatives()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to the page."""
        event.ignore()

    # -- size and paint

    def sizeHint(self) -> QSize:
        return QSize(300, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 20)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        items = self._writer.items
        last = items[-1] if items else None
        # the ground of code reaches below its last line
        below = 12 if isinstance(last, Block) and last.kind == "code" else 1
        height = int(self.document().size().height()) + below
        if height != self.height():
            self.setFixedHeight(height)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the grounds of code, the bars of quotes and the rules, then the text over them."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        clip = QRectF(event.rect())
        layout = self.document().documentLayout()
        width = self.viewport().width()
        line = 2.0 if self._theme.name == "contrast" else 1.0
        for one in self._writer.decorations():
            top = layout.blockBoundingRect(self._writer.block(one.first)).top()
            bottom = layout.blockBoundingRect(self._writer.block(one.last)).bottom()
            area = QRectF(one.inset, top, width - one.inset, bottom - top)
            if not area.adjusted(0, -9, 0, 9).intersects(clip):
                continue
            if one.kind == "code":
                painter.setPen(QPen(self._theme.color("border"), line))
                painter.setBrush(self._theme.color("surface"))
                painter.drawRoundedRect(area.adjusted(0.5, -7.5, -0.5, 8.5), _RADIUS, _RADIUS)
            elif one.kind == "quote":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self._theme.color("edge"))
                painter.drawRoundedRect(QRectF(one.inset, top, 3, bottom - top - 6), 1.5, 1.5)
            else:
                painter.setPen(QPen(self._theme.color("border"), line))
                middle = area.center().y()
                painter.drawLine(QPointF(area.left(), middle), QPointF(area.right(), middle))
        painter.end()
        super().paintEvent(event)
