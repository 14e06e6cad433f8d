"""A table with what tables here have: sorting, a filter row, chosen columns, copy as TSV, CSV export."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QItemSelectionModel, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from bancada.gui.models.record_filter import RecordFilter
from bancada.gui.models.records import ID_ROLE, PROGRESS_ROLE, Index, RecordModel
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import GRID, IconButton

_ROW_HEIGHT = 32
_NARROWEST_STRETCH = 120
_LONGEST_FILTER = 200
#: what a spreadsheet would run as a formula
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Table(QWidget):
    """A :class:`RecordModel` in a view, with a filter field and a menu above it.

    ``selected`` says the ids that are selected; ``opened`` the id of a row that was double-clicked
    or entered.
    """

    selected = Signal(list)
    opened = Signal(str)
    #: other columns, widths, order or filter: :meth:`arrangement` is what to keep
    arranged = Signal()

    def __init__(self, theme: Theme, model: RecordModel[Any], name: str, *, filter_row: bool = True) -> None:
        super().__init__()
        self.model = model
        self.proxy = RecordFilter(model, self)
        self.view = QTableView()
        self.view.setAccessibleName(name)
        self.view.setModel(self.proxy)
        self._theme, self._scale = theme, theme.scale
        self._said: list[str] = []  # the ids that were said to be selected
        self._set_up_view(theme)
        self.filter = QLineEdit(placeholderText=self.tr("Filter"), clearButtonEnabled=True)
        self.filter.setAccessibleName(self.tr("Filter: %1").replace("%1", name))
        self.filter.textChanged.connect(self.proxy.set_text)
        self.filter.textChanged.connect(self.arranged)
        self.menu_button = IconButton(theme, "more", self.tr("Columns and export: %1").replace("%1", name))
        self.menu_button.clicked.connect(self._show_menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self.bar = QHBoxLayout()
        self.bar.setSpacing(GRID)
        self.bar.addWidget(self.filter, 1)
        self.bar.addWidget(self.menu_button)
        column.addLayout(self.bar)
        column.addWidget(self.view, 1)
        # the rows' own place: it is laid out after the table itself was resized
        self.view.viewport().installEventFilter(self)
        if not filter_row:
            self.filter.hide()
            self.menu_button.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Give the room that is left to the column that stretches, or a readable rest where none is left."""
        if event.type() is QEvent.Type.Resize and watched is self.view.viewport():
            self._stretch()
        return super().eventFilter(watched, event)

    def selected_ids(self) -> list[str]:
        """The ids of the selected rows, from top to bottom."""
        rows = sorted(self.view.selectionModel().selectedRows(), key=lambda index: index.row())
        return [str(index.data(ID_ROLE)) for index in rows]

    def select(self, id: str) -> None:  # noqa: A002 - the word of the design
        """Select one row by id and bring it into sight; an unknown id clears nothing."""
        row = self.model.row_of(id)
        if row >= 0:
            index = self.proxy.mapFromSource(self.model.index(row, 0))
            # alone, whatever keys are held down
            flags = QItemSelectionModel.SelectionFlag
            self.view.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)

    def sort_by(self, column_id: str, *, descending: bool = False) -> None:
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.view.sortByColumn(self._position(column_id), order)

    def arrangement(self) -> dict[str, Any]:
        """Hidden columns, their order and widths, the sorting and the filter, as JSON values."""
        header, columns = self.view.horizontalHeader(), self.model.columns
        by_place = sorted(range(len(columns)), key=header.visualIndex)
        sorted_by = header.sortIndicatorSection()
        return {
            "hidden": [one.id for at, one in enumerate(columns) if self.view.isColumnHidden(at)],
            "order": [columns[at].id for at in by_place],
            "widths": {
                one.id: round(self.view.columnWidth(at) / self._scale)
                for at, one in enumerate(columns)
                if not one.stretch
            },
            "sort": columns[sorted_by].id if 0 <= sorted_by < len(columns) else "",
            "descending": header.sortIndicatorOrder() is Qt.SortOrder.DescendingOrder,
            "filter": self.filter.text(),
        }

    def arrange(self, kept: Mapping[str, Any]) -> None:
        """Take over an :meth:`arrangement`; what is missing or no longer fits stays as it is."""
        header, places = (
            self.view.horizontalHeader(),
            {one.id: at for at, one in enumerate(self.model.columns)},
        )
        hidden, order, widths = kept.get("hidden"), kept.get("order"), kept.get("widths")
        if isinstance(hidden, list) and not set(places) <= set(map(str, hidden)):
            for name, at in places.items():
                self.view.setColumnHidden(at, name in hidden)
        if isinstance(order, list):
            for to, name in enumerate(one for one in order if one in places):
                header.moveSection(header.visualIndex(places[name]), to)
        if isinstance(widths, dict):
            for name, width in widths.items():
                if name in places and type(width) is int and width > 0:
                    self.view.setColumnWidth(places[name], self._theme.px(width))
        self._stretch()
        if kept.get("sort") in places:
            self.sort_by(str(kept["sort"]), descending=kept.get("descending") is True)
        self.filter.setText(str(kept.get("filter") or "")[:_LONGEST_FILTER])

    def text(self, *, separator: str, selection_only: bool = False) -> str:
        """The visible columns of the shown rows as text, headings first; formulas are defused."""
        columns = [at for at in range(len(self.model.columns)) if not self.view.isColumnHidden(at)]
        chosen = set(self.selected_ids())
        out = io.StringIO()
        writer = csv.writer(out, delimiter=separator, lineterminator="\n")
        writer.writerow([self.model.columns[at].title for at in columns])
        for row in range(self.proxy.rowCount()):
            if not selection_only or str(self.proxy.index(row, 0).data(ID_ROLE)) in chosen:
                writer.writerow([_defused(str(self.proxy.index(row, at).data() or "")) for at in columns])
        return out.getvalue()

    def copy(self) -> None:
        """Put the selected rows on the clipboard as tab-separated text; all rows when none is selected."""
        text = self.text(separator="\t", selection_only=bool(self.selected_ids()))
        QGuiApplication.clipboard().setText(text)

    def export_csv(self, path: Path) -> None:
        """Write the shown rows; raises OSError."""
        path.write_text(self.text(separator=","), encoding="utf-8-sig")

    def ask_export(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Export as CSV"), "table.csv", "CSV (*.csv)")
        if name:
            self.export_csv(Path(name))

    def _set_up_view(self, theme: Theme) -> None:
        view = self.view
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setSortingEnabled(True)
        view.setTabKeyNavigation(False)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.verticalHeader().hide()
        view.setItemDelegate(ProgressDelegate(theme, view))
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setMinimumSectionSize(48)
        for signal in (header.sectionMoved, header.sectionResized, header.sortIndicatorChanged):
            signal.connect(self.arranged)
        for at, column in enumerate(self.model.columns):
            if not column.stretch:
                view.setColumnWidth(at, theme.px(column.width))
            view.setColumnHidden(at, column.hidden)
        self._fit_text()
        theme.changed.connect(self._fit_text)
        view.selectionModel().selectionChanged.connect(self._say_selected)
        self.proxy.layoutChanged.connect(self._keep_selected)
        view.doubleClicked.connect(lambda index: self.opened.emit(str(index.data(ID_ROLE))))
        copy = QAction(self.tr("Copy"), view, shortcut=QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        view.addAction(copy)
        enter = QAction(self.tr("Open"), view, shortcut=QKeySequence(Qt.Key.Key_Return))
        enter.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        enter.triggered.connect(self._open_current)
        view.addAction(enter)

    def _say_selected(self) -> None:
        self._said = self.selected_ids()
        self.selected.emit(self._said)

    def _keep_selected(self) -> None:
        """What was selected may be filtered away: then the first row is, as if it had been removed."""
        now = self.selected_ids()
        if now == self._said or sorted(now) == sorted(self._said):
            return
        if now or not self.proxy.rowCount():
            self._say_selected()
        else:
            flags = QItemSelectionModel.SelectionFlag
            first = self.proxy.index(0, 0)
            self.view.selectionModel().setCurrentIndex(first, flags.ClearAndSelect | flags.Rows)

    def _fit_text(self) -> None:
        """Rows and columns as large as the size of text asks for, no column narrower than its heading."""
        grown, self._scale = self._theme.scale / self._scale, self._theme.scale
        self.view.verticalHeader().setDefaultSectionSize(self._theme.px(_ROW_HEIGHT))
        header = self.view.horizontalHeader()
        header.ensurePolished()
        for at, column in enumerate(self.model.columns):
            if not column.stretch and not self.view.isColumnHidden(at):
                width = round(self.view.columnWidth(at) * grown)
                self.view.setColumnWidth(at, max(width, header.sectionSizeHint(at)))
        self._stretch()

    def _stretch(self) -> None:
        header, columns = self.view.horizontalHeader(), self.model.columns
        flexible = [at for at, one in enumerate(columns) if one.stretch]
        taken = sum(self.view.columnWidth(at) for at in range(len(columns)) if at not in flexible)
        least = self._theme.px(_NARROWEST_STRETCH)
        fits = self.view.viewport().width() - taken >= least * len(flexible)
        for at in flexible:
            mode = QHeaderView.ResizeMode.Stretch if fits else QHeaderView.ResizeMode.Fixed
            header.setSectionResizeMode(at, mode)
            if not fits:
                self.view.setColumnWidth(at, least)

    def _open_current(self) -> None:
        index = self.view.currentIndex()
        if index.isValid():
            self.opened.emit(str(index.data(ID_ROLE)))

    def _position(self, column_id: str) -> int:
        return next(at for at, one in enumerate(self.model.columns) if one.id == column_id)

    def menu(self) -> QMenu:
        """The columns to tick, copy and export."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for at, column in enumerate(self.model.columns):
            self._add_column_choice(menu, at, column.title)
        menu.addSeparator()
        menu.addAction(self.tr("Copy as TSV"), self.copy)
        menu.addAction(self.tr("Export as CSV\N{HORIZONTAL ELLIPSIS}"), self.ask_export)
        return menu

    def _add_column_choice(self, menu: QMenu, at: int, title: str) -> None:
        action = menu.addAction(title)
        action.setCheckable(True)
        action.setChecked(not self.view.isColumnHidden(at))
        action.toggled.connect(partial(self._show_column, at))

    def _show_column(self, at: int, shown: bool) -> None:
        self.view.setColumnHidden(at, not shown)
        self.arranged.emit()

    def _show_menu(self) -> None:
        self.menu().popup(self.menu_button.mapToGlobal(QPoint(0, self.menu_button.height())))


class ProgressDelegate(QStyledItemDelegate):
    """Draws the bar of cells that have a share of work done, and no focus frame within the row."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        """A selected cell keeps the colour that its value has."""
        super().initStyleOption(option, index)
        tone = index.data(Qt.ItemDataRole.ForegroundRole)
        if tone is not None:
            option.palette.setColor(QPalette.ColorRole.HighlightedText, tone)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        share = index.data(PROGRESS_ROLE)
        if share is None:
            return
        track = option.rect.adjusted(8, option.rect.height() - 7, -8, -4)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("border"))
        painter.drawRoundedRect(track, 1.5, 1.5)
        track.setWidth(round(track.width() * min(max(float(share), 0.0), 1.0)))
        painter.setBrush(self._theme.color("accent"))
        painter.drawRoundedRect(track, 1.5, 1.5)
        painter.restore()


def _defused(text: str) -> str:
    number_like = text[1:2].isdigit() and text[0] in "+-"
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not number_like else text
