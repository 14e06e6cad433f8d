"""Notices: said in the window, beside the work, never over a dialog of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import IconButton, IconLabel, Label, PlainButton

STAY_MS: Final = 6_000
_SHOWN_AT_ONCE: Final = 4
_ICONS: Final = {
    "info": ("info", "accent"),
    "success": ("success", "good"),
    "warning": ("warning", "warn"),
    "error": ("error", "bad"),
}


class Notice(QFrame):
    """One notice. Info and success go by themselves, while the pointer is elsewhere; the others stay."""

    def __init__(
        self, theme: Theme, level: str, text: str, action_text: str, action: Callable[[], None] | None
    ) -> None:
        super().__init__()
        self.setProperty("role", "popup")
        self.text = text
        icon, color = _ICONS.get(level, _ICONS["info"])
        self.setAccessibleName(text)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(IconLabel(theme, icon, color))
        label = Label(text, wrap=True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(label, 1)
        if action_text and action is not None:
            button = PlainButton(action_text)
            button.clicked.connect(action)
            button.clicked.connect(self.dismiss)
            row.addWidget(button)
        close = IconButton(theme, "close", self.tr("Close this notice"))
        close.clicked.connect(self.dismiss)
        row.addWidget(close)
        self._timer = QTimer(self, singleShot=True, interval=STAY_MS)
        self._timer.timeout.connect(self.dismiss)
        # one with something to do in it stays longer
        self._goes = level in ("info", "success")
        if self._goes:
            self._timer.start(STAY_MS * 2 if action_text else STAY_MS)

    def dismiss(self) -> None:
        self._timer.stop()
        self.hide()
        self.deleteLater()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        if self._goes:
            self._timer.start()
        super().leaveEvent(event)


class Notices(QWidget):
    """A column of notices at the lower right of the widget it lies on."""

    def __init__(self, theme: Theme, host: QWidget, foot: Callable[[], int] = lambda: 0) -> None:
        """``foot`` tells the height at the bottom of ``host`` that is to be left free."""
        super().__init__(host)
        self._theme, self._host, self._foot = theme, host, foot
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        host.installEventFilter(self)
        self.hide()

    def add(
        self, level: str, text: str, *, action_text: str = "", action: Callable[[], None] | None = None
    ) -> Notice:
        """Show a notice; the same text that is still shown is not repeated."""
        for old in self.shown():
            if old.text == text:
                old.dismiss()
        for old in self.shown()[: 1 - _SHOWN_AT_ONCE]:
            old.dismiss()
        notice = Notice(self._theme, level, text, action_text, action)
        notice.destroyed.connect(self.place)
        self._column.addWidget(notice)
        notice.show()
        self.show()
        self.place()
        return notice

    def shown(self) -> list[Notice]:
        """The notices that are on the screen, oldest first."""
        return [one for one in self.findChildren(Notice) if not one.isHidden()]

    def clear(self) -> None:
        """Dismiss all of them."""
        for one in self.shown():
            one.dismiss()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._host and event.type() == QEvent.Type.Resize:
            self.place()
        return super().eventFilter(watched, event)

    def place(self) -> None:
        """Lie at the lower right, above the foot of the page that is shown."""
        shown = self.shown()
        self.setVisible(bool(shown))
        width = min(420, self._host.width() - 32)
        if not shown or width < 0:
            return
        self.setFixedWidth(width)
        heights = [max(one.heightForWidth(width), one.sizeHint().height()) for one in shown]
        height = sum(heights) + self._column.spacing() * (len(shown) - 1)
        self.resize(width, height)
        self.move(self._host.width() - width - 16, self._host.height() - height - 16 - self._foot())
        self.raise_()
