"""Two migrations of a Bancada to come, which can kill the process at any point."""

from __future__ import annotations

import os
import signal

import sqlcipher3

from bancada.storage.migrations import LATEST, MIGRATIONS, Migration, version_of

POINTS = ("second:begin", "second:middle", "second:end", "third:begin", "third:middle", "third:end")


def steps(*, kill_at: str = "", started_from: list[int] | None = None) -> tuple[Migration, ...]:
    """The two versions after today's; ``started_from`` receives the one in which the first finds the file."""

    def reach(point: str) -> None:
        if point == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def second(connection: sqlcipher3.Connection) -> None:
        if started_from is not None:
            started_from.append(version_of(connection))
        reach("second:begin")
        connection.execute("CREATE TABLE later (word TEXT) STRICT")
        reach("second:middle")
        connection.execute("INSERT INTO later VALUES ('second')")
        reach("second:end")

    def third(connection: sqlcipher3.Connection) -> None:
        reach("third:begin")
        connection.execute("INSERT INTO later VALUES ('third')")
        reach("third:middle")
        connection.execute("CREATE TRIGGER later_no_delete BEFORE DELETE ON later BEGIN SELECT 1; END")
        reach("third:end")

    return (*MIGRATIONS, Migration(LATEST + 1, "second", second), Migration(LATEST + 2, "third", third))
