"""What the converters of others raise, as errors that say themselves."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.storage.sqlite_errors import free_bytes

#: stage -> the name of the tool, for people
TOOLS: Final = {
    "dequantize": "the way from GGUF to Hugging Face's layout",
    "gguf": "llama.cpp's converter",
    "generator": "the builder of onnxruntime-genai",
    "encoder": "the exporter of optimum",
    "try": "the engine",
}
#: an expression in what was raised -> code, and which parameter its first group is
_KNOWN: Final[tuple[tuple[str, str, str], ...]] = (
    (r"pre-tokenizer was not recognized", "convert.tokenizer_unsupported", ""),
    (r"Can not map tensor '([^']+)'", "convert.tensor_unknown", "tensor"),
    (r"Architecture '([^']+)' not supported", "convert.architecture_unsupported", "architecture"),
    (r"The .* model is not currently supported", "convert.architecture_unsupported", ""),
    (r"Trying to export a (\S+) model", "convert.architecture_unsupported", "architecture"),
    (
        r"model type `?([\w.-]+)`? but Transformers does not recognize",
        "convert.architecture_unsupported",
        "architecture",
    ),
    (
        r"not (?:a )?supported .*?model type:? ?'?([\w.-]+)?",
        "convert.architecture_unsupported",
        "architecture",
    ),
    (
        r"[Mm]issing .*tokenizer|tokenizer\.model|Can't load tokenizer|backend tokenizer",
        "convert.tokenizer_missing",
        "",
    ),
)


def typed(error: BaseException, stage: str) -> BancadaError:
    """The error that tells what a stage failed with."""
    if isinstance(error, BancadaError):
        return error
    tool = TOOLS.get(stage, stage)
    if isinstance(error, MemoryError):
        return BancadaError("convert.out_of_memory", tool=tool)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        place = Path(error.filename) if isinstance(error.filename, str) else Path.cwd()
        return BancadaError("worker.disk_full", have=bytes_text(free_bytes(place)), path=str(place))
    if isinstance(error, ModuleNotFoundError):
        return BancadaError("convert.not_installed", missing=error.name or str(error))
    words = f"{type(error).__name__}: {error}"
    if "memory" in words and re.search(r"alloc|out of memory", words):
        return BancadaError("convert.out_of_memory", tool=tool)
    return _known(words, tool) or BancadaError(
        "convert.tool_failed", tool=tool, detail=" ".join(words.split())[:400]
    )


def _known(words: str, tool: str) -> BancadaError | None:
    for expression, code, parameter in _KNOWN:
        found = re.search(expression, words)
        if found is not None:
            params = {
                "tool": tool,
                "architecture": "this one",
                "tensor": "a tensor",
                "known": "",
                "kind": "unknown to it",
            }
            if parameter and found[1]:
                params[parameter] = found[1][:80]
            return BancadaError(code, **params)
    return None
