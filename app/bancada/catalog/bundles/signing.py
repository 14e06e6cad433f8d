"""Putting a signature on a bundle: in its folder before it travels, or on what waits in quarantine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bancada.catalog.bundles import keys
from bancada.catalog.bundles.folder import read_folder
from bancada.catalog.bundles.signatures import SIGNATURES, Signature, signatures_to_bytes
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import audit, bundles, signing_keys
from bancada.storage.bundles import BundleRecord
from bancada.storage.connection import Database
from bancada.storage.files import write_durably
from bancada.storage.signing_keys import KeyRecord


def usable_key(database: Database, text: str) -> KeyRecord:
    """A key of our own that may sign.

    Raises:
        BancadaError: ``keys.not_found``, ``keys.not_ours``, ``keys.not_trusted``.
    """
    record = signing_keys.find(database, text)
    if not record.own:
        raise BancadaError("keys.not_ours", name=record.name)
    if record.trust != "trusted" or keys.has_expired(record, datetime.now(UTC)):
        raise BancadaError("keys.not_trusted", name=record.name)
    return record


def check_passphrase(home: Home, record: KeyRecord, passphrase: str) -> None:
    """Open the key once, before long work; raises BancadaError ``keys.*``."""
    keys.open_private(home, record, passphrase)


def sign_folder(home: Home, database: Database, path: Path, record: KeyRecord, passphrase: str) -> Signature:
    """Add a signature to a bundle's folder; one by the same key takes the place of the old one.

    Raises:
        BancadaError: ``keys.*``; what reading the folder raises; ``bundle.no_issuer``; ``bundle.unwritable``.
    """
    folder = read_folder(path)
    if not folder.manifest.issuer:
        raise BancadaError("bundle.no_issuer", path=str(folder.path))
    private = keys.open_private(home, record, passphrase)
    made = Signature(record.id, private.sign(folder.content).hex())
    others = [one for one in folder.signatures if one.key_id != record.id]
    try:
        write_durably(folder.path / SIGNATURES, signatures_to_bytes([*others, made]))
    except OSError as error:
        detail = error.strerror or str(error)
        raise BancadaError("bundle.unwritable", path=str(folder.path / SIGNATURES), detail=detail) from error
    audit.append(database, "user", "bundle.signed", folder.id, {"key": record.id, "name": record.name})
    return made


def approve(
    home: Home, database: Database, bundle: BundleRecord, record: KeyRecord, passphrase: str
) -> Signature:
    """Sign what waits in quarantine; admitting it is the work of the import.

    Raises:
        BancadaError: ``bundle.not_waiting``, ``bundle.signed_already``, ``keys.*``.
    """
    if bundle.state != "quarantined":
        raise BancadaError("bundle.not_waiting", bundle=bundle.id[:12])
    if record.id in bundles.signatures(database, bundle.id):
        raise BancadaError("bundle.signed_already", name=record.name)
    private = keys.open_private(home, record, passphrase)
    made = Signature(record.id, private.sign(bundle.manifest.encode("ascii")).hex())
    with database.transaction():
        bundles.add_signature(database, bundle.id, made.key_id, made.signature)
        audit.append(database, "user", "bundle.approved", bundle.id, {"key": record.id, "name": record.name})
    return made
