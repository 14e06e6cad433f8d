"""Closing the window while jobs run asks first: keep working, stop and resume later, or cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from bancada.gui.widgets.ask import Answer, Question, ask

if TYPE_CHECKING:
    from bancada.gui.desk import Desk


class Closing(QObject):
    """Answers the window's question whether it may close. ``cancel_jobs`` says how running jobs end."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._decided = False
        self.cancel_jobs = False
        self.question: Question | None = None
        desk.window.may_close = self.may_close

    def may_close(self) -> bool:
        """True when nothing runs or the user has decided; else the question opens."""
        running = self._desk.jobs.running
        if self._decided or not running:
            return True
        titles = ", ".join(one.title for one in running[:3])
        text = self.tr("Jobs are still running")
        explanation = self.tr(
            "%1. What is done so far is kept, and a stopped job can be resumed at the next start."
        ).replace("%1", titles)
        self.question = ask(
            self._desk.window,
            text,
            explanation,
            [
                Answer(self.tr("Cancel the jobs and close"), lambda: self._close(cancel=True), "danger"),
                Answer(self.tr("Stop now, resume later"), lambda: self._close(cancel=False)),
                Answer(self.tr("Keep working"), lambda: None, "primary"),
            ],
        )
        return False

    def _close(self, *, cancel: bool) -> None:
        self._decided = True
        self.cancel_jobs = cancel
        self._desk.window.close()
