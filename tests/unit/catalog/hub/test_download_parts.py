"""The small parts of downloads: what is chosen, what is left over, how fast."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from bancada.catalog.download.limiter import Limiter
from bancada.catalog.download.partial import KEPT_S, Partial, key_of, prune
from bancada.catalog.hf_folder import plan_hf
from bancada.catalog.hub.choice import FileGroup, choose
from bancada.catalog.hub.file_policy import kind_of
from bancada.catalog.hub.names import check_repo, check_revision
from bancada.catalog.hub.records import RepoFile, RepoInfo
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home
from hub_server import CONFIG, safetensors


def repo(*paths: str) -> RepoInfo:
    files = tuple(RepoFile(one, 10, "a" * 64) for one in paths)
    return RepoInfo("org/model", "0" * 40, "main", files)


def paths(groups: tuple[FileGroup, ...]) -> list[list[str]]:
    return [[one.path for one in group.files] for group in groups]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.gguf", "gguf"),
        ("dir/A.GGUF", "gguf"),
        ("model.safetensors", "safetensors"),
        ("model.onnx", "onnx"),
        ("model.onnx.data", "onnx data"),
        ("model.onnx_data", "onnx data"),
        ("model.onnx_data_1", "onnx data"),
        ("tokenizer.json", "text"),
        ("tokenizer.model", "text"),
        ("LICENSE", "text"),
        ("LICENSE-APACHE.txt", "text"),
        ("chat_template.jinja", "text"),
        ("pytorch_model.bin", "pickle"),
        ("consolidated.00.pth", "pickle"),
        ("modeling_x.py", "program code"),
        ("setup.EXE", "program code"),
        ("picture.png", "other"),
        (".gitattributes", "other"),
        ("noending", "other"),
        ("../x.gguf", "unsafe name"),
        ("a/../x.gguf", "unsafe name"),
        ("/x.gguf", "unsafe name"),
        ("C:\\x.gguf", "unsafe name"),
        ("a\nb.gguf", "unsafe name"),
        ("a\u202eb.gguf", "unsafe name"),
        ("con.gguf", "unsafe name"),
        ("x" * 300 + ".gguf", "unsafe name"),
    ],
)
def test_kinds(path: str, kind: str) -> None:
    assert kind_of(path) == kind


def test_the_only_model_is_chosen() -> None:
    assert paths(choose(repo("a.gguf", "mmproj-a.gguf", "README.md"))) == [["a.gguf"]]
    mixed = repo("model.safetensors", "config.json", "adapter/adapter.safetensors", "onnx/model.onnx")
    assert paths(choose(mixed)) == [["model.safetensors", "config.json"]]
    nested = choose(repo("v1/model.safetensors", "v1/config.json", "other.json"))
    assert paths(nested) == [["v1/model.safetensors", "v1/config.json"]]
    assert (nested[0].name, nested[0].folder) == ("model-v1", "v1")
    onnx = choose(repo("genai_config.json", "model.onnx", "model.onnx.data", "tokenizer.json", "x.bin"))
    assert (onnx[0].format, len(onnx[0].files)) == ("onnx", 4)
    shards = repo("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "config.json")
    assert len(choose(shards)[0].files) == 3
    assert len(choose(shards, ["*00001*"])[0].files) == 2


@pytest.mark.parametrize(
    ("files", "patterns", "code"),
    [
        (("a.gguf", "b.gguf"), (), "hub.choose_file"),
        (("a/model.safetensors", "b/model.safetensors"), (), "hub.choose_file"),
        (("a/genai_config.json", "a/m.onnx", "b/genai_config.json", "b/m.onnx"), (), "hub.choose_file"),
        (tuple(f"{n}.gguf" for n in range(21)), ("*",), "hub.too_many"),
        (("x-00001-of-00001.gguf",), (), "model.split_file"),
        (("a.gguf",), ("b*",), "hub.no_match"),
        (("a.bin",), (), "hub.no_model"),
        ((), (), "hub.no_model"),
    ],
)
def test_what_cannot_be_chosen(files: tuple[str, ...], patterns: tuple[str, ...], code: str) -> None:
    with pytest.raises(BancadaError) as caught:
        choose(repo(*files), patterns)
    assert caught.value.code == code
    assert str(caught.value)


def test_names() -> None:
    assert [check_repo(one) for one in ("gpt2", "a/b", "A-b_c.d/e.1")]
    assert [check_revision(one) for one in ("main", "refs/pr/1", "v1.0", "0" * 40)]
    for bad in ("", "/a", "a/", "a b", "a/b/c", "..", "a..b", "a--b", "-a", "a\n", "x" * 200):
        with pytest.raises(BancadaError):
            check_repo(bad)
    for bad in ("", "../x", "a//b", "a b", "-x", "x" * 300, "a?b"):
        with pytest.raises(BancadaError):
            check_revision(bad)


def test_old_leftovers_are_removed(home: Home) -> None:
    file = RepoFile("a.gguf", 10, "b" * 64)
    with Partial(home, key_of(file, "r", "c")) as old, Partial(home, "k" * 64) as held:
        assert old.try_lock()
        assert held.try_lock()
        for part in (old, held):
            part.begin("http://x:80", '"tag"')
            part.append(b"12345")
        other = Partial(home, "k" * 64)
        assert not other.try_lock()
        assert (old.etag("http://x:80"), old.etag("http://y:80"), old.there) == ('"tag"', "", 5)
        old.close()
        long_ago = time.time() - KEPT_S - 60
        for path in home.downloads.iterdir():
            os.utime(path, (long_ago, long_ago))
        with Partial(home, old.path.stem) as again:  # nobody holds it any more
            again.close()
        old._lock.release()
        assert prune(home) > 0
        assert {one.name for one in home.downloads.iterdir()} == {f"{'k' * 64}.part", f"{'k' * 64}.json"}
    fresh = Partial(home, "m" * 64)
    assert (fresh.size, fresh.etag("x"), fresh.there) == (0, "", 0)


def test_a_limit_can_be_left() -> None:
    Limiter(0, lambda: True).take(1 << 40)
    limiter = Limiter(1000, lambda: True)
    with pytest.raises(Canceled):
        limiter.take(1_000_000)


def folder(tmp_path: Path, **texts: bytes) -> dict[str, Path]:
    files = {"model.safetensors": safetensors(100), "config.json": CONFIG}
    files |= {name.replace("__", "."): text for name, text in texts.items()}
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
    return {name: tmp_path / name for name in files}


def test_a_folder_of_safetensors(tmp_path: Path) -> None:
    template = {"chat_template": [{"name": "default", "template": "{{ x }}"}], "auto_map": {}}
    plan = plan_hf("My-Model", folder(tmp_path, tokenizer_config__json=json.dumps(template).encode()))
    assert (plan.chat_template, plan.name, plan.bits_per_weight) == ("{{ x }}", "My-Model", 8.0)
    assert any("auto_map" in one for one in plan.warnings)
    plain = plan_hf("x", folder(tmp_path, chat_template__jinja=b"{{ y }}"))
    assert plain.chat_template == "{{ y }}"
    deep = plan_hf("x", folder(tmp_path, config__json=b'{"text_config": {"num_hidden_layers": 7}}'))
    assert (deep.layers, deep.architecture, deep.metadata["facts"]["kv_heads"]) == (7, "unknown", [0] * 7)
    assert any("no chat template" in one for one in deep.warnings)


@pytest.mark.parametrize(
    "texts",
    [
        {"config__json": b"{"},
        {"config__json": b"[]"},
        {"tokenizer_config__json": b"\xff"},
        {"model__safetensors__index__json": b'{"weight_map": {}}'},
        {"model__safetensors__index__json": b'{"weight_map": {"w": "gone.safetensors"}}'},
    ],
)
def test_folders_that_are_broken(tmp_path: Path, texts: dict[str, bytes]) -> None:
    with pytest.raises(BancadaError) as caught:
        plan_hf("x", folder(tmp_path, **texts))
    assert caught.value.code == "model.hf_config"
    with pytest.raises(BancadaError):
        plan_hf("x", {})
