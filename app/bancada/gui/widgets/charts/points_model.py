"""The numbers of a chart as a table: one row for each point, made only for the rows that are looked at."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from bancada.gui.widgets.charts.series import Series


class PointsModel(QAbstractTableModel):
    """Columns: line, x, y. ``headers`` are their three names."""

    def __init__(
        self,
        headers: tuple[str, str, str],
        format_x: Callable[[float], str],
        format_y: Callable[[float], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.headers = headers
        self._formats = (format_x, format_y)
        self._lines: list[tuple[str, Series, int]] = []
        self._starts: list[int] = []
        self._count = 0

    def set_lines(self, lines: Mapping[str, Series]) -> None:
        """Show these lines as long as they are now; points that come later need another call."""
        self.beginResetModel()
        self._lines = [(name, series, len(series)) for name, series in lines.items() if len(series)]
        self._starts, self._count = [], 0
        for _, _, count in self._lines:
            self._starts.append(self._count)
            self._count += count
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.headers)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.headers[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return super().headerData(section, orientation, role)

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.UserRole):
            return None
        place = bisect_right(self._starts, index.row()) - 1
        name, series, _ = self._lines[place]
        if index.column() == 0:
            return name
        values = series.x if index.column() == 1 else series.y
        value = float(values[index.row() - self._starts[place]])
        return self._formats[index.column() - 1](value) if role == Qt.ItemDataRole.DisplayRole else value
