"""Conversations: trees of messages in which one branch is shown.

Versions of an answer and edited questions are siblings: messages with the same parent. The
conversation's leaf says which branch is shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.ids import new_id
from bancada.storage.connection import Database, Row, now, storable, to_json


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """One conversation. ``touched`` grows with every change and is the order of the list."""

    id: str
    title: str
    model_version_id: str | None
    system_prompt: str
    parameters: dict[str, Any]
    leaf_message_id: str | None
    created_at: str
    updated_at: str
    touched: int
    deleted_at: str | None


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """One message. ``role`` is user or assistant; ``tokens`` are stored probabilities, JSON values.

    ``status`` is streaming, complete, stopped, failed or interrupted; ``error`` is
    :meth:`BancadaError.to_json`; ``rating`` is 1, -1 or None.
    """

    seq: int
    id: str
    conversation_id: str
    parent_id: str | None
    role: str
    content: str
    status: str
    error: dict[str, Any] | None
    model_version_id: str | None
    request_id: str | None
    tokens: list[Any] | None
    rating: int | None
    created_at: str


# -- conversations


def create(
    db: Database,
    title: str = "",
    *,
    model_version_id: str | None = None,
    system_prompt: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> ConversationRecord:
    """Make a new, empty conversation."""
    conversation_id, at = new_id(), now()
    with db.transaction() as handle:
        handle.execute(
            "INSERT INTO conversations (id, title, model_version_id, system_prompt, parameters,"
            f" created_at, updated_at, touched) VALUES (?, ?, ?, ?, ?, ?, ?, {_NEXT_TOUCH})",
            (
                conversation_id,
                storable(title),
                model_version_id,
                storable(system_prompt),
                to_json(dict(parameters or {})),
                at,
                at,
            ),
        )
        return get(db, conversation_id)


def get(db: Database, conversation_id: str) -> ConversationRecord:
    """One conversation, in the trash or not; raises BancadaError ``conversation.not_found``."""
    row = db.row("SELECT * FROM conversations WHERE id = ?", (conversation_id,))
    if row is None:
        raise BancadaError("conversation.not_found", conversation=conversation_id)
    return _conversation(row)


def rename(db: Database, conversation_id: str, title: str) -> None:
    """Change the title."""
    _change(db, conversation_id, title=storable(title))


def set_system_prompt(db: Database, conversation_id: str, system_prompt: str) -> None:
    """Change the system prompt."""
    _change(db, conversation_id, system_prompt=storable(system_prompt))


def set_parameters(db: Database, conversation_id: str, parameters: Mapping[str, Any]) -> None:
    """Change the sampling parameters."""
    _change(db, conversation_id, parameters=to_json(dict(parameters)))


def set_model(db: Database, conversation_id: str, model_version_id: str | None) -> None:
    """Choose the model that answers next."""
    _change(db, conversation_id, model_version_id=model_version_id)


def set_leaf(db: Database, conversation_id: str, message_id: str | None) -> None:
    """Show the branch through ``message_id``, down to its newest end (None: an empty conversation).

    Raises:
        BancadaError: ``message.not_found`` unless the message is of this conversation.
    """
    if message_id is not None:
        message_id = _newest_end(db, conversation_id, message_id)
    _change(db, conversation_id, leaf_message_id=message_id)


def trash(db: Database, conversation_id: str) -> None:
    """Move a conversation to the trash."""
    _change(db, conversation_id, deleted_at=now())


def restore(db: Database, conversation_id: str) -> None:
    """Take a conversation out of the trash."""
    _change(db, conversation_id, deleted_at=None)


def purge(db: Database, conversation_id: str) -> None:
    """Delete a conversation with its messages for good; one that is not there is no error."""
    with db.transaction() as handle:
        handle.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))


def list_page(
    db: Database, *, search: str = "", before: int | None = None, limit: int = 100, trashed: bool = False
) -> list[ConversationRecord]:
    """The conversations changed last come first.

    Args:
        db: the database.
        search: words of which each must be in the title, or each in one message; the last may be the
            beginning of a word. Operators of the search engine have no meaning in it.
        before: ``touched`` of the last conversation of the page before.
        limit: how many at most.
        trashed: list the trash instead.
    """
    where = ["deleted_at IS NOT NULL" if trashed else "deleted_at IS NULL"]
    values: dict[str, Any] = {"limit": limit}
    query = match_expression(search)
    if query:
        where.append(f"seq IN ({_FOUND})")
        values["query"] = query
    elif search.strip():
        return []  # nothing in it that could be in a word
    if before is not None:
        where.append("touched < :before")
        values["before"] = before
    rows = db.rows(
        f"SELECT * FROM conversations WHERE {' AND '.join(where)} ORDER BY touched DESC LIMIT :limit", values
    )
    return [_conversation(row) for row in rows]


def match_expression(search: str) -> str:
    """The user's words as an FTS5 query: each quoted, the last one as a prefix; empty without words."""
    words = storable(search).replace("\0", " ").split()
    quoted = ['"' + word.replace('"', '""') + '"' for word in words if any(map(str.isalnum, word))]
    return " ".join(quoted) + "*" if quoted else ""


