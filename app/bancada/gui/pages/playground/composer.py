"""Where a question is written: a field that grows, files dropped into it, Send and Stop."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout

from bancada.core.errors import BancadaError
from bancada.gui.pages.playground.cleaning import TEXT_LIMIT, Cleaned, clean, quoted_file, read_text_file
from bancada.gui.pages.playground.context_meter import ContextMeter
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import IconButton, Label, PrimaryButton
from bancada.gui.widgets.format import number

_LINES: Final = 8
_SETTLE_MS: Final = 600
#: margins, gaps and the button beside the words under the field
_HINT_ROOM: Final = 90


class PromptField(QPlainTextEdit):
    """A multiline field as tall as its text, up to some lines. Enter makes a line, Ctrl+Enter sends."""

    send = Signal()
    cleaned = Signal(object)
    file_dropped = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "bare")
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.document().setDocumentMargin(2)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.send.emit()
            return
        super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste: files become quotations, text is cleaned first."""
        files = [Path(url.toLocalFile()) for url in source.urls() if url.isLocalFile()]
        if files:
            for one in files[:8]:
                self.file_dropped.emit(one)
            return
        self.insert_clean(source.text())

    def insert_clean(self, text: str) -> None:
        """Insert what can be kept of a text."""
        room = max(TEXT_LIMIT - self.document().characterCount(), 0)
        made = clean(text, room)
        if made.text:
            self.insertPlainText(made.text)
        if made.changed:
            self.cleaned.emit(made)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasText() or source.hasUrls()

    def sizeHint(self) -> QSize:
        return QSize(300, self.height())

    def _fit(self) -> None:
        # a plain text document counts its height in lines
        lines = min(max(int(self.document().size().height()), 2), _LINES)
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 8)


class Composer(QFrame):
    """Emits ``sent`` with a cleaned text; the page decides whether it goes and then calls ``clear``."""

    sent = Signal(str)
    stopped = Signal()
    edited = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._busy = False
        self.setProperty("role", "card")
        self.setAcceptDrops(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 8, 8)
        column.setSpacing(4)
        self.field = PromptField()
        self.field.setAccessibleName(self.tr("Your question"))
        self.field.setPlaceholderText(self.tr("Ask something, or drop a text file here"))
        self.field.send.connect(self._send)
        self.field.cleaned.connect(self._say_cleaned)
        self.field.file_dropped.connect(self.insert_file)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self.edited)
        self.field.textChanged.connect(self._typed)
        column.addWidget(self.field)
        row = QHBoxLayout()
        row.setSpacing(8)
        attach = IconButton(shell.theme, "file", self.tr("Insert a text file"))
        attach.clicked.connect(self._choose_file)
        row.addWidget(attach)
        self.meter = ContextMeter(shell.theme)
        row.addWidget(self.meter)
        row.addStretch(1)
        self._hint = Label(self.tr("Enter: new line \N{MIDDLE DOT} Ctrl+Enter: send"), "note")
        row.addWidget(self._hint)
        self.button = PrimaryButton(self.tr("Send"))
        self.button.setIconSize(QSize(16, 16))
        self.button.clicked.connect(self._press)
        row.addWidget(self.button)
        column.addLayout(row)
        shell.theme.changed.connect(self._show_state)
        self._show_state()

    @property
    def text(self) -> str:
        """What is written now."""
        return self.field.toPlainText()

    def set_text(self, text: str) -> None:
        """Show a draft; ``edited`` is not emitted."""
        self.field.setPlainText(clean(text).text)
        self._settle.stop()

    def set_busy(self, *, busy: bool) -> None:
        """Offer Stop while an answer comes."""
        if busy != self._busy:
            self._busy = busy
            self._show_state()

    def flush(self) -> None:
        """Tell of an edit that has not settled yet."""
        if self._settle.isActive():
            self._settle.stop()
            self.edited.emit()

    def insert_file(self, path: Path) -> None:
        """Read a text file in the background and insert it as a quotation."""

        def done(text: str) -> None:
            self.field.insert_clean(quoted_file(path.name, text))
            self.field.setFocus()

        self._shell.background.run(
            lambda: read_text_file(path),
            done,
            lambda error: self._shell.show_error(error, near=self),
            owner=self,
        )

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.field.insertFromMimeData(event.mimeData())
        event.acceptProposedAction()

    def _typed(self) -> None:
        self.button.setToolTip(self._hint.text())
        self.button.setEnabled(self._busy or bool(self.text.strip()))
        self._settle.start()

    def _press(self) -> None:
        if self._busy:
            self.stopped.emit()
        else:
            self._send()

    def _send(self) -> None:
        made = clean(self.text)
        if made.changed:
            self._say_cleaned(made)
        if made.text.strip() and not self._busy:
            self.sent.emit(made.text)

    def _show_state(self) -> None:
        icon = "stop" if self._busy else "send"
        self.button.setText(self.tr("Stop") if self._busy else self.tr("Send"))
        self.button.setIcon(self._shell.theme.icon(icon, "on_accent"))
        self.button.setAccessibleName(
            self.tr("Stop the answer") if self._busy else self.tr("Send the question")
        )
        self._hint.setText(
            self.tr("Esc: stop, what came is kept")
            if self._busy
            else self.tr("Enter: new line \N{MIDDLE DOT} Ctrl+Enter: send")
        )
        self.button.setToolTip(self._hint.text())
        self.button.setEnabled(self._busy or bool(self.text.strip()))
        self._fit_hint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The keys are said where there is room; the button's tooltip says them always."""
        super().resizeEvent(event)
        self._fit_hint()

    def _fit_hint(self) -> None:
        parts = (self.meter, self._hint, self.button)
        self._hint.setVisible(sum(one.sizeHint().width() for one in parts) + _HINT_ROOM <= self.width())

    def _say_cleaned(self, made: Cleaned) -> None:
        parts = []
        if made.cut:
            words = self.tr("%1 characters beyond the limit of %2 were cut off.")
            parts.append(words.replace("%1", number(made.cut)).replace("%2", number(TEXT_LIMIT)))
        if made.removed:
            words = self.tr("%1 characters that cannot be shown or that reverse text were taken out.")
            parts.append(words.replace("%1", number(made.removed)))
        self._shell.notify("warning", " ".join(parts))

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Insert a text file"))
        if name:
            try:
                self.insert_file(Path(name))
            except BancadaError as error:
                self._shell.show_error(error, near=self)
