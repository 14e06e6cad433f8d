"""Tiny real models for the tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bancada.engines.llama_backend import LlamaBackend
from bancada.inference.types import LoadSpec
from tiny_gguf import TinyModel, write_tiny_gguf


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a ChatML template."""
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="session")
def tiny_without_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "plain.gguf", TinyModel(chat_template=None))


@pytest.fixture(scope="module")
def tiny_backend(tiny: Path) -> Iterator[LlamaBackend]:
    backend = LlamaBackend()
    backend.load(LoadSpec(str(tiny), "gguf", context=256, threads=1))
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def smol_backend(smollm2: Path) -> Iterator[LlamaBackend]:
    """The starter model, loaded once for all tests."""
    backend = LlamaBackend()
    backend.load(LoadSpec(str(smollm2), "gguf", context=2048))
    yield backend
    backend.close()
