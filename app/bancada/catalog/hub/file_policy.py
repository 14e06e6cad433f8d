"""Which files of a repository are taken, and why others are not. Names alone: content is checked later."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from bancada.storage.files import is_safe_relative

#: kinds that are taken
GGUF: Final = "gguf"
SAFETENSORS: Final = "safetensors"
ONNX: Final = "onnx"
ONNX_DATA: Final = "onnx data"
TEXT: Final = "text"
TAKEN: Final = frozenset({GGUF, SAFETENSORS, ONNX, ONNX_DATA, TEXT})
#: kinds that are refused and flagged
PICKLE: Final = "pickle"
CODE: Final = "program code"
UNSAFE_NAME: Final = "unsafe name"
REFUSED: Final = frozenset({PICKLE, CODE, UNSAFE_NAME})
#: pictures and whatever else a model does not need
OTHER: Final = "other"

_ENDINGS: Final = {
    GGUF: "gguf",
    SAFETENSORS: "safetensors",
    ONNX: "onnx",
    TEXT: "json jsonl txt md jinja model spm tiktoken vocab",
    PICKLE: "bin pt pth ckpt pkl pickle joblib npy npz h5 hdf5 keras msgpack ot pb mar nemo dill",
    CODE: "py pyc pyd ipynb so dll dylib exe sh bat cmd ps1 js mjs jar class lua rb pl php r jl c cc cpp cu h"
    " hpp rs go wasm whl egg deb rpm apk msi zip tar gz tgz bz2 xz zst 7z rar",
}
_KINDS: Final = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_BARE_TEXTS: Final = re.compile(
    r"(?:licen[cs]e|notice|readme|copying|use_policy)(?:[-._].{0,40})?", re.IGNORECASE
)
#: external data of ONNX graphs has many customs: model.onnx.data, model.onnx_data, model.onnx_data_1
_ONNX_DATA: Final = re.compile(r".+\.onnx[._]data(?:_\d+)?", re.IGNORECASE)
_MAX_PATH: Final = 250
MAX_TEXT_BYTES: Final = 64 << 20


def kind_of(path: str) -> str:
    """The kind of a file by its name: one of this module's constants."""
    if not is_safe_relative(path) or len(path.encode()) > _MAX_PATH or not path.isprintable():
        return UNSAFE_NAME
    name = PurePosixPath(path).name
    if _ONNX_DATA.fullmatch(name):
        return ONNX_DATA
    ending = name.rpartition(".")[2].lower() if "." in name.lstrip(".") else ""
    return _KINDS.get(ending) or (TEXT if _BARE_TEXTS.fullmatch(name) else OTHER)
