"""The sheets over the window: shortcuts, made from the registry of actions, and help, which is offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QFont,
    QKeySequence,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from bancada.core.paths import resources
from bancada.gui.pages import PAGES
from bancada.gui.pages.models.views import VIEWS, view_title
from bancada.gui.rail import page_title
from bancada.gui.widgets.basics import GRID, Label, PlainButton, SectionLabel

if TYPE_CHECKING:
    from bancada.gui.desk import Desk


class Sheet(QDialog):
    """A dialog with a title, a body and Close; it does not block the window."""

    def __init__(self, parent: QWidget, title: str, width: int, height: int) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(min(width, parent.width() - 32), min(height, parent.height() - 32))
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(12)
        column.addWidget(Label(title, "title"))
        self.body = QVBoxLayout()
        column.addLayout(self.body, 1)
        #: a stretch, then the buttons of the sheet, Close being the last
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self.done_button = PlainButton(self.tr("Close"))
        self.done_button.clicked.connect(self.close)
        self.buttons.addWidget(self.done_button)
        column.addLayout(self.buttons)


class ShortcutSheet(Sheet):
    """Every action that has keys: those of the window, then those of the page that is shown."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.window, desk.tr("Keyboard shortcuts"), 560, 560)
        area = QScrollArea(widgetResizable=True)
        area.setAccessibleName(self.tr("Keyboard shortcuts"))
        inner = QWidget()
        inner.setProperty("role", "scrolled")
        grid = QGridLayout(inner)
        grid.setContentsMargins(0, 0, GRID, 0)
        grid.setColumnStretch(0, 1)
        grid.setVerticalSpacing(6)
        titles = {spec.id: page_title(spec) for spec in PAGES}
        titles |= {f"models.{view.id}": f"{titles['models']}: {view_title(view)}" for view in VIEWS}
        row = 0
        for page in ("", *titles):
            entries = [one for one in desk.actions if one.page == page and one.action.shortcuts()]
            if not entries:
                continue
            grid.addWidget(SectionLabel(titles.get(page, self.tr("Everywhere"))), row, 0, 1, 2)
            for entry in entries:
                row += 1
                keys = QKeySequence.listToString(
                    entry.action.shortcuts(), QKeySequence.SequenceFormat.NativeText
                )
                grid.addWidget(Label(entry.action.text()), row, 0)
                grid.addWidget(Label(keys.replace("; ", "  \N{MIDDLE DOT}  "), "mono"), row, 1)
            row += 1
            grid.setRowMinimumHeight(row, 12)
            row += 1
        grid.setRowStretch(row, 1)
        area.setWidget(inner)
        self.body.addWidget(area)


class HelpSheet(Sheet):
    """What the page is for and how it is used, and what the words of the figures mean."""

    def __init__(self, desk: Desk, page_id: str) -> None:
        spec = next(one for one in PAGES if one.id == page_id)
        super().__init__(desk.window, page_title(spec), 640, 600)
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.setAccessibleName(self.tr("Help"))
        folder = resources() / "help"
        parts = [(folder / name).read_text("utf-8") for name in (f"{page_id}.md", "words.md")]
        self.text.setMarkdown("\n\n".join(parts))
        _space_out(self.text.document(), desk.theme.px(15))
        self.body.addWidget(self.text)


def _space_out(document: QTextDocument, heading: int) -> None:
    """Give paragraphs and headings the distances that Qt's Markdown reader leaves out."""
    cursor = QTextCursor(document)
    cursor.beginEditBlock()
    block = document.begin()
    while block.isValid():
        cursor.setPosition(block.position())
        form = block.blockFormat()
        title = form.headingLevel() > 0
        form.setTopMargin(16 if title and block.position() else 0)
        form.setBottomMargin(6)
        form.setLineHeight(125, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor.setBlockFormat(form)
        if title:
            cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
            letters = QTextCharFormat()
            letters.setProperty(QTextFormat.Property.FontPixelSize, heading)
            letters.setFontWeight(QFont.Weight.DemiBold)
            cursor.mergeCharFormat(letters)
        block = block.next()
    cursor.endEditBlock()
