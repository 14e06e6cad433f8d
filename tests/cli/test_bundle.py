"""``bancada bundle`` and ``bancada keys``: a model carried from one workspace to another."""

from __future__ import annotations

import getpass
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.catalog.bundles import keys
from cli.conftest import Result, command, environment

Call = Callable[..., Result]


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(keys._SCRYPT, "n", 1 << 4)
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, "horse battery")


@pytest.fixture
def elsewhere(call: Call, tmp_path: Path) -> Call:
    """The same commands in another workspace."""
    return lambda *words: call("--home", str(tmp_path / "elsewhere"), *words)


def failed(result: Result) -> str:
    assert result.code == 1
    assert result.error["hint"]
    return result.error["code"]


def test_across_the_gap(call: Call, elsewhere: Call, tiny: Path, tmp_path: Path) -> None:
    stick, public = tmp_path / "stick", tmp_path / "alice.json"
    model = call("models", "import", str(tiny), "--name", "One", "--json").json
    alice = call("keys", "new", "Alice", "--json").json
    assert alice["own"]
    assert "Fingerprint" in call("keys", "export", "Alice", str(public)).out
    made = call("bundle", "create", str(stick), "--model", "One", "--sign", "Alice", "--json").json
    assert (made["models"], made["signed_by"], made["sequence"]) == (["One:1"], alice["id"], 1)
    assert "Signed by" in call("bundle", "create", str(tmp_path / "s2"), "--model", "One").out

    assert "No bundle" in elsewhere("bundle", "list").out
    assert "No key" in elsewhere("keys", "list").out
    assert failed(elsewhere("bundle", "import", str(stick), "--json")) == "bundle.signer_unknown"
    looked = elsewhere("bundle", "inspect", str(stick), "--json")
    assert (looked.code, looked.json["admissible"], looked.json["rule"]) == (
        1,
        False,
        "bundle.signer_unknown",
    )
    assert elsewhere("keys", "trust", str(public), "--json").json["id"] == alice["id"]
    assert "Alice" in elsewhere("keys", "list").out
    looked = elsewhere("bundle", "inspect", str(stick))
    assert looked.code == 0
    assert "Alice: trusted" in looked.out

    taken = elsewhere("bundle", "import", str(stick), "--json").json
    assert (taken["state"], taken["copied_bytes"]) == ("admitted", tiny.stat().st_size)
    assert taken["models"][0]["sha256"] == model["sha256"]
    assert Path(taken["receipt_page"]).is_file()
    again = elsewhere("bundle", "import", str(stick))
    assert "0 bytes were copied" in again.out
    assert [one["name"] for one in elsewhere("models", "list", "--json").json] == ["One"]

    number = made["bundle_id"][:8]
    assert "admitted" in elsewhere("bundle", "list").out
    page, data = tmp_path / "r.html", tmp_path / "r.json"
    assert "Wrote" in elsewhere("bundle", "receipt", number, "--out", str(page)).out
    elsewhere("bundle", "receipt", number, "--out", str(data))
    assert json.loads(data.read_bytes()) == elsewhere("bundle", "receipt", number, "--json").json
    assert "Receipt" in page.read_text()
    assert elsewhere("bundle", "receipt", number, "--out", "/proc/r.html").code == 1
    assert failed(elsewhere("bundle", "discard", number, "--json")) == "bundle.not_waiting"
    assert elsewhere("audit", "verify", "--json").json["ok"]


def test_four_eyes(call: Call, elsewhere: Call, tiny: Path, tmp_path: Path) -> None:
    stick, public = tmp_path / "stick", tmp_path / "alice.json"
    call("models", "import", str(tiny), "--name", "One")
    call("keys", "new", "Alice")
    call("keys", "export", "Alice", str(public))
    call("bundle", "create", str(stick), "--model", "One", "--sign", "Alice", "--days", "30")
    elsewhere("keys", "trust", str(public), "--name", "Alice of Lisbon")
    elsewhere("keys", "new", "Bob")
    elsewhere("settings", "set", "bundles.signatures_required", "2")
    result = elsewhere("bundle", "import", str(stick), "--json")
    assert failed(result) == "bundle.second_signature_missing"
    assert "four eyes" in result.error["message"]
    assert elsewhere("models", "list", "--json").json == []
    (waiting,) = elsewhere("bundle", "list", "--json").json
    assert waiting["state"] == "quarantined"
    number = waiting["bundle_id"][:12]
    assert failed(elsewhere("bundle", "receipt", number, "--json")) == "bundle.no_receipt"
    assert failed(elsewhere("bundle", "approve", number, "--sign", "Alice of Lisbon", "--json")) == (
        "keys.not_ours"
    )
    approved = elsewhere("bundle", "approve", number, "--sign", "Bob", "--json").json
    assert approved["state"] == "admitted"
    assert [one["name"] for one in approved["models"]] == ["One"]


