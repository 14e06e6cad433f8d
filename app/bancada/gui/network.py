"""The seal in the window: the lamp that is always true, and the question before it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtWidgets import QWidget

from bancada.gui.shell import Shell
from bancada.gui.status_bar import StatusBar
from bancada.gui.widgets.ask import Answer, Question, ask

if TYPE_CHECKING:
    from bancada.gui.desk import Desk

SEALED = "network.sealed"


class NetworkLamp(QObject):
    """Keeps the lamp of the status line as the setting is, whoever changed it."""

    def __init__(self, desk: Desk, status: StatusBar) -> None:
        super().__init__(desk)
        self._desk = desk
        self._status = status
        desk.bridge.changed.connect(self._changed)

    def look(self) -> None:
        """Read the setting."""
        self._status.set_sealed(sealed=bool(self._desk.settings.value(SEALED)))

    def _changed(self, kind: str, _ids: list[str]) -> None:
        if kind == "setting":
            self.look()


def ask_to_open(parent: QWidget, shell: Shell) -> Question:
    """Ask before the seal is opened, and open it."""
    tr = QCoreApplication.translate
    return ask(
        parent,
        tr("network", "Open the network?"),
        tr(
            "network",
            "From then on Bancada may connect to other machines when you search, download or share the"
            " library. It still sends no questions, answers, documents or statistics, and looks for no"
            " updates. You can seal it again at any time under Settings, Network, hub and mirror.",
        ),
        (
            Answer(
                tr("network", "Open the network"), lambda: shell.settings.store(SEALED, value=False), "danger"
            ),
            Answer(tr("network", "Keep it sealed"), lambda: None),
        ),
    )
