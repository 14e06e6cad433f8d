"""F06 on the real program: it starts, says need and have, and deletes, while its disk is full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bad_models as bad
from bancada.core.paths import Home
from bancada.storage.sqlite_errors import free_bytes
from e2e.driven_window import ROOT, Window
from e2e.test_surroundings import environment
from e2e.workspaces import prepare
from storage.conftest import SmallDisk, disk

__all__ = ["disk"]

_MB = 1 << 20
#: what the window says in its error panel, as one text
_SAID = (
    "' '.join(one.text() for one in desk._popover.findChildren(QLabel)) if desk._popover.isVisible() else ''"
)


@pytest.fixture
def small(disk: SmallDisk) -> Home:
    disk.mount(64 * _MB)
    return Home(disk.path / "home")


def bancada(home: Home, *arguments: str) -> tuple[int, Any]:
    """Exit code and document of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "bancada", "--home", str(home.root), "--json", *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    return done.returncode, json.loads(done.stdout)


def large_model(folder: Path) -> Path:
    """A sparse file of 100 MiB with the header of a model."""
    path = folder / "large.gguf"
    rows = 100 * _MB // 4 // 4096
    tensors = (bad.tensor("token_embd.weight", (32, 16)), bad.tensor("blk.0.x", (4096, rows), bad.F32, 2048))
    head = bad.gguf(tensors=tensors, data=b"")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 2048 + 100 * _MB)
    return path


def test_the_command_line(small: Home, disk: SmallDisk, tmp_path: Path) -> None:
    prepare(small.root, Quick={"answer": "hello there"}, Large={"answer": "w " * 2_000_000})
    code, said = bancada(small, "models", "import", str(large_model(tmp_path)))
    assert code == 1
    assert said["error"]["code"] == "disk.full"
    assert "109.1 MB are needed" in said["error"]["message"]
    assert not list(small.blobs.glob("*.part"))
    disk.fill()
    code, listed = bancada(small, "models", "list")
    assert code == 0
    assert len(listed) == 2
    assert free_bytes(small.root) > 0, "half of the reserve was given back"
    assert bancada(small, "chat", "Quick", "-p", "hi")[0] == 0
    disk.fill()
    assert bancada(small, "settings", "set", "language", "pt")[0] == 0
    assert not small.reserve.exists()
    before = free_bytes(small.root)
    code, _ = bancada(small, "models", "remove", "Large", "--yes")
    assert code == 0
    assert free_bytes(small.root) > before + 3 * _MB
    disk.fill()
    for arguments in (
        ("settings", "set", "language", "en"),
        ("chat", "Quick", "-p", "hi"),
        ("bench", "run", "Quick", "--preset", "quick"),
    ):
        code, said = bancada(small, *arguments)
        assert code == 1
        assert said["error"]["code"] == "disk.full"
        assert "are needed" in said["error"]["message"]


def test_the_window(small: Home, disk: SmallDisk, tmp_path: Path) -> None:
    scripts = {"Quick": {"answer": "hello there"}, "Large": {"answer": "w " * 2_000_000}}
    large = prepare(small.root, **scripts)["Large"]
    model = large_model(tmp_path)
    ballast = disk.fill()
    with Window("--home", str(small.root)) as window:
        window.ready()
        window.do(f"desk.navigate('models', import_path={str(model)!r})")
        window.do("library = desk.page('models').view('library')", "sheet = library.sheet")
        window.until("sheet._look is not None")
        assert not window.ask("sheet.go.isEnabled()")
        assert "needs 105 MB, " in window.ask("sheet._space.text()").replace("\u202f", " ")
        window.do("desk.navigate('playground')")
        window.do("page = desk.page('playground')", "field = page.parts.composer")
        window.until("page.columns.choices")
        for _ in range(2):
            disk.fill()
            window.do("desk._popover.hide()", "field.set_text('what is lost?')", "page.send(field.text)")
            window.until("not page.chat.busy")
        assert not small.reserve.exists()
        assert "are needed" in window.ask(_SAID)
        assert window.ask("field.text") == "what is lost?"
        for page in ("home", "models", "benchmark", "jobs", "settings"):
            window.do(f"desk.navigate('{page}')")
            window.until("not desk.background.busy")
        assert window.ask("len(library._rows)") == 2
        # nothing is left of the reserve, and a model can be removed all the same
        assert window.ask(f"desk.context.library.remove('{large}')") >= 4_000_000
        assert free_bytes(small.root) > 3 * _MB
        quick = window.ask(
            "next(one.version.id for one in page.columns.choices if one.version.name == 'Quick')"
        )
        window.do(f"desk.navigate('playground', version_id={quick!r})")
        window.until(f"page.chat.columns[0].version_id == {quick!r}")
        window.do("page.send('and now?')")
        window.until("not page.chat.busy")
        statuses = "[one.message.status for one in page.chat.columns[0].transcript.turns]"
        assert window.ask(statuses) == ["complete", "complete"]
        ballast.unlink()
        assert window.close() == 0