def recover_streaming(db: Database) -> int:
    """At the start: answers whose writer is gone become interrupted; returns how many."""
    with db.transaction() as handle:
        return handle.execute(
            "UPDATE messages SET status = 'interrupted' WHERE status = 'streaming'"
        ).rowcount


# -- messages


def add_message(  # noqa: PLR0917 - every one of them says where the message belongs
    db: Database,
    conversation_id: str,
    parent_id: str | None,
    role: str,
    content: str,
    status: str = "complete",
    model_version_id: str | None = None,
) -> MessageRecord:
    """Add a message below ``parent_id`` (None: at the root) and show its branch.

    Raises:
        BancadaError: ``conversation.not_found``; ``message.not_found`` when the parent is not in it.
    """
    message_id = new_id()
    with db.transaction() as handle:
        if parent_id is not None:
            _message_of(db, conversation_id, parent_id)
        _change(db, conversation_id, leaf_message_id=message_id)
        handle.execute(
            "INSERT INTO messages (id, conversation_id, parent_id, role, content, status,"
            " model_version_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message_id,
                conversation_id,
                parent_id,
                role,
                storable(content),
                status,
                model_version_id,
                now(),
            ),
        )
        return get_message(db, message_id)


def update_message(
    db: Database,
    message_id: str,
    *,
    content: str | None = None,
    status: str | None = None,
    error: Mapping[str, Any] | None = None,
    request_id: str | None = None,
    tokens: list[Any] | None = None,
) -> None:
    """Change what is given; None leaves a field as it is. Raises BancadaError ``message.not_found``."""
    changes: Row = {
        "content": None if content is None else storable(content),
        "status": status,
        "error": None if error is None else to_json(dict(error)),
        "request_id": request_id,
        "tokens": None if tokens is None else to_json(tokens),
    }
    _change_message(db, message_id, {name: value for name, value in changes.items() if value is not None})


def rate(db: Database, message_id: str, rating: int | None) -> None:
    """Rate an answer 1 or -1, or take the rating back with None."""
    _change_message(db, message_id, {"rating": rating})


def get_message(db: Database, message_id: str) -> MessageRecord:
    """One message; raises BancadaError ``message.not_found``."""
    row = db.row("SELECT * FROM messages WHERE id = ?", (message_id,))
    if row is None:
        raise BancadaError("message.not_found", message=message_id)
    return _message(row)


def branch(db: Database, conversation_id: str) -> list[MessageRecord]:
    """The messages of the branch that is shown, from the root to the leaf."""
    rows = db.rows(
        "WITH RECURSIVE path (seq, id, parent_id, depth) AS ("
        " SELECT m.seq, m.id, m.parent_id, 0 FROM messages m"
        " JOIN conversations c ON c.leaf_message_id = m.id WHERE c.id = ?"
        " UNION ALL SELECT m.seq, m.id, m.parent_id, path.depth + 1"
        " FROM messages m JOIN path ON m.id = path.parent_id)"
        " SELECT m.* FROM path JOIN messages m ON m.seq = path.seq ORDER BY path.depth DESC",
        (conversation_id,),
    )
    return [_message(row) for row in rows]


