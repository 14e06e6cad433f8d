"""Whether the Playground's charts are shown: the wish is kept, their library imported in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject

from bancada.core.registry import resolve
from bancada.gui.pages.playground.chat import Chat
from bancada.gui.pages.playground.column import Column
from bancada.gui.pages.playground.page_layout import PlaygroundLayout
from bancada.gui.shell import Shell

if TYPE_CHECKING:
    # pyqtgraph is imported when charts are wanted
    from bancada.gui.pages.playground.chart_strip import ChartStrip

_WANTED: Final = "playground.charts"
_STRIP: Final = "bancada.gui.pages.playground.chart_strip:ChartStrip"


class Charts(QObject):
    """Brings the strip of charts when it is wanted, and says which column it follows."""

    def __init__(self, shell: Shell, chat: Chat, parts: PlaygroundLayout, parent: QObject) -> None:
        super().__init__(parent)
        self._shell, self._chat, self._parts = shell, chat, parts
        self._talking = False
        self.strip: ChartStrip | None = None
        parts.charts_button.clicked.connect(self._clicked)

    def load(self) -> None:
        """Bring the charts if they are wanted; importing their library takes a second."""
        settings = self._shell.context.settings

        def wanted() -> bool:
            return bool(settings.get(_WANTED)) and resolve(_STRIP) is not None

        self._shell.background.run(wanted, lambda on: self._set(on=on), owner=self)

    def show(self, *, on: bool) -> None:
        """Show the charts under a conversation, or not; the wish is kept."""
        settings, known = self._shell.context.settings, self.strip is not None
        if known:
            self._set(on=on)

        def keep() -> None:
            settings.set(_WANTED, on)
            resolve(_STRIP)

        self._shell.background.run(keep, lambda _: None if known else self._set(on=on), owner=self)

    def toggle(self) -> None:
        """The other of shown and hidden."""
        self.show(on=not self._parts.charts_button.isChecked())

    def set_talking(self, *, talking: bool) -> None:
        """Charts belong to a conversation: without one they are hidden."""
        self._talking = talking
        if self.strip is not None:
            self.strip.setVisible(talking and self._parts.charts_button.isChecked())

    def follow(self, column: Column) -> None:
        """Draw what happens in this column."""
        if self.strip is not None:
            self.strip.follow(column)

    def follow_answer(self) -> None:
        """An answer began or ended: follow the column where it does."""
        if self.strip is not None:
            active = next((one for one in self._chat.columns if one.busy), self._chat.columns[0])
            self.strip.follow(active)
            self.strip.set_running(running=self._chat.busy)

    def _clicked(self) -> None:
        self.show(on=self._parts.charts_button.isChecked())

    def _set(self, *, on: bool) -> None:
        self._parts.charts_button.setChecked(on)
        if on and self.strip is None:
            self.strip = resolve(_STRIP)(self._shell.theme)
            self._parts.add_charts(self.strip)
        self.set_talking(talking=self._talking)
        if self.strip is not None:
            self.strip.follow(self._chat.columns[0])
            self.strip.set_running(running=on and self._chat.busy)