def test_signing_later_and_discarding(call: Call, elsewhere: Call, tiny: Path, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    call("models", "import", str(tiny), "--name", "One")
    call("keys", "new", "Alice")
    call("keys", "new", "Carol")
    call("bundle", "create", str(stick), "--model", "One", "--sign", "Alice")
    signed = call("bundle", "sign", str(stick), "--sign", "Carol", "--json").json
    assert signed["name"] == "Carol"
    assert "Signed by Carol" in call("bundle", "sign", str(stick), "--sign", "Carol").out
    call("settings", "set", "bundles.signatures_required", "2")
    assert call("bundle", "inspect", str(stick), "--json").json["admissible"]
    assert "no more" in call("keys", "revoke", "Carol").out
    result = call("bundle", "import", str(stick), "--json")
    number = call("bundle", "list", "--json").json[0]["bundle_id"][:12]
    assert failed(result) == "bundle.second_signature_missing"
    assert failed(call("bundle", "sign", str(stick), "--sign", "Carol", "--json")) == "keys.not_trusted"
    assert "Discarded" in call("bundle", "discard", number).out
    assert [one["name"] for one in call("models", "list", "--json").json] == ["One"]
    assert call("keys", "trust", "Carol", "--json").json["trust"] == "trusted"


def test_not_understood(call: Call, tiny: Path, tmp_path: Path) -> None:
    assert call("bundle", "create", str(tmp_path / "x")).code == 2
    assert call("bundle", "create", str(tmp_path / "x"), "--model", "M", "--part-size", "0").code == 2
    assert (
        failed(call("bundle", "create", str(tmp_path / "x"), "--model", "M", "--json")) == "model.not_found"
    )
    assert failed(call("bundle", "inspect", str(tiny), "--json")) == "bundle.is_a_file"
    assert failed(call("bundle", "import", str(tmp_path / "none"), "--json")) == "bundle.not_a_bundle"
    assert failed(call("keys", "revoke", "nobody", "--json")) == "keys.not_found"
    assert failed(call("keys", "trust", str(tiny), "--json")) == "keys.file_invalid"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_passphrases_are_asked_for_on_a_terminal(
    call: Call, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(keys.PASSPHRASE_VARIABLE)
    assert failed(call("keys", "new", "Ana", "--ask", "--json")) == "keys.no_passphrase"
    typed = ["first try", "another", "horse battery", "horse battery", "no", "horse battery"]
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: typed.pop(0))
    call("models", "import", str(tiny), "--name", "One")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", Terminal())
        patched.setattr(sys, "stderr", Terminal())
        assert call("keys", "new", "Ana", "--ask", "--json").error["code"] == "keys.passphrases_differ"
        assert call("keys", "new", "Ana", "--ask").code == 0
        words = ("bundle", "create", str(tmp_path / "stick"), "--model", "One", "--sign", "Ana", "--json")
        assert call(*words).error["code"] == "keys.wrong_passphrase"
        assert not (tmp_path / "stick").exists()
        assert call(*words).code == 0
    assert failed(call("bundle", "sign", str(tmp_path / "stick"), "--sign", "Ana", "--json")) == "keys.locked"
    log = "".join(one.read_text() for one in tmp_path.rglob("*.log"))
    assert "horse" not in log


def test_the_keyring_keeps_the_passphrase_of_a_new_key(home: Path, tiny: Path, tmp_path: Path) -> None:
    """As a person does it: three commands, no passphrase typed, none in the output."""
    ring = tmp_path / "ring.json"
    env = environment(home) | {
        "PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring",
        "TEST_KEYRING": str(ring),
    }
    env["PYTHONPATH"] = os.pathsep.join([env["PYTHONPATH"], str(Path(__file__).parents[1])])
    del env[keys.PASSPHRASE_VARIABLE]
    for words in (
        ("models", "import", str(tiny), "--name", "One"),
        ("keys", "new", "Alice"),
        ("bundle", "create", str(tmp_path / "stick"), "--model", "One", "--sign", "Alice"),
    ):
        done = subprocess.run(command(*words), env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if ring.exists():
            (secret,) = json.loads(ring.read_text()).values()
            assert secret not in done.stdout + done.stderr
    assert (tmp_path / "stick" / "signatures.json").is_file()
