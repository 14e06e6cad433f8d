"""Every action of the window, in one place: menus, shortcuts, the palette and the shortcut sheet read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from bancada.gui.theme.theme import Theme


@dataclass(frozen=True, slots=True)
class Entry:
    """An action with what the registry knows of it.

    ``page`` is empty for one that works everywhere, ``page.view`` for one of a single view of a page.
    """

    id: str
    action: QAction
    page: str
    icon: str


class ActionRegistry(QObject):
    """Adds actions to the window, so that their shortcuts work wherever the focus is.

    An action of a page is hidden, and its shortcut asleep, while another page is shown: so two
    pages may use the same keys. Whether it can be used there is the page's to say, by ``setEnabled``.
    """

    def __init__(self, window: QWidget, theme: Theme) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self._entries: dict[str, Entry] = {}
        self._page = ""
        theme.changed.connect(self._tint)

    def add(
        self,
        id: str,  # noqa: A002 - the word of the design
        text: str,
        slot: Callable[[], object],
        *,
        shortcut: str = "",
        icon: str = "",
        page: str = "",
    ) -> QAction:
        """Make an action; ``shortcut`` holds key sequences as ``Ctrl+N``, several separated by ``;``.

        Raises:
            ValueError: the id is taken.
        """
        if id in self._entries:
            raise ValueError(f"the action {id} exists")
        action = QAction(text, self._window)
        action.setObjectName(id)
        if shortcut:
            action.setShortcuts([QKeySequence(one.strip()) for one in shortcut.split(";")])
            action.setToolTip(
                f"{text} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})"
            )
        if icon:
            action.setIcon(self._theme.icon(icon))
        action.setVisible(self._awake(page))
        action.triggered.connect(lambda _checked=False: slot())
        self._window.addAction(action)
        self._entries[id] = Entry(id, action, page, icon)
        return action

    def __getitem__(self, id: str) -> QAction:  # noqa: A002
        return self._entries[id].action

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def set_page(self, page: str) -> None:
        """Wake the actions of a page, or of ``page.view``, and let those of the others sleep."""
        self._page = page
        for entry in self._entries.values():
            entry.action.setVisible(self._awake(entry.page))

    def _awake(self, page: str) -> bool:
        return page in ("", self._page) or self._page.startswith(f"{page}.")

    def _tint(self) -> None:
        for entry in self._entries.values():
            if entry.icon:
                entry.action.setIcon(self._theme.icon(entry.icon))
