"""The optional passphrase: right, wrong, remembered, changed, taken off."""

from __future__ import annotations

import keyring
import pytest
import sqlcipher3

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import backup, conversations, encryption, passphrase
from bancada.storage.database import attach, open_database
from bancada.storage.salvage import salvage
from storage.conftest import LockedKeyring, MemoryKeyring

SECRET = "correct \"horse\" 'battery' Straße"


@pytest.fixture
def encrypted(home: Home, memory_keyring: MemoryKeyring) -> Home:
    db = open_database(home, passphrase=SECRET)
    conversations.create(db, "a very private title")
    db.close()
    return home


def _code(home: Home, secret: str | None) -> str:
    with pytest.raises(BancadaError) as caught:
        open_database(home, passphrase=secret)
    return caught.value.code


def test_nothing_readable_is_in_the_file(encrypted: Home) -> None:
    content = encrypted.database.read_bytes()
    assert b"private" not in content
    assert not content.startswith(encryption.MAGIC)


def test_the_right_passphrase_opens_it(encrypted: Home) -> None:
    db = open_database(encrypted, passphrase=SECRET)
    assert [one.title for one in conversations.list_page(db, search="priv")] == ["a very private title"]
    db.close()


def test_other_sqlcipher_programs_open_it_with_the_passphrase(encrypted: Home) -> None:
    connection = sqlcipher3.connect(str(encrypted.database))
    quoted = SECRET.replace("'", "''")
    connection.execute(f"PRAGMA key = '{quoted}'")
    assert connection.execute("SELECT count(*) FROM conversations").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("secret", ["wrong", "", None, SECRET + " ", "\udc80"])
def test_a_missing_or_wrong_passphrase_is_locked(encrypted: Home, secret: str | None) -> None:
    before = encrypted.database.read_bytes()
    assert _code(encrypted, secret) == "database.locked"
    assert encrypted.database.read_bytes() == before


def test_composed_and_decomposed_letters_are_one_passphrase(home: Home) -> None:
    open_database(home, passphrase="caf\u00e9").close()
    open_database(home, passphrase="cafe\u0301").close()


def test_the_keyring_remembers_and_forgets(encrypted: Home) -> None:
    encryption.remember(encrypted, SECRET)
    open_database(encrypted).close()
    attach(encrypted).close()
    encryption.forget(encrypted)
    encryption.forget(encrypted)
    assert _code(encrypted, None) == "database.locked"


def test_a_locked_keyring_says_so(encrypted: Home) -> None:
    keyring.set_keyring(LockedKeyring())
    with pytest.raises(BancadaError) as caught:
        encryption.remember(encrypted, SECRET)
    assert caught.value.code == "database.no_keyring"
    assert encryption.recall(encrypted) is None
    encryption.forget(encrypted)


def test_a_passphrase_for_a_plain_file_is_refused(home: Home) -> None:
    open_database(home).close()
    assert _code(home, SECRET) == "database.not_encrypted"


@pytest.mark.parametrize(
    "content", [None, b"", bytes(100), b"[]", b'{"keys": [{"salt": "00", "check": ""}]}']
)
def test_a_lost_marker_is_written_again(encrypted: Home, content: bytes | None) -> None:
    marker = encryption.marker_path(encrypted)
    before = marker.read_bytes()
    marker.unlink()
    if content is not None:
        marker.write_bytes(content)
        assert _code(encrypted, None) == "database.locked"
    open_database(encrypted, passphrase=SECRET).close()
    assert marker.read_bytes() == before


def test_a_damaged_encrypted_file_is_told_from_a_wrong_passphrase(encrypted: Home) -> None:
    content = encrypted.database.read_bytes()
    for damaged in (bytes(len(content)), content[:4096] + bytes(4096) + content[8192:], b""):
        encrypted.database.write_bytes(damaged)
        assert _code(encrypted, SECRET) == "database.damaged"
        assert _code(encrypted, "wrong") == "database.locked"


def test_backup_restore_and_salvage_stay_encrypted(encrypted: Home) -> None:
    db = open_database(encrypted, passphrase=SECRET)
    made = backup.backup(db)
    key = db.key
    db.close()
    assert b"private" not in made.path.read_bytes()
    report = salvage(encrypted, key=key)
    assert report.rows["conversations"] == 1
    assert b"private" not in report.backup.path.read_bytes()
    encrypted.database.write_bytes(b"")
    backup.restore(encrypted, report.backup.path, key=key)
    db = open_database(encrypted, passphrase=SECRET)
    assert len(conversations.list_page(db)) == 1
    db.close()


def test_encrypt_change_and_decrypt(home: Home, memory_keyring: MemoryKeyring) -> None:
    db = open_database(home)
    conversations.create(db, "a very private title")
    backup.backup(db)
    db.close()
    passphrase.change(home, current=None, new="first")
    assert all(b"private" not in one.read_bytes() for one in [home.database, *home.backups.iterdir()])
    encryption.remember(home, "first")
    passphrase.change(home, current=None, new="second")
    assert encryption.recall(home) is None
    assert _code(home, "first") == "database.locked"
    db = open_database(home, passphrase="second")
    assert [one.title for one in conversations.list_page(db, search="private")] == ["a very private title"]
    assert db.rows("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    (made, *_) = backup.list_backups(home)
    key = db.key
    db.close()
    backup.restore(home, made.path, key=key)
    passphrase.change(home, current="second", new=None)
    open_database(home).close()
    assert not encryption.marker_path(home).exists()


def test_a_kill_between_file_and_marker_locks_nobody_out(encrypted: Home) -> None:
    old, new = encrypted.database.read_bytes(), encryption.new_key("second")
    key = encryption.key_of(encrypted, SECRET)
    passphrase.change(encrypted, current=SECRET, new="second")
    changed = encryption.key_of(encrypted, "second")
    encryption.write_marker(encrypted, key, changed)
    open_database(encrypted, passphrase="second").close()
    encrypted.database.write_bytes(old)
    encryption.write_marker(encrypted, key, new)
    assert _code(encrypted, "second") == "database.locked"
    open_database(encrypted, passphrase=SECRET).close()


def test_changing_waits_for_nobody_and_changes_nothing_when_it_is_open(home: Home) -> None:
    db = open_database(home)
    conversations.create(db, "one")
    with pytest.raises(BancadaError) as caught:
        passphrase.change(home, current=None, new="x")
    assert caught.value.code == "database.busy"
    db.close()
    open_database(home).close()
