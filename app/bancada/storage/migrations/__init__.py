"""The numbered steps from an empty file to today's schema.

Each step runs in one transaction that also writes ``user_version``: a step is done or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlcipher3

Step = Callable[[sqlcipher3.Connection], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; ``version`` is the schema's number after it."""

    version: int
    name: str
    apply: Step


def from_sql(name: str) -> Migration:
    """The step of a file ``mNNNN_<name>.sql`` in this folder; it may hold no transaction of its own."""

    def apply(connection: sqlcipher3.Connection) -> None:
        for statement in statements(Path(__file__).with_name(name).read_text(encoding="utf-8")):
            connection.execute(statement)

    return Migration(int(name[1:5]), name, apply)


MIGRATIONS: Final[tuple[Migration, ...]] = (
    from_sql("m0001_initial.sql"),
    from_sql("m0002_bundles.sql"),
    from_sql("m0003_memory.sql"),
    from_sql("m0004_lifecycle.sql"),
    from_sql("m0005_quantization.sql"),
)

#: the schema's number that this program reads and writes
LATEST: Final = MIGRATIONS[-1].version


def run(connection: sqlcipher3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Apply the steps that the file has not seen.

    Raises:
        sqlcipher3.Error, or whatever a step raises: that step was rolled back, earlier ones stay.
    """
    for migration in migrations:
        # asked inside the transaction: another process may have done it meanwhile
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version_of(connection) < migration.version:
                migration.apply(connection)
                connection.execute(f"PRAGMA user_version = {migration.version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def version_of(connection: sqlcipher3.Connection) -> int:
    """The schema's number in the file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def active_schema(connection: sqlcipher3.Connection) -> frozenset[tuple[str, str, str]]:
    """Type, name and text of what runs by itself in a database: triggers and views."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')")
    return frozenset((kind, name, sql) for kind, name, sql in rows)


def expected_active_schema(
    version: int, migrations: Sequence[Migration] = MIGRATIONS
) -> frozenset[tuple[str, str, str]]:
    """The triggers and views that a file of this version has when only Bancada wrote it."""
    connection = sqlcipher3.connect(":memory:", isolation_level=None)
    try:
        run(connection, [one for one in migrations if one.version <= version])
        return active_schema(connection)
    finally:
        connection.close()


def statements(script: str) -> Iterator[str]:
    """Split a script at the ends of its statements; a trigger's body is one statement."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlcipher3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        raise ValueError(f"the script ends inside a statement: {pending[:80]!r}")
