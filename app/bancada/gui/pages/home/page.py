"""Home: what is here, and the one thing to do next."""

from __future__ import annotations

from typing import ClassVar, Final

from PySide6.QtWidgets import QVBoxLayout

from bancada.bench.statistics import Statistics, summarize
from bancada.catalog.starter import ensure_starter, installed_starter, starter_in
from bancada.core.hardware import Hardware, detect
from bancada.gui.pages.home.conversations import ConversationsCard
from bancada.gui.pages.home.facts import CONVERSATIONS, Facts
from bancada.gui.pages.home.machine import MachineCard
from bancada.gui.pages.home.measured import MeasuredCard
from bancada.gui.pages.home.next import NextCard
from bancada.gui.pages.home.start import StartCard
from bancada.gui.pages.page import Page
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Label
from bancada.gui.widgets.card_columns import CardColumns
from bancada.storage import conversations, jobs, requests

_MEASURED: Final = 200


class HomePage(Page):
    """The way into everything, for the first time and every time."""

    kinds: ClassVar[frozenset[str]] = frozenset(("model", "conversation", "request", "job"))

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._hardware: Hardware | None = None
        self.facts: Facts | None = None
        self.start = StartCard(shell)
        self.conversations = ConversationsCard(shell)
        self.measured = MeasuredCard()
        self.machine = MachineCard(shell)
        self.next = NextCard(shell)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(
            CardColumns(
                [Label(self.tr("Home"), "title"), self.start],
                [self.conversations, self.measured],
                [self.next, self.machine],
                (3, 2),
            )
        )
        if not shell.context.database.read_only:
            context = shell.context
            shell.background.run(
                lambda: ensure_starter(context.database, context.library, context.jobs),
                lambda _: None,
                owner=self,
            )

    def refresh(self) -> None:
        self.shell.background.run(self._ask, self._show, owner=self)

    def _ask(self) -> Facts:
        context = self.shell.context
        versions = tuple(context.library.list())
        finished = [
            one for one in requests.list_page(context.database, limit=_MEASURED) if one.outcome == "finished"
        ]
        return Facts(
            versions=versions,
            starter=starter_in(context.library),
            installed=installed_starter(),
            importing=any(one.kind == "model.import" for one in jobs.unfinished(context.database)),
            conversations=tuple(conversations.list_page(context.database, limit=CONVERSATIONS)),
            answers=tuple(finished),
            ttft=_statistics([one.ttft_ms for one in finished]),
            prefill=_statistics([one.prefill_tokens_per_s for one in finished]),
            decode=_statistics([one.decode_tokens_per_s for one in finished]),
            hardware=self._hardware or detect(),
        )

    def _show(self, facts: Facts) -> None:
        self._hardware = facts.hardware
        self.facts = facts
        self.start.show_facts(facts)
        self.conversations.show_records(facts.conversations)
        self.measured.show_facts(facts)
        self.machine.show_hardware(facts.hardware)
        self.next.show_facts(facts)


def _statistics(values: list[float | None]) -> Statistics | None:
    known = [value for value in values if value is not None]
    return summarize(known) if known else None
