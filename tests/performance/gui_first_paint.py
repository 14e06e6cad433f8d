"""First paint of the window against a bare Qt window: seconds from the start of the process, alternating.

Run it alone on a quiet machine: ``python tests/performance/gui_first_paint.py [repetitions]``.
The bare window is a QMainWindow with one label of the same size. The target is a ratio of 1.5.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

APP = Path(__file__).resolve().parents[2] / "app"
TARGET = 1.5

BARE = """
import os
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow

class Window(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        QTimer.singleShot(0, painted)

def painted():
    os.write(1, b"x")
    application.quit()

application = QApplication([])
window = Window()
window.setCentralWidget(QLabel("A window"))
window.resize(1280, 800)
window.show()
application.exec()
"""

OURS = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from PySide6.QtWidgets import QApplication
from bancada.gui.program import Program
from bancada.gui.window_lock import WindowLock

home = Path(sys.argv[2])
application = QApplication([])
lock = WindowLock(home)
lock.acquire()
program = Program(application, home)
program.window.painted.disconnect()
program.window.painted.connect(lambda: (os.write(1, b"x"), os._exit(0)))
program.start()
application.exec()
"""


def first_paint_s(program: str, *arguments: str) -> float:
    """Seconds from the start of a process to the end of its first paint."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"QT_QPA_PLATFORM": "offscreen", **os.environ},
    )
    assert process.stdout is not None
    if process.stdout.read(1) != b"x":
        raise SystemExit("the window was not painted")
    elapsed = time.perf_counter() - started
    process.communicate()
    return elapsed


def main() -> int:
    """Print medians and their ratio; 1 when the target is missed."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    bare: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory() as home:
        for number in range(repetitions + 1):
            times = first_paint_s(BARE), first_paint_s(OURS, str(APP), home)
            if number:  # the first ones fill the file cache
                bare.append(times[0])
                ours.append(times[1])
    ratio = statistics.median(ours) / statistics.median(bare)
    sys.stdout.write(
        f"bare {statistics.median(bare) * 1000:.0f} ms, bancada {statistics.median(ours) * 1000:.0f} ms, "
        f"ratio {ratio:.2f} (target {TARGET}), n = {repetitions}\n"
    )
    return int(ratio > TARGET)


if __name__ == "__main__":
    sys.exit(main())
