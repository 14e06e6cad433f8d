"""ONNX folders: what a good one says, and that a hostile one never reaches ONNX Runtime."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

import onnx_bytes as ob
from bancada.catalog import onnx_folder, onnx_graph
from bancada.catalog.onnx_graph import read_graph
from bancada.core.errors import BancadaError

TINY = Path(__file__).parents[2] / "fixtures" / "tiny_genai"
WEIGHTS = ob.stored("w", (32, 32), raw=bytes(4096))


def external(location: str, offset: int = 0, length: int | None = 4096) -> bytes:
    entries = {"location": location, "offset": str(offset)}
    if length is not None:
        entries["length"] = str(length)
    return ob.model(ob.graph(tensors=(ob.stored("w", (32, 32), external=entries),)))


def refused(folder: Path) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        onnx_folder.inspect(folder)
    return caught.value


def config(path: str, value: Any) -> dict[str, Any]:
    """The good configuration with one value set at a dotted path."""
    result = copy.deepcopy(ob.CONFIG)
    section = result
    *parents, last = path.split("/")
    for one in parents:
        section = section.setdefault(one, {})
    section[last] = value
    return result


def test_the_tiny_model(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    found = onnx_folder.inspect(folder)
    assert (found.architecture, found.quantization, found.layers, found.context_length) == (
        "llama",
        "int4",
        2,
        512,
    )
    # 384 x 64 in fp32, the rest in 4 bits with scales; the tables of sines are no parameters
    linear = 2 * (128 * 64 + 64 * 64 + 3 * 64 * 128) + 384 * 64
    assert found.parameters == 384 * 64 + linear + 5 * 64
    assert 8 < found.bits_per_weight < 12
    assert found.facts.kv_heads == (2, 2)
    assert found.chat_template is not None
    assert {"model.onnx", "model.onnx.data", "tokenizer.json", "genai_config.json"} <= set(found.files)
    assert found.warnings == ()


def test_inline_weights_functions_and_metadata(tmp_path: Path) -> None:
    function = ob.block(
        25, ob.block(1, "Twice") + ob.block(10, "my.functions") + ob.block(7, ob.node("Add", "ai.onnx"))
    )
    nested = ob.block(5, ob.block(1, "body") + ob.block(6, ob.graph((ob.node("Add"),), (WEIGHTS,))))
    tensor_attribute = ob.block(
        5, ob.block(1, "value") + ob.block(5, ob.stored("c", (1,), ob.INT64, raw=bytes(8)))
    )
    sparse = ob.block(15, ob.block(1, ob.stored("s", (4,), raw=bytes(16))))
    quantized = ob.node(
        "MatMulNBits",
        "com.microsoft",
        ("x", "q", "scales"),
        ob.attribute("K", 32) + ob.attribute("N", 64) + ob.attribute("bits", 4),
    )
    gather = ob.node("GatherBlockQuantized", "com.microsoft", ("e", "x", "es"), ob.attribute("bits", 4))
    tensors = (
        ob.stored("q", (64, 1, 16), ob.UINT8, raw=bytes(1024), packed=True),
        ob.stored("scales", (64,), raw=bytes(256)),
        ob.stored("e", (8, 16), ob.UINT8, raw=bytes(128)),
    )
    nodes = (ob.node("If", "", (), nested), ob.node("Constant", "", (), tensor_attribute), quantized, gather)
    content = ob.model(ob.graph((*nodes, ob.node("Twice", "my.functions")), tensors) + sparse, function)
    folder = ob.write_folder(tmp_path / "m", content)
    graph = read_graph(folder / "model.onnx")
    assert graph.producer == "test"
    assert graph.metadata == {"made": "by hand"}
    assert {one.operator for one in graph.nodes} == {
        "If", "Add", "Constant", "MatMulNBits", "GatherBlockQuantized", "Twice",
    }  # fmt: skip
    found = onnx_folder.inspect(folder)
    assert found.parameters == 32 * 64 + 8 * 16 * 2 + 1024 + 4
    assert found.quantization == "int4"


def test_external_data_inside_the_folder(tmp_path: Path) -> None:
    folder = ob.write_folder(tmp_path / "m", external("./model.onnx.data"))
    assert set(onnx_folder.inspect(folder).files) == {
        "model.onnx", "model.onnx.data", "genai_config.json", "tokenizer.json",
    }  # fmt: skip


@pytest.mark.parametrize(
    "location",
    [
        "../secret",
        "/etc/hostname",
        "sub/x",
        "..",
        ".",
        "",
        "a\\b",
        "C:\\x",
        "C:x",
        "x\ny",
        ".hidden",
        "con.",
        "../" * 40,
    ],
)
def test_external_data_outside_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(4096))
    error = refused(ob.write_folder(tmp_path / "m", external(location)))
    assert error.code == "model.unsafe_path"


@pytest.mark.parametrize("kind", ["symlink", "hard link", "folder link", "folder", "pipe", "dangling"])
def test_links_and_odd_files_are_refused(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(4096))
    folder = ob.write_folder(tmp_path / "m", external("weights"))
    path = folder / "weights"
    if kind == "symlink":
        path.symlink_to(secret)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "none")
    elif kind == "hard link":
        os.link(secret, path)
    elif kind == "folder link":
        path.symlink_to(tmp_path, target_is_directory=True)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    assert refused(folder).code == "model.unsafe_path"


def test_our_own_views_may_be_hard_links(tmp_path: Path) -> None:
    folder = ob.write_folder(tmp_path / "m", external("model.onnx.data"))
    os.link(folder / "model.onnx.data", tmp_path / "blob")
    assert refused(folder).code == "model.unsafe_path"
    assert onnx_folder.inspect(folder, foreign=False).parameters == 1024


def test_missing_and_short_data(tmp_path: Path) -> None:
    error = refused(ob.write_folder(tmp_path / "a", external("weights")))
    assert error.code == "model.file_missing"
    assert error.params["path"].endswith("weights")
    error = refused(ob.write_folder(tmp_path / "b", external("model.onnx.data", offset=100)))
    assert (error.code, error.params) == ("model.incomplete", {"have": 4096, "need": 4196})
    assert (
        refused(ob.write_folder(tmp_path / "c", external("model.onnx.data", length=5))).code
        == "model.onnx_invalid"
    )
    assert onnx_folder.inspect(ob.write_folder(tmp_path / "d", external("model.onnx.data", length=None)))
    pickled = ob.write_folder(tmp_path / "e", external("model.onnx.data"), data=b"\x80\x04\x95" + bytes(5000))
    assert refused(pickled).code == "model.pickle"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 20,
        b"not a protobuf at all",
        ob.model(ob.graph(tensors=(WEIGHTS,)))[:-2000],
        ob.number(1, 10),
        ob.number(7, 3),
        ob.model(ob.graph(tensors=(ob.stored("w", (1 << 41, 2), raw=b""),))),
        ob.model(ob.graph(tensors=(ob.stored("w", (1 << 39, 1 << 39), raw=b""),))),
        ob.model(ob.graph(tensors=(ob.stored("w", (2,) * 40, raw=b""),))),
        ob.model(ob.graph(tensors=(ob.stored("w", (2,) * 40, raw=b"", packed=True),))),
        ob.model(ob.graph(tensors=(ob.stored("n" * 5000, (2,), raw=bytes(8)),))),
        ob.model(ob.graph(tensors=(ob.stored("w", (2,), external={"location": "x", "offset": "-1"}),))),
        ob.model(ob.graph(tensors=(ob.stored("w", (2,), external={"location": "x", "length": "9" * 30}),))),
        ob.model(
            ob.graph(
                tensors=(ob.stored("w", (2,)) + ob.pair(13, "location", "a") + ob.pair(13, "location", "b"),)
            )
        ),
        ob.model(ob.graph(), b"\x00\x01"),
        ob.model(ob.graph(), b"\x0b"),
        ob.model(ob.graph(), b"\xff" * 11),
    ],
)
def test_damaged_graphs_are_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(ob.write_folder(tmp_path / "m", content)).code in (
        "model.onnx_invalid",
        "model.empty_file",
    )


def test_deep_nesting_and_too_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = ob.graph((ob.node("Add"),))
    for _ in range(40):
        content = ob.graph((ob.node("If", "", (), ob.block(5, ob.block(1, "body") + ob.block(6, content))),))
    assert refused(ob.write_folder(tmp_path / "a", ob.model(content))).code == "model.onnx_invalid"
    monkeypatch.setattr(onnx_graph, "MAX_NODES", 100)
    monkeypatch.setattr(onnx_graph, "MAX_TENSORS", 100)
    many = ob.model(ob.graph((ob.node("Add"),) * 101))
    assert refused(ob.write_folder(tmp_path / "b", many)).code == "model.onnx_invalid"
    many = ob.model(ob.graph(tensors=(ob.stored("w", (1,), raw=bytes(4)),) * 101))
    assert refused(ob.write_folder(tmp_path / "c", many)).code == "model.onnx_invalid"
    monkeypatch.setattr(onnx_graph, "MAX_FILE_BYTES", 100)
    assert refused(ob.write_folder(tmp_path / "d", many)).code == "model.onnx_invalid"


def test_random_damage_gives_a_typed_error_or_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    whole = (folder / "model.onnx").read_bytes()
    random_ = random.Random(5)
    refusals = 0
    for _ in range(150):
        raw = bytearray(whole)
        at = random_.randrange(len(raw))
        raw[at : at + random_.randrange(1, 9)] = random_.randbytes(random_.randrange(0, 9))
        (folder / "model.onnx").write_bytes(raw)
        try:
            onnx_folder.inspect(folder)
        except BancadaError:
            refusals += 1
    assert refusals > 30


def test_operators_of_strangers_are_refused(tmp_path: Path) -> None:
    content = ob.model(ob.graph((ob.node("Evil", "my.ops"),), (WEIGHTS,)))
    error = refused(ob.write_folder(tmp_path / "m", content))
    assert error.code == "model.custom_operators"
    assert "my.ops::Evil" in str(error)


GOOD = ob.model(ob.graph(tensors=(WEIGHTS,)))


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("model/decoder/session_options/custom_ops_library", "evil.so", "model.onnx_config"),
        ("model/custom_ops_library", "evil.so", "model.custom_operators"),
        ("model/decoder/session_options/enable_profiling", "trace", "model.onnx_config"),
        (
            "model/decoder/session_options/session.model_external_initializers_file_folder_path",
            "x",
            "model.onnx_config",
        ),
        (
            "model/decoder/pipeline",
            [{"a": {"session_options": {"ep.context_file_path": "x"}}}],
            "model.onnx_config",
        ),
        ("model/decoder/filename", "../model.onnx", "model.unsafe_path"),
        ("model/decoder/filename", "/etc/model.onnx", "model.unsafe_path"),
        ("model/decoder/filename", "sub/model.onnx", "model.unsafe_path"),
        ("model/decoder/filename", "model.bin", "model.onnx_config"),
        ("model/decoder/filename", 7, "model.onnx_config"),
        ("model/decoder/filename", "other.onnx", "model.file_missing"),
        ("model/vision/config_filename", "~/x", "model.unsafe_path"),
        ("model/decoder/num_hidden_layers", 2**31 - 1, "model.onnx_config"),
        ("model/decoder/num_hidden_layers", "many", "model.onnx_config"),
        ("model/decoder/num_key_value_heads", True, "model.onnx_config"),
        ("model/context_length", 0, "model.onnx_config"),
        ("model/decoder", [], "model.onnx_config"),
        ("model", None, "model.onnx_config"),
    ],
)
def test_hostile_configurations(tmp_path: Path, path: str, value: Any, code: str) -> None:
    assert refused(ob.write_folder(tmp_path / "m", GOOD, config=config(path, value))).code == code


def test_harmless_options_pass(tmp_path: Path) -> None:
    settings = config("model/decoder/session_options/session.intra_op.allow_spinning", "0")
    assert onnx_folder.inspect(ob.write_folder(tmp_path / "m", GOOD, config=settings)).layers == 1


def test_damaged_configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ob.write_folder(tmp_path / "m", GOOD)
    for content in (b"{", b"[]", b"[" * 100_000, b"\xff\xfe", json.dumps({"model": "x"}).encode()):
        (folder / "genai_config.json").write_bytes(content)
        assert refused(folder).code == "model.onnx_config"
    nested: Any = "x"
    for _ in range(60):
        nested = {"a": nested}
    assert (
        refused(ob.write_folder(tmp_path / "n", GOOD, config=config("model/deep", nested))).code
        == "model.onnx_config"
    )
    monkeypatch.setattr(onnx_folder, "MAX_JSON_BYTES", 10)
    assert refused(ob.write_folder(tmp_path / "o", GOOD)).code == "model.onnx_config"
    monkeypatch.setattr(onnx_folder, "MAX_FILES", 2)
    assert refused(folder).code == "model.onnx_config"
    assert refused(tmp_path / "none").code == "model.unreadable"


def test_a_folder_without_weights_or_tokenizer(tmp_path: Path) -> None:
    assert (
        refused(ob.write_folder(tmp_path / "a", ob.model(ob.graph((ob.node("Add"),))))).code
        == "model.no_weights"
    )
    folder = ob.write_folder(tmp_path / "b", GOOD)
    (folder / "tokenizer.json").unlink()
    assert refused(folder).code == "model.onnx_config"


def test_code_and_pickles_stay_outside(tmp_path: Path) -> None:
    folder = ob.write_folder(tmp_path / "m", GOOD)
    for name in ("modeling.py", "evil.so", "weights.pt", "pytorch_model.bin"):
        (folder / name).write_bytes(b"raise SystemExit")
    (folder / "notes.dat").write_bytes(b"\x80\x04\x95" + bytes(20))
    (folder / "link.py").symlink_to(folder / "modeling.py")
    (folder / "config.json").write_text(
        json.dumps(
            {"auto_map": {"AutoModel": "modeling.Evil"}, "license": "mit", "_name_or_path": "org/name/"}
        )
    )
    found = onnx_folder.inspect(folder)
    assert set(found.files) == {
        "model.onnx", "genai_config.json", "tokenizer.json", "config.json",
    }  # fmt: skip
    text = " ".join(found.warnings)
    for word in (
        "modeling.py",
        "evil.so",
        "auto_map",
        "weights.pt",
        "pytorch_model.bin",
        "notes.dat",
        "template",
    ):
        assert word in text
    assert (found.license, found.name) == ("mit", "name")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ x }}", "{{ x }}"),
        ([{"name": "tool", "template": "t"}, {"name": "default", "template": "d"}], "d"),
        (5, None),
    ],
)
def test_templates_of_the_tokenizer(tmp_path: Path, value: Any, expected: str | None) -> None:
    folder = ob.write_folder(tmp_path / "m", GOOD)
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": value}))
    assert onnx_folder.inspect(folder).chat_template == expected


def test_a_huge_template_is_none(tmp_path: Path) -> None:
    folder = ob.write_folder(tmp_path / "m", GOOD)
    (folder / "chat_template.jinja").write_bytes(b"x" * (5 << 20))
    assert onnx_folder.inspect(folder).chat_template is None
