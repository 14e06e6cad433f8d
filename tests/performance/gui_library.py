"""A library of 2,000 models in the window: ``python gui_library.py [COUNT]``.

Printed are, in milliseconds: reading the rows (in the background), showing them, every key of a filter
that is typed, sorting by another column, and selecting a model until its card is shown. Each version has
a stage, tags and an alias; nothing is loaded. The target is under 50 ms for a key of the filter.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from bancada.context import AppContext
from bancada.gui.background import Background
from bancada.gui.desk import Desk
from bancada.gui.main_window import MainWindow
from bancada.gui.models.library import load_rows
from bancada.gui.pages.models.library.view import LibraryView
from bancada.gui.pages.models.page import ModelsPage
from bancada.gui.theme.theme import Theme
from bancada.storage import lifecycle, models, settings
from bancada.storage.models import FileRecord, NewVersion

_WORDS = "model 17"


def fill(context: AppContext, count: int) -> None:
    """Store versions with metadata as real ones have it."""
    values = {f"key.{at}": f"value {at}" for at in range(40)}
    facts = {"embedding_length": 576, "heads": 9, "kv_heads": [3] * 30, "key_length": 64, "value_length": 64,
             "vocabulary": 49_152, "feed_forward": 1_536, "weights": {"Q4_K": 90_000_000}}  # fmt: skip
    blob = context.blobs.put_bytes(b"x")
    with context.database.transaction():
        for at in range(count):
            new = NewVersion(
                "gguf", "llama", "Q4_K_M", 134_515_008, 4.8, 30, 8_192, "apache-2.0", 1, f"{at:064x}", "x",
                chat_template="{{ messages }}", metadata={"facts": facts, "values": values},
            )  # fmt: skip
            name = f"Model {at // 2:04d}"
            version = models.add_version(
                context.database, name, new, [FileRecord("model.gguf", blob.sha256, 1)]
            )
            lifecycle.set_stage(context.database, version.id, "candidate", actor="a", reason="")
            lifecycle.set_tags(context.database, version.model_id, ["office", f"t{at % 7}"], actor="a")
            lifecycle.set_alias(context.database, version.id, "production", actor="a")


def took(work: Callable[[], object]) -> float:
    """Milliseconds, with what the window has to draw because of it."""
    began = time.perf_counter()
    work()
    QApplication.processEvents()
    return 1000 * (time.perf_counter() - began)


def wait_for(ready: Callable[[], bool]) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + 60
    while not ready() and time.monotonic() < end:
        QTest.qWait(1)
    assert ready()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory() as place:
        context = AppContext.open(Path(place) / "home")
        settings.set(context.database, "models.starter_offered", value=True)
        fill(context, count)
        reading = took(lambda: load_rows(context))
        application = QApplication([])
        window = MainWindow(Theme(application, "light"))
        desk = Desk(window, context, Background())
        window.resize(1280, 800)
        window.show()
        desk.navigate("models", view="library")
        page = desk.page("models")
        assert isinstance(page, ModelsPage)
        view = page.view("library")
        assert isinstance(view, LibraryView)
        wait_for(lambda: view.model.rowCount() == count and not desk.background.busy)
        rows = view.model.records()
        showing = took(lambda: view.model.set_records([*rows[1:], rows[0]]))
        QTest.qWait(500)  # what the window does when nobody types
        field = view.table.filter
        keys = [took(partial(field.setText, _WORDS[:at])) for at in range(1, len(_WORDS) + 1)]
        clearing = took(field.clear)
        sorting = took(lambda: view.table.sort_by("size", descending=True))

        def select() -> None:
            chosen = rows[count // 2].version.id
            view.table.select(chosen)
            wait_for(lambda: view._detail is not None and view._detail.row.version.id == chosen)

        selecting = took(select)
        print(f"{count:,} versions: reading {reading:.0f} ms, showing {showing:.0f} ms")
        spans = " ".join(f"{one:.0f}" for one in keys)
        print(f"keys of the filter: {spans} ms, clearing it {clearing:.0f} ms")
        print(f"sorting {sorting:.0f} ms, selecting until the card is there {selecting:.0f} ms")
        window.may_close = lambda: True
        window.close()
        desk.close()
        context.close()
        os._exit(0)


if __name__ == "__main__":
    main()
