"""The left rail: one entry for each section, the active one tinted."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication, QSize, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QPushButton, QVBoxLayout

from bancada.gui.pages import PAGES, PageSpec
from bancada.gui.theme.theme import ICON, Theme

WIDTH: Final = 222
ENTRY_HEIGHT: Final = 34
#: icons alone, where the window is narrow
NARROW_WIDTH: Final = 60
NARROW_BELOW: Final = 960


def page_title(spec: PageSpec) -> str:
    """The translated title of a page."""
    return QCoreApplication.translate("pages", spec.title)


class Rail(QFrame):
    """Emits ``chosen`` with the page's id."""

    chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setProperty("role", "rail")
        self.setAccessibleName(self.tr("Sections"))
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 16, 12, 12)
        column.setSpacing(2)
        self._narrow = False
        self._brand = QLabel("Bancada")
        self._brand.setProperty("role", "brand")
        column.addWidget(self._brand)
        column.addSpacing(14)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        for spec in PAGES:
            if spec.bottom and not any(one.bottom for one in PAGES if one.id in self._buttons):
                column.addStretch(1)
            button = self._make_button(spec)
            self._buttons[spec.id] = button
            self._group.addButton(button)
            column.addWidget(button)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def show_active(self, page_id: str) -> None:
        """Mark the section that is shown."""
        self._buttons[page_id].setChecked(True)
        self._tint()

    def fit(self, window_width: int) -> None:
        """Show icons alone where the window is too narrow for their names; tooltips say them."""
        narrow = window_width < self._theme.px(NARROW_BELOW)
        if narrow != self._narrow:
            self._narrow = narrow
            self._take_theme()

    def _make_button(self, spec: PageSpec) -> QPushButton:
        title = page_title(spec)
        button = QPushButton()
        button.setProperty("kind", "rail")
        button.setCheckable(True)
        button.setAccessibleName(title)
        button.setToolTip(f"{title} ({spec.shortcut.partition(';')[0]})")
        button.clicked.connect(lambda _checked=False: self.chosen.emit(spec.id))
        return button

    def _tint(self) -> None:
        for spec in PAGES:
            button = self._buttons[spec.id]
            button.setIcon(self._theme.icon(spec.icon, "accent" if button.isChecked() else "muted"))

    def _take_theme(self) -> None:
        width = NARROW_WIDTH if self._narrow else WIDTH
        self.setFixedWidth(max(width, self._theme.px(width)))
        self._brand.setText("B" if self._narrow else "Bancada")
        for button in self._buttons.values():
            # the space is the gap between icon and text, which a style sheet cannot set
            button.setText("" if self._narrow else f" {button.accessibleName().replace('&', '&&')}")
            button.setIconSize(QSize(1, 1) * self._theme.px(ICON))
            button.setFixedHeight(max(ENTRY_HEIGHT, self._theme.px(ENTRY_HEIGHT)))
        self._tint()
