"""The audit log: append-only, chained, in order whatever the clock says (F20)."""

from __future__ import annotations

import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import audit
from bancada.storage.connection import Database, connect


def _fill(db: Database, count: int) -> None:
    with db.transaction():
        for number in range(count):
            audit.append(db, "user", "thing.done", f"{number}", {"n": number})


def _tamper(home: Home, statement: str) -> None:
    connection = connect(home.database)
    connection.execute("DROP TRIGGER events_no_update")
    connection.execute("DROP TRIGGER events_no_delete")
    connection.execute(statement)
    connection.close()


def test_an_untouched_chain_holds(db: Database) -> None:
    assert audit.verify(db) == audit.Verdict(ok=True, broken_seq=None, count=0)
    _fill(db, 1500)
    assert audit.verify(db) == audit.Verdict(ok=True, broken_seq=None, count=1500)
    page = audit.list_page(db, before_seq=4)
    assert [(one.seq, one.subject, one.detail) for one in page] == [
        (3, "2", {"n": 2}),
        (2, "1", {"n": 1}),
        (1, "0", {"n": 0}),
    ]


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE events SET subject = 'x' WHERE seq = 7", 7),
        ("UPDATE events SET at = '2001' WHERE seq = 1", 1),
        ("DELETE FROM events WHERE seq = 5", 5),
        ("DELETE FROM events WHERE seq <= 3", 1),
        ("UPDATE events SET hash = 'x' || hash WHERE seq = 10", 10),
        ("UPDATE events SET seq = seq + 100 WHERE seq >= 9", 9),
    ],
)
def test_the_first_line_that_does_not_fit_is_named(
    db: Database, home: Home, statement: str, broken: int
) -> None:
    _fill(db, 10)
    _tamper(home, statement)
    verdict = audit.verify(db)
    assert (verdict.ok, verdict.broken_seq) == (False, broken)


@pytest.mark.parametrize("statement", ["UPDATE events SET actor = 'x'", "DELETE FROM events"])
def test_the_log_cannot_be_changed_by_the_program(db: Database, statement: str) -> None:
    _fill(db, 2)
    with pytest.raises(BancadaError) as caught, db.transaction() as handle:
        handle.execute(statement)
    assert caught.value.code == "database.value_refused"
    assert audit.verify(db).ok


def test_a_clock_that_went_back_is_noted_and_the_chain_holds(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(db, 1)
    monkeypatch.setattr(audit, "now", lambda: "2019-01-01T00:00:00.000+00:00")
    _fill(db, 2)
    monkeypatch.setattr(audit, "now", lambda: "2036-01-01T00:00:00.000+00:00")
    _fill(db, 1)
    actions = [one.action for one in reversed(audit.list_page(db))]
    assert actions == ["thing.done", "clock.went_back", "thing.done", "thing.done", "thing.done"]
    assert audit.verify(db) == audit.Verdict(ok=True, broken_seq=None, count=5)
