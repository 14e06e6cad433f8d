"""The whole main job in the real window with keys alone, pressed into whatever has the focus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.driven_window import Window
from e2e.workspaces import prepare

_TURNS = "page.chat.columns[0].transcript.turns"
_ANSWER = f"{_TURNS}[-1]"
_SHEETS = (
    "[one for one in QApplication.allWidgets() if one.isVisible() and type(one).__name__ == 'ShortcutSheet']"
)


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    home = tmp_path / "home"
    prepare(home, Slow={"tokens": 300, "delay_ms": 5.0})
    with Window("--home", str(home)) as one:
        one.ready()
        yield one


def key(window: Window, keys: str) -> None:
    window.do(f"press({keys!r})")


def settled(window: Window) -> None:
    window.until("not desk.background.busy")


def test_the_main_job(window: Window) -> None:
    key(window, "Ctrl+2")
    window.until("desk.page_id == 'playground'")
    window.do("page = desk.page('playground')")
    window.until("page.chat.columns[0].version_id")
    # ask, and stop it with Escape
    window.do("write('What is a workbench?')")
    key(window, "Ctrl+Return")
    window.until("page.chat.columns[0].busy and page.chat.columns[0].run.tokens")
    key(window, "Esc")
    window.until("not page.chat.busy")
    assert window.ask(f"{_ANSWER}.message.status") == "stopped"
    # another version of the answer, and back and forth with the arrow keys
    key(window, "Ctrl+R")
    window.until("page.chat.columns[0].busy and page.chat.columns[0].run.tokens")
    key(window, "Esc")
    window.until("not page.chat.busy")
    assert window.ask(f"({_ANSWER}.number, len({_ANSWER}.versions))") == [2, 2]
    key(window, "Ctrl+Up")
    key(window, "Left")
    window.until(f"{_ANSWER}.number == 1")
    key(window, "Right")
    window.until(f"{_ANSWER}.number == 2")
    # rename
    key(window, "F2")
    key(window, "Ctrl+A")
    window.do("write('By key')")
    # an answer that ends meanwhile changes the row; what is written stays
    window.do("from bancada.core.events import Changed")
    window.do("desk.context.events.publish(Changed('conversation', (page.chat.conversation_id,)))")
    window.do("desk.bridge.flush()")
    settled(window)
    window.do("write('board')")
    key(window, "Return")
    window.until("page.parts.pane.view.currentIndex().data() == 'By keyboard'")
    # new conversation, and find the old one
    key(window, "Ctrl+N")
    window.until(f"not {_TURNS}")
    key(window, "Ctrl+F")
    window.do("write('keyboard')")
    window.until("page.parts.pane.model.rowCount() == 1")
    key(window, "Return")
    window.until(f"len({_TURNS}) == 2")


def test_palette_and_sheet(window: Window) -> None:
    key(window, "Ctrl+K")
    window.until("QApplication.activePopupWidget() or desk.palette.isVisible()")
    window.do("write('benchmark')")
    key(window, "Return")
    window.until("desk.page_id == 'benchmark'")
    key(window, "Ctrl+/")
    window.until(_SHEETS)
    key(window, "Esc")
    window.until(f"not {_SHEETS}")
    for number, page in enumerate(("home", "playground", "models", "quantize", "benchmark"), start=1):
        key(window, f"Ctrl+{number}")
        window.until(f"desk.page_id == {page!r}")
        settled(window)
    key(window, "Ctrl+,")
    window.until("desk.page_id == 'settings'")


def test_every_page_can_be_walked_through(window: Window) -> None:
    """Tab goes round each page without a trap, and every stop has a name."""
    for page in ("home", "playground", "models", "benchmark", "jobs", "settings"):
        window.do(f"desk.navigate({page!r})", "stops = []")
        settled(window)
        for _ in range(80):
            key(window, "Tab")
            window.do("one = focused()", "stops.append(one)")
            if window.ask("stops.count(one) > 1"):
                break
        assert window.ask("len(set(map(id, stops))) > 1"), page
        nameless = window.ask(
            "[type(one).__name__ for one in stops if not one.accessibleName() and not getattr(one, 'text',"
            " lambda: '')()]"
        )
        assert not nameless, (page, nameless)


def test_benchmark_and_theme(window: Window) -> None:
    key(window, "Ctrl+5")
    window.until("desk.page_id == 'benchmark'")
    settled(window)
    window.do("page = desk.page('benchmark')")
    key(window, "Ctrl+Return")
    window.until("desk.context.jobs.running()")
    key(window, "Ctrl+6")
    window.until("desk.page_id == 'jobs'")
    job = window.ask("desk.context.jobs.running()[0].id")
    window.do(f"desk.context.jobs.cancel({job!r})")
    window.until("not desk.context.jobs.running()")
    before = window.ask("desk.theme.name")
    key(window, "Ctrl+K")
    window.do("write('dark theme')")
    settled(window)
    key(window, "Return")
    window.until("desk.theme.name == 'dark'")
    assert before != "dark"
