"""``bancada settings``: get, set, list."""

from __future__ import annotations

import json
from typing import Any

from bancada.cli.command import DONE, Invocation, Nouns, clean
from bancada.core.errors import BancadaError
from bancada.core.settings import SETTINGS, Setting
from bancada.storage import settings

_TRUE = ("true", "on", "yes", "1")
_FALSE = ("false", "off", "no", "0")


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("settings", "the workspace's settings")
    parser = verbs.verb("get", "print one setting", _get)
    parser.add_argument("key", type=clean, metavar="KEY")
    parser = verbs.verb("set", "change one setting", _set)
    parser.add_argument("key", type=clean, metavar="KEY")
    parser.add_argument("value", type=clean, metavar="VALUE")
    verbs.verb("list", "list all settings with their meaning", _list)


def _get(invocation: Invocation) -> int:
    key = invocation.options.key
    with invocation.workspace() as context:
        value = context.settings.get(key)
    invocation.console.document({"key": key, "value": value})
    invocation.console.say(_shown(value))
    return DONE


def _set(invocation: Invocation) -> int:
    key, typed = invocation.options.key, invocation.options.value
    settings.check_key(key)
    with invocation.workspace() as context:
        context.settings.set(key, parse(key, SETTINGS[key], typed))
        value = context.settings.get(key)
    invocation.console.document({"key": key, "value": value})
    invocation.console.say(f"{key} = {_shown(value)}")
    return DONE


def _list(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        values = settings.all(context.database)
    invocation.console.document(values)
    invocation.console.table(
        ("Key", "Value", "Default", "Meaning"),
        [
            (key, _shown(value)[:40], _shown(SETTINGS[key].default)[:40], SETTINGS[key].description)
            for key, value in values.items()
        ],
        optional=(2, 3),
    )
    return DONE


def parse(key: str, setting: Setting, typed: str) -> Any:
    """The value that a typed text stands for.

    Raises:
        BancadaError: ``settings.wrong_type`` when it is no value of the setting's type.
    """
    word = typed.strip().lower()
    if setting.kind is str:
        return typed
    if setting.kind is bool and word in (*_TRUE, *_FALSE):
        return word in _TRUE
    try:
        if setting.kind in (int, float):
            return setting.kind(word)
    except ValueError:
        pass
    raise BancadaError("settings.wrong_type", key=key, expected=setting.kind.__name__, value=repr(typed[:80]))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
