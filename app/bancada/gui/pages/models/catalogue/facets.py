"""The row that narrows the catalogue: one box for each facet, each with how many models it would leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QStyle, QStyleOptionComboBox, QWidget

from bancada.catalog.catalogue.records import Catalogue
from bancada.catalog.catalogue.searching import facet_counts
from bancada.gui.models.catalogue import CatalogueRow, facet_text
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import LinkButton
from bancada.gui.widgets.format import number

SHOWN: Final = ("fit", "kind", "language", "licence", "size", "tools")
_SHORTEST: Final = 9
_HIGH: Final = 30
_SHORT_ROLE: Final = Qt.ItemDataRole.UserRole + 1


class FacetBox(QComboBox):
    """Says the chosen value alone; how many models have it stands in its list."""

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        """What does not fit ends in an ellipsis."""
        super().initStyleOption(option)
        style = self.style()
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        text = str(self.currentData(_SHORT_ROLE) or option.currentText)
        option.currentText = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, room)


class FacetRow(QWidget):
    """``changed`` is emitted when another value was chosen; "" is every value."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.boxes: dict[str, QComboBox] = {}
        names = {
            "fit": self.tr("This machine"),
            "kind": self.tr("Kind"),
            "language": self.tr("Language"),
            "licence": self.tr("Licence"),
            "size": self.tr("Size"),
            "tools": self.tr("Tools"),
        }
        self._names = names
        for facet in SHOWN:
            box = FacetBox()
            box.setAccessibleName(self.tr("Only: %1").replace("%1", names[facet]))
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(_SHORTEST)
            box.addItem(names[facet], "")
            box.currentIndexChanged.connect(self._chosen)
            self.boxes[facet] = box
            row.addWidget(box, 1)
        self.clear_button = LinkButton(self.tr("Show all"))
        self.clear_button.setAccessibleName(self.tr("Show all models again"))
        self.clear_button.clicked.connect(self.clear)
        self.clear_button.setEnabled(False)
        row.addWidget(self.clear_button)
        theme.changed.connect(self._fit_text)
        self._fit_text()

    @property
    def values(self) -> dict[str, str]:
        """The chosen value of each facet that is not open."""
        found = {facet: str(box.currentData() or "") for facet, box in self.boxes.items()}
        return {facet: value for facet, value in found.items() if value}

    def choose(self, facet: str, value: str) -> None:
        """Choose a value; an unknown one changes nothing."""
        at = self.boxes[facet].findData(value)
        if at >= 0:
            self.boxes[facet].setCurrentIndex(at)

    def clear(self) -> None:
        """Open every facet."""
        for box in self.boxes.values():
            with QSignalBlocker(box):
                box.setCurrentIndex(0)
        self._chosen()

    def show_counts(self, catalogue: Catalogue, rows: Sequence[CatalogueRow]) -> None:
        """Fill the boxes with the values there are; what was chosen stays."""
        found = [row.found for row in rows]
        for facet, box in self.boxes.items():
            chosen = box.currentData()
            with QSignalBlocker(box):
                box.clear()
                box.addItem(self._names[facet], "")
                for value, count in facet_counts(catalogue, found, facet):
                    text = facet_text(facet, value)
                    box.addItem(f"{text} ({number(count)})", value)
                    box.setItemData(box.count() - 1, text, _SHORT_ROLE)
                box.setCurrentIndex(max(0, box.findData(chosen)))

    def _fit_text(self) -> None:
        for box in self.boxes.values():
            box.setMinimumHeight(self._theme.px(_HIGH))

    def _chosen(self) -> None:
        self.clear_button.setEnabled(bool(self.values))
        self.changed.emit()
