"""The catalogue from the command line: found, weighed and shown without any network."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bancada.catalog.catalogue.shelf import shipped, shipped_file
from bancada.core.paths import Home
from bancada.storage.blobs import BlobStore
from bancada.storage.database import open_database
from bancada.storage.models import FileRecord, NewVersion, add_version
from cli.conftest import Result


def test_search_narrows_and_weighs(call: Callable[..., Result]) -> None:
    every = call("catalog", "search", "--limit", "20000", "--json").json
    assert len(every) == len(shipped().entries)
    assert {one["fit"]["verdict"] for one in every} <= {"fits", "tight", "large"}
    assert all(one["available_bytes"] > 0 for one in every)
    gemma = call("catalog", "search", "GEMMA", "--kind", "embedder", "--json").json
    assert [one["id"] for one in gemma] == ["embeddinggemma-300m"]
    assert gemma[0]["licence"]["terms"] == "conditions"
    assert gemma[0]["licence"]["obligations"]
    italian = call("catalog", "search", "--language", "IT", "--licence", "open", "--tools", "--json").json
    assert italian
    for one in italian:
        assert "it" in one["languages"]
        assert (one["licence"]["terms"], one["tools"]) == ("open", True)
    assert not any(
        one["fit"]["verdict"] == "large" for one in call("catalog", "search", "--fits", "--json").json
    )


def test_the_table_and_its_orders(call: Callable[..., Result]) -> None:
    ended = call("catalog", "search", "smollm2", "--sort", "size", "--limit", "2")
    lines = ended.out.splitlines()
    assert ended.code == 0
    assert [line.split("  ")[0] for line in lines[1:3]] == ["SmolLM2 135M Instruct", "SmolLM2 360M Instruct"]
    assert "1 more with --limit" in ended.out
    assert "Edition " in ended.out
    assert call("catalog", "search", "no such model").out == "Nothing in the catalogue answers that.\n"
    assert call("catalog", "search", "--kind", "oracle", "--json").code == 2


def test_show_says_all_and_what_is_not_verified(call: Callable[..., Result]) -> None:
    shown = call("catalog", "show", "SmolLM2 135M Instruct", "--json").json
    exact = [one for one in shown["fit"]["quantizations"] if one["exact"]]
    assert [(one["quantization"], one["file_bytes"]) for one in exact] == [("Q4_1", 98_362_432)]
    assert shown["in_library"] == []
    assert "tools" in shown["not_verified"]
    text = call("catalog", "show", "qwen2.5-3b-instruct").out
    for words in ("research only", "Use by authorities  no", "Not verified: ", "Q4_K_M", "free"):
        assert words in text, words
    failed = call("catalog", "show", "unheard of", "--json")
    assert (failed.code, failed.error["code"]) == (1, "catalogue.not_found")


def test_what_came_from_the_hub_is_marked(call: Callable[..., Result], home: Path) -> None:
    repo = next(one.gguf_repo for one in shipped().entries if one.id == "llama-3.1-8b-instruct")
    assert call("models", "list").code == 0  # makes the workspace
    with closing(open_database(Home(home))) as database:
        blob = BlobStore(Home(home), database).put_bytes(b"weights")
        new = NewVersion(
            format="gguf",
            architecture="llama",
            quantization="Q4_K_M",
            parameters=8_000_000_000,
            bits_per_weight=4.9,
            layers=32,
            context_length=131_072,
            license="llama3.1",
            size_bytes=blob.size_bytes,
            sha256=blob.sha256,
            source=f"https://huggingface.co/{repo}@{'0' * 40}",
        )
        add_version(database, "mine", new, [FileRecord("m.gguf", blob.sha256, blob.size_bytes)])
    shown = call("catalog", "show", "llama-3.1-8b-instruct", "--json").json
    assert shown["in_library"] == ["mine:1"]
    assert "in the library" in call("catalog", "search", "Llama 3.1 8B", "--kind", "generator").out


def test_an_edition_in_a_bundle_takes_over(call: Callable[..., Result], tmp_path: Path) -> None:
    data = json.loads(shipped_file().read_text(encoding="utf-8"))
    path = tmp_path / "newer.json"
    path.write_text(json.dumps(data | {"edition": 12, "models": data["models"][:3]}), encoding="utf-8")
    assert call("bundle", "create", str(tmp_path / "none"), "--json").code == 2
    stick = tmp_path / "stick"
    assert call("bundle", "create", str(stick), "--catalogue", str(path)).code == 0
    assert call("settings", "set", "bundles.signatures_required", "0").code == 0
    assert call("bundle", "inspect", str(stick), "--json").json["catalogue"] is True
    assert call("bundle", "import", str(stick)).code == 0
    assert "Edition 12 of" in call("catalog", "search").out
    assert len(call("catalog", "search", "--json").json) == 3
    older = tmp_path / "older.json"
    older.write_text(json.dumps(data | {"edition": 11}), encoding="utf-8")
    assert call("bundle", "create", str(tmp_path / "old"), "--catalogue", str(older)).code == 0
    refused = call("bundle", "import", str(tmp_path / "old"), "--json")
    assert (refused.code, refused.error["code"]) == (1, "catalogue.older")
