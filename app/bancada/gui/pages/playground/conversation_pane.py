"""The conversations at the left: searched, renamed in place, sent to the trash with Undo, exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from bancada.gui.models.conversations import ID_ROLE, WHEN_ROLE, ConversationList
from bancada.gui.shell import Shell
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.basics import IconButton, Label, LinkButton, SectionLabel
from bancada.storage import conversations
from bancada.storage.database import Database

_SEARCH_MS: Final = 200
_SEARCH_LIMIT: Final = 400

_Index = QModelIndex | QPersistentModelIndex


class ConversationPane(QFrame):
    """Emits what was asked for; the open conversation is marked by :meth:`mark`."""

    opened = Signal(str)
    new_asked = Signal()
    export_asked = Signal(str, str)  # conversation, "markdown" or "json"
    trashed = Signal(str)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._current = ""
        self.setProperty("role", "sidepane")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 10, 8, 8)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setContentsMargins(8, 0, 0, 0)
        head.addWidget(SectionLabel(self.tr("Conversations")), 1)
        new = IconButton(shell.theme, "plus", self.tr("New conversation (Ctrl+N)"))
        new.clicked.connect(self.new_asked)
        head.addWidget(new)
        column.addLayout(head)
        self.search = self._search_field()
        column.addWidget(self.search)
        self.model = ConversationList(shell.context.database, shell.background, self)
        self.view = QListView()
        self.view.setObjectName("conversations")
        self.view.setAccessibleName(self.tr("Conversations"))
        self.view.setModel(self.model)
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.setItemDelegate(_Delegate(shell.theme, self.view))
        self.view.installEventFilter(self)
        column.addWidget(self.view, 1)
        self._empty = Label("", "muted", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._empty.setContentsMargins(8, 8, 8, 8)
        self._empty.hide()
        column.addWidget(self._empty, 1)
        self.trash = LinkButton("")
        self.trash.setCheckable(True)
        self.trash.toggled.connect(lambda shown: self._show_trash(shown=shown))
        self._show_trash(shown=False)
        column.addWidget(self.trash, 0, Qt.AlignmentFlag.AlignLeft)
        self._wait = QTimer(self, singleShot=True, interval=_SEARCH_MS)
        self._wait.timeout.connect(lambda: self.model.set_search(self.search.text()))
        self.search.textChanged.connect(self._search_typed)
        self.search.returnPressed.connect(self._open_first)
        self.view.clicked.connect(self._open)
        self.view.activated.connect(self._open)
        self.view.customContextMenuRequested.connect(self._menu)
        self.model.loaded.connect(self._loaded)
        self.model.failed.connect(lambda error: shell.show_error(error, near=self))

    def _search_field(self) -> QLineEdit:
        theme, field = self._shell.theme, QLineEdit()
        field.setPlaceholderText(self.tr("Search"))
        field.setAccessibleName(self.tr("Search conversations"))
        field.setClearButtonEnabled(True)
        field.setMaxLength(_SEARCH_LIMIT)
        self._glass = field.addAction(theme.icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        theme.changed.connect(self._tint)
        return field

    def _tint(self) -> None:
        self._glass.setIcon(self._shell.theme.icon("search", "muted"))

    def mark(self, conversation_id: str) -> None:
        """Show which conversation is open."""
        self._current = conversation_id
        row = self.model.row_of(conversation_id)
        if row >= 0:
            self.view.setCurrentIndex(self.model.index(row))
        else:
            self.view.clearSelection()
            self.view.setCurrentIndex(QModelIndex())

    def rename_current(self) -> None:
        """Edit the title of the chosen conversation."""
        index = self.view.currentIndex()
        if index.isValid():
            self.view.setFocus()
            self.view.edit(index)

    def trash_current(self) -> None:
        """Move the chosen conversation to the trash; a notice offers Undo."""
        index = self.view.currentIndex()
        if not index.isValid():
            return
        if self.model.trashed:
            self._ask_purge(str(index.data(ID_ROLE)), str(index.data()))
        else:
            self._trash(str(index.data(ID_ROLE)), str(index.data()))

    def restore_current(self) -> None:
        """Take the chosen conversation out of the trash and open it."""
        conversation_id = str(self.view.currentIndex().data(ID_ROLE) or "")
        if conversation_id:
            self._change_trashed(conversation_id, conversations.restore)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Del sends to the trash while the list has the focus."""
        if watched is self.view and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Delete:
                self.trash_current()
                return True
            if self.model.trashed and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.restore_current()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.view.isPersistentEditorOpen(
                self.view.currentIndex()
            ):
                self._open(self.view.currentIndex())
                return True
        return super().eventFilter(watched, event)

    def _search_typed(self) -> None:
        self._wait.start()

    def _open(self, index: QModelIndex) -> None:
        conversation_id = index.data(ID_ROLE)
        if conversation_id and conversation_id != self._current and not self.model.trashed:
            self.opened.emit(str(conversation_id))

    def _open_first(self) -> None:
        if self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(0))
            self._open(self.model.index(0))

    def _trash(self, conversation_id: str, title: str) -> None:
        database, background = self._shell.context.database, self._shell.background

        def undo() -> None:
            background.run(
                lambda: conversations.restore(database, conversation_id),
                lambda _: self.model.refresh([conversation_id]),
                owner=self,
            )

        def done(_: None) -> None:
            self.model.refresh([conversation_id])
            self.trashed.emit(conversation_id)
            words = self.tr("“%1” is in the trash.").replace("%1", title[:60])
            self._shell.notify("info", words, action_text=self.tr("Undo"), action=undo)

        background.run(
            lambda: conversations.trash(database, conversation_id),
            done,
            lambda error: self._shell.show_error(error, near=self),
            owner=self,
        )

    def _show_trash(self, *, shown: bool) -> None:
        self.trash.setText(self.tr("Back to the conversations") if shown else self.tr("Trash"))
        tip = self.tr("Deleted conversations, to restore or to delete for good")
        self.trash.setToolTip("" if shown else tip)
        self.model.set_trashed(trashed=shown)

    def _ask_purge(self, conversation_id: str, title: str) -> None:
        ask(
            self,
            self.tr("Delete “%1” for good?").replace("%1", title[:60]),
            self.tr("Its messages are deleted with it. This cannot be undone."),
            [
                Answer(
                    self.tr("Delete the conversation"),
                    lambda: self._change_trashed(conversation_id, conversations.purge),
                    "danger",
                ),
                Answer(self.tr("Keep it"), lambda: None, "primary"),
            ],
        )

    def _change_trashed(self, conversation_id: str, change: Callable[[Database, str], None]) -> None:
        database = self._shell.context.database
        self._shell.background.run(
            lambda: change(database, conversation_id),
            lambda _: self.model.refresh([conversation_id]),
            lambda error: self._shell.show_error(error, near=self),
            owner=self,
        )

    def _fill_trash_menu(self, menu: QMenu) -> None:
        menu.addAction(self.tr("Restore"), self.restore_current)
        menu.addSeparator()
        menu.addAction(self.tr("Delete for good\N{HORIZONTAL ELLIPSIS}"), self.trash_current)

    def _menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        if not index.isValid():
            return
        self.view.setCurrentIndex(index)
        conversation_id = str(index.data(ID_ROLE))
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self.model.trashed:
            self._fill_trash_menu(menu)
        else:
            self._fill_menu(menu, index, conversation_id)
        menu.popup(self.view.viewport().mapToGlobal(place))

    def _fill_menu(self, menu: QMenu, index: QModelIndex, conversation_id: str) -> None:
        menu.addAction(self.tr("Open"), lambda: self._open(index))
        menu.addAction(self.tr("Rename"), self.rename_current)
        menu.addAction(
            self.tr("Export as Markdown…"), lambda: self.export_asked.emit(conversation_id, "markdown")
        )
        menu.addAction(self.tr("Export as JSON…"), lambda: self.export_asked.emit(conversation_id, "json"))
        menu.addSeparator()
        menu.addAction(self.tr("Move to the trash"), self.trash_current)

    def _loaded(self, any_rows: bool, searching: bool) -> None:
        self.view.setVisible(any_rows)
        self._empty.setVisible(not any_rows)
        words = self.tr("Your conversations will be kept here.")
        if self.model.trashed:
            words = self.tr("The trash is empty.")
        self._empty.setText(self.tr("No conversation has these words.") if searching else words)
        self.mark(self._current)


