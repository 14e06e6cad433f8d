"""From Hugging Face's layout to GGUF, by the engine's own converter.

The converter is the script of the pinned llama.cpp, taken at set-up from its source archive; it is run as
it is, in the conversion's own process.
"""

from __future__ import annotations

import logging
import runpy
import sys
from pathlib import Path
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.engines.conversion.bars import report_bars
from bancada.engines.conversion.compare import Progress, compare_tokenizers
from bancada.engines.conversion.orders import GgufOrder
from bancada.engines.llama_native import NativeModel

_SCRIPT: Final = "convert_hf_to_gguf.py"


class _Count(logging.Handler):
    """Counts the converter's lines ``name, type --> type`` as progress, and keeps its complaints."""

    def __init__(self, progress: Progress, tensors: int) -> None:
        super().__init__()
        self.complaints: list[str] = []
        self._progress = progress
        self._tensors = tensors
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record of the log."""
        words = record.getMessage()
        if record.levelno >= logging.ERROR:
            self.complaints.append(words)
        if " --> " in words:
            self._count += 1
            self._progress("reading the tensors", min(self._count, self._tensors), self._tensors, "tensors")


def run(order: GgufOrder, progress: Progress) -> dict[str, Any]:
    """Make the file.

    Returns:
        ``compared_tokens`` and ``tokenizer_difference`` ("" when the engine's ids are the model's own).

    Raises:
        BancadaError: ``convert.architecture_unsupported``, ``convert.tokenizer_unsupported`` ...
    """
    count = _Count(progress, max(1, order.tensors))
    logging.getLogger().addHandler(count)
    logging.getLogger().setLevel(logging.INFO)
    report_bars(progress, "writing")
    # its own gguf package, newer than the published one of the same number, must be the first that is found
    for place in (Path(order.converter), Path(order.converter) / "gguf-py"):
        sys.path.insert(0, str(place))
    sys.argv = [
        _SCRIPT, order.source, "--outfile", order.target, "--outtype", order.kind, "--model-name", order.name,

    ]  # fmt: skip
    try:
        runpy.run_path(str(Path(order.converter) / _SCRIPT), run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise _refusal(count.complaints) from None
    return _compared(order, progress)


def _refusal(complaints: list[str]) -> BancadaError:
    words = complaints[-1] if complaints else "it ended without a word"
    if words.startswith("Model ") and words.endswith(" is not supported"):
        name = words.removeprefix("Model ").removesuffix(" is not supported")
        return BancadaError(
            "convert.architecture_unsupported", architecture=name[:80], tool="llama.cpp's converter", known=""
        )
    return BancadaError("convert.tool_failed", tool="llama.cpp's converter", detail=words[:400])


def _compared(order: GgufOrder, progress: Progress) -> dict[str, Any]:
    """Whether the engine splits text with the new file as the model's own tokenizer does."""
    tokenizer = Path(order.source) / "tokenizer.json"
    if not tokenizer.is_file():
        return {"compared_tokens": 0, "tokenizer_difference": ""}
    progress("comparing the tokenizers", 0, None, "")
    native = NativeModel(order.target, vocabulary_only=True)
    try:
        text = Path(order.check_text).read_text(encoding="utf-8")
        return {"compared_tokens": compare_tokenizers(native, tokenizer, text), "tokenizer_difference": ""}
    except BancadaError as error:
        if error.code != "convert.tokenizer_differs":
            raise
        return {"compared_tokens": 0, "tokenizer_difference": str(error.params["text"])}
    finally:
        native.close()
