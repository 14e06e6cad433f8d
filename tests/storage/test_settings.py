"""Settings: typed, and never in the way when what is stored is broken (F24, bad input 30)."""

from __future__ import annotations

from typing import Any

import pytest

from bancada.core.errors import BancadaError
from bancada.core.settings import SETTINGS, check
from bancada.storage import audit, settings
from bancada.storage.connection import Database


def test_every_default_is_a_good_value(db: Database) -> None:
    assert {key: check(key, setting.default) for key, setting in SETTINGS.items()} == settings.all(db)
    assert all(setting.description for setting in SETTINGS.values())


def test_set_get_reset(db: Database) -> None:
    settings.set(db, "appearance.scale", 2)
    assert settings.get(db, "appearance.scale") == 2.0
    settings.set(db, "appearance.theme", "dark")
    assert settings.all(db)["appearance.theme"] == "dark"
    settings.reset(db, "appearance.theme")
    assert settings.get(db, "appearance.theme") == "system"
    settings.set(db, "window.models", "{}")
    subjects = [one.subject for one in audit.list_page(db)]
    assert subjects == ["appearance.theme", "appearance.scale"]


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("no.such", 1, "settings.unknown"),
        ("chat.context", "4096", "settings.wrong_type"),
        ("chat.context", True, "settings.wrong_type"),
        ("chat.context", None, "settings.wrong_type"),
        ("chat.context", 10**400, "settings.out_of_range"),
        ("chat.context", -1, "settings.out_of_range"),
        ("appearance.scale", float("nan"), "settings.wrong_type"),
        ("appearance.scale", 10**400, "settings.wrong_type"),
        ("appearance.scale", 99.0, "settings.out_of_range"),
        ("appearance.theme", "<b>dark</b>", "settings.not_a_choice"),
        ("appearance.theme", ["dark"], "settings.wrong_type"),
        ("network.sealed", 0, "settings.wrong_type"),
        ("language", "x" * 70_000, "settings.too_long"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    db: Database, key: str, value: Any, code: str
) -> None:
    with pytest.raises(BancadaError) as caught:
        settings.set(db, key, value)
    assert caught.value.code == code
    assert str(caught.value)
    assert db.rows("SELECT * FROM settings") == []


@pytest.mark.parametrize("stored", ["0", '""', "[1]", "null", "9" * 5000, '"/dev/zero"', "1e999", '{"a":1}'])
def test_broken_rows_give_defaults_and_a_list_of_problems(db: Database, stored: str) -> None:
    with db.transaction() as handle:
        for key in ("appearance.theme", "no.longer.there"):
            handle.execute("INSERT INTO settings VALUES (?, ?)", (key, stored))
    assert settings.get(db, "appearance.theme") == "system"
    assert settings.all(db)["appearance.theme"] == "system"
    problems = settings.unusable(db)
    assert len(problems) == 2
    assert all(one.code.startswith("settings.") for one in problems)


def test_an_unknown_key_is_named(db: Database) -> None:
    for action in (settings.get, settings.reset):
        with pytest.raises(BancadaError) as caught:
            action(db, "no.such")
        assert caught.value.params == {"key": "no.such"}