class _Delegate(QStyledItemDelegate):
    """Two lines: the title, and when it was last changed."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(120, option.fontMetrics.height() * 2 + 16)

    def createEditor(self, parent: QWidget, _option: QStyleOptionViewItem, _index: _Index) -> QWidget:
        field = QLineEdit(parent)
        field.setMaxLength(200)
        field.setAccessibleName(self.tr("Title of the conversation"))
        return field

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        """Fill the field once: a row that changes while its title is edited leaves what is written there."""
        if not editor.property("filled"):
            super().setEditorData(editor, index)
            editor.setProperty("filled", True)  # noqa: FBT003 - Qt's signature

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        theme = self._theme
        area = QRect(option.rect).adjusted(0, 1, 0, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.color("accent_soft" if chosen else "hover"))
            painter.drawRoundedRect(area, 6, 6)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.color("accent"))
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 6, 6)
        inside = area.adjusted(8, 6, -8, -6)
        metrics = option.fontMetrics
        painter.setFont(option.font)
        painter.setPen(theme.color("accent" if chosen else "text"))
        title = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(inside, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, title)
        font = painter.font()
        font.setPixelSize(theme.px(11))
        painter.setFont(font)
        painter.setPen(theme.color("muted"))
        painter.drawText(
            inside, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, str(index.data(WHEN_ROLE))
        )
        painter.restore()

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, _index: _Index) -> None:
        editor.setGeometry(QRect(option.rect).adjusted(2, 4, -2, -4))
        editor.setBackgroundRole(QPalette.ColorRole.Base)
