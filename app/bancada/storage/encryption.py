"""The optional passphrase: SQLCipher's key, derived once, and the keyring that remembers it.

The key is derived exactly as SQLCipher 4 does it from a passphrase (PBKDF2-HMAC-SHA512, 256,000
rounds, the file's first 16 bytes as salt; zetetic.net/sqlcipher/design), so other SQLCipher
programs open the file with the passphrase, while our connections skip the derivation.

A small file beside the database says that it is encrypted and what the right key looks like:
without it, a wrong passphrase and a damaged file could not be told apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keyring
from keyring.errors import KeyringError

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage.files import write_durably

MAGIC: Final = b"SQLite format 3\0"
_ROUNDS: Final = 256_000
_SALT_BYTES: Final = 16
_SERVICE: Final = "bancada"


@dataclass(frozen=True, slots=True)
class _KeyCheck:
    """How a right passphrase is known: the salt it is derived with, and a hash of the key."""

    salt: bytes
    check: str


def marker_path(home: Home) -> Path:
    """The file that says that the database is encrypted."""
    return home.root / "encryption.json"


def is_plain(path: Path) -> bool:
    """True when the file begins as every unencrypted SQLite file does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def new_key(passphrase: str) -> str:
    """A key for a new file, with a fresh salt."""
    return _derive(passphrase, os.urandom(_SALT_BYTES))


def key_of(home: Home, passphrase: str | None) -> str | None:
    """The raw key of the workspace's existing database, None for an unencrypted one.

    Without a passphrase the keyring is asked.

    Raises:
        BancadaError: ``database.locked`` when the passphrase is missing or wrong;
            ``database.not_encrypted`` when one is given for an unencrypted file.
    """
    if is_plain(home.database):
        if passphrase is not None:
            raise BancadaError("database.not_encrypted", path=str(home.database))
        return None
    checks = _read_marker(home)
    if not marker_path(home).exists() and passphrase is None:
        return None  # nothing says that it was ever encrypted: the file is damaged, and is told so
    passphrase = passphrase if passphrase is not None else recall(home)
    if passphrase is None:
        raise BancadaError("database.locked", path=str(home.database))
    with home.database.open("rb") as file:
        salt = file.read(_SALT_BYTES).ljust(_SALT_BYTES, b"\0")
    if not checks:
        return _derive(passphrase, salt)
    # two while the passphrase is being changed: the file says by its salt which of them holds
    for one in [one for one in checks if one.salt == salt] or checks:
        key = _derive(passphrase, one.salt)
        if hmac.compare_digest(_check(key), one.check):
            return key
    raise BancadaError("database.locked", path=str(home.database))


def write_marker(home: Home, *keys: str | None) -> None:
    """Say that the database is encrypted with one of ``keys``; None stands for no encryption."""
    checks = [{"salt": key[-2 * _SALT_BYTES :], "check": _check(key)} for key in keys if key is not None]
    if checks:
        content = json.dumps({"cipher": "SQLCipher 4", "keys": checks})
        write_durably(marker_path(home), content.encode())
    else:
        marker_path(home).unlink(missing_ok=True)


def ensure_marker(home: Home, key: str | None) -> None:
    """Write the marker again when it was lost or zeroed; ``key`` has just opened the file."""
    if key is not None and len(_read_marker(home)) != 1:
        write_marker(home, key)


def remember(home: Home, passphrase: str) -> None:
    """Keep the passphrase in the operating system's keyring.

    Raises:
        BancadaError: ``database.no_keyring`` when there is none, or it is locked.
    """
    try:
        keyring.set_password(_SERVICE, _user(home), passphrase)
    except KeyringError as error:
        raise BancadaError("database.no_keyring", detail=str(error)) from error


def recall(home: Home) -> str | None:
    """The remembered passphrase, None without one or without a keyring."""
    try:
        return keyring.get_password(_SERVICE, _user(home))
    except KeyringError:
        return None


def forget(home: Home) -> None:
    """Remove the passphrase from the keyring; one that is not there is no error."""
    with contextlib.suppress(KeyringError):
        keyring.delete_password(_SERVICE, _user(home))


def _user(home: Home) -> str:
    return str(home.root.resolve())


def _derive(passphrase: str, salt: bytes) -> str:
    # the same passphrase typed on two systems may come composed or decomposed
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "replace")
    return hashlib.pbkdf2_hmac("sha512", secret, salt, _ROUNDS, 32).hex() + salt.hex()


def _check(key: str) -> str:
    return hashlib.sha256(b"bancada" + bytes.fromhex(key)).hexdigest()


def _read_marker(home: Home) -> list[_KeyCheck]:
    """The checks of the marker, none when it is missing or unreadable."""
    try:
        data = json.loads(marker_path(home).read_bytes())
        checks = [_KeyCheck(bytes.fromhex(one["salt"]), str(one["check"])) for one in data["keys"]]
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return checks if all(len(one.salt) == _SALT_BYTES for one in checks) else []
