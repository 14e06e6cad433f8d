"""Files are called by their recipe, as far as they can be believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bancada.catalog.gguf_file_types import FILE_TYPES, file_type
from bancada.catalog.gguf_header import read_header
from bancada.engines.llama_package import native
from bancada.engines.llama_quantize import quantize
from bancada.quantization.types import TYPES
from tiny_gguf import TinyModel, write_tiny_gguf


def test_the_numbers_are_the_engines() -> None:
    assert {one.code: one.name for one in TYPES} == FILE_TYPES
    assert FILE_TYPES[native.LLAMA_FTYPE_MOSTLY_Q4_K_M] == "Q4_K_M"


@pytest.mark.parametrize(
    ("number", "dominant", "called"),
    [
        (15, "Q4_K", "Q4_K_M"),
        (15, "Q5_0", "Q4_K_M"),  # a narrow model
        (15, "F32", "F32"),  # nothing in it is quantized, whatever it says
        (1, "Q4_0", "Q4_0"),
        (7, "Q4_0", "Q4_0"),
        (None, "Q4_K", "Q4_K"),
        (99, "Q4_K", "Q4_K"),
        (1 << 40, "Q6_K", "Q6_K"),
    ],
)
def test_what_a_file_is_called(number: int | None, dominant: str, called: str) -> None:
    assert file_type(number, dominant) == called


def test_a_narrow_model_keeps_the_name_of_its_recipe(tmp_path: Path) -> None:
    source = write_tiny_gguf(tmp_path / "source.gguf", TinyModel())
    quantize(
        source, tmp_path / "made.gguf", "Q4_K_M",
        threads=1, on_tensors=lambda done, total: None, should_stop=lambda: False,
    )  # fmt: skip
    assert {one.type for one in read_header(tmp_path / "made.gguf").tensors} >= {"Q5_0"}
    assert read_header(tmp_path / "made.gguf").quantization == "Q4_K_M"
    assert read_header(source).quantization == "F32"
