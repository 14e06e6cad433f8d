"""The stored settings: get, set, all. What may be set is in :mod:`bancada.core.settings`."""

from __future__ import annotations

import json
from typing import Any

from bancada.core.errors import BancadaError
from bancada.core.settings import SETTINGS, check
from bancada.storage import audit
from bancada.storage.connection import Database, storable, to_json

# keys that the window writes by itself at every move: no decisions, so not in the audit log
_UNAUDITED = ("window.", "playground.")


def get(db: Database, key: str) -> Any:
    """The stored value, or the default when none is stored or what is stored no longer fits the key.

    Raises:
        BancadaError: ``settings.unknown``.
    """
    check_key(key)
    row = db.row("SELECT value FROM settings WHERE key = ?", (key,))
    return _usable(key, None if row is None else row["value"])


def set(db: Database, key: str, value: Any) -> None:  # noqa: A001 - read as settings.set
    """Store a value.

    Raises:
        BancadaError: ``settings.*`` when the key is unknown or the value does not fit it; nothing changed.
    """
    value = check(key, value)
    if isinstance(value, str):
        value = storable(value)
    with db.transaction() as handle:
        handle.execute(
            "INSERT INTO settings (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, to_json(value)),
        )
        if not key.startswith(_UNAUDITED):
            audit.append(db, "user", "setting.changed", key, {"value": value})


def reset(db: Database, key: str) -> None:
    """Go back to the default; raises BancadaError for an unknown key."""
    check_key(key)
    with db.transaction() as handle:
        handle.execute("DELETE FROM settings WHERE key = ?", (key,))


def all(db: Database) -> dict[str, Any]:  # noqa: A001 - read as settings.all
    """Every key with its stored or default value."""
    stored = {row["key"]: row["value"] for row in db.rows("SELECT key, value FROM settings")}
    return {key: _usable(key, stored.get(key)) for key in SETTINGS}


def unusable(db: Database) -> tuple[BancadaError, ...]:
    """What is stored but cannot be used, one error for each key; the defaults hold in their place."""
    problems = []
    for row in db.rows("SELECT key, value FROM settings ORDER BY key"):
        try:
            check(row["key"], json.loads(row["value"]))
        except BancadaError as error:
            problems.append(error)
        except ValueError:  # an integer of more digits than Python converts
            problems.append(BancadaError("settings.wrong_type", key=row["key"], expected="a value", value=""))
    return tuple(problems)


def check_key(key: str) -> None:
    """Raise BancadaError ``settings.unknown`` unless ``key`` is one of the settings."""
    if key not in SETTINGS:
        raise BancadaError("settings.unknown", key=str(key)[:200])


def _usable(key: str, stored: str | None) -> Any:
    if stored is None:
        return SETTINGS[key].default
    try:
        return check(key, json.loads(stored))
    except (BancadaError, ValueError):
        return SETTINGS[key].default
