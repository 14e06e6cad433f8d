"""Names in a manifest: what could leave the folder, hide a file or not exist elsewhere is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bancada.catalog.bundles.names import check_names
from bancada.core.errors import BancadaError

BAD = [
    ["../x"],
    ["a/../../x"],
    ["/etc/passwd"],
    ["C:/x"],
    ["c:x"],
    ["\\\\server\\x"],
    ["a\\b"],
    ["CON"],
    ["a/con.txt"],
    ["lpt1.gguf"],
    ["aux .x"],
    ["NUL"],
    [""],
    ["."],
    ["a//b"],
    ["a/"],
    ["x" * 256],
    ["é" * 128],
    ["/".join(["abcdefgh"] * 200)],
    ["a."],
    ["a "],
    [" a"],
    ["a./b"],
    ["a\nb"],
    ["a\x00b"],
    ["a\x7fb"],
    ["a\u202eb"],
    ["a\u200bb"],
    ["a?b"],
    ['a"b'],
    ["a*"],
    ["\ud800"],
    ["e\u0301"],
    ["a", "a"],
    ["A", "a"],
    ["straße", "STRASSE"],
    ["ﬁle", "file"],
    ["é", "e\u0301"],
    ["A/x", "a/y"],
    ["a", "a/b"],
    ["A", "a/b"],
    ["a/b", "a/b/c"],
]


@pytest.mark.parametrize("names", BAD, ids=ascii)
def test_refused(names: list[str]) -> None:
    with pytest.raises(BancadaError) as caught:
        check_names(names)
    assert caught.value.code == "bundle.unsafe_path"
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    "names", [["model.gguf"], ["a/b.onnx", "a/c.onnx"], ["modèle.onnx"], ["数据"], ["x" * 255], ["..a", ".b"]]
)
def test_accepted(names: list[str]) -> None:
    check_names(names)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("aAé/. :\\-\u0301\u200bß\u017fK"), max_size=12), max_size=6))
def test_what_is_accepted_makes_as_many_files_inside_the_folder(names: list[str]) -> None:
    try:
        check_names(names)
    except BancadaError:
        return
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            path = Path(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
        found = [one for one in Path(place).rglob("*") if one.is_file()]
        assert len(found) == len(names)
        assert len({str(one).lower() for one in found}) == len(names)
