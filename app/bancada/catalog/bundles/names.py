"""Names of files inside a model: what may stand in a manifest, on every platform that may read it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from bancada.core.errors import BancadaError
from bancada.storage.files import is_safe_relative

MAX_PART_BYTES: Final = 255
MAX_PATH_BYTES: Final = 1024
#: characters that Windows refuses in names besides slashes and colons, which have another reason
_REFUSED: Final = frozenset('<>"|?*')


def check_names(names: Iterable[str]) -> None:
    """Refuse names that could leave their folder, hide one another or not exist on another system.

    Raises:
        BancadaError: ``bundle.unsafe_path`` with the first such name and the reason.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        reason = _reason(name)
        if reason:
            raise _unsafe(name, reason)
        key = _folded(name)
        if key in files:
            raise _unsafe(name, "it names the same file as another one" if files[key] == name else "a twin")
        files[key] = name
        above, _, _ = name.rpartition("/")
        while above:
            if folders.setdefault(_folded(above), above) != above:
                raise _unsafe(name, "a twin")
            above, _, _ = above.rpartition("/")
    for key in folders:
        if key in files:
            raise _unsafe(files[key], "it is both a file and a folder")


def _reason(name: str) -> str:
    """Why a single name is refused; empty for a good one."""
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) > MAX_PATH_BYTES or any(len(one) > MAX_PART_BYTES for one in encoded.split(b"/")):
        return "it is too long"
    if not is_safe_relative(name):
        return "it is no plain relative path"
    if any(unicodedata.category(one)[0] == "C" or one in _REFUSED for one in name):
        return "it holds characters that no file name should have"
    if any(part != part.strip() or part.endswith(".") for part in name.split("/")):
        return "it ends with a dot or a space"
    if unicodedata.normalize("NFC", name) != name:
        return "it is not in the composed form of Unicode"
    return ""


def _folded(name: str) -> str:
    """Equal for two names that some file system takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def _unsafe(name: str, reason: str) -> BancadaError:
    shown = name[:200].encode("unicode_escape").decode("ascii")
    return BancadaError("bundle.unsafe_path", path=shown, reason=reason)
