"""Where models come from: the hub or mirror, whether the network is open, and the token."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from bancada.gui.models.hub import place_of
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import Chip, ElidedLabel, IconLabel, Label, LinkButton


class SourceBar(QWidget):
    """One line; ``change`` asks for another source, ``token`` for the token's form."""

    change = Signal()
    token = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._lamp = IconLabel(theme, "lock", "good", 16)
        row.addWidget(self._lamp)
        row.addWidget(Label(self.tr("Source"), "muted"))
        self.address = ElidedLabel("", "mono")
        self.place = Chip()
        self.place.setMinimumHeight(theme.px(22))
        self.change_button = LinkButton(self.tr("Change\N{HORIZONTAL ELLIPSIS}"))
        self.change_button.setAccessibleName(self.tr("Change the source of models"))
        self.change_button.clicked.connect(self.change)
        self.token_button = LinkButton("")
        self.token_button.clicked.connect(self.token)
        row.addWidget(self.address, 1)
        row.addWidget(self.place)
        row.addSpacing(8)
        row.addWidget(self.change_button)
        row.addSpacing(8)
        row.addWidget(self.token_button)
        self.show_token(known=False)

    def show_source(self, endpoint: str, *, sealed: bool) -> None:
        """Say where models are looked for; ``sealed``: it cannot be reached now."""
        self._lamp.set_icon("lock" if sealed else "lock-open", "good" if sealed else "warn")
        self.address.setText(endpoint)
        self.address.setAccessibleName(self.tr("Source: %1").replace("%1", endpoint))
        self.place.set(place_of(endpoint), "plain")

    def show_token(self, *, known: bool) -> None:
        """Whether there is a token for it."""
        self.token_button.setText(
            self.tr("Token: stored\N{HORIZONTAL ELLIPSIS}")
            if known
            else self.tr("Token: none\N{HORIZONTAL ELLIPSIS}")
        )
        self.token_button.setToolTip(
            self.tr("The token for this source is in the system's keyring.")
            if known
            else self.tr("Gated models and office mirrors want a token.")
        )
