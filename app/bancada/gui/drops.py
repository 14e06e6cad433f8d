"""A file or folder dropped on the window opens the import sheet of the Models page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout

from bancada.gui.widgets.basics import IconLabel, Label

if TYPE_CHECKING:
    from bancada.gui.desk import Desk

_EVENTS = frozenset((QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.DragLeave, QEvent.Type.Drop))


class Drops(QObject):
    """Watches the window for drags; while one hangs over it, the page says what would happen."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self.target = QFrame(desk.window.stack)
        self.target.setProperty("role", "drop")
        column = QVBoxLayout(self.target)
        column.addStretch(1)
        column.addWidget(IconLabel(desk.theme, "import", "accent", 40), 0, Qt.AlignmentFlag.AlignHCenter)
        text = Label(self.tr("Drop a GGUF file or an ONNX folder to import it"), "subtitle", wrap=True)
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(text)
        column.addStretch(1)
        self.target.hide()
        desk.window.setAcceptDrops(True)
        desk.window.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Take the drags that carry exactly one local file or folder."""
        kind = event.type()
        if kind not in _EVENTS:
            return False
        if kind == QEvent.Type.DragLeave:
            self.target.hide()
            return True
        assert isinstance(event, QDropEvent)
        path = _one_path(event)
        if path is None:
            event.ignore()
            return True
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if kind == QEvent.Type.Drop:
            self.target.hide()
            self._desk.navigate("models", import_path=path)
        else:
            self.target.setGeometry(self._desk.window.stack.rect().adjusted(16, 16, -16, -16))
            self.target.show()
            self.target.raise_()
        return True


def _one_path(event: QDropEvent) -> Path | None:
    urls = event.mimeData().urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    return Path(urls[0].toLocalFile())
