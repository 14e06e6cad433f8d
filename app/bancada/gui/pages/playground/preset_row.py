"""The presets: those that come with the program and the user's own, chosen, saved and removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QInputDialog, QWidget

from bancada.gui.pages.playground.parameters import PRESETS, Parameters
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import IconButton
from bancada.storage.presets import PresetRecord

_OWN: Final = "own:"
_LONGEST_NAME: Final = 80


class PresetRow(QWidget):
    """A list of names, a button that saves and one that removes. Emits the key or the name concerned."""

    chosen = Signal(str)
    saved = Signal(str)
    removed = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._own: dict[str, PresetRecord] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.box = QComboBox()
        self.box.setAccessibleName(self.tr("Preset"))
        self.box.setPlaceholderText(self.tr("Own values"))
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.activated.connect(lambda index: self.chosen.emit(str(self.box.itemData(index))))
        row.addWidget(self.box, 1)
        save = IconButton(theme, "save", self.tr("Save these parameters as a preset"))
        save.clicked.connect(self._save)
        self._remove = IconButton(theme, "trash", self.tr("Remove this preset"))
        self._remove.clicked.connect(self._ask_removal)
        row.addWidget(save)
        row.addWidget(self._remove)

    @property
    def key(self) -> str:
        """The chosen preset; empty while the values are nobody's."""
        return str(self.box.currentData() or "")

    def set_presets(self, records: Sequence[PresetRecord]) -> None:
        """The user's own presets, after those of the program."""
        self._own = {one.name: one for one in records}
        names = {
            "exact": self.tr("Exact and repeatable"),
            "balanced": self.tr("Balanced"),
            "creative": self.tr("Creative"),
        }
        with QSignalBlocker(self.box):
            self.box.clear()
            for key, name in names.items():
                self.box.addItem(name, key)
            for name in self._own:
                self.box.addItem(name, _OWN + name)

    def values(self, key: str) -> Parameters | None:
        """The parameters of a preset; None for an unknown key."""
        record = self.record(key)
        return Parameters.from_json(record.parameters) if record is not None else PRESETS.get(key)

    def record(self, key: str) -> PresetRecord | None:
        """The user's own preset of that key; None for one of the program's."""
        return self._own.get(key.removeprefix(_OWN)) if key.startswith(_OWN) else None

    def choose(self, key: str) -> None:
        """Show a preset as chosen; nothing is emitted."""
        self._show(self.box.findData(key))

    def name(self, values: Parameters) -> None:
        """Show which preset has this sampling; the one that is shown stays when it fits."""
        found = -1
        for index in range(self.box.count()):
            preset = self.values(str(self.box.itemData(index)))
            if preset is not None and preset.same_sampling(values):
                found = index
                if self.box.currentIndex() == index:
                    break
        self._show(found)

    def _show(self, index: int) -> None:
        self.box.setCurrentIndex(index)
        self._remove.setVisible(self.key.startswith(_OWN))

    def _save(self) -> None:
        name, accepted = QInputDialog.getText(self, self.tr("Save preset"), self.tr("Name of the preset"))
        if accepted and name.strip():
            self.saved.emit(name.strip()[:_LONGEST_NAME])

    def _ask_removal(self) -> None:
        if self.key.startswith(_OWN):
            self.removed.emit(self.key.removeprefix(_OWN))
