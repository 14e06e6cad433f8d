"""The command palette: everything that can be done or opened, found by typing a few letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from bancada.gui.fuzzy import score
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import GRID
from bancada.storage import conversations, models

if TYPE_CHECKING:
    from bancada.gui.desk import Desk

_DETAIL_ROLE: Final = Qt.ItemDataRole.UserRole + 1
_SHOWN: Final = 60
_MOVES: Final = frozenset((Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp))
_CONVERSATIONS: Final = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette: a text, a word on the right (keys, or what it is), an icon, what it does."""

    text: str
    detail: str
    icon: str
    run: Callable[[], object]


class EntryModel(QAbstractListModel):
    """The entries that fit, the best first."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self.entries: list[Entry] = []

    def show(self, entries: Sequence[Entry], query: str) -> None:
        rated = [(value, one) for one in entries if (value := score(query, one.text)) is not None]
        if query:
            rated.sort(key=lambda pair: -pair[0])
        self.beginResetModel()
        self.entries = [one for _, one in rated[:_SHOWN]]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.entries)

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.text}, {entry.detail}"
        if role == _DETAIL_ROLE:
            return entry.detail
        if role == Qt.ItemDataRole.DecorationRole and entry.icon:
            return self._theme.icon(entry.icon, "muted")
        return None


class EntryDelegate(QStyledItemDelegate):
    """Draws the detail at the right end."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        detail = index.data(_DETAIL_ROLE)
        if detail:
            painter.save()
            selected = bool(option.state & QStyle.StateFlag.State_Selected)
            painter.setPen(self._theme.color("accent" if selected else "muted"))
            box = option.rect.adjusted(0, 0, -12, 0)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, detail)
            painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        size = super().sizeHint(option, index)
        return QSize(size.width(), max(size.height(), self._theme.px(32)))


class Palette(QFrame):
    """Lies over the top of the window while it is open; Esc or a click elsewhere closes it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._entries: list[Entry] = []
        self.setProperty("role", "popup")
        self.setAccessibleName(self.tr("Commands"))
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, GRID, GRID, GRID)
        column.setSpacing(GRID)
        self.field = QLineEdit(placeholderText=self.tr("Type a command, a page, a model or a conversation"))
        self.field.setAccessibleName(self.tr("Find a command"))
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.model = EntryModel(desk.theme, self)
        self.view = QListView()
        self.view.setAccessibleName(self.tr("Commands that fit"))
        self.view.setModel(self.model)
        self.view.setItemDelegate(EntryDelegate(desk.theme, self.view))
        self.view.setUniformItemSizes(True)
        self.view.setIconSize(QSize(18, 18))
        self.view.setProperty("kind", "bare")
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.clicked.connect(self._run_row)
        column.addWidget(self.field)
        column.addWidget(self.view, 1)
        self.hide()

    def toggle(self) -> None:
        """Open it, or close it when it is open."""
        if self.isVisible():
            self.dismiss()
            return
        self._entries = self._actions()
        self.field.clear()
        self._filter("")
        window = self._desk.window
        width = min(620, window.width() - 32)
        self.setFixedWidth(width)
        self.move((window.width() - width) // 2, 48)
        self.show()
        self.raise_()
        self.field.setFocus()
        self._desk.background.run(self._look_up, self._add_found, owner=self)

    def dismiss(self) -> None:
        """Close without doing anything."""
        self.hide()
        page = self._desk.window.stack.currentWidget()
        if page is not None:
            page.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The keys of the field that move in the list, run, or close."""
        if event.type() == QEvent.Type.FocusOut and self.isVisible() and self._desk.window.isActiveWindow():
            self.hide()
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            assert isinstance(event, QKeyEvent)
            return self._key(event)
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key not in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter) and key not in _MOVES:
            return False
        event.accept()
        if event.type() == QEvent.Type.ShortcutOverride:
            return True
        if key == Qt.Key.Key_Escape:
            self.dismiss()
        elif key in _MOVES:
            self._move({Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8}.get(Qt.Key(key), -8))
        else:
            self._run_row(self.view.currentIndex())
        return True

    def _move(self, by: int) -> None:
        last = self.model.rowCount() - 1
        row = min(max(self.view.currentIndex().row() + by, 0), last)
        self.view.setCurrentIndex(self.model.index(row))

    def _filter(self, query: str) -> None:
        self.model.show(self._entries, query)
        self.view.setCurrentIndex(self.model.index(0))
        # as high as what it lists, at most the half of the window
        row = self.view.sizeHintForRow(0) if self.model.rowCount() else 0
        room = self._desk.window.height() // 2
        self.view.setFixedHeight(min(self.model.rowCount() * row + 8, room) if row else 0)
        self.adjustSize()

    def _run_row(self, index: QModelIndex) -> None:
        if index.isValid():
            entry = self.model.entries[index.row()]
            self.dismiss()
            entry.run()

    def _actions(self) -> list[Entry]:
        native = QKeySequence.SequenceFormat.NativeText
        return [
            Entry(
                one.action.text(),
                one.action.shortcut().toString(native),
                one.icon,
                one.action.trigger,
            )
            for one in self._desk.actions
            if one.action.isVisible() and one.action.isEnabled() and one.id != "window.palette"
        ]

    def _look_up(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        database = self._desk.context.database
        versions = models.list_versions(database)
        latest = conversations.list_page(database, limit=_CONVERSATIONS)
        return (
            [(one.id, f"{one.name} \N{MIDDLE DOT} {one.quantization}") for one in versions],
            [(one.id, one.title) for one in latest],
        )

    def _add_found(self, found: tuple[list[tuple[str, str]], list[tuple[str, str]]]) -> None:
        go = self._desk.navigate
        for version_id, text in found[0]:
            run = partial(go, "models", version_id=version_id)
            self._entries.append(Entry(text, self.tr("model"), "cube", run))
        for conversation_id, title in found[1]:
            run = partial(go, "playground", conversation_id=conversation_id)
            self._entries.append(Entry(title, self.tr("conversation"), "chat", run))
        if self.isVisible():
            self._filter(self.field.text())
