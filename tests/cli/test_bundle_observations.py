"""What is promised of transfer bundles, observed on the program itself: its codes, its words, its disk."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bancada.catalog.bundles import keys
from bancada.catalog.bundles.manifest import MANIFEST
from cli.conftest import Result

Call = Callable[..., Result]
MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(keys._SCRYPT, "n", 1 << 4)
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, "horse battery")


@pytest.fixture
def elsewhere(call: Call, tmp_path: Path) -> Call:
    """The same commands in the office that receives."""
    return lambda *words: call("--home", str(tmp_path / "elsewhere"), *words)


@pytest.fixture
def stick(call: Call, elsewhere: Call, tiny: Path, tmp_path: Path) -> Path:
    """A bundle that was signed with a key that the other office trusts."""
    made = tmp_path / "stick"
    call("models", "import", str(tiny), "--name", "One")
    call("keys", "new", "Alice")
    call("keys", "export", "Alice", str(tmp_path / "alice.json"))
    call("bundle", "create", str(made), "--model", "One", "--sign", "Alice", "--days", "30")
    elsewhere("keys", "trust", str(tmp_path / "alice.json"))
    return made


def disk_use(folder: Path) -> int:
    return sum(one.lstat().st_size for one in folder.rglob("*") if one.is_file())


def written(home: Path) -> list[str]:
    """Files of models in a workspace, whole or begun."""
    places = (home / "blobs", home / "incoming")
    return [str(one) for place in places if place.exists() for one in place.rglob("*") if one.is_file()]


def payload(stick: Path) -> Path:
    (file,) = (stick / "files").iterdir()
    return file


def test_a_flipped_byte_is_named_and_a_second_import_adds_nothing(
    elsewhere: Call, stick: Path, tmp_path: Path
) -> None:
    file, home = payload(stick), tmp_path / "elsewhere"
    good = file.read_bytes()
    file.write_bytes(good[:-100] + bytes([good[-100] ^ 1]) + good[-99:])
    result = elsewhere("bundle", "import", str(stick), "--json")
    assert (result.code, result.error["code"]) == (1, "bundle.file_damaged")
    assert f"files/{file.name}" in result.error["message"]
    assert [one for one in written(home) if not one.endswith(".part")] == []
    assert elsewhere("models", "list", "--json").json == []
    file.write_bytes(good)
    assert elsewhere("bundle", "import", str(stick), "--json").json["copied_bytes"] == len(good)
    before = disk_use(home)
    assert elsewhere("bundle", "import", str(stick), "--json").json["copied_bytes"] == 0
    assert disk_use(home) - before < MEBIBYTE


def _path(data: dict[str, Any], *paths: str) -> None:
    model = data["models"][0]
    model["format"] = "onnx"
    model["files"] = [{**model["files"][0], "path": path} for path in paths]


def _manifest(stick: Path, change: Callable[[dict[str, Any]], None]) -> None:
    data = json.loads((stick / MANIFEST).read_bytes())
    change(data)
    content = json.dumps(data, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    (stick / MANIFEST).write_bytes(content)


def _link(stick: Path) -> None:
    file = payload(stick)
    outside = stick.parent / "outside"
    file.rename(outside)
    file.symlink_to(outside)


def _second_name(stick: Path) -> None:
    os.link(payload(stick), stick.parent / "outside")


def _bomb(stick: Path) -> None:
    with payload(stick).open("ab") as file:
        file.truncate(1 << 40)


def _endless_manifest(stick: Path) -> None:
    with (stick / MANIFEST).open("ab") as file:
        file.truncate(1 << 40)


TRICKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "climbs": (lambda one: _manifest(one, lambda data: _path(data, "../x.onnx")), "bundle.unsafe_path"),
    "drive": (lambda one: _manifest(one, lambda data: _path(data, "C:/x.onnx")), "bundle.unsafe_path"),
    "device": (lambda one: _manifest(one, lambda data: _path(data, "CON")), "bundle.unsafe_path"),
    "duplicate": (lambda one: _manifest(one, lambda data: _path(data, "a", "a")), "bundle.unsafe_path"),
    "case clash": (lambda one: _manifest(one, lambda data: _path(data, "A", "a")), "bundle.unsafe_path"),
    "link": (_link, "bundle.link"),
    "hard link": (_second_name, "bundle.link"),
    "bomb": (_bomb, "bundle.size_differs"),
    "endless manifest": (_endless_manifest, "bundle.too_large"),
    "newer content": (
        lambda one: _manifest(one, lambda data: data.update(suites=[{"name": "x"}])),
        "bundle.newer_content",
    ),
}


def test_tricks_are_refused_before_anything_is_written(elsewhere: Call, stick: Path, tmp_path: Path) -> None:
    found = {}
    for number, (trick, (play, _)) in enumerate(TRICKS.items()):
        copy = tmp_path / f"{number}" / "stick"
        shutil.copytree(stick, copy)
        play(copy)
        result = elsewhere("bundle", "import", str(copy), "--json")
        assert result.code == 1
        found[trick] = result.error["code"]
        assert written(tmp_path / "elsewhere") == []
    assert found == {trick: code for trick, (_, code) in TRICKS.items()}
    assert elsewhere("models", "list", "--json").json == []
    assert elsewhere("audit", "verify", "--json").json["ok"]


def test_an_archive_is_not_opened(elsewhere: Call, tmp_path: Path) -> None:
    bomb = tmp_path / "bundle.zip"
    bomb.write_bytes(b"PK\x03\x04" + bytes(1000))
    result = elsewhere("bundle", "import", str(bomb), "--json")
    assert (result.code, result.error["code"]) == (1, "bundle.is_a_file")
    assert written(tmp_path / "elsewhere") == []


def test_rules_refuse_by_their_names(call: Call, elsewhere: Call, stick: Path, tmp_path: Path) -> None:
    elsewhere("settings", "set", "bundles.signatures_required", "2")
    result = elsewhere("bundle", "import", str(stick), "--json")
    assert result.error["code"] == "bundle.second_signature_missing"
    assert "The rule of four eyes" in result.error["message"]
    elsewhere("keys", "revoke", "Alice")
    number = elsewhere("bundle", "list", "--json").json[0]["bundle_id"][:12]
    elsewhere("keys", "new", "Bob")
    result = elsewhere("bundle", "approve", number, "--sign", "Bob", "--json")
    assert result.error["code"] == "bundle.signer_revoked"
    assert "The rule of known signers" in result.error["message"]
    assert elsewhere("models", "list", "--json").json == []
    unsigned = tmp_path / "unsigned"
    call("bundle", "create", str(unsigned), "--model", "One")
    result = elsewhere("bundle", "import", str(unsigned), "--json")
    assert result.error["code"] == "bundle.unsigned"
    assert "The rule of signatures" in result.error["message"]
