"""Manifests: what is written is read, and nothing hostile gets further than an error in words."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bancada.catalog.bundles import manifest as rules
from bancada.catalog.bundles.folder import BOM, read_bom, read_folder
from bancada.catalog.bundles.manifest import (
    FAT32_PART_BYTES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Ancestor,
    BundleFile,
    BundleModel,
    Manifest,
    parse,
    part_count,
    pieces,
    to_bytes,
)
from bancada.catalog.bundles.signatures import SIGNATURES, Signature, parse_signatures, signatures_to_bytes
from bancada.core.errors import BancadaError
from bundle_office import code, refused

A, B = "a" * 64, "b" * 64
FILE = BundleFile("model.gguf", A, 10)
MODEL = BundleModel("M", 1, "gguf", "llama", "F32", 10, 512, "mit", "here", A, (FILE,))
GOOD = Manifest(
    format=rules.FORMAT,
    version=1,
    serial="s",
    title="t",
    created_at="2026-01-01T00:00:00+00:00",
    expires_at=None,
    issuer=B,
    sequence=1,
    made_by="a test",
    part_bytes=FAT32_PART_BYTES,
    bom=BundleFile(BOM, B, 3),
    models=(MODEL,),
)
TEXT = st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=20)
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
NUMBER = st.integers(0, 1 << 49)


def file_of(path: str, sha256: str, size: int, part_bytes: int) -> BundleFile:
    parts = tuple(f"{one:064x}" for one in range(part_count(size, part_bytes)))
    return BundleFile(path, sha256, size, parts)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    part_bytes = draw(st.integers(rules.MIN_PART_BYTES, 1 << 40))
    size = draw(st.integers(0, min(part_bytes * 20, 1 << 49)))
    file = file_of("model.gguf", draw(SHA), size, part_bytes)
    ancestor = Ancestor(draw(TEXT), draw(NUMBER), draw(SHA), "gguf", draw(TEXT))
    model = replace(
        MODEL,
        name=draw(TEXT),
        version=draw(NUMBER),
        license=draw(TEXT),
        source=draw(TEXT),
        sha256=draw(SHA),
        files=(file,),
        lineage=draw(st.sampled_from([(), (ancestor,)])),
        papers=draw(st.dictionaries(st.sampled_from(["LICENSE", "README.md"]), TEXT)),
    )
    return replace(GOOD, title=draw(TEXT), part_bytes=part_bytes, sequence=draw(st.integers(1, 1 << 49)),
                   models=(model,))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(manifests())
def test_what_is_written_is_read(manifest: Manifest) -> None:
    content = to_bytes(manifest)
    assert parse(content) == manifest
    assert to_bytes(parse(content)) == content
    for file in manifest.contents():
        whole = list(pieces(file, manifest.part_bytes))
        assert sum(one.size_bytes for one in whole) == file.size_bytes
        assert all(one.size_bytes <= manifest.part_bytes and ".." not in one.name for one in whole)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(to_bytes(GOOD)) - 1), st.binary(max_size=4), st.integers(0, 4))
def test_a_changed_manifest_is_another_one_or_refused(place: int, put: bytes, removed: int) -> None:
    good = to_bytes(GOOD)
    content = good[:place] + put + good[place + removed :]
    try:
        parsed = parse(content)
    except BancadaError as error:
        ended = error.code
    else:
        ended = "bundle." if to_bytes(parsed) == content else "read as something else"
    assert ended.startswith("bundle.")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(json.loads(to_bytes(GOOD)))), VALUES)
def test_a_field_of_any_other_kind_is_refused(name: str, value: Any) -> None:
    data = json.loads(to_bytes(GOOD))
    data[name] = value
    content = json.dumps(data, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    try:
        parsed = parse(content)
    except BancadaError as error:
        ended = error.code
    else:
        ended = "bundle." if to_bytes(parsed) == content else "read as something else"
    assert ended.startswith("bundle.")


def with_model(**changes: Any) -> Manifest:
    return replace(GOOD, models=(replace(MODEL, **changes),))


def with_file(**changes: Any) -> Manifest:
    return with_model(files=(replace(FILE, **changes),))


@pytest.mark.parametrize(
    "manifest",
    [
        replace(GOOD, version=0),
        replace(GOOD, models=()),
        replace(GOOD, models=(MODEL,) * 1001),
        replace(GOOD, issuer="", sequence=1),
        replace(GOOD, issuer=B, sequence=0),
        replace(GOOD, issuer="office", sequence=1),
        replace(GOOD, sequence=1 << 60),
        replace(GOOD, sequence=-1),
        replace(GOOD, part_bytes=1),
        replace(GOOD, created_at="yesterday"),
        replace(GOOD, created_at="2026-01-01T00:00:00"),
        replace(GOOD, expires_at="9999-12-31T23:59:59-23:59"),
        replace(GOOD, title="two\nlines"),
        replace(GOOD, title="\ud800"),
        replace(GOOD, title="x" * 5000),
        replace(GOOD, bom=BundleFile(BOM, "no", 1)),
        replace(GOOD, bom=BundleFile(BOM, B, 1, (A,))),
        with_model(format="../pickle"),
        with_model(files=()),
        with_model(files=(FILE, replace(FILE, path="second"))),
        with_model(sha256="A" * 64),
        with_model(name="a\x00b"),
        with_model(papers={"LICENSE": "x" * 200_000}),
        with_model(papers={f"{one}": "" for one in range(20)}),
        with_model(papers={"LICENSE": "\ud800"}),
        with_model(lineage=(Ancestor("x", 1, "short", "gguf", ""),)),
        with_file(sha256="../../etc/passwd"),
        with_file(size_bytes=-1),
        with_file(size_bytes=1 << 60),
        with_file(size_bytes=FAT32_PART_BYTES + 1),
        with_file(parts=(A, B)),
        replace(GOOD, models=(MODEL, replace(MODEL, files=(replace(FILE, size_bytes=11),)))),
        with_model(format="onnx", files=tuple(replace(FILE, path=f"{n}") for n in range(10_001))),
    ],
    ids=str,
)
def test_impossible_manifests(manifest: Manifest) -> None:
    assert code(lambda: parse(to_bytes(manifest))) == "bundle.malformed"


@pytest.mark.parametrize("path", ["../x", "/x", "CON", "a\\b"])
def test_names_of_files_and_papers_are_checked(path: str) -> None:
    assert code(lambda: parse(to_bytes(with_file(path=path)))) == "bundle.unsafe_path"
    assert code(lambda: parse(to_bytes(with_model(papers={path: ""})))) == "bundle.unsafe_path"


BODY = to_bytes(GOOD)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"format":"bancada-bundle","version":NaN}',
        b'{"format":"bancada-bundle","version":' + b"9" * 5000 + b"}",
        b'{"format":"bancada-bundle","version":true}',
        BODY.replace(b'"sequence":1', b'"sequence":1,"sequence":1'),
        BODY.replace(b'"sequence":1', b'"sequence":1.0'),
        BODY.replace(b'"sequence":1', b'"sequence": 1'),
        BODY.replace(b'"title":"t"', b'"title":"\\u0074"'),
        BODY.replace(b'"title":"t"', b'"title":"t","\\u202e":1'),
        BODY.replace(b'"title":"t"', b'"title":"t","' + b"x" * 33 + b'":1'),
        BODY.replace(b',"papers":{}', b""),
        BODY.rstrip(),
        BODY + b"\n",
        b"\xef\xbb\xbf" + BODY,
    ],
    ids=lambda one: ascii(one[:40]),
)
def test_other_bytes(content: bytes) -> None:
    assert code(lambda: parse(content)) == "bundle.malformed"


def test_a_newer_version_is_named() -> None:
    content = BODY.replace(b'"version":1}\n', b'"version":7}\n')
    assert code(lambda: parse(content)) == "bundle.newer"


@pytest.mark.parametrize("item", ["policies", "collections", "suites", "prompts"])
def test_what_a_newer_format_carries_is_named(item: str) -> None:
    content = json.dumps(json.loads(BODY) | {item: [{"name": "x"}]}, sort_keys=True, separators=(",", ":"))
    error = refused(lambda: parse(content.encode() + b"\n"))
    assert (error.code, error.params["items"]) == ("bundle.newer_content", item)
    assert "Update Bancada" in str(error)


def test_a_model_of_a_newer_format_is_named() -> None:
    error = refused(lambda: parse(to_bytes(with_model(format="mlx"))))
    assert (error.code, error.params["items"]) == ("bundle.newer_content", "a model of the format mlx")


def test_a_million_entries_and_ten_gigabytes_are_refused_unread(tmp_path: Path) -> None:
    entry = json.dumps([A]).encode()[1:-1] + b","
    assert code(lambda: parse(b'{"models":[' + entry * 1_000_000)) == "bundle.too_large"
    with (tmp_path / MANIFEST).open("wb") as file:
        file.truncate(10 << 30)
    began = time.process_time()
    assert code(lambda: read_folder(tmp_path)) == "bundle.too_large"
    assert time.process_time() - began < 1
    (tmp_path / MANIFEST).write_bytes(BODY)
    with (tmp_path / SIGNATURES).open("wb") as file:
        file.truncate(10 << 30)
    assert code(lambda: read_folder(tmp_path)) == "bundle.too_large"
    assert len(BODY) < MAX_MANIFEST_BYTES


def test_the_bill_of_materials_is_the_one_of_the_manifest(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(BODY)
    folder = read_folder(tmp_path)
    assert code(lambda: read_bom(folder)) == "bundle.file_missing"
    (tmp_path / BOM).write_text("{}\n")
    assert code(lambda: read_bom(folder)) == "bundle.file_damaged"


SIGNED = Signature(A, "c" * 128)


def test_signatures_are_read_as_written() -> None:
    two = (SIGNED, Signature(B, "d" * 128))
    assert parse_signatures(signatures_to_bytes(reversed(two))) == two
    assert parse_signatures(signatures_to_bytes((SIGNED, SIGNED))) == (SIGNED,)


@pytest.mark.parametrize(
    "content",
    [
        b"no",
        b"[" * 50_000,
        b"{}",
        b'{"format":"x","version":1,"signatures":[]}',
        b'{"format":"bancada-signatures","version":2,"signatures":[]}',
        signatures_to_bytes([Signature(f"{n:064x}", "c" * 128) for n in range(17)]),
        signatures_to_bytes([Signature(A, "c" * 127)]),
        signatures_to_bytes([Signature("../x", "c" * 128)]),
        signatures_to_bytes([SIGNED, Signature(A, "d" * 128)]),
    ],
    ids=lambda one: ascii(one[:30]),
)
def test_signatures_that_are_none(content: bytes) -> None:
    assert code(lambda: parse_signatures(content)) == "bundle.malformed"
