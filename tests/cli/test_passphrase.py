"""The workspace's passphrase on the command line: set, asked for, changed, taken off."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest

from bancada.core.paths import Home
from bancada.storage import encryption
from cli.conftest import Result, command, environment
from storage.conftest import LockedKeyring, MemoryKeyring

SECRET = "quatro palavras, um ção"


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(LockedKeyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def memory() -> MemoryKeyring:
    made = MemoryKeyring()
    keyring.set_keyring(made)
    return made


def test_a_workspace_is_encrypted_used_changed_and_opened_again(
    call: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("settings", "set", "chat.context", "8192").code == 0
    assert call("passphrase", "show", "--json").json == {"encrypted": False, "in_keyring": False}
    monkeypatch.setenv("BANCADA_NEW_PASSPHRASE", SECRET)
    made = call("passphrase", "set")
    assert made.code == 0
    assert "kept nowhere" in made.out
    assert not encryption.is_plain(Home(home).database)
    locked = call("settings", "get", "chat.context", "--json")
    assert (locked.code, locked.error["code"]) == (1, "database.locked")
    assert "BANCADA_PASSPHRASE" in locked.error["hint"]
    monkeypatch.setenv("BANCADA_PASSPHRASE", SECRET)
    assert "8192" in call("settings", "get", "chat.context").out
    monkeypatch.setenv("BANCADA_NEW_PASSPHRASE", "another one")
    assert call("passphrase", "set").code == 0
    assert call("settings", "get", "chat.context", "--json").error["code"] == "database.locked"
    monkeypatch.setenv("BANCADA_PASSPHRASE", "another one")
    assert call("passphrase", "remove", "--yes").code == 0
    monkeypatch.delenv("BANCADA_PASSPHRASE")
    assert "8192" in call("settings", "get", "chat.context").out
    assert call("passphrase", "remove", "--json").error["code"] == "database.not_encrypted"


def test_a_new_workspace_is_encrypted_from_its_first_byte(
    call: Callable[..., Result], home: Path, memory: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANCADA_NEW_PASSPHRASE", SECRET)
    assert call("passphrase", "set", "--json").json == {"encrypted": True, "in_keyring": True}
    assert not encryption.is_plain(Home(home).database)
    assert call("settings", "get", "chat.context").code == 0, "the keyring opens it"
    assert "keyring keeps" in call("passphrase", "show").out
    assert call("passphrase", "set", "--no-keyring", "--json").json["in_keyring"] is False


@pytest.mark.parametrize(
    ("new", "code"), [("short", "database.short_passphrase"), ("", "database.no_new_passphrase")]
)
def test_what_is_no_passphrase_changes_nothing(
    call: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch, new: str, code: str
) -> None:
    assert call("settings", "get", "chat.context").code == 0
    before = Home(home).database.read_bytes()
    monkeypatch.setenv("BANCADA_NEW_PASSPHRASE", new)
    assert call("passphrase", "set", "--json").error["code"] == code
    assert Home(home).database.read_bytes() == before
    assert not encryption.marker_path(Home(home)).exists()


def test_it_is_typed_on_a_terminal_and_never_shown(
    call: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANCADA_NEW_PASSPHRASE", SECRET)
    assert call("passphrase", "set").code == 0
    master, slave = pty.openpty()
    seen = bytearray()

    def talk() -> None:
        answered = False
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:
                return
            seen.extend(piece)
            if not answered and b"not shown" in seen:
                answered = True
                os.write(master, SECRET.encode() + b"\n")

    reader = threading.Thread(target=talk, daemon=True)
    reader.start()
    variables = environment(home) | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    variables.pop("BANCADA_NEW_PASSPHRASE")
    done = subprocess.run(
        command("settings", "get", "chat.context", "--json"),
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        env=variables,
        check=False,
        start_new_session=True,
        timeout=60,
    )
    os.close(slave)
    reader.join(10)
    os.close(master)
    assert done.returncode == 0, seen.decode()
    assert b"4096" in done.stdout
    assert SECRET.encode() not in bytes(seen)
