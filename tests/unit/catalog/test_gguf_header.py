"""Headers of GGUF files: what is read from good ones, and that nothing bad gets further."""

from __future__ import annotations

import os
import re
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bad_models as bad
from bancada.catalog.gguf_header import TENSOR_TYPES, GgufHeader, read_header
from bancada.catalog.gguf_reader import ArrayValue
from bancada.core.errors import BancadaError, describe
from tiny_gguf import TinyModel, write_tiny_gguf

HOSTILE = bad.hostile_headers()
MEMORY_LIMIT = 50 * 1024 * 1024


def write(folder: Path, content: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(content)
    return path


def test_a_tiny_model(tmp_path: Path) -> None:
    header = read_header(
        write_tiny_gguf(tmp_path / "tiny.gguf", TinyModel(layers=3, context=128, name="Mini"))
    )
    assert (header.architecture, header.name, header.layers, header.context_length) == (
        "llama",
        "Mini",
        3,
        128,
    )
    assert header.kv_heads == (header.kv_heads[0],) * 3
    assert header.parameters == sum(one.elements for one in header.tensors)
    assert header.bits_per_weight == 8 * header.tensor_bytes / header.parameters
    assert header.data_start + header.tensors[-1].offset + header.tensors[-1].size_bytes <= header.file_size
    assert header.chat_template is not None
    assert "im_start" in header.chat_template
    assert header.vocabulary > 256


def test_the_starter_model(smollm2: Path) -> None:
    header = read_header(smollm2)
    assert header.parameters == 134_515_008
    assert header.bits_per_weight == pytest.approx(5.7437, abs=1e-4)
    assert (header.quantization, header.layers, header.context_length) == ("Q4_1", 30, 8192)
    assert (header.heads, set(header.kv_heads), header.key_length) == (9, {3}, 64)
    assert (header.vocabulary, header.license) == (49_152, "apache-2.0")
    assert len(header.tensors) == 272


def test_the_good_bytes(tmp_path: Path) -> None:
    header = read_header(write(tmp_path, bad.gguf()))
    assert (header.parameters, header.quantization, header.vocabulary) == (1536, "Q4_0", 16)
    assert header.bits_per_weight == 8 * (2048 + 576) / 1536


def test_block_sizes_are_those_of_the_reference() -> None:
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    for kind, (block, size) in GGML_QUANT_SIZES.items():
        if kind is GGMLQuantizationType.Q8_1:
            continue  # the reference has 40 for it; ggml-common.h asserts 36
        ours = TENSOR_TYPES[int(kind)]
        assert (ours.name, ours.block, ours.block_bytes) == (kind.name, block, size)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(tmp_path: Path, name: str) -> None:
    content, code = HOSTILE[name]
    path = write(tmp_path, content)
    tracemalloc.start()
    try:
        with pytest.raises(BancadaError) as caught:
            read_header(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.code == code
    words = describe(code, caught.value.params)
    assert not re.search(r"\((?:path|kind|detail|have|need|key|version|count)\)", words.what)
    assert words.remedy
    assert peak < MEMORY_LIMIT


def test_incomplete_says_how_much_is_there(tmp_path: Path) -> None:
    whole = bad.gguf()
    with pytest.raises(BancadaError) as caught:
        read_header(write(tmp_path, whole[:-100]))
    assert caught.value.params == {"have": len(whole) - 100, "need": len(whole)}


def test_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = bad.gguf()
    start = len(whole) - len(bad.GOOD_DATA)
    for length in (*range(40), *range(40, start, 7), start, len(whole) - 1):
        with pytest.raises(BancadaError) as caught:
            read_header(write(tmp_path, whole[:length]))
        assert caught.value.code in (
            "model.empty_file",
            "model.not_gguf",
            "model.cut_in_header",
            "model.incomplete",
        )


def test_missing_unreadable_and_odd_paths(tmp_path: Path) -> None:
    with pytest.raises(BancadaError, match=r"no longer|missing|not found|not there") as caught:
        read_header(tmp_path / "none.gguf")
    assert caught.value.code == "model.file_missing"
    assert caught.value.params["path"] == str(tmp_path / "none.gguf")
    with pytest.raises(BancadaError) as caught:
        read_header(tmp_path)
    assert caught.value.code == "model.file_missing"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = write(tmp_path, bad.gguf())
    path.chmod(0)
    with pytest.raises(BancadaError) as caught:
        read_header(path)
    assert caught.value.code == "model.unreadable"


def test_long_texts_are_read_over_and_memory_stays_small(tmp_path: Path) -> None:
    template = bad.kv_text("tokenizer.chat_template", "x" * (2 << 20))
    huge = bad.kv_text("huge", "y" * (30 << 20))
    tokens = bad.kv_texts("tokenizer.ggml.tokens", ["z" * (5 << 20), *("w" * 200_000 for _ in range(50))])
    entries = bad.GOOD_METADATA | {
        "tokenizer.chat_template": template,
        "huge": huge,
        "tokenizer.ggml.tokens": tokens,
    }
    path = write(tmp_path, bad.gguf(entries))
    tracemalloc.start()
    try:
        header = read_header(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert header.chat_template == "x" * (2 << 20)
    assert header.metadata["huge"].length == 30 << 20
    assert len(header.metadata["huge"].text or "") < 30 << 20
    assert header.vocabulary == 51
    assert peak < MEMORY_LIMIT


def test_a_template_that_is_too_long_is_no_template(tmp_path: Path) -> None:
    entries = bad.changed("tokenizer.chat_template", bad.kv_text("tokenizer.chat_template", "x" * (5 << 20)))
    header = read_header(write(tmp_path, bad.gguf(entries)))
    assert header.chat_template is None
    assert header.template_bytes == 5 << 20


def test_all_kinds_of_values(tmp_path: Path) -> None:
    entries = dict(bad.GOOD_METADATA)
    forms = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
    for code, form in forms.items():
        entries[f"v{code}"] = bad.kv(f"v{code}", code, struct.pack(f"<{form}", 1))
        entries[f"a{code}"] = bad.kv_array(f"a{code}", code, 3000, struct.pack(f"<3000{form}", *([1] * 3000)))
    header = read_header(write(tmp_path, bad.gguf(entries)))
    assert header.metadata["v7"].value is True
    assert header.metadata["v12"].value == 1.0
    for code in forms:
        array = header.metadata[f"a{code}"].value
        assert isinstance(array, ArrayValue)
        assert array.count == 3000
        assert set(array.items) == {1}
    assert header.metadata["v6"].integer is None
    assert header.metadata["v4"].text is None


def test_heads_for_each_layer_and_own_sizes(tmp_path: Path) -> None:
    entries = bad.GOOD_METADATA | {
        "llama.attention.head_count_kv": bad.kv_array(
            "llama.attention.head_count_kv", bad.U32, 1, struct.pack("<I", 3)
        ),
        "llama.attention.key_length": bad.kv_u32("llama.attention.key_length", 24),
        "tokenizer.ggml.eos_token_id": bad.kv_u32("tokenizer.ggml.eos_token_id", 2**32 - 1),
    }
    header = read_header(write(tmp_path, bad.gguf(entries)))
    assert (header.kv_heads, header.key_length, header.value_length) == ((3,), 24, 8)


def test_without_a_tokenizer_the_embedding_says_the_vocabulary(tmp_path: Path) -> None:
    entries = dict(bad.GOOD_METADATA)
    for key in ("tokenizer.ggml.tokens", "tokenizer.ggml.eos_token_id", "tokenizer.chat_template"):
        del entries[key]
    header = read_header(write(tmp_path, bad.gguf(entries)))
    assert (header.vocabulary, header.chat_template) == (16, None)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, 900),
            st.sampled_from(["set", "insert", "delete", "cut"]),
            st.binary(min_size=1, max_size=12),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_damage_gives_a_header_or_a_typed_error(
    tmp_path: Path, edits: list[tuple[int, str, bytes]]
) -> None:
    raw = bytearray(bad.gguf())
    for at, kind, value in edits:
        if kind == "set":
            raw[at : at + len(value)] = value
        elif kind == "insert":
            raw[at:at] = value
        elif kind == "delete":
            del raw[at : at + len(value)]
        else:
            del raw[at:]
    try:
        header = read_header(write(tmp_path, bytes(raw)))
    except BancadaError as caught:
        error: BancadaError | None = caught
    else:
        error = None
    if error is not None:
        assert describe(error.code, error.params).remedy
        return
    assert isinstance(header, GgufHeader)
    assert header.layers <= len(header.tensors)


def test_mutated_copies_of_a_real_model(tmp_path: Path) -> None:
    valid = write_tiny_gguf(tmp_path / "tiny.gguf")
    start = read_header(valid).data_start
    refused = 0
    for _, content in bad.mutations(valid.read_bytes(), start, count=300, seed=3):
        try:
            read_header(write(tmp_path, content))
        except BancadaError:
            refused += 1
    assert refused > 100
