"""Keys: sealed in a file of their owner's, carried by their public half, trusted and revoked."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import keyring
import pytest

from bancada.catalog.bundles import keys, signing
from bancada.catalog.bundles.signatures import fingerprint_text, is_right, key_id_of
from bancada.storage import signing_keys
from bundle_office import PASSPHRASE, Office, code
from storage.conftest import LockedKeyring, MemoryKeyring, memory_keyring

__all__ = ["memory_keyring"]


def test_a_key_is_sealed_and_only_its_owners(sender: Office) -> None:
    record = sender.key("Alice")
    path = keys.private_path(sender.home, record.id)
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    private = keys.open_private(sender.home, record, PASSPHRASE)
    secret = private.private_bytes_raw()
    for file in sender.home.root.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert secret not in content
            assert secret.hex().encode() not in content
            assert PASSPHRASE.encode() not in content
    assert is_right(record.public_key, private.sign(b"x").hex(), b"x")
    assert not is_right(record.public_key, private.sign(b"x").hex(), b"y")
    assert not is_right("00" * 31, private.sign(b"x").hex(), b"x")
    assert key_id_of(record.public_key) == record.id
    assert len(fingerprint_text(record.id)) == 39


def test_what_does_not_open_a_key(sender: Office, receiver: Office) -> None:
    record = sender.key("Alice")
    path = keys.private_path(sender.home, record.id)
    assert code(lambda: keys.open_private(sender.home, record, "wrong horse")) == "keys.wrong_passphrase"
    assert code(lambda: keys.open_private(receiver.home, record, PASSPHRASE)) == "keys.not_ours"
    other = sender.key("Bob")
    path.write_bytes(keys.private_path(sender.home, other.id).read_bytes())
    assert code(lambda: keys.open_private(sender.home, record, PASSPHRASE)) == "keys.wrong_passphrase"
    data = json.loads(path.read_bytes())
    for damaged in (
        b"",
        b"{}",
        b"[]",
        b"x" * 20_000,
        json.dumps(data | {"salt": "no"}).encode(),
        json.dumps(data | {"nonce": ""}).encode(),
        json.dumps(data | {"sealed": 7}).encode(),
    ):
        path.write_bytes(damaged)
        assert code(lambda: keys.open_private(sender.home, record, PASSPHRASE)) == "keys.file_invalid"


def test_names_and_passphrases(sender: Office) -> None:
    sender.key("Alice")
    assert code(lambda: sender.key("alice")) == "keys.name_taken"
    assert code(lambda: sender.key("///")) == "keys.name_invalid"
    short = "1234567"
    assert code(lambda: keys.make_key(sender.home, sender.database, "B", short)) == "keys.short_passphrase"
    assert len(list(sender.home.keys.iterdir())) == 1


def test_a_folder_that_cannot_be_written(sender: Office) -> None:
    sender.home.keys.write_text("in the way")
    assert code(lambda: sender.key("Alice")) == "keys.unwritable"
    assert signing_keys.list_keys(sender.database) == []
    record = keys.PublicKey("a" * 64, "x", "b" * 64, None)
    assert code(lambda: keys.export_public(keys.trust(sender.database, record), Path("/proc/x"))) == (
        "keys.unwritable"
    )


def test_the_public_half_travels(sender: Office, receiver: Office, tmp_path: Path) -> None:
    record = sender.key("Alice", days=30)
    file = tmp_path / "alice.json"
    keys.export_public(record, file)
    public = keys.read_public(file)
    assert (public.id, public.name, public.expires_at) == (record.id, "Alice", record.expires_at)
    there = keys.trust(receiver.database, public, "Alice of Lisbon")
    assert (there.name, there.own, there.trust) == ("Alice of Lisbon", False, "trusted")
    assert keys.trust(receiver.database, public).name == "Alice of Lisbon"
    assert code(lambda: signing.usable_key(receiver.database, there.name)) == "keys.not_ours"
    assert signing_keys.find(receiver.database, record.id[:8].upper()) == there
    for text in ("", record.id[:5], "Bob", "z" * 64):
        assert code(partial(signing_keys.find, receiver.database, text)) == "keys.not_found"
    data = json.loads(file.read_bytes())
    for change in (
        {"public_key": "00" * 32},
        {"public_key": 7},
        {"fingerprint": "00" * 32},
        {"expires_at": "never"},
        {"expires_at": 5},
        {"format": "other"},
        {"version": 2},
    ):
        file.write_text(json.dumps(data | change))
        assert code(lambda: keys.read_public(file)) == "keys.file_invalid"
    assert code(lambda: keys.read_public(tmp_path / "none")) == "keys.file_invalid"


def test_revoked_and_expired_keys_do_not_sign(sender: Office) -> None:
    record = sender.key("Alice")
    signing_keys.revoke(sender.database, record.id)
    assert code(lambda: signing.usable_key(sender.database, "Alice")) == "keys.not_trusted"
    sender.trust(record)
    assert signing.usable_key(sender.database, "alice").trust == "trusted"
    old = sender.key("Old", days=0)
    assert code(lambda: signing.usable_key(sender.database, old.name)) == "keys.not_trusted"
    assert code(lambda: signing_keys.revoke(sender.database, "f" * 64)) == "keys.not_found"


def test_the_keyring_keeps_a_passphrase(sender: Office, memory_keyring: MemoryKeyring) -> None:
    record = keys.make_remembered_key(sender.home, sender.database, "Alice")
    passphrase = keys.remembered(record.id)
    assert passphrase is not None
    signing.check_passphrase(sender.home, record, passphrase)
    assert list(memory_keyring.passwords.values()) == [passphrase]


class Forgetful(MemoryKeyring):
    """A keyring that takes everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


@pytest.mark.parametrize("ring", [LockedKeyring(), Forgetful()], ids=["locked", "forgetful"])
def test_without_a_keyring_nothing_is_made(
    sender: Office, memory_keyring: MemoryKeyring, ring: MemoryKeyring
) -> None:
    keyring.set_keyring(ring)
    assert code(lambda: keys.make_remembered_key(sender.home, sender.database, "A")) == "keys.no_passphrase"
    assert signing_keys.list_keys(sender.database) == []
    assert list(sender.home.keys.iterdir()) == []
    assert keys.remembered("a" * 64) is None


def test_the_environment_takes_the_keyrings_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, "from outside")
    assert keys.remembered("a" * 64) == "from outside"
