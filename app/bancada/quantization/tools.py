"""What conversion needs on this machine, found without importing any of it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError

#: packages by what they are needed for; all of them come with the extra "convert"
PACKAGES: Final = {
    "gguf": ("torch", "transformers", "sentencepiece", "gguf"),
    "onnx": ("torch", "transformers", "onnx", "onnx-ir", "onnxruntime-genai", "optimum-onnx"),
    "hf": ("gguf", "sentencepiece", "tokenizers"),
}
SCRIPT: Final = "convert_hf_to_gguf.py"
_NOTE: Final = "origin.json"
_ENGINE: Final = "llama-cpp-python"


@dataclass(frozen=True, slots=True)
class Tools:
    """What is there: versions by package, what is missing, and the folder of the engine's converter."""

    versions: dict[str, str]
    missing: tuple[str, ...]
    converter: Path | None

    @property
    def ready(self) -> bool:
        """Whether every conversion can be made."""
        return not self.missing and self.converter is not None


def converter_folder() -> Path:
    """Where the set-up puts the converter of the pinned engine."""
    return Path(sys.prefix) / "share" / "bancada" / "llama_convert"


def find_tools(target: str | None = None) -> Tools:
    """Look at what is installed, for one target or for all."""
    wanted = PACKAGES[target] if target is not None else tuple(dict.fromkeys(sum(PACKAGES.values(), ())))
    versions = {name: found for name in (*wanted, _ENGINE) if (found := _version(name)) is not None}
    missing = tuple(name for name in wanted if name not in versions)
    folder = converter_folder()
    return Tools(versions, missing, folder if _note(folder).get("engine") == _pinned(versions) else None)


def require_tools(target: str) -> Tools:
    """The tools for a target.

    Raises:
        BancadaError: ``convert.not_installed`` naming what is missing, ``convert.tool_damaged`` when the
            converter's files are not those that the set-up took from the engine's archive.
    """
    tools = find_tools(target)
    if tools.missing:
        raise BancadaError("convert.not_installed", missing=", ".join(tools.missing))
    if target == "gguf":
        if tools.converter is None:
            raise BancadaError("convert.not_installed", missing="llama.cpp's converter")
        _check_files(tools.converter)
    return tools


def _check_files(folder: Path) -> None:
    files = _note(folder).get("files")
    for name, sha256 in (files if isinstance(files, dict) else {}).items():
        try:
            found = hashlib.sha256((folder / str(name)).read_bytes()).hexdigest()
        except OSError:
            found = "nothing"
        if found != sha256:
            raise BancadaError("convert.tool_damaged", path=str(folder / str(name)))


def _note(folder: Path) -> dict[str, object]:
    """What the set-up noted; {} when the converter is not there."""
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and (folder / SCRIPT).is_file() else {}


def _pinned(versions: dict[str, str]) -> str:
    return f"{_ENGINE}=={versions.get(_ENGINE)}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
