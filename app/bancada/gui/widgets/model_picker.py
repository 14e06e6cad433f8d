"""Chooses a model: what is loaded, what is on the disk, whether it fits, under which licence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psutil
from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import Label
from bancada.gui.widgets.format import bytes_text, memory_text, number
from bancada.inference.backend import BACKENDS
from bancada.storage.models import VersionRecord

_CHOICE: Final = Qt.ItemDataRole.UserRole + 1
_SHOWN_ROWS: Final = 7

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model version with what its choice depends on; memory in bytes, None where it is not known."""

    version: VersionRecord
    loaded: bool
    context: int
    forecast: int | None
    free: int

    @property
    def title(self) -> str:
        """Its name, with the quantization."""
        suffix = f":{self.version.version}" if self.version.version > 1 else ""
        return f"{self.version.name}{suffix} \N{MIDDLE DOT} {self.version.quantization}"

    @property
    def runnable(self) -> bool:
        """Whether an engine answers from its format; others are sources for conversions."""
        return self.version.format in BACKENDS

    @property
    def fits(self) -> bool | None:
        """Whether the forecast is within the free memory; a loaded model fits."""
        if self.loaded:
            return True
        return None if self.forecast is None else self.forecast <= self.free


def query_choices(context: AppContext) -> list[ModelChoice]:
    """All versions with forecasts, loaded ones first. For the background: it asks database and system."""
    free = psutil.virtual_memory().available
    usual = int(context.settings.get("chat.context"))
    found = []
    known = context.library.forecaster()
    for version in context.library.list():
        size = min(usual, version.context_length)
        try:
            total: int | None = known.forecast(version, size).corrected_bytes
        except BancadaError:
            total = None  # the list must not fail for one model whose facts are odd
        loaded = context.models.current(version.id) is not None
        found.append(ModelChoice(version, loaded, size, total, free))
    return sorted(
        found,
        key=lambda one: (not one.runnable, not one.loaded, one.version.name.casefold(), one.version.version),
    )


class ModelPicker(QPushButton):
    """A button with the chosen model's name; it opens a list that can be filtered by typing."""

    chosen = Signal(str)
    #: the list opens: its content should be asked for again
    opening = Signal()
    import_asked = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._choices: list[ModelChoice] = []
        self._version_id = ""
        self.setProperty("kind", "combo")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(140)
        self.setMaximumWidth(320)
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.setAutoDefault(False)
        self._popup = _Popup(theme, self)
        self._popup.picked.connect(self._pick)
        self._popup.import_asked.connect(self.import_asked)
        self.clicked.connect(self.open_list)
        theme.changed.connect(self._show)
        self._show()

    @property
    def choice(self) -> ModelChoice | None:
        """The chosen model, when it is known."""
        return next((one for one in self._choices if one.version.id == self._version_id), None)

    def set_choices(self, choices: Sequence[ModelChoice]) -> None:
        """The models that there are."""
        self._choices = list(choices)
        self._popup.set_choices(self._choices, self._version_id)
        self._show()

    def set_current(self, version_id: str) -> None:
        """Show which one is chosen; nothing is emitted."""
        self._version_id = version_id
        self._show()

    def open_list(self) -> None:
        """Open the list, with the focus in its filter."""
        self.opening.emit()
        self._popup.set_choices(self._choices, self._version_id)
        self._popup.open_below(self)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._show()

    def _pick(self, version_id: str) -> None:
        if version_id != self._version_id:
            self._version_id = version_id
            self._show()
            self.chosen.emit(version_id)
        self.setFocus()

    def _show(self) -> None:
        choice = self.choice
        text = choice.title if choice else self.tr("Choose a model")
        room = max(self.width() - 46, 60)
        self.setText(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room))
        self.setIcon(self._theme.icon("chevron-down", "muted"))
        self.setIconSize(QSize(14, 14))
        self.setAccessibleName(self.tr("Model: %1").replace("%1", text))
        self.setToolTip(self.tr("Choose the model that answers (Ctrl+L)"))


