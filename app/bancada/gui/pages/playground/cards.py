"""The messages of a conversation: a question in its bubble, an answer with its figures."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from bancada.core.errors import BancadaError
from bancada.gui.pages.playground.cleaning import clean
from bancada.gui.pages.playground.thread import Turn
from bancada.gui.pages.playground.words import figure_words, stage_words, status_words
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import IconButton, Label, PlainButton, PrimaryButton
from bancada.gui.widgets.markdown_view import MarkdownView
from bancada.gui.widgets.states import ErrorPanel
from bancada.gui.widgets.token_text import ProbabilityLegend, TokenInfo

_SHORT = 420
_WIDEST = 16_777_215  # no limit, in Qt's terms


class Card(QFrame):
    """A message that can have the focus: arrows up and down go on, left and right turn versions."""

    version_asked = Signal(str)
    step_asked = Signal(int)
    link_activated = Signal(str)

    def __init__(self, theme: Theme, turn: Turn) -> None:
        super().__init__()
        self.theme = theme
        self.turn = turn
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.pager = _Pager(theme)
        self.pager.step.connect(self._turn_version)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        move = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is not None and len(self.turn.versions) > 1:
            self._turn_version(step)
        elif move is not None:
            self.step_asked.emit(move)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self.theme.color("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)
            painter.end()

    def _turn_version(self, step: int) -> None:
        place = self.turn.number - 1 + step
        if 0 <= place < len(self.turn.versions):
            self.version_asked.emit(self.turn.versions[place])

    def show_versions(self) -> None:
        self.pager.show_place(self.turn.number, len(self.turn.versions))


class _Pager(QWidget):
    """The place among the versions, ``2 / 3``, between two arrows."""

    step = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._back = IconButton(theme, "chevron-left", self.tr("Version before (left arrow)"))
        self._back.clicked.connect(lambda: self.step.emit(-1))
        self._words = Label("", "muted")
        self._next = IconButton(theme, "chevron-right", self.tr("Next version (right arrow)"))
        self._next.clicked.connect(lambda: self.step.emit(1))
        for widget in (self._back, self._words, self._next):
            row.addWidget(widget)
        self.hide()

    def show_place(self, number_: int, count: int) -> None:
        self._words.setText(f"{number_} / {count}")
        self._words.setAccessibleName(
            self.tr("Version %1 of %2").replace("%1", str(number_)).replace("%2", str(count))
        )
        self._back.setEnabled(number_ > 1)
        self._next.setEnabled(number_ < count)
        self.setVisible(count > 1)


class QuestionCard(Card):
    """What the user asked. Editing it makes a new branch; the old one stays, one arrow away."""

    edited = Signal(str)

    def __init__(self, theme: Theme, turn: Turn) -> None:
        super().__init__(theme, turn)
        self._editor: QPlainTextEdit | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.setSpacing(2)
        self._row = QHBoxLayout()
        self._row.setSpacing(0)
        self._bubble = QFrame()
        self._bubble.setProperty("role", "bubble")
        inside = QVBoxLayout(self._bubble)
        inside.setContentsMargins(14, 9, 14, 5)
        self.view = MarkdownView(theme, self.tr("Question"))
        inside.addWidget(self.view)
        tools = QHBoxLayout()
        tools.setSpacing(0)
        tools.addStretch(1)
        tools.addWidget(self.pager)
        self._row.addLayout(tools, 1)
        self._row.addWidget(self._bubble, 3)
        outer.addLayout(self._row)
        self._edit = IconButton(theme, "edit", self.tr("Edit the question; the old one is kept"))
        self._edit.clicked.connect(self.start_editing)
        copy = IconButton(theme, "copy", self.tr("Copy the question"))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.turn.message.content))
        tools.addWidget(self._edit)
        tools.addWidget(copy)
        tools.addSpacing(6)
        self.show_turn(turn)

    def show_turn(self, turn: Turn) -> None:
        """Show a question."""
        self.turn = turn
        text = turn.message.content
        self.view.set_plain(text)
        # a short question has a bubble of its own size, a long one three quarters of the width
        longest = max(
            (self.fontMetrics().horizontalAdvance(line[:200]) for line in text.split("\n")), default=0
        )
        short = longest * 14 // 13 + 36 < _SHORT
        self._bubble.setMaximumWidth(max(longest * 14 // 13 + 44, 72) if short else _WIDEST)
        self.setAccessibleName(self.tr("Question: %1").replace("%1", text[:200]))
        self.show_versions()

    def start_editing(self) -> None:
        """Change the question in place."""
        if self._editor is not None:
            return
        editor = self._editor = QPlainTextEdit(self.turn.message.content)
        editor.setAccessibleName(self.tr("Edit the question"))
        editor.setTabChangesFocus(True)
        editor.setFixedHeight(min(max(self.view.height() + 24, 76), 260))
        buttons = QWidget()
        row = QHBoxLayout(buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(Label(self.tr("Sending makes a new branch; this one is kept."), "note"), 1)
        cancel = PlainButton(self.tr("Cancel"))
        send = PrimaryButton(self.tr("Send the changed question"))
        row.addWidget(cancel)
        row.addWidget(send)
        layout = self._bubble.layout()
        assert isinstance(layout, QBoxLayout)
        layout.addWidget(editor)
        layout.addWidget(buttons)
        self.view.hide()
        self._bubble.setMaximumWidth(_WIDEST)
        cancel.clicked.connect(self._stop_editing)
        send.clicked.connect(self._send_edit)
        editor.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._editor is not None:
            self._stop_editing()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if self._editor is not None and control:
                self._send_edit()
            else:
                self.start_editing()
        else:
            super().keyPressEvent(event)

    def _send_edit(self) -> None:
        assert self._editor is not None
        text = clean(self._editor.toPlainText()).text
        self._stop_editing()
        if text.strip() and text != self.turn.message.content:
            self.edited.emit(text)

    def _stop_editing(self) -> None:
        layout = self._bubble.layout()
        assert layout is not None
        while layout.count() > 1:
            item = layout.takeAt(1)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        self._editor = None
        self.view.show()
        self.show_turn(self.turn)
        self.setFocus()


class AnswerCard(Card):
    """What a model said, with its figures, and what it failed with."""

    regenerate_asked = Signal()
    force_asked = Signal()
    fork_asked = Signal()
    rated = Signal(object)

    def __init__(self, theme: Theme, turn: Turn, model_name: str, *, colored: bool) -> None:
        super().__init__(theme, turn)
        self._began = time.monotonic()
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        self._model = Label(model_name, "note")
        column.addWidget(self._model)
        self._model.setVisible(bool(model_name))
        self.view = MarkdownView(theme, self.tr("Answer"))
        self.view.link_activated.connect(self.link_activated)
        column.addWidget(self.view)
        self._waiting = Label("", "muted")
        column.addWidget(self._waiting)
        self._legend = ProbabilityLegend(theme)
        column.addWidget(self._legend)
        self._note = Label("", "note", wrap=True)
        column.addWidget(self._note)
        self._panel = ErrorPanel(theme)
        self._panel.add_button(self.tr("Retry"), self.regenerate_asked.emit, primary=True)
        self._anyway = self._panel.add_button(self.tr("Load anyway"), self.force_asked.emit)
        column.addWidget(self._panel)
        self._build_tools(column)
        self._colored = colored
        self.show_turn(turn)

    def _build_tools(self, column: QVBoxLayout) -> None:
        self._tools = QWidget()
        row = self._tools_row = QHBoxLayout(self._tools)
        row.setContentsMargins(0, 2, 0, 0)
        row.setSpacing(8)
        self._figures = Label("", "note", wrap=True)
        row.addWidget(self._figures, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        buttons.addWidget(self.pager)
        copy = IconButton(self.theme, "copy", self.tr("Copy the answer"))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.turn.message.content))
        again = IconButton(self.theme, "refresh", self.tr("Answer again; this version is kept"))
        again.clicked.connect(self.regenerate_asked)
        fork = IconButton(self.theme, "branch", self.tr("Continue from here in a new conversation"))
        fork.clicked.connect(self.fork_asked)
        self._up = IconButton(self.theme, "thumb-up", self.tr("Good answer"))
        self._down = IconButton(self.theme, "thumb-down", self.tr("Bad answer"))
        for button, value in ((self._up, 1), (self._down, -1)):
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, one=value: self._rate(one))
        for button in (copy, again, fork, self._up, self._down):
            buttons.addWidget(button)
        buttons.addStretch(1)
        row.addLayout(buttons)
        column.addWidget(self._tools)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the buttons under the figures where there is little room."""
        super().resizeEvent(event)
        narrow = self.width() < _SHORT
        directions = QBoxLayout.Direction
        self._tools_row.setDirection(directions.TopToBottom if narrow else directions.LeftToRight)

    def show_turn(self, turn: Turn) -> None:
        """Show an answer that is stored."""
        self.turn = turn
        message = turn.message
        self.view.set_markdown(message.content)
        self.view.setVisible(bool(message.content))
        self._waiting.hide()
        self._show_colors(turn.tokens)
        self._show_figures()
        self._show_rating(message.rating)
        self._note.setText(status_words(message.status))
        self._note.setVisible(bool(self._note.text()))
        self._show_error()
        self.show_versions()
        self._tools.show()
        self.setAccessibleName(self.tr("Answer: %1").replace("%1", message.content[:200]))

    def show_growing(self, text: str, tokens: Sequence[TokenInfo], stage: str) -> None:
        """Show what came so far; called by one timer."""
        self._tools.hide()
        waiting = not text or stage == "stopping"
        if waiting:
            self._waiting.setText(stage_words(stage, time.monotonic() - self._began))
        self._waiting.setVisible(waiting)
        self.view.setVisible(bool(text))
        if text:
            self._show_colors(tokens)
            self.view.set_markdown(text, finished=False)

    def set_colored(self, *, colored: bool) -> None:
        """Show or hide the probabilities that were kept."""
        self._colored = colored
        self._show_colors(self.turn.tokens)

    def _show_colors(self, tokens: Sequence[TokenInfo]) -> None:
        known = bool(tokens) and tokens[0].probability is not None
        self.view.set_tokens(tokens, colored=self._colored and known)
        self._legend.setVisible(self._colored and known)

    def _show_figures(self) -> None:
        shown = figure_words(self.turn.figures) if self.turn.figures else []
        # spaces inside a figure do not break, those between figures do
        self._figures.setText(
            "   ".join(text.replace(" ", "\u00a0").replace("/", "/\u2060") for text, _ in shown)
        )
        self._figures.setToolTip("\n".join(f"{text}: {tip}" for text, tip in shown))
        self._figures.setAccessibleName(", ".join(text for text, _ in shown))
        self._tools.setAccessibleName(", ".join(text for text, _ in shown))

    def _show_error(self) -> None:
        error = self.turn.message.error
        if error is None:
            self._panel.setVisible(False)
            return
        told = BancadaError.from_json(error)
        self._panel.show_error(told)
        self._anyway.setVisible(told.code == "model.put_aside")

    def _show_rating(self, rating: int | None) -> None:
        for button, value, icon in ((self._up, 1, "thumb-up"), (self._down, -1, "thumb-down")):
            button.setChecked(rating == value)
            button.set_icon(icon, "accent" if rating == value else "muted")

    def _rate(self, value: int) -> None:
        rating = None if self.turn.message.rating == value else value
        self._show_rating(rating)
        self.rated.emit(rating)
