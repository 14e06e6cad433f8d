"""The progress of something that runs: a bar, what it does, speed, remaining time, Cancel."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from bancada.core.events import JobProgress
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import GRID, IconButton, Label
from bancada.gui.widgets.format import bytes_text, duration_text, number, percent_text, rate_text

_STEPS = 1000


class ProgressStrip(QWidget):
    """One line of progress. Without a total the bar is busy."""

    canceled = Signal()

    def __init__(self, theme: Theme, *, bar_width: int = 120) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        self.text = Label("", "note")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(bar_width)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.cancel = IconButton(theme, "close", self.tr("Cancel"))
        self.cancel.clicked.connect(self.canceled)
        row.addWidget(self.text, 1)
        row.addWidget(self.bar)
        row.addWidget(self.cancel)

    def show_progress(self, title: str, progress: JobProgress | None) -> None:
        """Say what runs; None: it has begun and told nothing yet."""
        self.cancel.set_name(self.tr("Cancel: %1").replace("%1", title))
        if progress is None:
            self.text.setText(title)
            self.bar.setRange(0, 0)
            return
        self.text.setText(" \N{MIDDLE DOT} ".join([title, *progress_words(progress)]))
        if progress.total:
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(round(min(progress.done / progress.total, 1.0) * _STEPS))
        else:
            self.bar.setRange(0, 0)


def progress_words(progress: JobProgress) -> list[str]:
    """Stage, share or amount, speed and remaining time, as far as they are known."""
    words = [progress.stage] if progress.stage else []
    if progress.total:
        words.append(percent_text(progress.done, progress.total))
    elif progress.done:
        done = bytes_text(progress.done) if progress.unit == "bytes" else number(progress.done)
        words.append(done if progress.unit == "bytes" else f"{done} {progress.unit}")
    if progress.per_second:
        words.append(rate_text(progress.per_second, progress.unit))
    if progress.remaining_s is not None:
        # the sentence is the strip's: it is shown in this context only
        words.append(
            QCoreApplication.translate("ProgressStrip", "%1 left").replace(
                "%1", duration_text(progress.remaining_s)
            )
        )
    return words
