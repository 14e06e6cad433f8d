"""Keeps the engine and the device in the status line true: those of the model that was loaded last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, QObject

from bancada.core.error_catalog import CATALOG
from bancada.core.errors import describe
from bancada.core.events import SessionState
from bancada.gui.status_bar import StatusBar
from bancada.inference import wire
from bancada.inference.types import LoadReport
from bancada.jobs.codec import decode

if TYPE_CHECKING:
    from bancada.gui.desk import Desk

#: processor features worth naming, the best first
_FEATURES: Final = ("AMX", "AVX512", "AVX2", "AVX", "SVE", "NEON")


class EngineWatch(QObject):
    """Reads the load report of a session when it becomes ready."""

    def __init__(self, desk: Desk, status: StatusBar) -> None:
        super().__init__(desk)
        self._desk = desk
        self._status = status
        self._shown = ""
        desk.bridge.session_state.connect(self._changed)

    def _changed(self, state: SessionState) -> None:
        if state.state in ("closed", "failed") and state.session_id == self._shown:
            self._shown = ""
            self._status.set_engine("", "", "")
        elif state.state == "ready":
            for session in self._desk.context.sessions.sessions():
                # a mirror or a look around a hub is no engine
                if session.id == state.session_id and session.kind == wire.MODEL:
                    self._shown = session.id
                    report = decode(LoadReport, session.report)
                    self._status.set_engine(engine_words(report), device_words(report), reason_words(report))


def engine_words(report: LoadReport) -> str:
    """``llama.cpp · AMX · 2 threads``."""
    known = {one.upper().partition("_")[0] for one in report.cpu_features}
    best = next((one for one in _FEATURES if one in known), "")
    many = QCoreApplication.translate("EngineWatch", "%1 threads").replace("%1", str(report.threads))
    threads = QCoreApplication.translate("EngineWatch", "1 thread") if report.threads == 1 else many
    return " \N{MIDDLE DOT} ".join(part for part in (report.engine, best, threads) if part)


def device_words(report: LoadReport) -> str:
    """Where the layers are; when it is not the graphics processor, that too."""
    if report.gpu_layers >= report.layers > 0:
        return report.device
    if report.gpu_layers:
        share = QCoreApplication.translate("EngineWatch", "%1 of %2 layers on %3")
        return (
            share.replace("%1", str(report.gpu_layers))
            .replace("%2", str(report.layers))
            .replace("%3", report.device)
        )
    return QCoreApplication.translate("EngineWatch", "CPU only")


def reason_words(report: LoadReport) -> str:
    """Why the graphics processor is not, or only partly, used."""
    code = report.device_reason
    return describe(code, {}).what if code in CATALOG else code
