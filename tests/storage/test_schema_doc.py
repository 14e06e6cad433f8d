"""The page of the schema names every table, column and reference."""

from __future__ import annotations

from bancada.storage import schema_doc
from bancada.storage.connection import Database


def test_every_table_and_column_is_on_the_page(db: Database) -> None:
    page = schema_doc.render()
    for table in db.rows("SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"):
        if table["name"].startswith("sqlite_"):
            continue
        section = page.split(f"## {table['name']}\n")[1].split("\n## ")[0]
        for column in db.rows(f"PRAGMA table_info({table['name']})"):
            assert f"| {column['name']} | {column['type']} |" in section
    assert "| models.id |" in page
    assert "CREATE VIRTUAL TABLE messages_fts" in page
