"""What a file really is, told from its first bytes and never from its name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError

HEAD_BYTES: Final = 512

#: (offset, bytes) -> words for a person; the first match wins
_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"GGUF", "gguf"),
    (0, b"PK\x03\x04", "a zip archive (PyTorch saves its pickles this way)"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"Rar!\x1a\x07", "a rar archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF\r\n", "an HDF5 file"),
    (0, b"\x7fELF", "a Linux program"),
    (0, b"MZ", "a Windows program"),
    (0, b"%PDF", "a PDF document"),
    (0, b"tjgg", "a model in the old GGJT format"),
    (0, b"lmgg", "a model in the old GGML format"),
    (0, b"fmgg", "a model in the old GGMF format"),
    (0, b"FUGG", "a GGUF file written backwards (other byte order)"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


def recognise(head: bytes) -> str:
    """Say in words what a file that starts with ``head`` is.

    Returns ``"gguf"`` and ``"safetensors"`` for these two, a phrase for what else is known, and
    ``"a file of an unknown kind"`` otherwise. A pickle is recognised by its protocol mark.
    """
    for offset, magic, words in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return words
    if is_pickle(head):
        return "a Python pickle, which can run any code when it is opened"
    if len(head) >= 10 and head[8:9] == b"{" and head[9:10] in b'"} \n\t':
        return "safetensors"
    if head and not any(head):
        return "a file of zero bytes only, as unfinished downloads leave it"
    return _describe_text(head)


def _describe_text(head: bytes) -> str:
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "a web page, as failed downloads leave it"
    return "a JSON text" if text.startswith((b"{", b"[")) else "a file of an unknown kind"


def is_pickle(head: bytes) -> bool:
    """True for pickle protocols 2 to 5: the mark 0x80, the protocol, then a known opcode."""
    return len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5 and head[2:3] in b"\x95c}]()X\x8cq\x8aKM"


def read_head(path: Path) -> bytes:
    """The first bytes of a file.

    Raises:
        BancadaError: ``model.file_missing``, ``model.unreadable`` or ``model.empty_file``.
    """
    try:
        if not path.is_file():
            raise BancadaError("model.file_missing", path=str(path))
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise BancadaError("model.unreadable", path=str(path), detail=error.strerror or str(error)) from error
    if not head:
        raise BancadaError("model.empty_file", path=str(path))
    return head
