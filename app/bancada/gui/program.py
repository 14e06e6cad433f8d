"""The life of the window: painted first, then the workspace is opened, at the end all is closed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QObject, QTimer, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QWidget

from bancada.core.registry import resolve
from bancada.gui import first_look
from bancada.gui.main_window import MainWindow
from bancada.gui.theme.theme import Theme
from bancada.gui.window_lock import WindowLock

if TYPE_CHECKING:
    from types import TracebackType

    from PySide6.QtCore import QMessageLogContext, QtMsgType

    from bancada.context import AppContext
    from bancada.gui.desk import Desk

#: a window that is never painted (started minimized) still gets its workspace
_UNPAINTED_MS = 1_500
#: where most people go first; it imports no charts
_NEXT_PAGE = "bancada.gui.pages.playground.page:PlaygroundPage"


def run(home: Path, pictures: Path | None = None) -> int:
    """Run the window until it is closed; see :func:`bancada.gui.application.run`."""
    messages = QtMessages()
    qInstallMessageHandler(messages)
    application = QApplication(sys.argv[:1])
    messages.to_log = True
    application.setApplicationName("Bancada")
    application.setDesktopFileName("bancada")
    place: Path | None = home
    code = 0
    while place is not None:
        code, place = _run_once(application, place, pictures)
    return code


def _run_once(application: QApplication, home: Path, pictures: Path | None) -> tuple[int, Path | None]:
    """One workspace from start to end: the exit code, and the workspace that the user asked for instead."""
    lock = WindowLock(home)
    if pictures is None and not lock.acquire():
        if resolve("bancada.gui.raise_server:raise_first")(home):
            return 0, None
        sys.stderr.write("bancada: another window has this workspace and does not answer\n")
        return 1, None
    program = Program(application, home, pictures)
    program.start()
    code = application.exec()
    program.close()
    lock.release()
    return code or program.exit_code, program.other_home


class Program(QObject):
    """The window and what stands behind it, one after the other: look, frame, workspace, desk."""

    def __init__(self, application: QApplication, home: Path, pictures: Path | None = None) -> None:
        super().__init__()
        self._application = application
        self._pictures = pictures
        self.home = home
        self.exit_code = 0
        self.other_home: Path | None = None
        look = first_look.FirstLook(theme="light") if pictures else first_look.read(home)
        self.theme = Theme(application, look.theme, look.scale)
        self.window = MainWindow(self.theme)
        if look.geometry:
            self.window.restoreGeometry(QByteArray(look.geometry))
        self.context: AppContext | None = None
        self.desk: Desk | None = None
        self._recovery: QWidget | None = None
        self._helpers: list[Any] = []
        self._patience = QTimer(self, singleShot=True, interval=_UNPAINTED_MS)
        self._patience.timeout.connect(self._join)
        sys.excepthook = self._unexpected
        self.window.painted.connect(self._join)

    def start(self) -> None:
        """Show the frame; the rest follows its first paint."""
        self.window.show()
        self._patience.start()

    def open(self, passphrase: str | None = None) -> None:
        """Open the workspace in a thread: its modules take longer to import than the window to paint."""
        home, tour = self.home, self._pictures is not None

        def open_context() -> AppContext:
            context: AppContext = resolve("bancada.context:AppContext").open(home, passphrase=passphrase)
            if not tour:  # a tour's window is not the one window of its workspace
                context.take_over()
            return context

        self.background.run(
            open_context,
            self._opened,
            self._failed,
            owner=self,
        )

    def close(self) -> None:
        """Keep the look, end the desk's threads, close the workspace."""
        self._patience.stop()
        geometry = bytes(self.window.saveGeometry().data())
        if self._pictures is None:
            first_look.write(self.home, first_look.FirstLook(self.theme.choice, self.theme.scale, geometry))
        if self.desk is not None:
            self.desk.close()
        elif self._helpers:
            self.background.close()
        for helper in self._helpers:
            helper.close()
        if self.context is not None:
            self.context.close(cancel_jobs=self.desk is not None and self.desk.closing.cancel_jobs)

    def _join(self) -> None:
        if self._helpers:
            return
        self._patience.stop()
        if self._pictures is None:
            self.theme.follow_system()
            server = resolve("bancada.gui.raise_server:RaiseServer")(self.home)
            server.asked.connect(self._raise)
            self._helpers.append(server)
        self._helpers.append(resolve("bancada.gui.signals:Signals")(self._asked_to_end))
        self.background = resolve("bancada.gui.background:Background")(self.window)
        self.open()

    def _opened(self, context: AppContext) -> None:
        self._drop_recovery()
        self.context = context
        resolve("bancada.core.logs:configure")(context.home.logs, "window")
        if self._pictures is None:
            self.theme.choose(
                context.settings.get("appearance.theme"), context.settings.get("appearance.scale")
            )
        desk: Desk = resolve("bancada.gui.desk:Desk")(self.window, context, self.background)
        self.desk = desk
        desk.start()
        if self._pictures is not None:
            tour = resolve("bancada.gui.pictures:PictureTour")(desk, self._pictures)
            tour.finished.connect(self._application.exit)
            self._helpers.append(tour)
            tour.start()
            return
        desk.navigate(desk.last_page())
        self.background.run(context.tend, self._tended, desk.show_error, owner=self)

    def _tended(self, unusable: tuple[Exception, ...]) -> None:
        if self.desk is not None:
            for error in unusable:
                self.desk.show_error(error)
            # half of the time of a page's first visit is the import of its modules
            self.background.run(lambda: resolve(_NEXT_PAGE), lambda _: None, owner=self)

    def _failed(self, error: BaseException) -> None:
        if self._pictures is not None:
            sys.stderr.write(f"bancada: {error}\n")
            self.exit_code = 1
            self._application.quit()
            return
        self._drop_recovery()
        view = resolve("bancada.gui.recovery:RecoveryView")(self.theme, self.home, error, self.background)
        view.retry.connect(self.open)
        view.other_folder.connect(self._open_other)
        view.quit.connect(self.window.close)
        self.window.rail.setEnabled(False)
        self.window.stack.addWidget(view)
        self.window.stack.setCurrentWidget(view)
        self._recovery = view

    def _drop_recovery(self) -> None:
        if self._recovery is not None:
            self.window.stack.removeWidget(self._recovery)
            self._recovery.deleteLater()
            self._recovery = None
            self.window.rail.setEnabled(True)

    def _open_other(self, home: Path) -> None:
        self.other_home = home
        self.window.close()

    def _raise(self) -> None:
        if self.window.isMinimized():
            self.window.showNormal()
        self.window.raise_()
        self.window.activateWindow()

    def _unexpected(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """A defect in a slot: it goes to the log and is said in the window, which lives on."""
        resolve("logging:getLogger")("bancada.gui").error("unexpected", exc_info=(kind, error, trace))
        if self._pictures is not None:
            self.exit_code = 1
        elif self.desk is not None:
            self.desk.show_error(error)

    def _asked_to_end(self) -> None:
        """The desktop or the terminal ends the program: no one is there to be asked."""
        self.window.may_close = lambda: True
        self.window.close()
        self._application.quit()


class QtMessages:
    """Qt's messages go to the log; when Qt is about to abort, the first of them become one readable line."""

    def __init__(self) -> None:
        self.to_log = False
        self._before_window: list[str] = []

    def __call__(self, kind: QtMsgType, _context: QMessageLogContext, message: str | None) -> None:
        text = " ".join((message or "").split())
        if kind.name == "QtFatalMsg":
            reason = next(iter(self._before_window), text)
            sys.stderr.write(f"bancada: the window cannot open: {reason}\n")
            sys.stderr.flush()
            os._exit(1)
        if kind.name in ("QtWarningMsg", "QtCriticalMsg"):
            if self.to_log:
                resolve("logging:getLogger")("qt").warning("%s", text)
            else:
                self._before_window.append(text)
