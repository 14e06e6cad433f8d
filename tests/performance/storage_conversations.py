"""10,000 conversations and 100,000 requests: a page and a search against loading everything.

Run: ``python tests/performance/storage_conversations.py``. Prints medians in milliseconds and the
ratio to the naive way; only the ratios travel to other machines.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "app"))

from bancada.core.paths import Home
from bancada.storage import backup, conversations, health, requests
from bancada.storage.connection import Database
from bancada.storage.database import open_database

_WORDS = (
    *("model", "answer", "token", "memory", "bench", "prompt"),
    *("context", "window", "zebra", "river", "stone", "cloud"),
)


def fill(db: Database) -> None:
    """Write the conversations with four messages each, and the requests."""
    with db.transaction():
        for number in range(10_000):
            talk = conversations.create(db, f"{_WORDS[number % 12]} {number}")
            parent = None
            for turn in range(4):
                text = " ".join(_WORDS[(number * 7 + turn + step) % 12] for step in range(60)) + f" n{number}"
                role = "assistant" if turn % 2 else "user"
                parent = conversations.add_message(db, talk.id, parent, role, text).id
    with db.transaction():
        for number in range(100_000):
            requests.add(db, requests.RequestRecord(f"r{number}", "chat", "finished", ttft_ms=number % 97))


def median_ms(action: Callable[[], object]) -> float:
    """The median of nine calls, in milliseconds."""
    times = []
    for _ in range(9):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as place:
        home = Home(Path(place))
        db = open_database(home)
        start = time.perf_counter()
        fill(db)
        print(f"filled in {time.perf_counter() - start:.1f} s, {health.size_of(home.database) / 1e6:.0f} MB")
        middle = conversations.list_page(db, limit=5000)[-1].touched
        everything = median_ms(lambda: conversations.list_page(db, limit=1_000_000))
        rows = median_ms(lambda: requests.list_page(db, limit=1_000_000))
        measures: dict[str, tuple[Callable[[], object], float]] = {
            "first page of conversations": (lambda: conversations.list_page(db), everything),
            "page in the middle": (lambda: conversations.list_page(db, before=middle), everything),
            "search, one rare word": (lambda: conversations.list_page(db, search="n4711"), everything),
            "search, a word in all messages": (
                lambda: conversations.list_page(db, search="zebra"),
                everything,
            ),
            "first page of requests": (lambda: requests.list_page(db), rows),
            "page of requests in the middle": (lambda: requests.list_page(db, before_seq=50_000), rows),
            "summary of requests": (lambda: requests.summary(db), rows),
        }
        for name, (action, naive) in measures.items():
            taken = median_ms(action)
            print(f"{name}: {taken:.2f} ms, all loaded {naive:.1f} ms, {naive / taken:.0f} times as fast")
        print(f"backup: {median_ms(lambda: backup.backup(db)):.0f} ms")
        db.close()
        print(f"open: {median_ms(lambda: open_database(home).close()):.0f} ms")


if __name__ == "__main__":
    main()
