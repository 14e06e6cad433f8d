"""Certificates travel beside their models, signed as they are, and are checked where they arrive."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bancada.catalog.bundles import keys, manifest
from bancada.catalog.bundles.folder import read_folder
from bancada.catalog.bundles.manifest import BundleCertificate
from bancada.catalog.certificate_signing import sign_if_possible, signature_of
from bancada.core.errors import BancadaError
from bancada.storage import certificates, models, signing_keys
from bancada.storage.certificates import CertificateRecord, NewCertificate
from bundle_office import PASSPHRASE, Office

SOURCE = "5" * 64


def certified(office: Office, version_id: str, verdict: str = "green", **more: Any) -> CertificateRecord:
    version = models.get_version(office.database, version_id)
    report = {"subject": {"sha256": version.sha256}, "source": {"sha256": SOURCE}, "verdict": verdict, **more}
    text = json.dumps(report, sort_keys=True)
    return certificates.add(
        office.database, NewCertificate(version_id, None, version.sha256, SOURCE, verdict, text)
    )


@pytest.fixture
def signed(sender: Office, monkeypatch: pytest.MonkeyPatch) -> CertificateRecord:
    """The certificate of a model at the sender's, signed there."""
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, PASSPHRASE)
    sender.key("Alice")
    record = certified(sender, sender.model())
    return sign_if_possible(sender.home, sender.database, record.id)


def test_a_signed_certificate_arrives_as_it_left(
    sender: Office, receiver: Office, signed: CertificateRecord, stick: Path
) -> None:
    assert signature_of(sender.database, signed).standing == "trusted"
    sender.bundle(stick, signed.version_id)
    receiver.require(0)
    taken = receiver.take(stick)
    (arrived,) = certificates.list_certificates(receiver.database)
    assert arrived.version_id == taken["version_ids"][0]
    assert (arrived.report, arrived.signature, arrived.key_id) == (
        signed.report,
        signed.signature,
        signed.key_id,
    )
    assert certificates.newest(receiver.database, arrived.version_id) == arrived
    assert taken["receipt"]["models"][0]["certificates"] == [{"verdict": "green", "key": signed.key_id}]
    # nobody here knows Alice yet
    assert signature_of(receiver.database, arrived).standing == "unknown"
    (alice,) = signing_keys.list_keys(sender.database)
    receiver.trust(alice)
    assert signature_of(receiver.database, arrived).standing == "trusted"
    assert signature_of(receiver.database, replace(arrived, report=arrived.report + " ")).standing == "wrong"
    signing_keys.revoke(receiver.database, alice.id)
    assert signature_of(receiver.database, arrived).standing == "revoked"


def test_a_second_import_keeps_one(
    sender: Office, receiver: Office, signed: CertificateRecord, stick: Path
) -> None:
    sender.bundle(stick, signed.version_id)
    receiver.require(0)
    receiver.take(stick)
    receiver.take(stick)
    assert len(certificates.list_certificates(receiver.database)) == 1


def test_the_newest_certificate_travels(sender: Office, stick: Path) -> None:
    version = sender.model()
    certified(sender, version, "red", number=1)
    certified(sender, version, "amber", number=2)
    sender.bundle(stick, version)
    (model,) = read_folder(stick).manifest.models
    assert [manifest.facts_of(one, model.sha256) for one in model.certificates] == [("amber", SOURCE)]


def test_a_bundle_without_certificates_reads_as_before(sender: Office, stick: Path) -> None:
    sender.bundle(stick, sender.model())
    content = (stick / manifest.MANIFEST).read_bytes()
    assert b"certificates" not in content
    assert manifest.to_bytes(manifest.parse(content)) == content


@pytest.mark.parametrize(
    "certificate",
    [
        BundleCertificate("no JSON"),
        BundleCertificate("[]"),
        BundleCertificate("{}"),
        BundleCertificate('{"subject": {"sha256": "of another file"}}'),
        BundleCertificate('{"subject": {"sha256": "$"}, "source": {"sha256": "x"}, "verdict": "green"}'),
        BundleCertificate('{"subject": {"sha256": "$"}, "source": {"sha256": "%"}, "verdict": "blue"}'),
        BundleCertificate('{"subject": {"sha256": "$"}, "source": {"sha256": "%"}, "verdict": ["green"]}'),
        BundleCertificate(
            '{"subject": {"sha256": "$"}, "source": {"sha256": "%"}, "verdict": "red"}', "abc", "def"
        ),
        BundleCertificate(
            '{"subject": {"sha256": "$"}, "source": {"sha256": "%"}, "verdict": "red"}', "", "a" * 128
        ),
        BundleCertificate(" " * (manifest.MAX_REPORT + 1)),
    ],
)
def test_a_hostile_certificate_is_refused(
    sender: Office, stick: Path, certificate: BundleCertificate
) -> None:
    sender.bundle(stick, sender.model())
    whole = read_folder(stick).manifest
    (model,) = whole.models
    hostile = replace(certificate, report=certificate.report.replace("$", model.sha256).replace("%", SOURCE))
    changed = replace(whole, models=(replace(model, certificates=(hostile,)),))
    with pytest.raises(BancadaError) as caught:
        manifest.parse(manifest.to_bytes(changed))
    assert caught.value.code == "bundle.malformed"


def test_without_a_key_at_hand_it_stays_unsigned(sender: Office) -> None:
    record = certified(sender, sender.model())
    assert sign_if_possible(sender.home, sender.database, record.id) == record
    assert signature_of(sender.database, record).standing == "none"
    sender.key("Bob")  # its passphrase is in nobody's keyring here
    assert sign_if_possible(sender.home, sender.database, record.id).signature is None
    with pytest.raises(BancadaError):
        sign_if_possible(sender.home, sender.database, "nothing")


def test_a_wrong_passphrase_and_an_expired_key_do_not_sign(
    sender: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = certified(sender, sender.model())
    sender.key("Old", days=-1)
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, PASSPHRASE)
    assert sign_if_possible(sender.home, sender.database, record.id).signature is None
    sender.key("Carol")
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, "another one")
    assert sign_if_possible(sender.home, sender.database, record.id).signature is None
