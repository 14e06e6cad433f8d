"""``bancada certify`` and ``bancada certificates``: from the command to the signed page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bancada.catalog.bundles import keys
from bancada.core.paths import Home
from bancada.storage import certificates
from bancada.storage.database import open_database
from cli.conftest import Result
from damaged_gguf import quantized, zeroed

Call = Callable[..., Result]
QUICK = ("--context", "32", "--chunks", "8", "--no-tasks", "--no-speed")
TENSOR = "blk.0.attn_v.weight"


@pytest.fixture
def models(call: Call, tiny: Path, tmp_path: Path) -> None:
    """A source, what was made of it, and a damaged copy."""
    good = quantized(tiny, tmp_path / "good.gguf", "Q8_0")
    for name, path in (("Source", tiny), ("Good", good), ("Bad", zeroed(good, tmp_path / "b.gguf", TENSOR))):
        assert call("models", "import", str(path), "--name", name, "--json").code == 0


@pytest.fixture
def signer(call: Call, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A key of our own whose passphrase is at hand."""
    monkeypatch.setitem(keys._SCRYPT, "n", 1 << 4)
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, "horse battery")
    made: dict[str, Any] = call("keys", "new", "Alice", "--json").json
    return made


@pytest.mark.usefixtures("models")
def test_a_good_file_is_signed_listed_shown_and_printed(
    call: Call, signer: dict[str, Any], tmp_path: Path, home: Path
) -> None:
    page = tmp_path / "page.html"
    found = call("certify", "Good", "--against", "Source", *QUICK, "--html", str(page), "--json").json
    assert found["verdict"] == "green"
    assert found["perplexity_ratio"] == pytest.approx(1, abs=0.02)
    assert 0 <= found["kl_divergence"] < 0.01
    assert 0.9 < found["same_top_token"] <= 1
    assert found["signature"] == {"standing": "trusted", "key": signer["id"], "name": "Alice"}
    assert found["report"]["text"]["chunks"] == 8
    content = page.read_text(encoding="utf-8")
    assert "signed by Alice" in content
    assert "<svg" in content
    assert "http://" not in content

    (listed,) = call("certificates", "list", "--json").json
    assert (listed["id"], listed["signature"]) == (found["certificate_id"], "trusted")
    assert "Good:1" in call("certificates", "list", "--model", "Good").out
    assert call("certificates", "list", "--model", "Bad", "--json").json == []
    shown = call("certificates", "show", "Good").out
    assert "Good:1 is green, compared with Source:1" in shown
    assert "signed by Alice; the signature is right" in shown
    assert call("certificates", "show", listed["id"][:12], "--json").json["verdict"] == "green"
    variants = call("certificates", "variants", "Source", "--json").json
    assert [(one["name"], one["verdict"]) for one in variants] == [
        ("Good:1", "green"),
        ("Source:1", "source"),
    ]
    assert "beaten" in call("certificates", "variants", "Source").out.lower()

    _tamper(home, found["certificate_id"])
    assert "does NOT fit" in call("certificates", "show", "Good").out
    assert call("keys", "revoke", "Alice").code == 0
    assert "wrong" in call("certificates", "list").out


def _tamper(home: Path, certificate_id: str) -> None:
    database = open_database(Home(home))
    with database.transaction() as handle:
        handle.execute(
            'UPDATE certificates SET report = replace(report, \'"name":"Good"\', \'"name":"Best"\')'
            " WHERE id = ?",
            (certificate_id,),
        )
    assert "Best" in certificates.get(database, certificate_id).report
    database.close()


@pytest.mark.usefixtures("models")
def test_a_damaged_file_is_red_and_fails_only_when_asked(call: Call, tmp_path: Path) -> None:
    red = call("certify", "Bad", "--against", "Source", *QUICK, "--json")
    assert (red.code, red.json["verdict"], red.json["signature"]["standing"]) == (0, "red", "none")
    assert TENSOR in red.json["reasons"][0]
    again = call("certify", "Bad", "--against", "Source", *QUICK, "--fail-on", "amber")
    assert again.code == 1
    assert TENSOR in again.out
    assert "Bad:1 is red" in again.out
    assert call("certify", "Good", "--against", "Source", *QUICK, "--fail-on", "amber").code == 0
    # a red one is not approved by accident
    assert call("models", "stage", "Bad", "approved", "--reason", "x", "--json").error["code"] == (
        "model.certificate_red"
    )


@pytest.mark.usefixtures("models")
def test_what_cannot_be_done_is_said(call: Call, tmp_path: Path) -> None:
    assert call("certify", "Good").code == 2  # what it was made from is not recorded
    assert call("certify", "Good", "--against", "Source", "--context", "1").code == 2
    # compared with itself every file is green: such a certificate would hide what a real one found
    itself = call("certify", "Bad", "--against", "Bad", *QUICK, "--json")
    assert itself.error["code"] == "certificate.same_file"
    assert call("certificates", "list", "--json").json == []
    text = tmp_path / "empty.txt"
    text.write_bytes(b"")
    failed = call("certify", "Good", "--against", "Source", "--text", str(text), "--json")
    assert failed.error["code"] == "certificate.text_unreadable"
    assert call("certificates", "show", "Good", "--json").error["code"] == "certificate.not_found"
    assert call("certificates", "show", "nothing at all", "--json").error["code"] == "certificate.not_found"
    assert "No certificate" in call("certificates", "list").out
    assert (
        "Nothing was compared" in call("certificates", "variants", "Good").out
        or call("certificates", "variants", "Good", "--json").json
    )
