"""Sorting and filtering of a :class:`RecordModel`, quick enough to follow the keys with thousands of rows.

Qt's own proxy asks Python for two values in every comparison and for every cell in every search, and tells
its view of each run of rows by itself. Here the order is kept, the text of a row is put together once, and
a view hears of a change of the filter as one change of the layout: what is selected stays selected.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractProxyModel,
    QModelIndex,
    QObject,
    Qt,
    QTimer,
)

from bancada.core.comparing import fold
from bancada.gui.models.records import Index, RecordModel

#: from so many rows on, texts are put together before anybody types, in portions of so many seconds
_MANY: Final = 300
_PORTION_S: Final = 0.004
#: so many changed rows are looked at one by one, more of them all at once
_FEW: Final = 50
_FLAGS: Final = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren


class RecordFilter(QAbstractProxyModel):
    """Sorts by the columns' values and keeps the rows whose texts hold every word, whatever its accents."""

    def __init__(self, model: RecordModel[Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._words: tuple[str, ...] = ()
        self._keep: Callable[[Any], bool] | None = None
        self._column, self._descending = -1, False
        self._order: list[int] = []  # every source row, sorted
        self._shown: list[int] = []  # those that are shown: source row by row
        self._places: list[int] = []  # row by source row, -1 for a hidden one
        self._texts: list[str | None] = []
        self._warming = QTimer(self, singleShot=True, interval=0)
        self._warming.timeout.connect(self._warm)
        self.setSourceModel(model)
        model.modelAboutToBeReset.connect(self.beginResetModel)
        model.modelReset.connect(self._reset)
        model.rowsAboutToBeRemoved.connect(self._removing)
        model.rowsRemoved.connect(self._removed)
        model.rowsInserted.connect(self._inserted)
        model.dataChanged.connect(self._changed)
        self._read_all()

    # -- what a table asks for

    def set_text(self, text: str) -> None:
        """Show only the rows in which every word occurs."""
        words = tuple(fold(text).split())
        if words != self._words:
            self._words = words
            self._arrange()

    def set_keep(self, keep: Callable[[Any], bool] | None) -> None:
        """Show only the records that ``keep`` likes, beside the words; None likes all."""
        self._keep = keep
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column's values, unknown ones last; -1 is the model's own order."""
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._order = self._sorted()
        self._arrange()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._model.columns)

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        inside = 0 <= row < len(self._shown) and 0 <= column < len(self._model.columns)
        return self.createIndex(row, column) if inside and not parent.isValid() else QModelIndex()

    def parent(self, _child: Index | None = None) -> Any:
        """No row is below another one; without an index: the owner."""
        return super().parent() if _child is None else QModelIndex()

    def mapToSource(self, index: Index) -> QModelIndex:
        if not index.isValid() or index.row() >= len(self._shown):
            return QModelIndex()
        return self._model.index(self._shown[index.row()], index.column())

    def mapFromSource(self, index: Index) -> QModelIndex:
        row = self._places[index.row()] if index.isValid() and index.row() < len(self._places) else -1
        return self.index(row, index.column())

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = index.row()
        return self._model.cell(self._shown[row], index.column(), role) if row < len(self._shown) else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        return self._model.headerData(section, orientation, role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def setSourceModel(self, model: QAbstractItemModel) -> None:
        """Once, by the constructor."""
        super().setSourceModel(model)

    # -- the order and the filter

    def _read_all(self) -> None:
        self._texts = [None] * self._model.rowCount()
        self._order = self._sorted()
        self._place(self._filtered())
        self._warm_soon()

    def _warm_soon(self) -> None:
        self._warming.stop()
        if len(self._texts) >= _MANY:
            self._warming.start()

    def _sorted(self) -> list[int]:
        rows = range(self._model.rowCount())
        if not 0 <= self._column < len(self._model.columns):
            return list(rows)
        return sorted(rows, key=self._key, reverse=self._descending)

    def _key(self, row: int) -> tuple[bool, Any]:
        # values that are not known come last, and are never compared with known ones
        value = self._model.value(row, self._column)
        return (value is None, 0 if value is None else value)

    def _filtered(self) -> list[int]:
        rows = list(self._order)
        if self._keep is not None:
            keep, at = self._keep, self._model.at
            rows = [row for row in rows if keep(at(row))]
        if self._words:
            texts = {row: self._texts[row] or self._text(row) for row in rows}
            for word in self._words:
                rows = [row for row in rows if word in texts[row]]
        return rows

    def _accepts(self, row: int) -> bool:
        """The same for one row."""
        if self._keep is not None and not self._keep(self._model.at(row)):
            return False
        text = self._text(row) if self._words else ""
        return all(word in text for word in self._words)

    def _text(self, row: int) -> str:
        text = self._texts[row]
        if text is None:
            text = self._texts[row] = fold(self._model.text(row))
        return text

    def _warm(self) -> None:
        """Put the next texts together; the timer comes again until all are there."""
        end = perf_counter() + _PORTION_S
        for row, text in enumerate(self._texts):
            if text is None:
                self._text(row)
                if perf_counter() > end:
                    self._warming.start()
                    return

    def _place(self, shown: list[int]) -> None:
        self._shown = shown
        places = [-1] * self._model.rowCount()
        for at, row in enumerate(shown):
            places[row] = at
        self._places = places

    def _arrange(self) -> None:
        """Show other rows or another order, as one change."""
        shown = self._filtered()
        if shown == self._shown:
            return
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        rows = [self._shown[one.row()] for one in kept]
        self._place(shown)
        self.changePersistentIndexList(
            kept, [self.index(self._places[row], one.column()) for one, row in zip(kept, rows, strict=True)]
        )
        self.layoutChanged.emit()

    # -- changes of the records

    def _reset(self) -> None:
        self._read_all()
        self.endResetModel()

    def _removing(self, _parent: QModelIndex, first: int, last: int) -> None:
        places = sorted((self._places[row] for row in range(first, last + 1)), reverse=True)
        for at in places:
            if at >= 0:
                self.beginRemoveRows(QModelIndex(), at, at)
                self._place(self._shown[:at] + self._shown[at + 1 :])
                self.endRemoveRows()

    def _removed(self, _parent: QModelIndex, first: int, last: int) -> None:
        gone = last - first + 1
        del self._texts[first : last + 1]
        self._order = [row - gone if row > last else row for row in self._order if not first <= row <= last]
        self._place([row - gone if row > last else row for row in self._shown])

    def _inserted(self, _parent: QModelIndex, first: int, last: int) -> None:
        count = last - first + 1
        self._texts[first:first] = [None] * count
        self._order = self._sorted()
        self._place([row + count if row >= first else row for row in self._shown])
        for row in range(first, last + 1):
            if self._accepts(row):
                self._show(row)

    def _show(self, row: int) -> None:
        place = {one: at for at, one in enumerate(self._order)}
        at = bisect_left([place[one] for one in self._shown], place[row])
        self.beginInsertRows(QModelIndex(), at, at)
        self._place([*self._shown[:at], row, *self._shown[at:]])
        self.endInsertRows()

    def _changed(self, top: QModelIndex, bottom: QModelIndex, roles: Sequence[int] = ()) -> None:
        first, last = top.row(), bottom.row()
        self._texts[first : last + 1] = [None] * (last - first + 1)
        self._order = self._sorted()
        self._arrange()
        width = len(self._model.columns) - 1
        if last - first > _FEW:
            self._warm_soon()
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._shown) - 1, width), list(roles))
            return
        for row in range(first, last + 1):
            at = self._places[row]
            if at >= 0:
                self.dataChanged.emit(self.index(at, 0), self.index(at, width), list(roles))