def siblings(db: Database, message_id: str) -> list[MessageRecord]:
    """The versions of a message, itself among them, oldest first."""
    one = get_message(db, message_id)
    rows = db.rows(
        "SELECT * FROM messages WHERE conversation_id = ? AND parent_id IS ? AND role = ? ORDER BY seq",
        (one.conversation_id, one.parent_id, one.role),
    )
    return [_message(row) for row in rows]


def export(db: Database, conversation_id: str) -> dict[str, Any]:
    """The whole tree as JSON values: the conversation's fields and all its messages."""
    record = get(db, conversation_id)
    rows = db.rows("SELECT * FROM messages WHERE conversation_id = ? ORDER BY seq", (conversation_id,))
    messages = [_message(row) for row in rows]
    hidden = ("touched", "deleted_at")
    return {
        "format": "bancada.conversation",
        "version": 1,
        **{name: getattr(record, name) for name in record.__slots__ if name not in hidden},
        "messages": [
            {name: getattr(one, name) for name in one.__slots__ if name != "seq"} for one in messages
        ],
    }


# -- inside

_NEXT_TOUCH: Final = "(SELECT coalesce(max(touched), 0) + 1 FROM conversations)"

_FOUND: Final = (
    "SELECT rowid FROM conversations_fts WHERE conversations_fts MATCH :query"
    " UNION SELECT c.seq FROM messages_fts f JOIN messages m ON m.seq = f.rowid"
    " JOIN conversations c ON c.id = m.conversation_id WHERE messages_fts MATCH :query"
)


def _change(db: Database, conversation_id: str, **columns: Any) -> None:
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    with db.transaction() as handle:
        cursor = handle.execute(
            f"UPDATE conversations SET {assignments}, updated_at = :at, touched = {_NEXT_TOUCH}"
            " WHERE id = :id",
            columns | {"at": now(), "id": conversation_id},
        )
        if cursor.rowcount == 0:
            raise BancadaError("conversation.not_found", conversation=conversation_id)


def _change_message(db: Database, message_id: str, columns: Row) -> None:
    if not columns:
        get_message(db, message_id)
        return
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    with db.transaction() as handle:
        cursor = handle.execute(
            f"UPDATE messages SET {assignments} WHERE id = :id", columns | {"id": message_id}
        )
        if cursor.rowcount == 0:
            raise BancadaError("message.not_found", message=message_id)


def _message_of(db: Database, conversation_id: str, message_id: str) -> MessageRecord:
    one = get_message(db, message_id)
    if one.conversation_id != conversation_id:
        raise BancadaError("message.not_found", message=message_id)
    return one


def _newest_end(db: Database, conversation_id: str, message_id: str) -> str:
    """Follow the newest child from ``message_id`` to the end of the branch."""
    _message_of(db, conversation_id, message_id)
    row = db.row(
        "WITH RECURSIVE down (id, depth) AS (SELECT ?, 0 UNION ALL"
        " SELECT (SELECT m.id FROM messages m WHERE m.parent_id = down.id ORDER BY m.seq DESC LIMIT 1),"
        " down.depth + 1 FROM down WHERE down.id IS NOT NULL)"
        " SELECT id FROM down WHERE id IS NOT NULL ORDER BY depth DESC LIMIT 1",
        (message_id,),
    )
    assert row is not None
    return str(row["id"])


def _conversation(row: Row) -> ConversationRecord:
    values = row | {"parameters": json.loads(row["parameters"])}
    return ConversationRecord(**{name: values[name] for name in ConversationRecord.__slots__})


def _message(row: Row) -> MessageRecord:
    decoded = {name: None if row[name] is None else json.loads(row[name]) for name in ("error", "tokens")}
    return MessageRecord(**(row | decoded))
