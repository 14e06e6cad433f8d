"""The bottom line: engine, device, memory, what runs, and whether the network is shut."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from bancada.core.events import JobProgress
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import IconLabel, Label, LinkButton
from bancada.gui.widgets.format import memory_text
from bancada.gui.widgets.progress import ProgressStrip

MEMORY_INTERVAL_MS = 2_000


class StatusBar(QWidget):
    """Says things; decides nothing. ``cancel`` carries the id of the job whose Cancel was pressed."""

    cancel = Signal(str)
    #: somebody wants to see what is shared
    sharing_chosen = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Status"))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(20)
        self.setMinimumHeight(theme.px(30))
        self.engine = Label(self.tr("No model loaded"), "note")
        self.device = Label("", "note")
        self.memory = Label("", "note")
        for label in (self.engine, self.device):
            # long names give way to the rest of the line
            label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
            label.setMinimumWidth(24)
        self.device.hide()
        self.job = ProgressStrip(theme)
        self.job.hide()
        self._job_id = ""
        self.job.canceled.connect(lambda: self.cancel.emit(self._job_id))
        self.sharing = LinkButton(self.tr("Library shared"))
        self.sharing.clicked.connect(self.sharing_chosen)
        self.sharing.hide()
        self._lamp = IconLabel(theme, "lock", "good", 16)
        self.network = Label(self.tr("Sealed"), "note")
        for widget in (self.engine, self.device, self.memory):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.job)
        row.addWidget(self.sharing)
        lamp = QHBoxLayout()
        lamp.setSpacing(6)
        lamp.addWidget(self._lamp)
        lamp.addWidget(self.network)
        row.addLayout(lamp)
        self.set_sealed(sealed=True)
        self._timer = QTimer(self, interval=MEMORY_INTERVAL_MS)
        self._timer.timeout.connect(self._show_memory)

    def start(self) -> None:
        """Begin to show the memory of the machine, about every two seconds."""
        self._show_memory()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def set_engine(self, engine: str, device: str, reason: str) -> None:
        """The honest lines of the latest load report; empty: no model is loaded."""
        self.engine.setText(engine or self.tr("No model loaded"))
        self.engine.setToolTip(engine)
        self.device.setText(device)
        self.device.setVisible(bool(device))
        self.device.setToolTip(reason)
        self.device.setAccessibleDescription(reason)

    def set_job(self, job_id: str, title: str, progress: JobProgress | None) -> None:
        """Show one running job; an empty id: none."""
        self._job_id = job_id
        if job_id:
            self.job.show_progress(title, progress)
        self.job.setVisible(bool(job_id))

    def set_sealed(self, *, sealed: bool) -> None:
        """The lamp: a word and a picture, so that colour alone says nothing."""
        self._lamp.set_icon("lock" if sealed else "lock-open", "good" if sealed else "warn")
        self.network.setText(self.tr("Sealed") if sealed else self.tr("Network open"))
        tip = (
            self.tr("Nothing leaves this machine: Bancada opens no network connection.")
            if sealed
            else self.tr("Bancada may open network connections for what you ask it to fetch.")
        )
        self.network.setToolTip(tip)
        self._lamp.setToolTip(tip)

    def set_sharing(self, addresses: Sequence[str]) -> None:
        """Say where other machines get this library; none: it is not shared."""
        self.sharing.setVisible(bool(addresses))
        tip = self.tr("The office mirror serves this library at %1").replace("%1", ", ".join(addresses))
        self.sharing.setToolTip(tip)
        self.sharing.setAccessibleDescription(tip)

    def _show_memory(self) -> None:
        memory = psutil.virtual_memory()
        used = memory_text(memory.total - memory.available)
        self.memory.setText(
            self.tr("RAM %1 of %2").replace("%1", used).replace("%2", memory_text(memory.total))
        )
