"""How long the window stands still while a real model streams into the Playground on all cores.

Run it alone on a quiet machine: ``python tests/performance/gui_stall.py [seconds]``. A timer of 1 ms
runs in the GUI thread; a stall is how much later than asked it fires. The target is a p99 of 4 ms while
tokens arrive. Loading and the first answer (which imports the charts) are not counted.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "app"))

from PySide6.QtCore import QElapsedTimer, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from bancada.catalog.starter import import_starter, installed_starter
from bancada.context import AppContext
from bancada.gui.background import Background
from bancada.gui.desk import Desk
from bancada.gui.main_window import MainWindow
from bancada.gui.pages.playground.page import PlaygroundPage
from bancada.gui.theme.theme import Theme

TARGET_MS = 4.0
QUESTION = "Write a very long story about a carpenter and a workbench, with many details."
_PATIENCE_MS = 120_000


class StallMeter(QObject):
    """Collects the milliseconds by which a 1 ms timer came late."""

    def __init__(self) -> None:
        super().__init__()
        self.late_ms: list[float] = []
        self._clock = QElapsedTimer()
        self._timer = QTimer(self, interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._clock.start()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def quantile(self, share: float) -> float:
        ordered = sorted(self.late_ms)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def words(self) -> str:
        """The distribution in a line."""
        parts = [f"p{share * 100:g} {self.quantile(share):.2f} ms" for share in (0.5, 0.99, 0.999)]
        return f"{', '.join(parts)}, max {max(self.late_ms):.1f} ms, n = {len(self.late_ms)}"

    def _tick(self) -> None:
        self.late_ms.append(max(self._clock.nsecsElapsed() / 1e6 - 1.0, 0.0))
        self._clock.start()


def wait(condition: Callable[[], bool], limit_ms: int = _PATIENCE_MS) -> bool:
    """Run the event loop until something is so, looked at every 20 ms; False: it did not come."""
    loop = QEventLoop()
    looking, limit = QTimer(interval=20), QTimer(interval=limit_ms, singleShot=True)
    looking.timeout.connect(lambda: loop.quit() if condition() else None)
    limit.timeout.connect(loop.quit)
    looking.start()
    limit.start()
    loop.exec()
    return condition()


def text_of(page: PlaygroundPage) -> str:
    """What the model has said so far in the answer that is being written."""
    run = page.chat.columns[0].run
    return "" if run is None else run.text


def stream(page: PlaygroundPage, meter: StallMeter, limit_ms: int) -> None:
    """One answer, measured from its first token to its end or for ``limit_ms``."""
    page.new_conversation()
    page.send(QUESTION)
    if not wait(lambda: bool(text_of(page))):
        raise SystemExit("no token came")
    meter.start()
    wait(lambda: not page.chat.busy, limit_ms)
    meter.stop()
    page.chat.stop()
    wait(lambda: not page.chat.busy)


def measure(desk: Desk, seconds: float) -> StallMeter:
    """Import the starter model, warm up with one answer, then measure answers for ``seconds``."""
    starter = installed_starter()
    if starter is None:
        raise SystemExit("the starter model is not installed")
    desk.context.jobs.wait(import_starter(desk.context.jobs, starter))
    desk.navigate("playground", version_id=desk.context.library.list()[0].id)
    page = desk.pages["playground"]
    assert isinstance(page, PlaygroundPage)
    wait(lambda: bool(page.chat.columns[0].version_id))
    page.charts.show(on=True)
    wait(lambda: page.charts.strip is not None)
    warm, meter = StallMeter(), StallMeter()
    stream(page, warm, 3_000)
    clock = QElapsedTimer()
    clock.start()
    while clock.elapsed() < seconds * 1000:
        stream(page, meter, int(seconds * 1000) - clock.elapsed())
    return meter


def main() -> int:
    """Print the distributions; 1 when the target is missed."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        context = AppContext.open(Path(folder))
        window = MainWindow(Theme(application, "light"))
        desk = Desk(window, context, Background())
        window.show()
        desk.start()
        desk.navigate("settings")
        idle = StallMeter()
        idle.start()
        wait(lambda: False, 3_000)
        idle.stop()
        sys.stdout.write(f"idle:      {idle.words()}\n")
        meter = measure(desk, seconds)
        sys.stdout.write(f"streaming: {meter.words()} (target p99 {TARGET_MS} ms)\n")
        desk.close()
        context.close(cancel_jobs=True)
    return int(meter.quantile(0.99) > TARGET_MS)


if __name__ == "__main__":
    sys.exit(main())