class _Choices(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: list[ModelChoice] = []

    def show(self, rows: list[ModelChoice]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self.rows):
            return None
        choice = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return choice.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{choice.title}: {self.facts(choice)}. {self.verdict(choice)[0]}"
        return choice if role == _CHOICE else None

    def facts(self, choice: ModelChoice) -> str:
        """Where it is, its size, its licence."""
        where = self.tr("loaded") if choice.loaded else self.tr("on disk")
        licence = choice.version.license or self.tr("licence not stated")
        return " \N{MIDDLE DOT} ".join((where, bytes_text(choice.version.size_bytes), licence))

    def verdict(self, choice: ModelChoice) -> tuple[str, str]:
        """Whether it fits, in words, and their tone."""
        if not choice.runnable:
            return self.tr("cannot answer as it is: convert it to GGUF or ONNX first"), "bad"
        if choice.loaded:
            return self.tr("in memory now"), "good"
        if choice.forecast is None:
            return self.tr("memory not known"), "muted"
        words = self.tr("%1 of %2 free at %3 tokens").replace("%1", memory_text(choice.forecast))
        words = words.replace("%2", memory_text(choice.free)).replace("%3", number(choice.context))
        if choice.fits:
            return self.tr("fits: %1").replace("%1", words), "good"
        return self.tr("may not fit: %1").replace("%1", words), "bad"


class _Popup(QFrame):
    """The list. A Popup window: it closes with Escape or a click elsewhere."""

    picked = Signal(str)
    import_asked = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "popup")
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setAccessibleName(self.tr("Models"))
        self._all: list[ModelChoice] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(self.tr("Filter models"))
        self._filter.setAccessibleName(self.tr("Filter models"))
        self._filter.textChanged.connect(self._narrow)
        self._filter.installEventFilter(self)
        column.addWidget(self._filter)
        self._model = _Choices(self)
        self._view = QListView()
        self._view.setFrameShape(QFrame.Shape.NoFrame)
        self._view.setAccessibleName(self.tr("Models"))
        self._view.setModel(self._model)
        self._view.setItemDelegate(_Delegate(theme, self._model, self._view))
        self._view.setMouseTracking(True)
        self._view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._view.clicked.connect(self._take)
        self._view.activated.connect(self._take)
        column.addWidget(self._view)
        self._none = Label(
            self.tr("No model yet. Import one: a GGUF file or an ONNX folder."), "muted", wrap=True
        )
        column.addWidget(self._none)
        more = QPushButton(self.tr("Import a model…"))
        more.setProperty("kind", "link")
        more.clicked.connect(self._import)
        column.addWidget(more)

    def set_choices(self, choices: list[ModelChoice], current: str) -> None:
        self._all = choices
        self._narrow(self._filter.text())
        row = next((row for row, one in enumerate(self._model.rows) if one.version.id == current), 0)
        self._view.setCurrentIndex(self._model.index(row))

    def open_below(self, button: QWidget) -> None:
        self._filter.clear()
        rows = min(max(len(self._all), 1), _SHOWN_ROWS)
        self._view.setFixedHeight(rows * self._view.sizeHintForRow(0) + 4 if self._all else 0)
        self.setFixedWidth(max(button.width(), 440))
        self.adjustSize()
        self.move(button.mapToGlobal(button.rect().bottomLeft()))
        self.show()
        self._filter.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Up, Down and Enter go from the filter to the list."""
        if watched is self._filter and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                row = min(max(self._view.currentIndex().row() + step, 0), self._model.rowCount() - 1)
                self._view.setCurrentIndex(self._model.index(row))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self._view.currentIndex())
                return True
        return super().eventFilter(watched, event)

    def _narrow(self, text: str) -> None:
        words = text.casefold().split()

        def matches(one: ModelChoice) -> bool:
            inside = f"{one.title} {one.version.architecture} {one.version.license}".casefold()
            return all(word in inside for word in words)

        self._model.show([one for one in self._all if matches(one)])
        self._none.setVisible(not self._all)
        self._view.setVisible(bool(self._all))
        if self._model.rowCount():
            self._view.setCurrentIndex(self._model.index(0))

    def _take(self, index: QModelIndex) -> None:
        choice = index.data(_CHOICE)
        if isinstance(choice, ModelChoice) and choice.runnable:
            self.hide()
            self.picked.emit(choice.version.id)

    def _import(self) -> None:
        self.hide()
        self.import_asked.emit()


class _Delegate(QStyledItemDelegate):
    """Three lines: name, facts, and whether it fits (sign, word and colour)."""

    def __init__(self, theme: Theme, model: _Choices, parent: QObject) -> None:
        super().__init__(parent)
        self._theme, self._model = theme, model

    def sizeHint(self, option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(300, option.fontMetrics.height() * 3 + 14)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        choice = index.data(_CHOICE)
        if not isinstance(choice, ModelChoice):
            return
        theme, area = self._theme, QRect(option.rect).adjusted(0, 1, 0, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.color("accent") if chosen else Qt.PenStyle.NoPen)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.color("accent_soft" if chosen else "hover"))
            painter.drawRoundedRect(area.adjusted(1, 0, -1, 0), 6, 6)
        inside = area.adjusted(10, 5, -10, -5)
        third = inside.height() // 3
        words, tone = self._model.verdict(choice)
        lines = ((choice.title, "text"), (self._model.facts(choice), "muted"), (words, tone))
        font = option.font
        for row, (text, color) in enumerate(lines):
            font.setPixelSize(theme.px(13 if row == 0 else 12))
            font.setWeight(font.Weight.DemiBold if row == 0 else font.Weight.Normal)
            painter.setFont(font)
            painter.setPen(theme.color(color))
            box = QRect(inside.left(), inside.top() + row * third, inside.width(), third)
            if row == 2 and tone in ("good", "bad"):
                sign = theme.icon("success" if tone == "good" else "warning", tone)
                sign.paint(painter, QRect(box.left(), box.center().y() - 6, 13, 13))
                box.setLeft(box.left() + 18)
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.restore()
