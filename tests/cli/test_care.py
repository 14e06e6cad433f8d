"""``bancada models`` export, template, lineage, compare, tag, stage, alias, and ``bancada storage``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.core.paths import Home
from bancada.storage import runs
from bancada.storage.blobs import BlobStore
from bancada.storage.database import open_database
from bancada.storage.models import FileRecord, NewVersion, add_version, find
from cli.conftest import Result

Call = Callable[..., Result]


@pytest.fixture
def two(call: Call, tiny: Path, home: Path) -> Call:
    """A model from a file, and a version that was made of it."""
    assert call("models", "import", str(tiny), "--name", "One").code == 0
    place = Home(home)
    database = open_database(place)
    parent = find(database, "One")
    run = runs.start(database, "quantize", "Q4_0 of One", {"type": "Q4_0"}, {})
    blob = BlobStore(place, database).put_bytes(b"smaller")
    new = NewVersion(
        "gguf", "llama", "Q4_0", parent.parameters, 4.5, 2, 2_048, "MIT", blob.size_bytes, blob.sha256, "x",
        parent_version_id=parent.id, produced_by_run_id=run,
    )  # fmt: skip
    add_version(database, "One", new, [FileRecord("model.gguf", blob.sha256, blob.size_bytes)])
    database.close()
    return call


def test_stage_alias_and_tags_with_who_and_why(two: Call) -> None:
    call = two
    refused = call("models", "stage", "One:1", "approved", "--json")
    assert (refused.code, refused.error["code"]) == (1, "model.reason_needed")
    done = call("models", "stage", "One:1", "approved", "--reason", "passed", "--json").json
    assert (done["stage"], done["history"][0]["reason"]) == ("approved", "passed")
    assert call("models", "alias", "One:1", "production", "--json").json["aliases"][0]["version"] == 1
    assert call("models", "show", "One@production", "--json").json["version"] == 1
    assert call("models", "show", "One", "--json").json["version"] == 2
    assert call("models", "tag", "One", "--add", "office", "--add", "b", "--json").json["tags"] == [
        "b",
        "office",
    ]
    assert call("models", "tag", "One", "--remove", "B").out == "One: office\n"
    shown = call("models", "show", "One@production").out
    assert "approved" in shown
    assert "office" in shown
    listed = {one["version"]: one for one in call("models", "list", "--json").json}
    assert (listed[1]["stage"], listed[1]["aliases"], listed[2]["stage"]) == (
        "approved",
        ["production"],
        "none",
    )
    words = call("models", "stage", "One@production").out
    assert "passed" in words
    assert "alias production" in words
    assert call("models", "alias", "One", "production", "--remove").out == "One has no alias.\n"
    assert call("models", "alias", "One", "--remove").code == 2
    assert call("models", "stage", "One", "famous").code == 2
    assert call("audit", "verify", "--json").json["ok"]


def test_lineage_and_comparison(two: Call) -> None:
    call = two
    root, child = call("models", "lineage", "One", "--json").json
    assert (root["depth"], child["depth"], child["run"]["kind"]) == (0, 1, "quantize")
    plain = call("models", "lineage", "One").out
    assert "> " in plain
    assert "type Q4_0" in plain
    compared = call("models", "compare", "One:1", "One:2", "--json").json
    facts = {one["key"]: one for one in compared["facts"]}
    assert facts["quantization"]["differs"]
    assert not facts["parameters"]["differs"]
    table = call("models", "compare", "One:1", "One:2").out
    assert "Quantization" in table
    assert "Parameters" not in table
    assert "Parameters" in call("models", "compare", "One:1", "One:2", "--all").out


def test_export_as_a_job_and_the_template_in_a_worker(two: Call, tiny: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    done = two("models", "export", "One:1", str(target), "--json").json
    assert (target / done["files"][0]["path"]).read_bytes() == tiny.read_bytes()
    assert json.loads((target / "model-card.json").read_text("utf-8"))["name"] == "One"
    again = two("models", "export", "One:1", str(target), "--json")
    assert (again.code, again.error["code"]) == (1, "model.export_in_use")
    shown = two("models", "template", "One:1", "--json").json
    assert "What is a workbench?" in shown["text"]
    missing = two("models", "template", "One:2", "--json")
    assert missing.error["code"] == "model.no_chat_template"


def test_removal_says_who_misses_it(two: Call) -> None:
    two("models", "alias", "One:1", "production")
    gone = two("models", "remove", "One:1")
    assert "alias production" in gone.err
    assert "1 versions were made of it" in gone.err


def test_storage_is_shown_and_cleaned(two: Call, home: Path) -> None:
    part = home / "downloads" / "x.part"
    part.parent.mkdir()
    part.write_bytes(bytes(5_000))
    areas = {one["area"]: one for one in two("storage", "show", "--json").json["areas"]}
    assert areas["downloads"]["removable_bytes"] == 5_000
    assert areas["models"]["bytes"] > 0
    assert "Unfinished downloads" in two("storage", "show").out
    dry = two("storage", "clean", "downloads", "--dry-run", "--json").json
    assert (dry["freed_bytes"], dry["areas"][0]["removable"][0]["name"]) == (0, "x.part")
    assert part.exists()
    assert two("storage", "clean", "downloads", "--json").json["freed_bytes"] == 5_000
    assert not part.exists()
    assert two("storage", "clean", "downloads").out == "Nothing can go.\n"
    assert two("storage", "clean", "models").code == 2
    assert two("storage", "clean", "--yes").code == 0
