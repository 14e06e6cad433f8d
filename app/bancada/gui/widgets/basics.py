"""The small parts that every page is made of. Their looks are in resources/style.qss, by role and kind."""

from __future__ import annotations

import html

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from bancada.gui.theme.theme import ICON, Theme

GRID = 8  # pixels: all distances are multiples of it, or half of it


def set_look(widget: QWidget, **properties: str) -> None:
    """Set properties that the style sheet selects by (``role``, ``tone``, ``kind``) and restyle."""
    if all(widget.property(name) == value for name, value in properties.items()):
        return
    for name, value in properties.items():
        widget.setProperty(name, value)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def plain_tip(text: str) -> str:
    """``text`` as a tooltip that shows it as it is: Qt would draw what looks like HTML, images and all."""
    if "<" not in text:
        return text
    return f"<qt>{html.escape(text)}</qt>".replace("\n", "<br>")


class Label(QLabel):
    """Plain text in a role of the style sheet; never interpreted as HTML."""

    def __init__(self, text: str = "", role: str = "", *, wrap: bool = False) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        if role:
            self.setProperty("role", role)
        self.setWordWrap(wrap)


class ElidedLabel(Label):
    """One line that gives way: what does not fit ends in an ellipsis, and is the tooltip."""

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__(text, role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(24)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much as there is room for."""
        metrics = self.fontMetrics()
        if metrics.horizontalAdvance(self.text()) <= self.contentsRect().width():
            super().paintEvent(event)
            return
        shown = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, self.contentsRect().width())
        self.setToolTip(plain_tip(self.text()))
        self.style().drawItemText(
            QPainter(self),
            self.contentsRect(),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            self.palette(),
            self.isEnabled(),
            shown,
            self.foregroundRole(),
        )


class SectionLabel(Label):
    """The name of a section: small capitals."""

    def __init__(self, text: str) -> None:
        super().__init__(text.upper(), "section")
        self.setAccessibleName(text)

    def set_title(self, text: str) -> None:
        self.setText(text.upper())
        self.setAccessibleName(text)


class Chip(Label):
    """A word on a tinted ground; ``tone`` is ``accent``, ``good``, ``warn``, ``bad`` or ``plain``."""

    def __init__(self, text: str = "", tone: str = "plain") -> None:
        super().__init__(text, "chip")
        self.setProperty("tone", tone)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)

    def set(self, text: str, tone: str) -> None:
        self.setText(text)
        set_look(self, tone=tone)


class Card(QFrame):
    """A framed part of a page: a section name, room for controls at its right, and ``body``."""

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self.setProperty("role", "card")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 12)
        column.setSpacing(GRID)
        self.header = QHBoxLayout()
        self.header.setSpacing(GRID)
        self.title = SectionLabel(title)
        self.header.addWidget(self.title)
        self.header.addStretch(1)
        if not title:
            # never the other way round: showing a widget that has no parent yet opens a window
            self.title.hide()
        column.addLayout(self.header)
        self.body = QVBoxLayout()
        self.body.setSpacing(GRID)
        column.addLayout(self.body, 1)


class PageHeader(QWidget):
    """The title of a page with its actions at the right: ``add`` puts widgets there."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        self._row.addWidget(Label(title, "title"))
        self._row.addStretch(1)

    def add(self, widget: QWidget) -> None:
        """Add at the right end."""
        self._row.addWidget(widget)

    def add_beside_title(self, widget: QWidget) -> None:
        """Add right of the title (chips)."""
        self._row.insertWidget(self._row.count() - 1 if self._row.count() == 2 else 2, widget)


class PlainButton(QPushButton):
    """A button with a border."""

    def __init__(self, text: str, kind: str = "plain") -> None:
        super().__init__(text)
        self.setProperty("kind", kind)
        self.setAutoDefault(False)


class PrimaryButton(PlainButton):
    """The one filled button of a page: what one most likely wants to do next."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "primary")


class LinkButton(PlainButton):
    """A button that looks like a link."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "link")


class IconButton(QToolButton):
    """A button with an icon alone; its name is the tooltip and the accessible name."""

    def __init__(self, theme: Theme, icon: str, accessible_name: str, color: str = "muted") -> None:
        super().__init__()
        self._theme, self._icon, self._color = theme, icon, color
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_name(accessible_name)
        theme.changed.connect(self._tint)
        self._tint()

    def set_name(self, name: str) -> None:
        self.setAccessibleName(name)
        self.setToolTip(name)

    def set_icon(self, icon: str, color: str = "muted") -> None:
        self._icon, self._color = icon, color
        self._tint()

    def _tint(self) -> None:
        self.setIconSize(QSize(1, 1) * self._theme.px(ICON))
        self.setIcon(self._theme.icon(self._icon, self._color))


class IconLabel(QLabel):
    """An icon that is no button; decoration to a screen reader unless it has a name."""

    def __init__(self, theme: Theme, icon: str, color: str = "muted", size: int = ICON) -> None:
        super().__init__()
        self._theme, self._icon, self._color, self._size = theme, icon, color, size
        theme.changed.connect(self._tint)
        self._tint()

    def set_icon(self, icon: str, color: str) -> None:
        if (icon, color) != (self._icon, self._color):
            self._icon, self._color = icon, color
            self._tint()

    def _tint(self) -> None:
        size = QSize(1, 1) * self._theme.px(self._size)
        self.setPixmap(self._theme.icon(self._icon, self._color).pixmap(size, self.devicePixelRatioF()))


class Line(QFrame):
    """A hairline between parts."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "line")


class NumberBox(QSpinBox):
    """A spin box whose text keeps the distance from its border that a style sheet cannot give it."""

    def __init__(self, low: int, high: int, suffix: str = "") -> None:
        super().__init__()
        self.setRange(low, high)
        self.setSuffix(suffix)
        self.setKeyboardTracking(False)
        self.setGroupSeparatorShown(True)
        self.lineEdit().setTextMargins(6, 0, 0, 0)


class DecimalBox(QDoubleSpinBox):
    """The same for decimal numbers."""

    def __init__(self, low: float, high: float, decimals: int = 2) -> None:
        super().__init__()
        self.setDecimals(decimals)
        self.setRange(low, high)
        self.setKeyboardTracking(False)
        self.lineEdit().setTextMargins(6, 0, 0, 0)
