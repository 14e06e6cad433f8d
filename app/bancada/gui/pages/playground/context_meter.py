"""How much of the context the conversation takes, and what to decide before anything is left out."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import IconLabel, Label, PlainButton, PrimaryButton, set_look
from bancada.gui.widgets.format import number
from bancada.inference.types import PromptCheck


class ContextMeter(QWidget):
    """Words and a bar: "Context 214 of 8,192"; it warns by sign and word before it is full."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._words = Label(self.tr("Context: counted once the model is loaded"), "note")
        self._bar = _Bar(theme)
        row.addWidget(self._words)
        row.addWidget(self._bar)
        self._bar.hide()
        self._say(self._words.text())

    def show_unknown(self, context: int = 0) -> None:
        """No model is loaded that could count."""
        words = self.tr("Context: counted once the model is loaded")
        if context:
            words = self.tr("Context %1, counted once the model is loaded").replace("%1", number(context))
        self._bar.hide()
        self._say(words)

    def show_check(self, check: PromptCheck, reserve: int) -> None:
        """Show a count; ``reserve`` tokens are wanted for the answer."""
        words = self.tr("Context %1 of %2").replace("%1", number(check.tokens))
        words = words.replace("%2", number(check.context))
        tone = ""
        if check.dropped_messages or check.tokens > check.context:
            tone, words = "bad", self.tr("%1: does not fit").replace("%1", words)
        elif check.tokens + reserve > check.context:
            tone, words = "warn", self.tr("%1: a long answer may be cut").replace("%1", words)
        self._bar.set(check.tokens / max(check.context, 1), tone or "accent")
        self._bar.show()
        self._say(words, tone)

    def _say(self, words: str, tone: str = "") -> None:
        self._words.setText(words)
        set_look(self._words, tone=tone)
        self.setAccessibleName(words)


class _Bar(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._share, self._tone = theme, 0.0, "accent"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set(self, share: float, tone: str) -> None:
        self._share, self._tone = min(max(share, 0.0), 1.0), tone
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(90, 12)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        track = QRect(0, 4, self.width(), 4)
        painter.setBrush(self._theme.color("edge" if self._theme.name == "contrast" else "border"))
        painter.drawRoundedRect(track, 2, 2)
        painter.setBrush(self._theme.color(self._tone))
        painter.drawRoundedRect(track.adjusted(0, 0, round((self._share - 1) * self.width()), 0), 2, 2)
        painter.end()


class ContextDecision(QFrame):
    """Says what would not be sent, before anything is, and lets the user choose."""

    drop_chosen = Signal()
    raise_chosen = Signal(int)
    new_chosen = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._larger = 0
        outer = QHBoxLayout(self)
        outer.setContentsMargins(12, 10, 12, 10)
        outer.setSpacing(12)
        outer.addWidget(IconLabel(theme, "warning", "warn", 20), 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(6)
        self._words = Label("", wrap=True)
        column.addWidget(self._words)
        row = QHBoxLayout()
        row.setSpacing(8)
        self._raise = PrimaryButton("")
        self._raise.clicked.connect(lambda: self.raise_chosen.emit(self._larger))
        self._drop = PlainButton("")
        self._drop.clicked.connect(self.drop_chosen)
        new = PlainButton(self.tr("New conversation"))
        new.clicked.connect(self.new_chosen)
        for button in (self._raise, self._drop, new):
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        outer.addLayout(column, 1)
        self.hide()

    def show_check(self, check: PromptCheck, larger: int) -> None:
        """Ask; ``larger`` is a context in which all would fit (0: the model has none)."""
        self._larger = larger
        words = self.tr("This conversation takes %1 tokens, the context holds %2.")
        words = words.replace("%1", number(check.tokens)).replace("%2", number(check.context))
        count = check.dropped_messages
        if count == 1:
            words += " " + self.tr(
                "The oldest message would not be sent to the model. It stays in the conversation."
            )
        elif count:
            more = self.tr(
                "The oldest %1 messages would not be sent to the model. They stay in the conversation."
            )
            words += " " + more.replace("%1", number(count))
        else:
            words += " " + self.tr("The last question alone does not fit: shorten it, or raise the context.")
        self._words.setText(words)
        self._raise.setVisible(larger > 0)
        self._raise.setText(self.tr("Raise the context to %1").replace("%1", number(larger)))
        self._drop.setVisible(count > 0)
        self._drop.setText(self.tr("Leave out the oldest %1").replace("%1", number(count)))
        self.setAccessibleName(words)
        self.show()

    def focus_first(self) -> None:
        """Put the focus on the first choice."""
        (self._drop if self._raise.isHidden() else self._raise).setFocus()


def larger_context(tokens: int, longest: int) -> int:
    """The next power of two that holds ``tokens`` and a quarter more, within the model's longest; else 0."""
    wanted = 1_024
    while wanted < tokens * 1.25:
        wanted *= 2
    wanted = min(wanted, longest)
    return wanted if wanted > tokens else 0
