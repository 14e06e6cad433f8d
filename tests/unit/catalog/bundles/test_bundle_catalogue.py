"""A newer edition of the catalogue in a signed bundle: used once it is admitted, never an older one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bancada.catalog.bundles.folder import read_folder
from bancada.catalog.bundles.manifest import parse, to_bytes
from bancada.catalog.catalogue import shelf
from bancada.core.errors import BancadaError
from bundle_office import Office


def edition(folder: Path, number: int, **changed: object) -> Path:
    """The shipped catalogue under another number."""
    data = json.loads(shelf.shipped_file().read_text(encoding="utf-8"))
    path = folder / f"edition-{number}.json"
    path.write_text(json.dumps(data | {"edition": number} | changed), encoding="utf-8")
    return path


@pytest.fixture
def offices(sender: Office, receiver: Office) -> tuple[Office, Office]:
    return sender, receiver


def test_a_signed_edition_takes_over(offices: tuple[Office, Office], tmp_path: Path) -> None:
    ours, theirs = offices
    key = ours.key("Anna")
    theirs.trust(key)
    made = ours.bundle(tmp_path / "stick", key=key, catalogue=str(edition(tmp_path, 7)))
    assert "edition 7" in made.manifest.title
    assert shelf.current(theirs.home).catalogue.edition < 7
    taken = theirs.take(tmp_path / "stick")
    assert taken["receipt"]["catalogue"]["edition"] == 7
    now = shelf.current(theirs.home)
    assert (now.catalogue.edition, now.brought) == (7, True)
    theirs.take(tmp_path / "stick")  # the very same bundle again changes nothing
    assert shelf.current(theirs.home).catalogue.edition == 7


def test_an_older_edition_is_refused_with_all_of_its_bundle(
    offices: tuple[Office, Office], tmp_path: Path
) -> None:
    ours, theirs = offices
    key = ours.key("Anna")
    theirs.trust(key)
    for number in (9, 8):
        ours.bundle(tmp_path / f"stick{number}", key=key, catalogue=str(edition(tmp_path, number)))
    theirs.take(tmp_path / "stick9")
    with pytest.raises(BancadaError) as caught:
        theirs.take(tmp_path / "stick8")
    assert caught.value.code == "catalogue.older"
    assert shelf.current(theirs.home).catalogue.edition == 9


def test_beside_a_model_and_waiting_for_the_second_signature(
    offices: tuple[Office, Office], tmp_path: Path
) -> None:
    ours, theirs = offices
    anna, bruno = ours.key("Anna"), ours.key("Bruno")
    for key in (anna, bruno):
        theirs.trust(key)
    theirs.require(2)
    ours.bundle(tmp_path / "stick", ours.model(), key=anna, catalogue=str(edition(tmp_path, 5)))
    with pytest.raises(BancadaError) as caught:
        theirs.take(tmp_path / "stick")
    assert caught.value.code == "bundle.second_signature_missing"
    assert not shelf.current(theirs.home).brought
    ours.sign(tmp_path / "stick", bruno)
    assert len(theirs.take(tmp_path / "stick")["version_ids"]) == 1
    assert shelf.current(theirs.home).catalogue.edition == 5


def test_what_is_no_catalogue_is_neither_made_nor_taken(
    offices: tuple[Office, Office], tmp_path: Path
) -> None:
    ours, theirs = offices
    key = ours.key("Anna")
    theirs.trust(key)
    with pytest.raises(BancadaError) as caught:
        ours.bundle(tmp_path / "stick", key=key, catalogue=str(edition(tmp_path, 7, models=[])))
    assert caught.value.code == "catalogue.malformed"
    ours.bundle(tmp_path / "stick", key=key, catalogue=str(edition(tmp_path, 7)))
    manifest = tmp_path / "stick" / "manifest.json"
    bad = json.loads(manifest.read_bytes())
    bad["catalogue"] = bad["catalogue"].replace('"edition": 7', '"edition": -7')
    text = json.dumps(bad, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    manifest.write_text(f"{text}\n", encoding="ascii")
    (tmp_path / "stick" / "signatures.json").unlink()
    ours.sign(tmp_path / "stick", key)
    with pytest.raises(BancadaError) as caught:
        theirs.take(tmp_path / "stick")
    assert caught.value.code == "catalogue.malformed"
    assert not shelf.current(theirs.home).brought


def test_bundles_without_one_are_what_they_were(offices: tuple[Office, Office], tmp_path: Path) -> None:
    ours, _ = offices
    ours.bundle(tmp_path / "stick", ours.model())
    content = read_folder(tmp_path / "stick").content
    assert b'"catalogue"' not in content
    assert to_bytes(parse(content)) == content
