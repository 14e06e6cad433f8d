"""What can be done with a chart: pause, numbers as a table, files, the clipboard."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget


class ChartMenu(QMenu):
    """The menu of one chart; ``save_to`` carries the path that the user chose."""

    save_to = Signal(str)

    def __init__(self, chart: QWidget, title: str) -> None:
        super().__init__(chart)
        self._chart, self._title = chart, title
        self.pause = self._add(self.tr("Pause"), checkable=True)
        self.table = self._add(self.tr("Show as table"), checkable=True)
        self.everything = self._add(self.tr("Show everything"))
        self.addSeparator()
        for ending in ("png", "svg", "csv"):
            action = self._add(self.tr("Save as %1\N{HORIZONTAL ELLIPSIS}").replace("%1", ending.upper()))
            action.triggered.connect(lambda _=False, ending=ending: self._ask(ending))
        self.copy = self._add(self.tr("Copy the picture"))

    def _add(self, text: str, *, checkable: bool = False) -> QAction:
        action = self.addAction(text)
        action.setCheckable(checkable)
        return action

    def _ask(self, ending: str) -> None:
        dialog = QFileDialog(self._chart, self.tr("Save the chart"), f"{self._title}.{ending}")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(f"{ending.upper()} (*.{ending})")
        dialog.setDefaultSuffix(ending)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save_to)
        dialog.open()
