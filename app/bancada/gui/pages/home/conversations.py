"""The conversations of late."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout

from bancada.gui.pages.home.facts import CONVERSATIONS
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import (
    Card,
    ElidedLabel,
    Label,
    LinkButton,
    PlainButton,
)
from bancada.gui.widgets.format import (
    when_text,
)
from bancada.storage.conversations import ConversationRecord


class ConversationsCard(Card):
    """The conversations that were touched last."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("")
        self._shell = shell
        self.title.set_title(self.tr("Last conversations"))
        self.title.show()
        self._all = LinkButton(self.tr("All conversations"))
        self._all.clicked.connect(lambda: shell.navigate("playground"))
        self.header.addWidget(self._all)
        self._empty = Label(
            self.tr("Nothing was asked yet. Conversations are kept here, on this machine only."),
            "muted",
            wrap=True,
        )
        self.body.setSpacing(0)
        self.body.addWidget(self._empty)
        self.rows: list[ConversationRow] = []
        for _ in range(CONVERSATIONS):
            row = ConversationRow(shell)
            self.rows.append(row)
            self.body.addWidget(row)
        self.body.addStretch(1)

    def show_records(self, records: tuple[ConversationRecord, ...]) -> None:
        self._empty.setVisible(not records)
        self._all.setVisible(bool(records))
        for at, row in enumerate(self.rows):
            row.setVisible(at < len(records))
            if at < len(records):
                row.show_record(records[at])


class ConversationRow(PlainButton):
    """Title at the left, time at the right; opens the conversation."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("", "row")
        self._id = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        self._title = ElidedLabel()
        self._when = Label("", "note")
        for label in (self._title, self._when):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row.addWidget(self._title, 1)
        row.addWidget(self._when)
        self.setMinimumHeight(shell.theme.px(32))
        self.clicked.connect(lambda: shell.navigate("playground", conversation_id=self._id))
        self.hide()

    def show_record(self, record: ConversationRecord) -> None:
        self._id = record.id
        self._title.setText(record.title.replace("\n", " "))
        self._when.setText(when_text(record.updated_at))
        self.setAccessibleName(f"{record.title}, {when_text(record.updated_at)}")
