"""Names of models: proposed from what a file says about itself, cleaned of everything hostile."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from bancada.core.errors import BancadaError

MAX_NAME: Final = 120
#: endings such as ".Q4_K_M", "-IQ3_XS", "_f16" that say how, not what
_QUANTIZATION: Final = re.compile(
    r"[-._ ](?:i?q\d[0-9a-z_]*|[bf]f?(?:16|32)|mxfp4|tq[12]_0|fp(?:16|32)|int[48])$", re.IGNORECASE
)
#: names that a file may bear and that say nothing
_EMPTY_WORDS: Final = re.compile(
    r"(?:ggml-)?(?:model|main|download|weights|untitled|file)|[0-9a-f]{16,}", re.IGNORECASE
)


def clean_name(text: str) -> str:
    """``text`` as a name that fits one line, a command line and a file system.

    Control, invisible and direction-changing characters go; ``:`` (it separates the version), slashes
    and quotation marks become dashes; white space is collapsed, NFC is applied. May return "".
    """
    kept = []
    for character in unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8")):
        category = unicodedata.category(character)
        if character.isspace():
            kept.append(" ")
        elif character in ":/\\|<>\"'`*?$":
            kept.append("-")
        elif category[0] != "C":
            kept.append(character)
    return " ".join("".join(kept).split()).lstrip("-. ")[:MAX_NAME].rstrip(" .-")


def chosen_name(text: str) -> str:
    """A name that the user chose.

    Raises:
        BancadaError: ``model.name_invalid`` when nothing of it can be used.
    """
    name = clean_name(text)
    if not name:
        raise BancadaError("model.name_invalid", name=text[:80])
    return name


def proposed_name(stem: str, metadata_name: str, basename: str = "") -> str:
    """The name to propose for a file.

    The file's own name without its quantization, where it starts with the model's ``basename`` (then
    it is what people call the model); else the name in its metadata; else the file's name.
    """
    from_file = clean_name(_QUANTIZATION.sub("", stem))
    base = _letters(basename)
    if base and _letters(from_file).startswith(base):
        return from_file
    return (
        clean_name(metadata_name) or (from_file if not _EMPTY_WORDS.fullmatch(from_file) else "") or "Model"
    )


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
