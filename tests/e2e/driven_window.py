"""The real program with its real window, in a process of its own, that does what it is told on stdin.

Run as a program: ``driven_window.py ARGUMENTS`` starts ``bancada ARGUMENTS``; every line on stdin is Python
as a JSON string, run in the thread of the window; each answer is one JSON line on stdout. The names that
the code sees are in :class:`Driver`. Everything else is the program as the user has it.

In tests: :class:`Window`.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from bancada.__main__ import main as bancada
from bancada.gui.desk import Desk
from bancada.gui.main_window import MainWindow

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = float(os.environ.get("BANCADA_TEST_PATIENCE", "60"))
_PULSE_MS: Final = 2


class Driver(QObject):
    """Runs lines in the window's thread. ``stalls`` are the gaps of a pulse every 2 ms, in milliseconds."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, Any] = {
            "driver": self,
            "press": press,
            "write": write,
            "focused": focused,
            "recovers": recovers,
            "Path": Path,
            "QApplication": QApplication,
            "QLabel": QLabel,
        }
        self.worst_ms = 0.0
        self.where = ""
        self._last = time.perf_counter()
        self._pulse = QTimer(self, interval=_PULSE_MS, timerType=Qt.TimerType.PreciseTimer)
        self._pulse.timeout.connect(self._beat)
        self.asked.connect(self._do, Qt.ConnectionType.QueuedConnection)

    def read(self) -> None:
        """Hand lines on until the other side is gone."""
        for line in sys.stdin:
            self.asked.emit(json.loads(line))

    def reset(self) -> None:
        """Measure from now on."""
        self.worst_ms = 0.0
        self._last = time.perf_counter()
        self._pulse.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.worst_ms = max(self.worst_ms, (now - self._last) * 1000 - _PULSE_MS)
        self._last = now

    def _do(self, source: str) -> None:
        windows = [one for one in QApplication.topLevelWidgets() if isinstance(one, MainWindow)]
        if windows:
            self.names["window"] = windows[-1]
            self.names["desk"] = windows[-1].findChild(Desk)
        answer: dict[str, Any] = {}
        try:
            if source.startswith("do:"):
                exec(source[3:], self.names)
                answer = {"value": None}
            else:
                answer = {"value": eval(source, self.names)}
        except Exception:  # noqa: BLE001 - told to the test
            answer["error"] = traceback.format_exc()
        print(json.dumps(answer, default=str), flush=True)


def focused() -> QWidget:
    """The widget that gets the keys."""
    if QApplication.activeWindow() is None:
        # the desktop's part: when a dialog closes, the window under it is active again
        next(one for one in QApplication.topLevelWidgets() if isinstance(one, MainWindow)).activateWindow()
        QApplication.processEvents()
    widget = QApplication.focusWidget() or QApplication.activeWindow()
    assert widget is not None
    return widget


def recovers() -> list[str]:
    """The texts of the recovery screen; none where the workspace is open."""
    views = [one for one in QApplication.allWidgets() if type(one).__name__ == "RecoveryView"]
    labels = [one.text() for view in views for one in view.findChildren(QLabel)]
    return labels + [one.text() for view in views for one in view.findChildren(QAbstractButton)]


def press(keys: str) -> None:
    """Press keys as in ``Ctrl+K``, into whatever has the focus."""
    QTest.keySequence(focused(), QKeySequence(keys))


def write(text: str) -> None:
    """Type a text."""
    QTest.keyClicks(focused(), text)


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Window:
    """A program with a window for a test to drive; ended with the ``with`` block, hard if need be."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        paths = os.pathsep.join([str(ROOT / "app"), str(ROOT / "tests")])
        self.process = subprocess.Popen(
            [sys.executable, __file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={"QT_QPA_PLATFORM": "offscreen", **os.environ, "PYTHONPATH": paths, **(environment or {})},
        )
        self.errors: list[str] = []
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._readers = [threading.Thread(target=one, daemon=True) for one in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            sys.stderr.write("".join(self.errors))
        if self.process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                for one in psutil.Process(self.process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        one.send_signal(signal.SIGCONT)
            self.process.kill()
        self.finish()

    def ask(self, source: str) -> Any:
        """The value of an expression in the window's thread."""
        return self._tell(source)

    def do(self, *lines: str) -> None:
        """Run statements in the window's thread."""
        self._tell("do:" + "\n".join(lines))

    def until(self, source: str, seconds: float = PATIENCE_S) -> Any:
        """Ask until the answer is true; the window answers all the while."""
        end = time.monotonic() + seconds
        while not (value := self.ask(source)):
            assert time.monotonic() < end, f"never true: {source}\n{''.join(self.errors)}"
            time.sleep(0.02)
        return value

    def ready(self) -> Window:
        """Wait until the workspace is open and a page is shown."""
        state = self.until("desk and desk.page_id and not desk.background.busy or recovers()")
        assert state is True, state
        return self

    def children(self) -> list[psutil.Process]:
        """The living processes that the program started."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in found if lives(one)]

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.finish()

    def close(self) -> int:
        """Close the window as the user does, and return the exit code."""
        self.do("window.close()")
        return self.finish()

    def finish(self) -> int:
        """Wait for the end and return the exit code."""
        code = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError):
                stream.close() if stream is not None else None
        return code

    def _tell(self, source: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(source) + "\n")
        self.process.stdin.flush()
        try:
            line = self._answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise AssertionError(f"the window does not answer: {source}\n{''.join(self.errors)}") from None
        assert line.startswith("{"), f"printed by someone else: {line}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._answers.put(line)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors += iter(self.process.stderr.readline, "")


def main() -> int:
    """Start the program and obey."""
    driver = Driver()
    threading.Thread(target=driver.read, daemon=True).start()
    sys.argv = ["bancada", *sys.argv[1:]]
    return bancada()


if __name__ == "__main__":
    sys.exit(main())
