"""What this program is made of: versions and licences."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout

from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Label, PlainButton

#: distribution -> its licence, as its authors name it
_PARTS: Final = (
    ("llama-cpp-python", "MIT"),
    ("onnxruntime-genai", "MIT"),
    ("onnxruntime", "MIT"),
    ("pyside6-essentials", "LGPL-3.0"),
    ("pyqtgraph", "MIT"),
    ("sqlcipher3", "zlib"),
    ("sqlite-utils", "Apache-2.0"),
    ("numpy", "BSD-3-Clause"),
)


class AboutCard(Card):
    """Name, version and licence of Bancada and of what it stands on."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("")
        self.title.set_title(self.tr("About"))
        self.title.show()
        copy = PlainButton(self.tr("Copy"), "link")
        copy.setAccessibleName(self.tr("Copy the versions"))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        self.header.addWidget(copy)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        self._rows = [
            ("Bancada", version("bancada"), "Apache-2.0"),
            ("Python", platform.python_version(), "PSF"),
        ]
        self._rows += [(name, version(name), licence) for name, licence in _PARTS]
        for at, (name, number, licence) in enumerate(self._rows):
            grid.addWidget(Label(name, "strong" if at == 0 else ""), at, 0)
            figure = Label(number, "mono")
            figure.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(figure, at, 1)
            grid.addWidget(Label(licence, "muted"), at, 2)
        self.body.addLayout(grid)
        self.setMinimumWidth(shell.theme.px(300))

    def text(self) -> str:
        """The versions as lines, for a report."""
        return "\n".join(f"{name} {number} ({licence})" for name, number, licence in self._rows)


def version(distribution: str) -> str:
    """The installed version of a distribution; a dash where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "\N{EN DASH}"
