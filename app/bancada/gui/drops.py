"""What is dropped on the window is looked at: a model by the library, a bundle's folder by Transfer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout

from bancada.catalog.bundles.folder import looks_like_a_bundle
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
        self._text = Label("", "subtitle", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(self._text)
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
            view = {"view": "transfer"} if looks_like_a_bundle(path) else {}
            self._desk.navigate("models", import_path=path, **view)
        else:
            self._say(path)
            self.target.setGeometry(self._desk.window.stack.rect().adjusted(16, 16, -16, -16))
            self.target.show()
            self.target.raise_()
        return True

    def _say(self, path: Path) -> None:
        if self.target.isHidden():  # once for each drag: it asks the disk
            self._text.setText(
                self.tr("Drop the transfer bundle to see what is in it")
                if looks_like_a_bundle(path)
                else self.tr("Drop a GGUF file or an ONNX folder to import it")
            )


def _one_path(event: QDropEvent) -> Path | None:
    urls = event.mimeData().urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    return Path(urls[0].toLocalFile())
