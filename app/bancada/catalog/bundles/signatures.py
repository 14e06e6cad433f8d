"""Detached Ed25519 signatures over the bytes of a manifest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bancada.catalog.bundles.manifest import is_sha256, malformed, parse_json
from bancada.core.errors import BancadaError
from bancada.jobs.codec import decode, encode

SIGNATURES: Final = "signatures.json"
FORMAT: Final = "bancada-signatures"
VERSION: Final = 1
MAX_SIGNATURES: Final = 16

_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class Signature:
    """``signature`` by the key ``key_id`` (the sha256 of the public key); both in hexadecimal digits."""

    key_id: str
    signature: str


@dataclass(frozen=True, slots=True)
class _SignatureFile:
    format: str
    version: int
    signatures: tuple[Signature, ...]


def key_id_of(public_key: str) -> str:
    """The id of a public key given in hexadecimal digits: its fingerprint."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()


def fingerprint_text(key_id: str) -> str:
    """A key's id as people read it to each other: the first half, in groups of four digits."""
    return " ".join(key_id[place : place + 4] for place in range(0, 32, 4))


def is_right(public_key: str, signature: str, content: bytes) -> bool:
    """Whether ``signature`` was made over ``content`` with the private half of ``public_key``."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(signature), content
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def signatures_to_bytes(signatures: Iterable[Signature]) -> bytes:
    """The content of ``signatures.json``."""
    ordered = tuple(sorted(signatures, key=lambda one: one.key_id))
    data = encode(_SignatureFile(FORMAT, VERSION, ordered))
    return json.dumps(data, indent=1, sort_keys=True).encode("ascii") + b"\n"


def parse_signatures(content: bytes) -> tuple[Signature, ...]:
    """The signatures of a bundle, which may be hostile; one for each key.

    Raises:
        BancadaError: ``bundle.malformed``.
    """
    data = parse_json(content, SIGNATURES)
    try:
        file = decode(_SignatureFile, data)
    except BancadaError as error:
        raise malformed(f"{error.params['field']} is {error.params['value']}"[:300], SIGNATURES) from error
    if (file.format, file.version) != (FORMAT, VERSION):
        raise malformed("it is not a file of signatures", SIGNATURES)
    if len(file.signatures) > MAX_SIGNATURES:
        raise malformed(f"it holds {len(file.signatures)} signatures", SIGNATURES)
    for one in file.signatures:
        if not is_sha256(one.key_id) or not _SIGNATURE.fullmatch(one.signature):
            raise malformed("a signature in it is none", SIGNATURES)
    # Ed25519 gives one signature for one content: a second one by the same key is the same or wrong
    if len({one.key_id for one in file.signatures}) != len(set(file.signatures)):
        raise malformed("it holds two signatures by one key", SIGNATURES)
    return tuple(dict.fromkeys(file.signatures))
