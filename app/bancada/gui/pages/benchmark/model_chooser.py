"""A button that opens a list of models to tick, with a filter: one benchmark is run for each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QSize, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QFrame, QLineEdit, QListView, QVBoxLayout, QWidget

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import GRID, PlainButton
from bancada.gui.widgets.format import bytes_text
from bancada.storage.models import VersionRecord

_ID = Qt.ItemDataRole.UserRole + 1


class ModelChooser(PlainButton):
    """``changed`` when other models are ticked; the ticked ones keep the order of the list."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__("", "combo")
        self._theme = theme
        # the arrow of a combo box, at its end
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.setStyleSheet("QPushButton { text-align: left; padding-right: 8px; font-weight: 400; }")
        self.setIconSize(QSize(14, 14))
        theme.changed.connect(self._say)
        self._names: dict[str, str] = {}
        self._filling = False
        self._model = QStandardItemModel(self)
        self._model.itemChanged.connect(self._item_changed)
        self._popup = _Popup(self, self._model)
        self.clicked.connect(self.open_list)
        self.setAccessibleName(self.tr("Models to measure"))
        self.setMinimumWidth(140)
        self._say()

    @property
    def chosen(self) -> list[str]:
        """The ids of the ticked versions."""
        items = (self._model.item(row) for row in range(self._model.rowCount()))
        return [str(one.data(_ID)) for one in items if one.checkState() == Qt.CheckState.Checked]

    def name(self, version_id: str) -> str:
        return self._names.get(version_id, "")

    def set_versions(self, versions: Sequence[VersionRecord]) -> None:
        """List these; ticks stay. When nothing is ticked and there is a first one, it is."""
        if [one.id for one in versions] == list(self._names):
            return
        ticked = set(self.chosen) & {one.id for one in versions} or {one.id for one in versions[:1]}
        self._names = {one.id: f"{one.name}:{one.version}" for one in versions}
        self._filling = True
        self._model.clear()
        for one in versions:
            facts = f"{one.quantization} \N{MIDDLE DOT} {bytes_text(one.size_bytes)}"
            item = QStandardItem(f"{self._names[one.id]}   {facts}")
            # ticked by clicks on the whole row and by the space bar: see the popup
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setData(one.id, _ID)
            item.setCheckState(Qt.CheckState.Checked if one.id in ticked else Qt.CheckState.Unchecked)
            self._model.appendRow(item)
        self._filling = False
        self._say()
        self.changed.emit()

    def choose(self, version_ids: Sequence[str]) -> None:
        """Tick exactly these; unknown ids are left out."""
        for row in range(self._model.rowCount()):
            item = self._model.item(row)
            on = str(item.data(_ID)) in version_ids
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._say()

    def open_list(self) -> None:
        """Open the list, with the focus in its filter."""
        self._popup.open_below(self)

    def _item_changed(self, _item: QStandardItem) -> None:
        if not self._filling:
            self._say()
            self.changed.emit()

    def _say(self) -> None:
        names = [self._names[one] for one in self.chosen]
        text = ", ".join(names) if names else self.tr("Choose a model")
        self.setIcon(self._theme.icon("chevron-down", "muted"))
        width = max(self.width() - 46, 60)
        shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)
        self.setText(shown.replace("&", "&&"))
        self.setToolTip("\n".join(names))
        self.setAccessibleDescription(text)


class _Popup(QFrame):
    def __init__(self, owner: QWidget, model: QStandardItemModel) -> None:
        super().__init__(owner, Qt.WindowType.Popup)
        self.setProperty("role", "popup")
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._proxy.setSourceModel(model)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, GRID, GRID, GRID)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter"))
        self.filter.setAccessibleName(self.tr("Filter the models"))
        self.filter.textChanged.connect(self._proxy.setFilterFixedString)
        self.filter.installEventFilter(self)
        self.list = QListView()
        self.list.setAccessibleName(self.tr("Models"))
        self.list.setModel(self._proxy)
        self.list.setUniformItemSizes(True)
        self.list.clicked.connect(self._toggle)
        self.list.installEventFilter(self)
        column.addWidget(self.filter)
        column.addWidget(self.list)

    def open_below(self, button: QWidget) -> None:
        self.resize(max(button.width(), 380), 300)
        self.move(button.mapToGlobal(QPoint(0, button.height() + 2)))
        self.show()
        self.filter.setFocus()
        self.filter.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Down goes from the filter into the list, the space bar ticks there, Return closes."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.close()
        elif watched is self.filter and event.key() == Qt.Key.Key_Down:
            self.list.setFocus()
            if not self.list.currentIndex().isValid():
                self.list.setCurrentIndex(self._proxy.index(0, 0))
        elif watched is self.list and event.key() == Qt.Key.Key_Space and self.list.currentIndex().isValid():
            self._toggle(self.list.currentIndex())
        else:
            return False
        return True

    def _toggle(self, index: QModelIndex) -> None:
        role = Qt.ItemDataRole.CheckStateRole
        on = Qt.CheckState(self._proxy.data(index, role)) == Qt.CheckState.Checked
        self._proxy.setData(index, Qt.CheckState.Unchecked if on else Qt.CheckState.Checked, role)
