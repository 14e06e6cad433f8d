"""Certificates: files compared with what they were made from, as they were signed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal

from bancada.core.errors import BancadaError
from bancada.core.ids import new_id
from bancada.storage import audit
from bancada.storage.connection import Database, Row, now, storable

Verdict = Literal["green", "amber", "red"]
#: what is typed for a certificate's id must have at least so many of its characters
SHORTEST_ID: Final = 6

_SELECT: Final = "SELECT * FROM certificates"


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """What is known of a certificate before it is stored.

    ``verdict`` is one of :data:`Verdict`; ``report`` is the text of the report, byte for byte as it is
    signed; the two sha256 are of the very contents that were measured. ``signature`` is Ed25519 over the
    report in UTF-8, in hexadecimal digits.
    """

    version_id: str
    source_version_id: str | None
    version_sha256: str
    source_sha256: str
    verdict: str
    report: str
    run_id: str | None = None
    key_id: str | None = None
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateRecord(NewCertificate):
    """A stored certificate."""

    id: str = ""
    created_at: str = ""


def add(db: Database, new: NewCertificate) -> CertificateRecord:
    """Store a certificate; the same report of the same version already there is returned as it is.

    Raises:
        BancadaError: ``model.not_found`` when the version is gone, ``database.value_refused``.
    """
    with db.transaction() as handle:
        if db.row("SELECT 1 FROM model_versions WHERE id = ?", (new.version_id,)) is None:
            raise BancadaError("model.not_found", text=new.version_id, near="")
        known = db.row(f"{_SELECT} WHERE version_id = ? AND report = ?", (new.version_id, new.report))
        if known is not None:
            return _record(known)
        row: Row = {one.name: getattr(new, one.name) for one in fields(NewCertificate)}
        row |= {"id": new_id(), "report": storable(new.report), "created_at": now()}
        handle.execute(
            f"INSERT INTO certificates ({', '.join(row)}) VALUES ({', '.join(f':{one}' for one in row)})", row
        )
        detail = {"verdict": new.verdict, "sha256": new.version_sha256}
        audit.append(db, "user", "model.certified", new.version_id, detail)
        return get(db, str(row["id"]))


def sign(db: Database, certificate_id: str, key_id: str, signature: str) -> CertificateRecord:
    """Put a signature to a certificate, in the place of an earlier one.

    Raises:
        BancadaError: ``certificate.not_found``.
    """
    with db.transaction() as handle:
        handle.execute(
            "UPDATE certificates SET key_id = ?, signature = ? WHERE id = ?",
            (key_id, signature, certificate_id),
        )
        record = get(db, certificate_id)
        audit.append(db, "user", "certificate.signed", certificate_id, {"key": key_id})
        return record


def get(db: Database, certificate_id: str) -> CertificateRecord:
    """One certificate by its whole id; raises BancadaError ``certificate.not_found``."""
    row = db.row(f"{_SELECT} WHERE id = ?", (certificate_id,))
    if row is None:
        raise BancadaError("certificate.not_found", certificate=certificate_id[:80])
    return _record(row)


def newest(db: Database, version_id: str) -> CertificateRecord | None:
    """The newest certificate of a version's very content, or None: it was never compared."""
    row = db.row(
        f"{_SELECT} WHERE version_id = ? AND version_sha256 ="
        " (SELECT sha256 FROM model_versions WHERE id = version_id)"
        " ORDER BY created_at DESC, rowid DESC LIMIT 1",
        (version_id,),
    )
    return _record(row) if row else None


def list_certificates(
    db: Database, *, version_id: str | None = None, limit: int = 100
) -> list[CertificateRecord]:
    """The newest first; those of one version, or all."""
    rows = db.rows(
        f"{_SELECT} WHERE :version IS NULL OR version_id = :version"
        " ORDER BY created_at DESC, rowid DESC LIMIT :limit",
        {"version": version_id, "limit": limit},
    )
    return [_record(row) for row in rows]


def against(db: Database, source_sha256: str) -> list[CertificateRecord]:
    """The newest certificate of every version that was compared with this source, oldest version first."""
    rows = db.rows(
        f"{_SELECT} AS c WHERE source_sha256 = ? AND NOT EXISTS"
        " (SELECT 1 FROM certificates AS d WHERE d.version_id = c.version_id"
        "  AND d.source_sha256 = c.source_sha256"
        "  AND (d.created_at, d.rowid) > (c.created_at, c.rowid)) ORDER BY created_at, rowid",
        (source_sha256,),
    )
    return [_record(row) for row in rows]


def _record(row: Row) -> CertificateRecord:
    return CertificateRecord(**row)
