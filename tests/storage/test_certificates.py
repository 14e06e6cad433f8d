"""Certificates in the database: the newest of a version's very content, and of every variant of a source."""

from __future__ import annotations

import pytest

from bancada.core.errors import BancadaError
from bancada.storage import certificates, models
from bancada.storage.certificates import CertificateRecord, NewCertificate
from bancada.storage.database import Database
from bancada.storage.models import NewVersion, VersionRecord


def version(db: Database, name: str, sha256: str) -> VersionRecord:
    new = NewVersion("gguf", "llama", "Q8_0", 1, 8.0, 1, 512, "", 1, sha256, "a test")
    return models.add_version(db, name, new, [])


def certificate(
    db: Database, of: VersionRecord, source: str, verdict: str, number: int = 0
) -> CertificateRecord:
    report = f'{{"number": {number}}}'
    return certificates.add(db, NewCertificate(of.id, None, of.sha256, source, verdict, report))


def test_the_newest_counts(db: Database) -> None:
    one, other = version(db, "One", "a" * 64), version(db, "Other", "b" * 64)
    assert certificates.newest(db, one.id) is None
    certificate(db, one, "s", "red", 1)
    second = certificate(db, one, "s", "green", 2)
    assert certificates.newest(db, one.id) == second
    assert certificate(db, one, "s", "green", 2) == second  # the same again is not stored again
    third = certificate(db, other, "s", "amber", 3)
    assert {record.id for record in certificates.against(db, "s")} == {second.id, third.id}
    assert certificates.against(db, "t") == []
    assert [record.verdict for record in certificates.list_certificates(db)] == [
        "amber",
        "green",
        "red",
    ]
    assert [record.id for record in certificates.list_certificates(db, version_id=other.id)] == [third.id]


def test_a_certificate_of_another_content_does_not_count(db: Database) -> None:
    one = version(db, "One", "a" * 64)
    certificates.add(db, NewCertificate(one.id, None, "c" * 64, "s", "green", "{}"))
    assert certificates.newest(db, one.id) is None


def test_it_goes_with_its_model_and_stays_without_its_source(db: Database) -> None:
    one, source = version(db, "One", "a" * 64), version(db, "Source", "b" * 64)
    kept = certificates.add(db, NewCertificate(one.id, source.id, one.sha256, source.sha256, "green", "{}"))
    models.remove_version(db, source.id)
    assert certificates.get(db, kept.id).source_version_id is None
    models.remove_version(db, one.id)
    with pytest.raises(BancadaError) as caught:
        certificates.get(db, kept.id)
    assert caught.value.code == "certificate.not_found"


def test_what_cannot_be_stored_is_refused(db: Database) -> None:
    one = version(db, "One", "a" * 64)
    with pytest.raises(BancadaError):
        certificate(db, one, "s", "blue")
    with pytest.raises(BancadaError):
        certificates.add(db, NewCertificate(one.id, None, one.sha256, "s", "green", "no JSON"))
    with pytest.raises(BancadaError) as caught:
        certificates.add(db, NewCertificate("gone", None, one.sha256, "s", "green", "{}"))
    assert caught.value.code == "model.not_found"
    with pytest.raises(BancadaError):
        certificates.sign(db, "gone", "k", "s")
    assert certificates.list_certificates(db) == []
