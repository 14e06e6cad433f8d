"""Tinted copies of the SVG icons, as Qt resources in memory: style sheets and icons share them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import qRegisterResourceData

from bancada.core.paths import resources

_FOLDER = "bancada"
_NAME = re.compile(r"[a-z0-9-]+")


class TintedIcons:
    """Makes ``:/bancada/<name>-<rrggbb>.svg`` at first use; nothing is written to the disk."""

    #: Qt keeps pointers into these bytes: they live as long as the program, not as long as an object
    _kept: ClassVar[dict[str, tuple[bytes, bytes, bytes]]] = {}

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or resources() / "icons"

    def path(self, name: str, color: str) -> str:
        """The resource path of an icon in a ``#rrggbb`` colour.

        Raises:
            FileNotFoundError: there is no such icon.
        """
        if not _NAME.fullmatch(name):
            raise FileNotFoundError(name)
        file = f"{name}-{color.lstrip('#').lower()}.svg"
        if file not in self._kept:
            svg = (self._folder / f"{name}.svg").read_text("utf-8")
            parts = resource_parts(_FOLDER, file, svg.replace("currentColor", color).encode())
            qRegisterResourceData(1, *parts)
            self._kept[file] = parts
        return f":/{_FOLDER}/{file}"


def resource_parts(folder: str, file: str, content: bytes) -> tuple[bytes, bytes, bytes]:
    """Tree, names and data of a Qt resource (format 1) that holds ``:/folder/file``.

    Source of the layout: what ``rcc --binary --format-version 1`` writes (qtbase, rcc.cpp).
    """
    names, offsets = b"", []
    for text in (folder, file):
        offsets.append(len(names))
        names += len(text).to_bytes(2, "big") + _hash(text).to_bytes(4, "big") + text.encode("utf-16-be")
    directory = 2
    tree = b"".join(
        (
            _node(0, directory, 1, 1),  # the root: one child, at index 1
            _node(offsets[0], directory, 1, 2),
            # the file: no flags, any territory, the language C, its data at 0
            offsets[1].to_bytes(4, "big") + bytes(2 + 2) + (1).to_bytes(2, "big") + bytes(4),
        )
    )
    return tree, names, len(content).to_bytes(4, "big") + content


def _node(name: int, flags: int, children: int, first: int) -> bytes:
    return (
        name.to_bytes(4, "big")
        + flags.to_bytes(2, "big")
        + children.to_bytes(4, "big")
        + first.to_bytes(4, "big")
    )


def _hash(text: str) -> int:
    value = 0
    for character in text:
        value = (value << 4) + ord(character)
        value ^= (value & 0xF0000000) >> 23
        value &= 0x0FFFFFFF
    return value
