"""Licences by the words that model files use for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bancada.catalog import licences
from bancada.storage.models import NewVersion, VersionRecord


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("apache-2.0", "Apache License 2.0"),
        ("Apache 2.0", "Apache License 2.0"),
        ("MIT License", "MIT License"),
        ("cc-by-nc-4.0", "Creative Commons Attribution-NonCommercial"),
        ("CC_BY_4.0", "Creative Commons Attribution"),
        ("llama3.2", "Llama Community License"),
        ("gemma", "Gemma Terms of Use"),
        ("bsd-3-clause", "BSD License"),
    ],
)
def test_known_licences_are_recognised(stated: str, name: str) -> None:
    found = licences.known(stated)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("stated", ["", "other", "mitigated", "apache", "proprietary", "gemmalike"])
def test_what_is_not_known_is_not_guessed(stated: str) -> None:
    found = licences.known(stated)
    assert (found is not None) == (stated == "apache")


def test_only_licence_files_are_licence_texts() -> None:
    papers = {"LICENSE": "words", "sub/LICENCE.txt": "more", "README.md": "card", "unlicensed.md": "no"}
    base = NewVersion(
        "gguf", "llama", "Q4_0", 1, 4.5, 1, 64, "", 1, "a" * 64, "x", metadata={"papers": papers}
    )
    version = VersionRecord(
        id="1", model_id="1", name="m", version=1, crashes=0, created_at="", files=(),
        **{one: getattr(base, one) for one in base.__slots__},
    )  # fmt: skip
    assert licences.texts(version) == {"LICENSE": "words", "sub/LICENCE.txt": "more"}
    assert licences.texts(replace(version, metadata={"papers": ["LICENSE"]})) == {}
