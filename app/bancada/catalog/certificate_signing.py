"""Who answers for a certificate: signing it with a key of our own, and whether a signature counts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from bancada.catalog.bundles import keys
from bancada.catalog.bundles.signatures import fingerprint_text, is_right
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import certificates, signing_keys
from bancada.storage.certificates import CertificateRecord
from bancada.storage.connection import Database

log = logging.getLogger(__name__)

Standing = Literal["none", "trusted", "unknown", "revoked", "expired", "wrong"]


@dataclass(frozen=True, slots=True)
class CertificateSignature:
    """Whether a certificate's signature counts, and whose it is (empty for no or an unknown key)."""

    standing: Standing
    key_id: str = ""
    name: str = ""

    @property
    def words(self) -> str:
        """In words, for reports."""
        who = self.name or (fingerprint_text(self.key_id) if self.key_id else "")
        return {
            "none": "not signed",
            "trusted": f"signed by {who}; the signature is right",
            "unknown": f"signed with an unknown key, {who}: it proves nothing here",
            "revoked": f"signed by {who}, whose key is no longer trusted",
            "expired": f"signed by {who}; the signature is right, the key has expired since",
            "wrong": f"the signature of {who} does NOT fit: the report was changed, or damaged",
        }[self.standing]


def signature_of(database: Database, record: CertificateRecord) -> CertificateSignature:
    """Verify a certificate's signature over its very bytes, now."""
    if not record.key_id or not record.signature:
        return CertificateSignature("none")
    try:
        key = signing_keys.get(database, record.key_id)
    except BancadaError:
        return CertificateSignature("unknown", record.key_id)
    standing: Standing = "trusted"
    if not is_right(key.public_key, record.signature, record.report.encode()):
        standing = "wrong"
    elif key.trust != "trusted":
        standing = "revoked"
    elif keys.has_expired(key, datetime.fromisoformat(record.created_at)):
        standing = "expired"
    return CertificateSignature(standing, key.id, key.name)


def sign_if_possible(home: Home, database: Database, certificate_id: str) -> CertificateRecord:
    """Sign with the newest key of our own that is trusted and whose passphrase is at hand.

    Without such a key the certificate stays as it is. To be called by the program that asked for it: no
    private key ever reaches a job.

    Raises:
        BancadaError: ``certificate.not_found``.
    """
    record = certificates.get(database, certificate_id)
    now = datetime.now(UTC)
    own = [one for one in signing_keys.list_keys(database) if one.own and one.trust == "trusted"]
    for key in sorted(own, key=lambda one: one.created_at, reverse=True):
        if keys.has_expired(key, now):
            continue
        passphrase = keys.remembered(key.id)
        if passphrase is None:
            continue
        try:
            private = keys.open_private(home, key, passphrase)
        except BancadaError as error:
            log.info("the key %s did not open: %s", key.name, error)
            continue
        signature = private.sign(record.report.encode()).hex()
        return certificates.sign(database, certificate_id, key.id, signature)
    return record
