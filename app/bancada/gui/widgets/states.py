"""What stands where there is nothing yet, and where something failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from bancada.core.errors import BancadaError, describe
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import (
    GRID,
    IconButton,
    IconLabel,
    Label,
    LinkButton,
    PlainButton,
    PrimaryButton,
)

#: pixels at the usual size of text
_WIDEST: Final = 460
_NARROWEST: Final = 180


class EmptyState(QWidget):
    """An icon, one sentence, one primary button, a hint."""

    def __init__(  # noqa: PLR0917 - the order of reading
        self,
        theme: Theme,
        icon: str,
        sentence: str,
        button_text: str = "",
        on_click: Callable[[], object] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 3 * GRID)
        column.setSpacing(12)
        column.addStretch(1)
        column.addWidget(IconLabel(theme, icon, "muted", 40), 0, Qt.AlignmentFlag.AlignHCenter)
        self.sentence = Label(sentence, "subtitle", wrap=True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(self.sentence, 0, Qt.AlignmentFlag.AlignHCenter)
        self.hint = Label(hint, "muted", wrap=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        if not hint:
            self.hint.hide()
        column.addWidget(self.hint, 0, Qt.AlignmentFlag.AlignHCenter)
        self.button = PrimaryButton(button_text)
        if not button_text:
            self.button.hide()
        if on_click is not None:
            self.button.clicked.connect(lambda _checked=False: on_click())
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self._theme = theme
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Texts are as wide as there is room for, and no wider than can be read with ease."""
        super().resizeEvent(event)
        self._take_theme()

    def _take_theme(self) -> None:
        room = max(self.width() - 6 * GRID, self._theme.px(_NARROWEST))
        widest = min(self._theme.px(_WIDEST), room)
        self.sentence.setMaximumWidth(widest)
        self.sentence.setMinimumWidth(min(widest, self.sentence.sizeHint().width()))
        # a wrapped text in the middle of a column is given too little height unless its width is settled
        self.hint.setFixedWidth(widest)
        self.hint.setMinimumHeight(self.hint.heightForWidth(widest))

    def minimumSizeHint(self) -> QSize:
        """Texts give way."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), self._theme.px(_NARROWEST) + 6 * GRID), hint.height())

    def set_text(self, sentence: str, hint: str = "") -> None:
        self.sentence.setText(sentence)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self._take_theme()


class ErrorPanel(QFrame):
    """What happened, what it means, what to do; details fold away and can be copied."""

    def __init__(self, theme: Theme, *, closable: bool = False) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._closable = closable
        outer = QHBoxLayout(self)
        outer.setContentsMargins(12, 12, 12, 12)
        outer.setSpacing(12)
        outer.addWidget(IconLabel(theme, "error", "bad", 20), 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(4)
        outer.addLayout(column, 1)
        self._what = Label("", "strong", wrap=True)
        self._meaning = Label("", "muted", wrap=True)
        self._remedy = Label("", wrap=True)
        self._details = QPlainTextEdit(readOnly=True)
        self._details.setAccessibleName(self.tr("Details of the error"))
        self._details.setProperty("role", "mono")
        self._details.setMaximumHeight(120)
        self._details.hide()
        for widget in (self._what, self._meaning, self._remedy, self._details):
            column.addWidget(widget)
        self.row = QHBoxLayout()
        self.row.setSpacing(12)
        self._fold = LinkButton(self.tr("Details"))
        self._fold.clicked.connect(self._toggle)
        copy = LinkButton(self.tr("Copy"))
        copy.setAccessibleName(self.tr("Copy the error"))
        copy.clicked.connect(self._copy)
        self.row.addWidget(self._fold)
        self.row.addWidget(copy)
        self.row.addStretch(1)
        column.addLayout(self.row)
        self.close_button = IconButton(theme, "close", self.tr("Close this message"))
        self.close_button.clicked.connect(self.hide)
        if not closable:
            self.close_button.hide()
        outer.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_error(self, error: BaseException, *, log_tail: str = "") -> None:
        """Say an error; ``log_tail`` joins the details."""
        if not isinstance(error, BancadaError):
            error = BancadaError("internal.error", detail=f"{type(error).__name__}: {error}")
        text = describe(error.code, error.params)
        self._what.setText(text.what)
        self._meaning.setText(text.meaning)
        self._meaning.setVisible(bool(text.meaning))
        self._remedy.setText(text.remedy)
        self._remedy.setVisible(bool(text.remedy))
        details = [error.code]
        if error.params:
            details.append(json.dumps(error.params, ensure_ascii=False, indent=2, default=str))
        if log_tail:
            details.append(log_tail)
        self._details.setPlainText("\n".join(details))
        self.setAccessibleName(f"{text.what} {text.remedy}")
        self.show()

    def add_button(self, text: str, on_click: Callable[[], object], *, primary: bool = False) -> PlainButton:
        """Offer the remedy itself."""
        button = PrimaryButton(text) if primary else PlainButton(text)
        button.clicked.connect(lambda _checked=False: on_click())
        self.row.addWidget(button)
        return button

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc closes what can be closed."""
        if event.key() == Qt.Key.Key_Escape and self._closable:
            self.hide()
            return
        super().keyPressEvent(event)

    def _toggle(self) -> None:
        shown = not self._details.isVisible()
        self._details.setVisible(shown)
        self._fold.setText(self.tr("Hide details") if shown else self.tr("Details"))

    def _copy(self) -> None:
        parts = (self._what.text(), self._meaning.text(), self._remedy.text(), self._details.toPlainText())
        QGuiApplication.clipboard().setText("\n".join(part for part in parts if part))
