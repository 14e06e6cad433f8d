"""Which model answers: the picker, its state, and its memory now and as forecast."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QWidget

from bancada.core.events import SessionState, WorkerSample
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Chip, IconButton, Label
from bancada.gui.widgets.format import memory_share_text, memory_text, number
from bancada.gui.widgets.model_picker import ModelPicker
from bancada.inference.session import ModelSession


class ModelHeader(QWidget):
    """Follows the session of the chosen model. Nothing is loaded but by a question or by the menu."""

    load_asked = Signal()
    unload_asked = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.session: ModelSession | None = None
        self._loading_since = 0.0
        self._memory = 0
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        self.picker = ModelPicker(shell.theme)
        row.addWidget(self.picker, 1)
        self.chip = Chip("")
        row.addWidget(self.chip)
        self._words = _Elided()
        row.addWidget(self._words)
        row.addStretch(0)
        more = IconButton(shell.theme, "more", self.tr("Load or unload the model"))
        menu = QMenu(more)
        self._load = menu.addAction(self.tr("Load the model now"), self.load_asked.emit)
        self._unload = menu.addAction(self.tr("Unload the model"), self.unload_asked.emit)
        more.setMenu(menu)
        more.setPopupMode(more.ToolButtonPopupMode.InstantPopup)
        row.addWidget(more)
        self._clock = QTimer(self, interval=500)
        self._clock.timeout.connect(self.show_state)
        shell.bridge.sample.connect(self._sampled)
        shell.bridge.session_state.connect(self._state_changed)
        self.show_state()

    @property
    def version_id(self) -> str:
        """The chosen version, or an empty text."""
        choice = self.picker.choice
        return choice.version.id if choice else ""

    def set_loading(self, *, loading: bool) -> None:
        """A load has begun or ended."""
        self._loading_since = time.monotonic() if loading else 0.0
        if loading:
            self._clock.start()
        else:
            self._clock.stop()
        self.show_state()

    def set_session(self, session: ModelSession | None) -> None:
        """The session that serves this model."""
        self.session = session
        samples = session.samples() if session is not None else []
        self._memory = samples[-1].rss_bytes if samples else 0
        self.set_loading(loading=False)

    def show_state(self) -> None:
        """Say state and memory; an explicit forecast belongs to the loaded context."""
        choice, session = self.picker.choice, self.session
        alive = session is not None and session.session.alive
        self._load.setEnabled(choice is not None and not alive and not self._loading_since)
        self._unload.setEnabled(alive)
        if choice is None:
            self.chip.set(self.tr("no model"), "plain")
            self._words.setText("")
        elif self._loading_since:
            seconds = int(time.monotonic() - self._loading_since)
            self.chip.set(self.tr("loading"), "warn")
            self._words.setText(self.tr("%1 s").replace("%1", str(seconds)) if seconds else "")
        elif session is not None and alive:
            self.chip.set(self.tr("loaded"), "accent")
            self._words.setText(self._memory_words(session.report.context))
        elif session is not None and session.state == "failed":
            self.chip.set(self.tr("failed"), "bad")
            self._words.setText(self.tr("its worker ended; the next question loads it again"))
        else:
            tone = "warn" if choice.fits is False else "plain"
            self.chip.set(self.tr("on disk") if choice.fits is not False else self.tr("may not fit"), tone)
            self._words.setText(self._forecast_words(choice.context))
        self.chip.setAccessibleName(self.tr("State of the model: %1").replace("%1", self.chip.text()))

    @property
    def forecast(self) -> int | None:
        """Bytes that the model is expected to take."""
        choice = self.picker.choice
        return choice.forecast if choice else None

    def _forecast_words(self, context: int) -> str:
        if self.forecast is None:
            return ""
        words = self.tr("%1 at %2 tokens").replace("%1", memory_text(self.forecast))
        return words.replace("%2", number(context))

    def _memory_words(self, context: int) -> str:
        if not self._memory or self.forecast is None:
            return memory_text(self._memory) if self._memory else self._forecast_words(context)
        share = memory_share_text(self._memory, self.forecast)
        return self.tr("%1 forecast").replace("%1", share)

    def _sampled(self, sample: WorkerSample) -> None:
        if self.session is not None and sample.owner_id == self.session.id:
            self._memory = sample.rss_bytes
            self._words.setText(self._memory_words(self.session.report.context))

    def _state_changed(self, state: SessionState) -> None:
        if self.session is not None and state.session_id == self.session.id:
            self.show_state()


class _Elided(Label):
    """A line that ends in dots where there is no room; all of it is in the tooltip and for screen readers."""

    def __init__(self) -> None:
        super().__init__("", "note")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(24)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.end()
