"""Counts what a question would take, and lets nothing be left out that the user did not agree to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from bancada.gui.pages.playground import thread
from bancada.gui.pages.playground.answer_run import Order, count
from bancada.gui.pages.playground.chat import Chat
from bancada.gui.pages.playground.column import Column, with_agreement, with_context
from bancada.gui.pages.playground.context_meter import larger_context
from bancada.gui.pages.playground.page_layout import PlaygroundLayout
from bancada.gui.shell import Shell
from bancada.inference.types import Message, PromptCheck


class ContextGuard(QObject):
    """Asks the loaded model in the background, whenever the text has settled and no answer is under way."""

    def __init__(self, shell: Shell, chat: Chat, parts: PlaygroundLayout, parent: QObject) -> None:
        super().__init__(parent)
        self._shell, self._chat, self._parts = shell, chat, parts
        self._asked = 0
        self._check: PromptCheck | None = None
        self._held: tuple[Column, Order] | None = None
        parts.composer.edited.connect(self.count)
        parts.decision.drop_chosen.connect(self._drop_oldest)
        parts.decision.raise_chosen.connect(self._raise_context)
        parts.decision.new_chosen.connect(self._take_along)

    def count(self) -> None:
        """Count the conversation with what is written."""
        column = self._chat.columns[0]
        session, choice = column.session, column.header.picker.choice
        self._asked += 1
        if session is None or session.state != "ready":
            if session is None:
                self._check = None
                self._parts.composer.meter.show_unknown(self._usual(choice.context if choice else 0))
            return
        number = self._asked
        text = self._parts.composer.text
        messages = thread.history(column.transcript.turns, self._parts.panel.system_prompt)
        if text.strip():
            messages = (*messages, Message("user", text))

        def done(check: PromptCheck) -> None:
            if number == self._asked:
                self._show(check)

        # a worker that ends meanwhile is said by its header, not by the meter
        self._shell.background.run(lambda: count(session, messages), done, lambda _: None, owner=self)

    def may_send(self) -> bool:
        """Whether all of the conversation will be sent, or the user agreed to less."""
        check = self._check
        if self._parts.panel.values.drop_oldest or check is None or not check.dropped_messages:
            return True
        self._ask(check)
        self._parts.decision.focus_first()
        return False

    def hold(self, column: Column, check: PromptCheck, order: Order) -> None:
        """An answer was not begun: something would have been left out."""
        self._held = (column, order)
        self._ask(check)
        self._parts.decision.focus_first()

    def _usual(self, context: int) -> int:
        return self._parts.panel.values.context or context

    def _show(self, check: PromptCheck) -> None:
        self._check = check
        values = self._parts.panel.values
        self._parts.composer.meter.show_check(check, values.max_tokens)
        if check.dropped_messages and not values.drop_oldest:
            self._ask(check)
        elif self._held is None:
            self._parts.decision.hide()

    def _ask(self, check: PromptCheck) -> None:
        choice = self._chat.columns[0].header.picker.choice
        longest = choice.version.context_length if choice else 0
        self._parts.decision.show_check(check, larger_context(check.tokens, longest))

    def _drop_oldest(self) -> None:
        self._parts.panel.agree_to_drop(agreed=True)
        self._go_on(with_agreement)

    def _raise_context(self, tokens: int) -> None:
        self._parts.panel.set_context(tokens)
        self._parts.panel.flush()
        self._check = None
        self._go_on(lambda order: with_context(order, tokens))

    def _go_on(self, change: Callable[[Order], Order]) -> None:
        self._parts.decision.hide()
        held, self._held = self._held, None
        if held is not None and not self._chat.busy:
            column, order = held
            column.resume(change(order))
            self._chat.busy_changed.emit()
        else:
            self._parts.composer.field.setFocus()

    def _take_along(self) -> None:
        text = self._parts.composer.text
        if self._held is not None:
            text = self._held[1].question.content
        self._held = None
        self._chat.new()
        self._parts.composer.set_text(text)
        self._parts.composer.field.setFocus()
