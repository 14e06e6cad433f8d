"""What this machine brings."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout

from bancada.core.hardware import Hardware
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import (
    Card,
    Label,
)
from bancada.gui.widgets.format import (
    memory_text,
)


class MachineCard(Card):
    """What this machine brings."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("")
        self.title.set_title(self.tr("This machine"))
        self.title.show()
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self._values: dict[str, Label] = {}
        for at, (key, name) in enumerate(
            (
                ("cpu", self.tr("Processor")),
                ("cores", self.tr("Cores")),
                ("features", self.tr("Instruction sets")),
                ("memory", self.tr("Memory")),
                ("gpu", self.tr("Graphics")),
            )
        ):
            value = Label("", wrap=True)
            self._values[key] = value
            grid.addWidget(Label(name, "muted"), at, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, at, 1)
        self.body.addLayout(grid)
        self.body.addStretch(1)
        self._shell = shell

    def show_hardware(self, hardware: Hardware) -> None:
        cores = self.tr("%1 of %2 usable")
        self._values["cpu"].setText(hardware.cpu)
        self._values["cores"].setText(
            cores.replace("%1", str(hardware.usable_cores)).replace("%2", str(hardware.logical_cores))
        )
        families = list(dict.fromkeys(one.partition("_")[0].upper() for one in hardware.features))
        known = ("AMX", "AVX512F", "AVX2", "NEON", "SVE", "SME")
        named = [one.removesuffix("F") for one in known if one in families]
        self._values["features"].setText(", ".join(named) or "\N{EN DASH}")
        self._values["memory"].setText(memory_text(hardware.memory_bytes))
        gpus = ", ".join(
            f"{one.name} ({memory_text(one.memory_bytes)})" if one.memory_bytes else one.name
            for one in hardware.gpus
        )
        self._values["gpu"].setText(gpus or self.tr("none found: models run on the processor"))
