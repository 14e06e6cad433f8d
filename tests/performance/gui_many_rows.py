"""The window on 10,000 conversations and 100,000 requests: how long it stalls, beside the naive way.

    python tests/performance/gui_many_rows.py [HOME]

Makes the workspace when HOME is new (about a minute), then starts the real program offscreen and measures
the longest gap of a 2 ms pulse in its event loop while pages are opened, searched and scrolled. The naive
way reads all rows into one list in the thread of the window.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "app"), str(ROOT / "tests")]

from bancada.context import AppContext  # noqa: E402
from bancada.storage import conversations, requests  # noqa: E402
from bancada.storage.requests import RequestRecord  # noqa: E402
from e2e.driven_window import Window  # noqa: E402
from e2e.workspaces import prepare  # noqa: E402

CONVERSATIONS: Final = 10_000
REQUESTS: Final = 100_000
_BATCH: Final = 1_000
_WORDS: Final = ("river", "engine", "paper", "window", "silver", "garden", "letter", "morning")

STEPS: Final = (
    ("open the Playground", ("desk.navigate('playground')", "page = desk.page('playground')")),
    ("search one word", ("page.parts.pane.search.setText('silver')",)),
    ("search two words", ("page.parts.pane.search.setText('garden letter')",)),
    ("all again", ("page.parts.pane.search.clear()",)),
    (
        "scroll to the end, ten times",
        (
            "bar = page.parts.pane.view.verticalScrollBar()",
            "for _ in range(10): bar.setValue(bar.maximum()); QApplication.processEvents()",
        ),
    ),
    ("open a conversation", ("page.chat.open(page.parts.pane.model.index(40).data(ID_ROLE))",)),
    ("open Home", ("desk.navigate('home')",)),
    ("back to the Playground", ("desk.navigate('playground')",)),
)
_NAIVE: Final = (
    "from bancada.storage import conversations, requests",
    "rows = conversations.list_page(desk.context.database, limit=10**9)",
    "from PySide6.QtWidgets import QListWidget",
    "every = QListWidget()",
    "for row in rows: every.addItem(row.title)",
    "every.show()",
    "every.close()",
    "kept = requests.list_page(desk.context.database, limit=10**9)",
)


def fill(home: Path) -> None:
    """Write the rows, a thousand in each transaction."""
    prepare(home, Quick={"answer": "hello"})
    with closing(AppContext.open(home)) as context:
        database = context.database
        for start in range(0, CONVERSATIONS, _BATCH):
            with database.transaction():
                for number in range(start, start + _BATCH):
                    one = _WORDS[number % 8]
                    made = conversations.create(database, f"{one} {number}")
                    text = f"{one} {_WORDS[number % 7]} question {number}"
                    asked = conversations.add_message(database, made.id, None, "user", text)
                    conversations.add_message(database, made.id, asked.id, "assistant", "an answer " * 20)
        for start in range(0, REQUESTS, _BATCH):
            with database.transaction():
                for number in range(start, start + _BATCH):
                    record = RequestRecord(id=f"r{number:08d}", purpose="chat", outcome="finished")
                    requests.add(database, record)


def measure(home: Path) -> None:
    """Print the stalls."""
    began = time.perf_counter()
    with Window("--home", str(home)) as window:
        window.ready()
        print(f"{'start until the first page is shown':40} {time.perf_counter() - began:8.2f} s")
        window.do("from bancada.gui.models.conversations import ID_ROLE")
        worst = 0.0
        for name, lines in STEPS:
            window.do("driver.reset()")
            time.sleep(0.05)
            window.do("driver.reset()", *lines)
            time.sleep(0.6)
            window.until("not desk.background.busy")
            stall = window.ask("driver.worst_ms")
            # the first visit builds the page; that is not a matter of rows
            worst = max(worst, stall) if not name.startswith("open the") else worst
            print(f"{name:40} {stall:8.1f} ms")
        window.do("driver.reset()", *_NAIVE)
        time.sleep(0.2)
        naive = window.ask("driver.worst_ms")
        print(f"{'naive: all rows in one list':40} {naive:8.1f} ms")
        print(f"worst of ours / naive: {worst / naive:.3f}")
        window.close()


def main() -> None:
    """Fill a workspace where there is none, then measure."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "home"
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if not (home / "bancada.db").exists():
        fill(home)
    measure(home)


if __name__ == "__main__":
    main()
