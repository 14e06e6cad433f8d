"""The office mirror of this window: a worker that serves the library until it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal

from bancada.catalog.mirror import session as mirror
from bancada.catalog.mirror.session import LOOPBACK, MirrorReport
from bancada.catalog.mirror.visitors import MirrorState
from bancada.core.errors import BancadaError, Canceled
from bancada.core.events import SessionState
from bancada.gui.network import SEALED
from bancada.jobs.call import Call
from bancada.jobs.codec import decode

if TYPE_CHECKING:
    from bancada.gui.desk import Desk
    from bancada.jobs.sessions import Session

LAN: Final = "mirror.lan"
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - only when the settings allow it, which the worker checks again


class Sharing(QObject):
    """``changed``: it begins, is on or off, or failed; ``state_read`` carries a MirrorState."""

    changed = Signal()
    failed = Signal(object)
    state_read = Signal(object)
    _answered = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._session: Session | None = None
        self._waits_for: set[str] = set()  # settings that are on their way
        self.report: MirrorReport | None = None
        self.starting = False
        self.on_network = False
        desk.bridge.session_state.connect(self._session_changed)
        desk.bridge.changed.connect(self._setting_changed)
        desk.settings.written.connect(self._written)
        self._answered.connect(self._read, Qt.ConnectionType.QueuedConnection)

    @property
    def on(self) -> bool:
        """Whether the library is served."""
        return self.report is not None

    @property
    def may_be_reached(self) -> bool:
        """Whether the settings let other machines in."""
        value = self._desk.settings.value
        return bool(value(LAN)) and not value(SEALED)

    def open_and_start(self) -> None:
        """Open the network, let other machines in, and serve as soon as both is written."""
        if self.on or self.starting:
            return
        self.starting = True
        self._waits_for = {LAN, SEALED}
        self._desk.settings.store(LAN, value=True)
        self._desk.settings.store(SEALED, value=False)
        self.changed.emit()

    def start(self, *, on_network: bool) -> None:
        """Serve to other machines, or to this one alone; nothing where it is on already."""
        if not (self.on or self.starting):
            self._begin(on_network=on_network)

    def stop(self) -> None:
        """End it; connections end with it."""
        session, self._session, self.report = self._session, None, None
        self.changed.emit()
        if session is not None:
            self._desk.background.run(session.close, lambda _: None, owner=self)

    def look(self) -> None:
        """Ask who is here; ``state_read`` brings the answer."""
        if self._session is None:
            return
        try:
            call = self._session.call(mirror.STATE, {})
        except BancadaError:
            return  # it has just ended, which is told as such
        call.add_done_callback(self._answered.emit)

    # -- inside

    def _begin(self, *, on_network: bool) -> None:
        self.starting, self.on_network = True, on_network
        self.changed.emit()
        context, host = self._desk.context, _EVERYWHERE if on_network else LOOPBACK
        self._desk.background.run(
            lambda: mirror.serve(context.sessions, context.database, host=host),
            self._started,
            self._failed,
            owner=self,
        )

    def _written(self, key: str, error: BaseException | None) -> None:
        if key not in self._waits_for:
            return
        self._waits_for.discard(key)
        if error is not None:
            self._waits_for.clear()
            self._failed(error)
        elif not self._waits_for:
            self._begin(on_network=True)

    def _started(self, found: tuple[Session, MirrorReport]) -> None:
        self.starting = False
        self._session, self.report = found
        self.changed.emit()
        self._check_settings()

    def _failed(self, error: BaseException) -> None:
        self.starting = False
        self.changed.emit()
        if not isinstance(error, Canceled):
            self.failed.emit(error)

    def _session_changed(self, state: SessionState) -> None:
        session = self._session
        if session is not None and state.session_id == session.id and state.state in ("closed", "failed"):
            self._session = self.report = None
            self.changed.emit()
            self.failed.emit(session.error or BancadaError("mirror.ended"))

    def _setting_changed(self, kind: str, _ids: list[str]) -> None:
        if kind == "setting":
            self._check_settings()

    def _check_settings(self) -> None:
        """The worker gives nothing any more when the network was sealed; there is no use in keeping it."""
        if self.on and self.on_network and not self.may_be_reached:
            self.stop()
            text = self.tr(
                "The library is no longer shared: the network was sealed, or other machines shut out."
            )
            self._desk.notify("info", text)

    def _read(self, call: Call) -> None:
        try:
            state = decode(MirrorState, call.wait())
        except (BancadaError, Canceled):
            return
        if self.on:
            self.state_read.emit(state)
