"""Panes that fold where there is no room for them, and come back with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget


class Folding(QObject):
    """What the user wants of each pane, and what there is room for; the first panes get room first."""

    #: the user folded or unfolded one
    changed = Signal()

    def __init__(self, panes: Mapping[str, QWidget], parent: QObject) -> None:
        super().__init__(parent)
        self._panes = dict(panes)
        self._folded: set[str] = set()
        self._cramped: set[str] = set()
        self._opened = ""  # the one that is shown although there is no room

    @property
    def folded(self) -> list[str]:
        """The panes that the user folded; not those that only lack room."""
        return sorted(self._folded)

    def fold(self, names: Sequence[str]) -> None:
        """Fold these and no others."""
        self._folded = set(names) & self._panes.keys()
        self._show()

    def toggle(self, name: str) -> None:
        """The user's button: where there is no room the pane is shown in place of the others."""
        if name in self._cramped:
            self._opened = name if self._panes[name].isHidden() else ""
        else:
            self._folded ^= {name}
            self.changed.emit()
        self._show()

    def fit(self, room: int) -> None:
        """There are ``room`` pixels for all panes together."""
        cramped = set()
        for name, pane in self._panes.items():
            room -= pane.minimumWidth()
            if room < 0:
                cramped.add(name)
        if cramped != self._cramped:
            self._cramped, self._opened = cramped, ""
            self._show()

    def _show(self) -> None:
        for name, pane in self._panes.items():
            shown = name not in self._folded | self._cramped if not self._opened else name == self._opened
            pane.setVisible(shown)
