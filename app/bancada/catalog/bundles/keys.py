"""Signing keys: made here, kept encrypted in a file of their own, their public halves carried to others.

The private half never leaves its file but for the moment of signing, and never reaches a job, a log or
the database. The file is sealed with ChaCha20-Poly1305 under a key that scrypt (RFC 7914) makes from the
passphrase; the passphrase lies in the operating system's keyring, or in nobody's but its owner's head.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import keyring
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from keyring.errors import KeyringError

from bancada.catalog.bundles.manifest import is_sha256, parse_time
from bancada.catalog.bundles.signatures import key_id_of
from bancada.catalog.names import clean_name
from bancada.core.errors import BancadaError
from bancada.core.paths import Home, private_folder
from bancada.storage import signing_keys
from bancada.storage.connection import Database
from bancada.storage.files import make_private, publish, write_durably
from bancada.storage.signing_keys import KeyRecord

#: takes the keyring's place, for machines without one and for scheduled work
PASSPHRASE_VARIABLE: Final = "BANCADA_KEY_PASSPHRASE"  # noqa: S105 - its name, not its value
LEAST_PASSPHRASE: Final = 8
MAX_KEY_FILE_BYTES: Final = 16_384

_PRIVATE_FORMAT: Final = "bancada-private-key"
_PUBLIC_FORMAT: Final = "bancada-public-key"
_VERSION: Final = 1
_SERVICE: Final = "bancada"
#: scrypt's cost: 64 MiB and a fifth of a second for each guess
_SCRYPT: Final = {"n": 1 << 16, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What travels: ``name`` is only a proposal, ``id`` is the fingerprint to compare."""

    id: str
    name: str
    public_key: str
    expires_at: str | None


def make_key(
    home: Home, database: Database, name: str, passphrase: str, *, days: int | None = None
) -> KeyRecord:
    """Make a pair of keys, trusted here; ``days`` limits how long its signatures count.

    Raises:
        BancadaError: ``keys.name_invalid``, ``keys.name_taken``, ``keys.short_passphrase``,
            ``keys.unwritable``.
    """
    name = _good_name(name)
    if len(passphrase) < LEAST_PASSPHRASE:
        raise BancadaError("keys.short_passphrase", least=LEAST_PASSPHRASE)
    private = Ed25519PrivateKey.generate()
    public_key = private.public_key().public_bytes_raw().hex()
    key_id = key_id_of(public_key)
    expires_at = None
    if days is not None:
        expires_at = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    with database.transaction():
        record = signing_keys.add(
            database, key_id=key_id, name=name, public_key=public_key, own=True, expires_at=expires_at
        )
        # inside the transaction: no row without its file, and a file without its row is only unknown
        _write_private(home, key_id, _sealed(private.private_bytes_raw(), key_id, passphrase))
    return record


def make_remembered_key(home: Home, database: Database, name: str, *, days: int | None = None) -> KeyRecord:
    """Make a pair of keys with a random passphrase that the system's keyring keeps.

    Raises:
        BancadaError: ``keys.no_passphrase`` when there is no keyring: nothing is made; as :func:`make_key`.
    """
    passphrase = secrets.token_urlsafe(24)
    with database.transaction():
        record = make_key(home, database, name, passphrase, days=days)
        try:
            _remember(record.id, passphrase)
        except BancadaError:
            private_path(home, record.id).unlink(missing_ok=True)
            raise
    return record


def open_private(home: Home, record: KeyRecord, passphrase: str) -> Ed25519PrivateKey:
    """The private half of a key of our own.

    Raises:
        BancadaError: ``keys.not_ours``, ``keys.wrong_passphrase``, ``keys.file_invalid``.
    """
    path = private_path(home, record.id)
    if not record.own or not path.exists():
        raise BancadaError("keys.not_ours", name=record.name)
    data = _read_key_file(path, _PRIVATE_FORMAT)
    try:
        salt, nonce, sealed = (bytes.fromhex(data[name]) for name in ("salt", "nonce", "sealed"))
        opened = ChaCha20Poly1305(_stretched(passphrase, salt)).decrypt(nonce, sealed, record.id.encode())
        private = Ed25519PrivateKey.from_private_bytes(opened)
    except InvalidTag as error:
        raise BancadaError("keys.wrong_passphrase", name=record.name) from error
    except (KeyError, TypeError, ValueError) as error:
        raise BancadaError("keys.file_invalid", path=str(path), detail="it is damaged") from error
    return private


def private_path(home: Home, key_id: str) -> Path:
    """Where the private half of a key lies."""
    return home.keys / f"{key_id}.json"


