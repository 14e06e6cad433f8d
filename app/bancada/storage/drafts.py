"""What the user typed and did not send yet, by place (``chat:<conversation>`` ...)."""

from __future__ import annotations

from bancada.storage.connection import Database, now, storable


def get(db: Database, key: str) -> str:
    """The draft, or an empty text."""
    row = db.row("SELECT content FROM drafts WHERE key = ?", (key,))
    return str(row["content"]) if row else ""


def save(db: Database, key: str, content: str) -> None:
    """Keep a draft; an empty text removes it."""
    if not content:
        remove(db, key)
        return
    with db.transaction() as handle:
        handle.execute(
            "INSERT INTO drafts (key, content, updated_at) VALUES (?, ?, ?) ON CONFLICT (key)"
            " DO UPDATE SET content = excluded.content, updated_at = excluded.updated_at",
            (key, storable(content), now()),
        )


def remove(db: Database, key: str) -> None:
    """Forget a draft; one that is not there is no error."""
    with db.transaction() as handle:
        handle.execute("DELETE FROM drafts WHERE key = ?", (key,))
