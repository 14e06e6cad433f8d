"""What a page may ask of the window around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from PySide6.QtWidgets import QWidget

from bancada.gui.actions import ActionRegistry
from bancada.gui.background import Background
from bancada.gui.bridge import Bridge
from bancada.gui.setting_writer import SettingWriter
from bancada.gui.theme.theme import Theme

if TYPE_CHECKING:
    # the window is painted before the database's modules are imported
    from bancada.context import AppContext
    from bancada.gui.sharing import Sharing


class Shell(Protocol):
    """The window, as pages know it. The main window implements it; everything runs in the GUI thread."""

    @property
    def context(self) -> AppContext: ...
    @property
    def theme(self) -> Theme: ...
    @property
    def bridge(self) -> Bridge: ...
    @property
    def actions(self) -> ActionRegistry: ...
    @property
    def background(self) -> Background: ...
    @property
    def settings(self) -> SettingWriter: ...
    @property
    def sharing(self) -> Sharing: ...

    def navigate(self, page_id: str, **arguments: object) -> None:
        """Show a page and hand ``arguments`` to its ``opened``; an unknown id raises KeyError."""

    def notify(
        self, level: str, text: str, *, action_text: str = "", action: Callable[[], None] | None = None
    ) -> None:
        """Say something in the window: ``level`` is ``info``, ``success``, ``warning`` or ``error``."""

    def show_error(self, error: BaseException, *, near: QWidget | None = None) -> None:
        """Say what happened, what it means and what to do, beside ``near`` when it is given."""
