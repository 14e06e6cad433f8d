"""What the hub's view shows while the network is sealed: why nothing is asked, and how that is changed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import Card, IconLabel, Label, PlainButton, PrimaryButton

_WIDTH = 620


class SealedPanel(QWidget):
    """``opened`` asks to open the network, ``source`` for another source, ``file`` to import instead."""

    opened = Signal()
    source = Signal()
    file = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        card = Card()
        card.setMaximumWidth(_WIDTH)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(IconLabel(theme, "lock", "good", 28), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(8)
        words.addWidget(Label(self.tr("The network is sealed"), "subtitle"))
        self.what = Label("", wrap=True)
        words.addWidget(self.what)
        self.meaning = Label(
            self.tr(
                "Opening the network lets Bancada connect when you search or download here, and lets the"
                " office mirror answer when you turn it on. Questions, answers, documents and statistics are"
                " never sent. It can be sealed again at any time: Settings, Network, hub and mirror."
            ),
            "muted",
            wrap=True,
        )
        words.addWidget(self.meaning)
        head.addLayout(words, 1)
        card.body.addLayout(head)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        self.open_button = PrimaryButton(self.tr("Open the network\N{HORIZONTAL ELLIPSIS}"))
        self.open_button.clicked.connect(self.opened)
        self.file_button = PlainButton(self.tr("Import a model file instead"))
        self.file_button.clicked.connect(self.file)
        self.source_button = PlainButton(self.tr("Choose another source"))
        self.source_button.clicked.connect(self.source)
        for button in (self.open_button, self.file_button, self.source_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        card.body.addSpacing(4)
        card.body.addLayout(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(card, 10)
        row.addStretch(1)
        column.addLayout(row)
        column.addStretch(2)

    def show_source(self, endpoint: str) -> None:
        """Say what cannot be reached."""
        self.what.setText(
            self.tr(
                "Nothing leaves this machine, so %1 is not asked for models. Downloads that were begun wait;"
                " what they have fetched is kept."
            ).replace("%1", endpoint)
        )