def export_public(record: KeyRecord, target: Path) -> None:
    """Write the public half to carry it to another machine; raises BancadaError ``keys.unwritable``."""
    data = {
        "format": _PUBLIC_FORMAT,
        "version": _VERSION,
        "name": record.name,
        "public_key": record.public_key,
        "fingerprint": record.id,
        "expires_at": record.expires_at,
    }
    try:
        write_durably(target, json.dumps(data, indent=1).encode("ascii") + b"\n")
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error


def read_public(path: Path) -> PublicKey:
    """Read what :func:`export_public` wrote.

    Raises:
        BancadaError: ``keys.file_invalid``.
    """
    data = _read_key_file(path, _PUBLIC_FORMAT)
    public_key, expires_at = data.get("public_key"), data.get("expires_at")
    if not isinstance(public_key, str) or not is_sha256(public_key):  # 32 bytes, like a hash
        raise BancadaError("keys.file_invalid", path=str(path), detail="its public key is none")
    if data.get("fingerprint") != key_id_of(public_key):
        raise BancadaError("keys.file_invalid", path=str(path), detail="its fingerprint is another key's")
    try:
        if expires_at is not None:
            expires_at = parse_time(expires_at).isoformat(timespec="seconds")
    except (TypeError, ValueError, OverflowError) as error:
        raise BancadaError("keys.file_invalid", path=str(path), detail="its day of expiry is none") from error
    name = data.get("name")
    return PublicKey(
        key_id_of(public_key), clean_name(name) if isinstance(name, str) else "", public_key, expires_at
    )


def trust(database: Database, key: PublicKey, name: str = "") -> KeyRecord:
    """From now on signatures by this key count; a known key keeps its name.

    Raises:
        BancadaError: ``keys.name_taken``, ``keys.name_invalid``.
    """
    return signing_keys.add(
        database,
        key_id=key.id,
        name=_good_name(name or key.name),
        public_key=key.public_key,
        own=False,
        expires_at=key.expires_at,
    )


def has_expired(record: KeyRecord, at: datetime) -> bool:
    """Whether the key's days are over."""
    return record.expires_at is not None and at > parse_time(record.expires_at)


# -- passphrases


def remembered(key_id: str) -> str | None:
    """The passphrase from the environment or the keyring, None without one."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given
    with suppress(KeyringError):
        return keyring.get_password(_SERVICE, _user(key_id))
    return None


def _remember(key_id: str, passphrase: str) -> None:
    """Keep a passphrase in the keyring.

    Raises:
        BancadaError: ``keys.no_passphrase`` when there is no keyring.
    """
    try:
        keyring.set_password(_SERVICE, _user(key_id), passphrase)
        if keyring.get_password(_SERVICE, _user(key_id)) != passphrase:
            raise BancadaError("keys.no_passphrase", detail="it does not keep what it is given")
    except KeyringError as error:
        raise BancadaError("keys.no_passphrase", detail=str(error)[:200] or type(error).__name__) from error


def _user(key_id: str) -> str:
    return f"key {key_id}"


# -- files


def _good_name(name: str) -> str:
    cleaned = clean_name(name)
    if not cleaned:
        raise BancadaError("keys.name_invalid", name=name[:80])
    return cleaned


def _sealed(secret: bytes, key_id: str, passphrase: str) -> dict[str, Any]:
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = ChaCha20Poly1305(_stretched(passphrase, salt)).encrypt(nonce, secret, key_id.encode())
    return {
        "format": _PRIVATE_FORMAT,
        "version": _VERSION,
        "salt": salt.hex(),
        "nonce": nonce.hex(),
        "sealed": sealed.hex(),
    }


def _stretched(passphrase: str, salt: bytes) -> bytes:
    # the same passphrase typed on two systems may come composed or decomposed
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "replace")
    return hashlib.scrypt(secret, salt=salt, **_SCRYPT, maxmem=1 << 28, dklen=32)


def _write_private(home: Home, key_id: str, data: dict[str, Any]) -> None:
    path = private_path(home, key_id)
    part = path.with_name(f"{path.name}.part")
    try:
        private_folder(home.keys)
        make_private(part)
        part.write_bytes(json.dumps(data, indent=1).encode("ascii") + b"\n")
        publish(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise _unwritable(path, error) from error


def _read_key_file(path: Path, expected: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_FILE_BYTES + 1)
        # a longer file is cut inside, and so no JSON
        data = json.loads(content[:MAX_KEY_FILE_BYTES])
    except (OSError, ValueError, RecursionError) as error:
        detail = getattr(error, "strerror", None) or "it is not a key's file"
        raise BancadaError("keys.file_invalid", path=str(path), detail=detail) from error
    if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (expected, _VERSION):
        raise BancadaError("keys.file_invalid", path=str(path), detail="it is not a key's file")
    return data


def _unwritable(path: Path, error: Exception) -> BancadaError:
    detail = getattr(error, "strerror", None) or str(error)
    return BancadaError("keys.unwritable", path=str(path), detail=detail)
