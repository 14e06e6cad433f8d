"""Whose signatures count, how many, how old: each refusal names its rule, and writes no model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bancada.catalog.bundles import signing
from bancada.catalog.bundles.admission import inspect_bundle
from bancada.catalog.bundles.signatures import SIGNATURES
from bancada.storage import audit, models, signing_keys
from bundle_office import PASSPHRASE, Office, code, refused


def nothing_came(office: Office) -> bool:
    return office.stored() == [] and models.list_versions(office.database) == []


def last_action(office: Office) -> tuple[str, str]:
    event = audit.list_page(office.database, limit=1)[0]
    return event.action, str(event.detail.get("rule", ""))


def test_unsigned(sender: Office, receiver: Office, stick: Path) -> None:
    alice = sender.key("Alice")
    sender.bundle(stick, sender.model())
    assert code(lambda: receiver.take(stick)) == "bundle.unsigned"
    assert last_action(receiver) == ("bundle.refused", "bundle.unsigned")
    assert code(lambda: sender.sign(stick, alice)) == "bundle.no_issuer"
    receiver.require(0)
    assert len(receiver.take(stick)["version_ids"]) == 1


def test_the_signature_got_lost(sender: Office, receiver: Office, stick: Path) -> None:
    alice = sender.key("Alice")
    receiver.trust(alice)
    sender.bundle(stick, sender.model(), key=alice)
    (stick / SIGNATURES).unlink()
    assert code(lambda: receiver.take(stick)) == "bundle.unsigned"
    assert nothing_came(receiver)


def test_unknown_then_trusted_then_revoked(sender: Office, receiver: Office, stick: Path) -> None:
    alice = sender.key("Alice")
    sender.bundle(stick, sender.model(), key=alice)
    error = refused(lambda: receiver.take(stick))
    assert error.code == "bundle.signer_unknown"
    assert error.params["key"].replace(" ", "") == alice.id[:32]
    assert nothing_came(receiver)
    receiver.trust(alice)
    signing_keys.revoke(receiver.database, alice.id)
    assert code(lambda: receiver.take(stick)) == "bundle.signer_revoked"
    receiver.require(0)
    assert code(lambda: receiver.take(stick)) == "bundle.signer_revoked"
    assert nothing_came(receiver)
    receiver.trust(alice)
    receiver.take(stick)


def test_a_changed_manifest_and_a_forged_signature(sender: Office, receiver: Office, stick: Path) -> None:
    alice = sender.key("Alice")
    receiver.trust(alice)
    sender.bundle(stick, sender.model(), key=alice, title="honest")
    manifest = stick / "manifest.json"
    good = manifest.read_bytes()
    manifest.write_bytes(good.replace(b'"title":"honest"', b'"title":"forged"'))
    assert code(lambda: receiver.take(stick)) == "bundle.signature_wrong"
    manifest.write_bytes(good)
    signatures = json.loads((stick / SIGNATURES).read_bytes())
    signatures["signatures"][0]["signature"] = "00" * 64
    (stick / SIGNATURES).write_text(json.dumps(signatures))
    assert code(lambda: receiver.take(stick)) == "bundle.signature_wrong"
    assert nothing_came(receiver)


def test_expired_bundle_and_expired_key(sender: Office, receiver: Office, stick: Path) -> None:
    alice, old = sender.key("Alice"), sender.key("Old", days=0)
    receiver.trust(alice)
    receiver.trust(old)
    version = sender.model()
    sender.bundle(stick, version, key=alice, days=0)
    assert code(lambda: receiver.take(stick)) == "bundle.expired"
    shutil.rmtree(stick)
    sender.bundle(stick, version, key=old)
    assert code(lambda: receiver.take(stick)) == "bundle.signer_expired"
    assert nothing_came(receiver)


def test_an_older_bundle(sender: Office, receiver: Office, tmp_path: Path) -> None:
    alice = sender.key("Alice")
    receiver.trust(alice)
    sender.bundle(tmp_path / "1", sender.model("One", seed=1), key=alice)
    sender.bundle(tmp_path / "2", sender.model("Two", seed=2), key=alice)
    receiver.take(tmp_path / "2")
    error = refused(lambda: receiver.take(tmp_path / "1"))
    assert (error.code, error.params["sequence"], error.params["last"]) == ("bundle.older", 1, 2)
    assert [one.name for one in models.list_versions(receiver.database)] == ["Two"]
    # the very same one again is no step back
    assert receiver.take(tmp_path / "2")["copied_bytes"] == 0
    report = inspect_bundle(receiver.database, receiver.blobs, tmp_path / "1")
    assert report.problem is not None
    assert report.problem.code == "bundle.older"


def test_four_eyes(sender: Office, receiver: Office, stick: Path) -> None:
    alice, bob = sender.key("Alice"), receiver.key("Bob")
    receiver.trust(alice)
    receiver.require(2)
    made = sender.bundle(stick, sender.model(), key=alice)
    error = refused(lambda: receiver.take(stick))
    assert error.code == "bundle.second_signature_missing"
    assert (error.params["valid"], error.params["needed"]) == (1, 2)
    assert last_action(receiver) == ("bundle.waiting", error.code)
    # received and checked, but not listed, and no garbage
    assert models.list_versions(receiver.database) == []
    receiver.blobs.collect_garbage()
    assert len(receiver.stored()) == 1
    (record,) = receiver.received()
    assert (record.state, record.id) == ("quarantined", made.id)
    # the same key twice is still one pair of eyes
    sender.sign(stick, alice)
    assert code(lambda: receiver.take(stick)) == "bundle.second_signature_missing"
    assert code(lambda: receiver.judge_again(made.id)) == "bundle.second_signature_missing"
    shutil.rmtree(stick)
    wrong = code(lambda: signing.approve(receiver.home, receiver.database, record, bob, "no horse"))
    assert wrong == "keys.wrong_passphrase"
    signing.approve(receiver.home, receiver.database, record, bob, PASSPHRASE)
    again = code(lambda: signing.approve(receiver.home, receiver.database, record, bob, PASSPHRASE))
    assert again == "bundle.signed_already"
    result = receiver.judge_again(made.id)
    assert [one["name"] for one in result["receipt"]["signatures"] if one["standing"] == "trusted"] == [
        one.name for one in sorted((alice, bob), key=lambda one: one.id)
    ]
    (record,) = receiver.received()
    assert record.state == "admitted"
    late = code(lambda: signing.approve(receiver.home, receiver.database, record, bob, PASSPHRASE))
    assert late == "bundle.not_waiting"
    receiver.blobs.collect_garbage()
    assert len(receiver.stored()) == 1


def test_two_signatures_before_the_journey(sender: Office, receiver: Office, stick: Path) -> None:
    alice, carol = sender.key("Alice"), sender.key("Carol")
    receiver.trust(alice)
    receiver.require(2)
    sender.bundle(stick, sender.model(), key=alice)
    sender.sign(stick, carol)
    assert code(lambda: receiver.take(stick)) == "bundle.second_signature_missing"
    receiver.trust(carol)
    assert len(receiver.take(stick)["version_ids"]) == 1


def test_a_key_revoked_while_the_bundle_waits(sender: Office, receiver: Office, stick: Path) -> None:
    alice, bob = sender.key("Alice"), receiver.key("Bob")
    receiver.trust(alice)
    receiver.require(2)
    made = sender.bundle(stick, sender.model(), key=alice)
    assert code(lambda: receiver.take(stick)) == "bundle.second_signature_missing"
    signing.approve(receiver.home, receiver.database, receiver.received()[0], bob, PASSPHRASE)
    signing_keys.revoke(receiver.database, alice.id)
    assert code(lambda: receiver.judge_again(made.id)) == "bundle.signer_revoked"
    assert models.list_versions(receiver.database) == []


def test_a_stricter_rule_later_holds_for_what_was_admitted(
    sender: Office, receiver: Office, stick: Path
) -> None:
    alice = sender.key("Alice")
    receiver.trust(alice)
    sender.bundle(stick, sender.model(), key=alice)
    receiver.take(stick)
    receiver.require(2)
    assert code(lambda: receiver.take(stick)) == "bundle.second_signature_missing"
    assert receiver.received()[0].state == "admitted"
    assert receiver.database.rows("SELECT * FROM bundle_files") == []


@pytest.mark.parametrize("text", ["", "abc", "f" * 64])
def test_bundles_that_are_not_here(receiver: Office, text: str) -> None:
    assert code(lambda: receiver.judge_again(text or "none")) == "bundle.not_found"
