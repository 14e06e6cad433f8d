"""The half "Carry out": what it is, with which key it would be signed, and the button."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout

from bancada.gui.models.transfer import Overview, usable_keys
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, IconLabel, Label, PlainButton


class CarryOutCard(Card):
    """``begin`` opens the form."""

    begin = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.title.set_title(self.tr("Carry out"))
        self.title.show()
        self.begin_button = PlainButton(self.tr("Make a bundle\N{HORIZONTAL ELLIPSIS}"))
        self.begin_button.setToolTip(self.tr("Put models of this library into a folder (Ctrl+E)"))
        self.begin_button.clicked.connect(self.begin)
        self.header.addWidget(self.begin_button)
        words = self.tr(
            "Models go out as a bundle: a folder on a stick or disk with their files, licences and origin,"
            " signed with your key. Nothing in it can be changed unnoticed on the way."
        )
        self.body.addWidget(Label(words, "muted", wrap=True))
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        self._key_icon = IconLabel(shell.theme, "shield", "muted")
        self._key = Label("", wrap=True)
        self._last_icon = IconLabel(shell.theme, "export", "muted")
        self._last = Label("", wrap=True)
        for at, (icon, text) in enumerate(((self._key_icon, self._key), (self._last_icon, self._last))):
            grid.addWidget(icon, at, 0)
            grid.addWidget(text, at, 1)
        self.body.addLayout(grid)
        self.body.addStretch(1)

    def show_overview(self, overview: Overview) -> None:
        """Say with which key it would be signed, and what was made last."""
        usable = usable_keys(overview.keys)
        self._key_icon.set_icon("shield" if usable else "warning", "good" if usable else "warn")
        if usable:
            text = self.tr("Signed with %1; the next bundle gets number %2.")
            text = text.replace("%1", usable[0].name).replace("%2", str(usable[0].last_made + 1))
        else:
            text = self.tr("You have no key yet: other offices refuse what is not signed. Make one below.")
        self._key.setText(text)
        last = next((one for one in overview.history if one.outgoing), None)
        if last is None:
            self._last.setText(self.tr("Nothing was carried out yet."))
        else:
            self._last.setText(
                self.tr("Last made: %1, in %2").replace("%1", last.title).replace("%2", last.path)
            )
