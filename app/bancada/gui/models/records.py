"""Records as a table: columns are data, and new records change only the rows that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QColor, QFont

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import plain_tip

R = TypeVar("R")
Index = QModelIndex | QPersistentModelIndex

SORT_ROLE: Final = Qt.ItemDataRole.UserRole + 1
ID_ROLE: Final = Qt.ItemDataRole.UserRole + 2
#: share of work done, 0 to 1, None for no bar: drawn by the progress delegate
PROGRESS_ROLE: Final = Qt.ItemDataRole.UserRole + 3
#: the name of the colour that the cell's text has, "" for none
TONE_ROLE: Final = Qt.ItemDataRole.UserRole + 4


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column. ``value`` is what it sorts by; ``text`` what it shows (default: the value as text).

    ``figures``: right-aligned, monospaced. ``tone``: a colour token for the text. ``width``: pixels.
    """

    id: str
    title: str
    value: Callable[[R], Any]
    text: Callable[[R], str] | None = None
    figures: bool = False
    tone: Callable[[R], str] | None = None
    progress: Callable[[R], float | None] | None = None
    tip: Callable[[R], str] | None = None
    width: int = 120
    stretch: bool = False
    hidden: bool = False


class RecordModel(QAbstractTableModel, Generic[R]):
    """Rows are records, known by ``key(record)``; an equal record is not drawn again."""

    def __init__(
        self,
        theme: Theme,
        columns: Sequence[Column[R]],
        key: Callable[[R], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._key = key
        self._theme = theme
        self._records: list[R] = []
        self._rows: dict[str, int] = {}
        self._take_theme()
        theme.changed.connect(self._take_theme)

    def set_records(self, records: Sequence[R]) -> None:
        """Show these, in this order: rows come, go and change one by one, so that selections stay."""
        keys = [self._key(record) for record in records]
        wanted = set(keys)
        for row in range(len(self._records) - 1, -1, -1):
            if self._key(self._records[row]) not in wanted:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._records[row]
                self.endRemoveRows()
        kept = [self._key(record) for record in self._records]
        known = set(kept)
        if kept == [key for key in keys if key in known] and len(known) >= len(keys) // 2:
            self._insert_new(records, keys, known)
        else:
            self.beginResetModel()
            self._records = list(records)
            self.endResetModel()
        self._rows = {key: row for row, key in enumerate(keys)}

    def update_record(self, record: R) -> None:
        """Show a newer state of one record; an unknown one is left out."""
        row = self._rows.get(self._key(record))
        if row is not None and self._records[row] != record:
            self._records[row] = record
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))

    def record(self, id: str) -> R | None:  # noqa: A002 - the word of the design
        row = self._rows.get(id)
        return None if row is None else self._records[row]

    def records(self) -> list[R]:
        return list(self._records)

    def row_of(self, id: str) -> int:  # noqa: A002
        """The row of an id, -1 when it is not shown."""
        return self._rows.get(id, -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._records)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(self.columns[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self.cell(index.row(), index.column(), role)

    def at(self, row: int) -> R:
        """The record of a row."""
        return self._records[row]

    def value(self, row: int, column: int) -> Any:
        """What a cell sorts by."""
        return self.columns[column].value(self._records[row])

    def text(self, row: int) -> str:
        """The texts of all cells of a row, hidden columns included."""
        record = self._records[row]
        return " ".join(
            column.text(record) if column.text else str(column.value(record)) for column in self.columns
        )

    def cell(self, row: int, column_at: int, role: int) -> Any:
        """What :meth:`data` says, by numbers."""
        record, column = self._records[row], self.columns[column_at]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(record) if column.text else str(column.value(record))
        if role == SORT_ROLE:
            return column.value(record)
        if role == ID_ROLE:
            return self._key(record)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(column)
        if role == PROGRESS_ROLE:
            return column.progress(record) if column.progress else None
        return self._decoration(record, column, role)

    def _decoration(self, record: R, column: Column[R], role: int) -> Any:
        if role == TONE_ROLE:
            return column.tone(record) if column.tone else ""
        if role == Qt.ItemDataRole.FontRole and column.figures:
            return self._mono
        if role == Qt.ItemDataRole.ForegroundRole and column.tone:
            tone = column.tone(record)
            return QColor(self._theme.color(tone)) if tone else None
        if role == Qt.ItemDataRole.ToolTipRole and column.tip:
            return plain_tip(column.tip(record))
        return None

    @staticmethod
    def _alignment(column: Column[R]) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if column.figures else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter

    def _insert_new(self, records: Sequence[R], keys: list[str], known: set[str]) -> None:
        for row, (record, key) in enumerate(zip(records, keys, strict=True)):
            if key not in known:
                self.beginInsertRows(QModelIndex(), row, row)
                self._records.insert(row, record)
                self.endInsertRows()
            elif self._records[row] != record:
                self._records[row] = record
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))

    def _take_theme(self) -> None:
        self._mono: QFont = self._theme.mono(12)
        if self._records:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._records) - 1, len(self.columns) - 1))
