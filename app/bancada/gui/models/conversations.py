"""The list of conversations as a model: keyset pages from the database, changes by id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from bancada.core.errors import BancadaError
from bancada.gui.background import Background
from bancada.gui.widgets.format import when_text
from bancada.storage import conversations
from bancada.storage.conversations import ConversationRecord
from bancada.storage.database import Database

PAGE: Final = 100
ID_ROLE: Final = Qt.ItemDataRole.UserRole + 1
WHEN_ROLE: Final = Qt.ItemDataRole.UserRole + 2

_Index = QModelIndex | QPersistentModelIndex


class ConversationList(QAbstractListModel):
    """Newest first. Rows come in pages, asked in the background; ten thousand are never held unasked.

    Every answer of the database carries the number of the question it belongs to: one that was
    overtaken by another search is dropped.
    """

    #: a page arrived: (there are any rows, a search is set)
    loaded = Signal(bool, bool)
    failed = Signal(object)

    def __init__(self, database: Database, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._database = database
        self._background = background
        self._rows: list[ConversationRecord] = []
        self._search = ""
        self._trashed = False
        self._asked = 0
        self._more = False
        self._fetching = False

    @property
    def search(self) -> str:
        """The words that are looked for."""
        return self._search

    def set_search(self, text: str) -> None:
        """Show only conversations with these words."""
        if text != self._search:
            self._search = text
            self.reload()

    @property
    def trashed(self) -> bool:
        """Whether it is the trash that is listed."""
        return self._trashed

    def set_trashed(self, *, trashed: bool) -> None:
        """List the trash, or what is not in it."""
        if trashed != self._trashed:
            self._trashed = trashed
            self.reload()

    def reload(self) -> None:
        """Ask for the first page again."""
        self._ask(None, self._replace)

    def refresh(self, ids: Sequence[str]) -> None:
        """Take in changes: of a few conversations by their ids, of any (no ids) by asking again."""
        if not ids or len(ids) > 20 or self._search:
            self.reload()
            return
        database = self._database

        def query() -> list[tuple[str, ConversationRecord | None]]:
            return [(one, _find(database, one)) for one in ids]

        self._background.run(query, self._merge, self.failed.emit, owner=self)

    def record(self, row: int) -> ConversationRecord | None:
        """The conversation of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, conversation_id: str) -> int:
        """The row of a conversation, -1 when it is not loaded."""
        return next((row for row, one in enumerate(self._rows) if one.id == conversation_id), -1)

    # -- Qt's side

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        record = self.record(index.row())
        if record is None:
            return None
        title = record.title or self.tr("New conversation")
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return title
            case int() if role == ID_ROLE:
                return record.id
            case int() if role == WHEN_ROLE:
                return when_text(record.updated_at)
            case Qt.ItemDataRole.AccessibleTextRole:
                title = f"{title}, {when_text(record.updated_at)}"
            case Qt.ItemDataRole.ToolTipRole if len(title) > 24:
                # plain text that looks like HTML would be drawn as HTML
                title = title.replace("&", "&amp;").replace("<", "&lt;")
            case _:
                return None
        return title

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Rename in place; the row shows the new name once it is stored."""
        record = self.record(index.row())
        title = " ".join(str(value).split())[:200]
        if record is None or role != Qt.ItemDataRole.EditRole or not title or title == record.title:
            return False
        database, conversation_id = self._database, record.id
        self._background.run(
            lambda: conversations.rename(database, conversation_id, title),
            lambda _: self.refresh([conversation_id]),
            self.failed.emit,
            owner=self,
        )
        return True

    def flags(self, index: _Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def canFetchMore(self, parent: _Index) -> bool:
        return not parent.isValid() and self._more and not self._fetching

    def fetchMore(self, parent: _Index) -> None:
        if self.canFetchMore(parent):
            self._ask(self._rows[-1].touched if self._rows else None, self._append)

    # -- inside

    def _ask(self, before: int | None, take: Callable[[list[ConversationRecord]], None]) -> None:
        self._asked += 1
        number, database, search, trashed = self._asked, self._database, self._search, self._trashed
        self._fetching = True

        def done(rows: list[ConversationRecord]) -> None:
            if number == self._asked:
                self._fetching = False
                self._more = len(rows) == PAGE
                take(rows)
                self.loaded.emit(bool(self._rows), bool(self._search.strip()))

        def failed(error: BaseException) -> None:
            if number == self._asked:
                self._fetching = self._more = False
                self.failed.emit(error)

        self._background.run(
            lambda: conversations.list_page(
                database, search=search, before=before, limit=PAGE, trashed=trashed
            ),
            done,
            failed,
            owner=self,
        )

    def _replace(self, rows: list[ConversationRecord]) -> None:
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def _append(self, rows: list[ConversationRecord]) -> None:
        known = {one.id for one in self._rows}
        fresh = [one for one in rows if one.id not in known]
        if fresh:
            start = len(self._rows)
            self.beginInsertRows(QModelIndex(), start, start + len(fresh) - 1)
            self._rows.extend(fresh)
            self.endInsertRows()

    def _merge(self, found: list[tuple[str, ConversationRecord | None]]) -> None:
        for conversation_id, record in found:
            row = self.row_of(conversation_id)
            gone = record is None or (record.deleted_at is not None) != self._trashed
            if gone:
                self._remove(row)
            elif record is not None:
                self._place(row, record)
        self.loaded.emit(bool(self._rows), bool(self._search.strip()))

    def _remove(self, row: int) -> None:
        if row >= 0:
            self.beginRemoveRows(QModelIndex(), row, row)
            del self._rows[row]
            self.endRemoveRows()

    def _place(self, row: int, record: ConversationRecord) -> None:
        wanted = sum(1 for one in self._rows if one.touched > record.touched and one.id != record.id)
        if row < 0:
            if wanted < len(self._rows) or not self._more:
                self.beginInsertRows(QModelIndex(), wanted, wanted)
                self._rows.insert(wanted, record)
                self.endInsertRows()
            return
        if row != wanted:
            target = wanted + 1 if wanted > row else wanted
            self.beginMoveRows(QModelIndex(), row, row, QModelIndex(), target)
            self._rows.insert(wanted, self._rows.pop(row))
            self.endMoveRows()
        self._rows[wanted] = record
        index = self.index(wanted)
        self.dataChanged.emit(index, index)


def _find(database: Database, conversation_id: str) -> ConversationRecord | None:
    try:
        return conversations.get(database, conversation_id)
    except BancadaError as error:
        if error.code == "conversation.not_found":
            return None
        raise
