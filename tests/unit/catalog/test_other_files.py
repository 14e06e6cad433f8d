"""Files told apart by their content, safetensors headers, names, and import plans."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

import bad_models as bad
import onnx_bytes as ob
from bancada.catalog.file_kind import recognise
from bancada.catalog.inspection import inspect_import
from bancada.catalog.names import chosen_name, clean_name, proposed_name
from bancada.catalog.safetensors_header import check_safetensors
from bancada.core.errors import BancadaError
from tiny_gguf import write_tiny_gguf


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"GGUF\x03", "gguf"),
        (b"FUGG", "backwards"),
        (b"PK\x03\x04", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x80\x02}q\x00", "pickle"),
        (b"\x80\x05\x95", "pickle"),
        (b"\x80\x09\x95", "unknown"),
        (b"tjgg", "GGJT"),
        (b"\x7fELF", "Linux program"),
        (b"MZ\x90", "Windows program"),
        (bytes(100), "zero bytes"),
        (b"  <html>", "web page"),
        (b"<?xml", "web page"),
        (b'{"a": 1}', "JSON"),
        (b"version https://git-lfs", "Git LFS"),
        (bytes(257) + b"ustar", "tar"),
        (struct.pack("<Q", 20) + b'{"a"', "safetensors"),
        (b"hello", "unknown"),
        (b"", "unknown"),
    ],
)
def test_kinds(head: bytes, words: str) -> None:
    assert words in recognise(head)


def safetensors(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


GOOD = {"__metadata__": {"format": "pt"}, "a": entry([2, 2], 0, 16), "b": entry([4], 16, 32)}


def test_a_good_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors(GOOD, bytes(32)))
    assert check_safetensors(path) == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "model.empty_file"),
        (safetensors(GOOD, bytes(31)), "model.incomplete"),
        (safetensors(GOOD, bytes(33)), "model.safetensors_invalid"),
        (safetensors(GOOD, length=1 << 63), "model.safetensors_invalid"),
        (safetensors(GOOD, length=5_000_000), "model.incomplete"),
        (safetensors(b"{}", length=0), "model.safetensors_invalid"),
        (safetensors(b"{nope}"), "model.safetensors_invalid"),
        (safetensors(b"[" * 200_000), "model.safetensors_invalid"),
        (safetensors(b"[]"), "model.safetensors_invalid"),
        (safetensors({}), "model.no_weights"),
        (safetensors({"a": 1}), "model.safetensors_invalid"),
        (safetensors({"a": entry([2], 0, 16)}, bytes(16)), "model.safetensors_invalid"),
        (safetensors({"a": entry([2], 0, 8, "Q7")}, bytes(8)), "model.safetensors_invalid"),
        (safetensors({"a": entry([-2], 0, 8)}, bytes(8)), "model.safetensors_invalid"),
        (
            safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}),
            "model.safetensors_invalid",
        ),
        (safetensors(GOOD | {"b": entry([4], 8, 24)}, bytes(24)), "model.safetensors_invalid"),
        (safetensors({"a": entry([2], 8, 16)}, bytes(16)), "model.safetensors_invalid"),
    ],
)
def test_bad_safetensors_files(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(BancadaError) as caught:
        check_safetensors(path)
    assert caught.value.code == code


def test_a_pipe_never_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(BancadaError) as caught:
        inspect_import(tmp_path / "pipe.gguf")
    assert caught.value.code == "model.not_a_file"


def test_folders_that_are_something_else(tmp_path: Path) -> None:
    def code(folder: Path) -> str:
        with pytest.raises(BancadaError) as caught:
            inspect_import(folder)
        return caught.value.code

    assert code(tmp_path) == "model.folder_unknown"
    (tmp_path / "model.safetensors").write_bytes(safetensors(GOOD, bytes(32)))
    assert code(tmp_path) == "model.needs_conversion"
    assert code(tmp_path / "model.safetensors") == "model.needs_conversion"
    (tmp_path / "model-2.safetensors").write_bytes(safetensors(GOOD, bytes(20)))
    assert code(tmp_path) == "model.incomplete"
    for one in tmp_path.glob("*.safetensors"):
        one.unlink()
    write_tiny_gguf(tmp_path / "a.gguf")
    assert inspect_import(tmp_path).files == {"model.gguf": tmp_path / "a.gguf"}
    write_tiny_gguf(tmp_path / "b.gguf")
    assert code(tmp_path) == "model.several_files"
    assert code(tmp_path / "none.gguf") == "model.file_missing"
    assert code(tmp_path / ("x" * 300)) in ("model.file_missing", "model.unreadable")


def test_the_plan_of_a_gguf_file(tmp_path: Path) -> None:
    entries = bad.GOOD_METADATA | {
        "long": bad.kv_text("long", "<b>" + "x" * 5000),
        "nan": bad.kv("nan", 6, struct.pack("<f", float("nan"))),
    }
    del entries["general.license"]
    path = tmp_path / "small-Q4_0.gguf"
    path.write_bytes(bad.gguf(entries))
    plan = inspect_import(path)
    assert (plan.name, plan.format, plan.size_bytes) == ("Small", "gguf", path.stat().st_size)
    values = plan.metadata["values"]
    assert values["long"].startswith("<b>xx")
    assert "5003 bytes" in values["long"]
    assert len(values["long"]) < 2100
    assert values["nan"] == "nan"
    assert values["tokenizer.ggml.tokens"].endswith("(16)")
    assert values["llama.block_count"] == 1
    json.dumps(plan.metadata, allow_nan=False)
    assert plan.warnings == ("It does not say its licence.",)


def test_warnings_about_templates(tmp_path: Path) -> None:
    path = tmp_path / "small.gguf"
    path.write_bytes(bad.gguf(bad.changed("tokenizer.chat_template", None)))
    assert "no chat template" in inspect_import(path).warnings[0]
    long = bad.kv_text("tokenizer.chat_template", "x" * (5 << 20))
    path.write_bytes(bad.gguf(bad.changed("tokenizer.chat_template", long)))
    assert "too long" in inspect_import(path).warnings[0]


def test_the_plan_of_a_folder(tmp_path: Path) -> None:
    plan = inspect_import(
        ob.write_folder(tmp_path / "Phi-mini", ob.model(ob.graph(tensors=(ob.stored("w", (8, 8)),))))
    )
    assert (plan.name, plan.format, plan.quantization) == ("Phi-mini", "onnx", "fp32")
    assert plan.size_bytes == sum(one.stat().st_size for one in plan.files.values())
    json.dumps(plan.metadata)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a \t b\nc ", "a b c"),
        ("a:b/c\\d", "a-b-c-d"),
        ("\u202egnp.exe", "gnp.exe"),
        ("cafe\u0301", "caf\u00e9"),
        ("zero\u200bwidth", "zerowidth"),
        ("\ud800lone", "lone"),
        ("---", ""),
        ("\x00\x1b[31m", "[31m"),
        ("..", ""),
        ("a" * 500, "a" * 120),
        ("\u0645\u0631\u062d\u0628\u0627", "\u0645\u0631\u062d\u0628\u0627"),
    ],
)
def test_names_are_cleaned(text: str, expected: str) -> None:
    assert clean_name(text).replace("?", "").lstrip("-") == expected


def test_a_chosen_name_needs_something() -> None:
    assert chosen_name(" My model ") == "My model"
    with pytest.raises(BancadaError) as caught:
        chosen_name("::/")
    assert caught.value.code == "model.name_invalid"


@pytest.mark.parametrize(
    ("stem", "metadata", "basename", "expected"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", "Smollm2 135M 8k Lc100K Mix1 Ep2", "smollm2", "SmolLM2-135M-Instruct"),
        ("ggml-model-Q4_K_M", "Nice Model", "", "Nice Model"),
        ("ggml-model-f16", "", "", "Model"),
        ("abcdef0123456789abcdef", "", "", "Model"),
        ("Mistral-7B-IQ3_XS", "", "", "Mistral-7B"),
        ("q", "", "", "q"),
        ("", "", "", "Model"),
    ],
)
def test_names_are_proposed(stem: str, metadata: str, basename: str, expected: str) -> None:
    assert proposed_name(stem, metadata, basename) == expected
