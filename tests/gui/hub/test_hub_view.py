"""Searching a hub and downloading from it in the window, with a real worker and a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from bancada.catalog.download.leftovers import unfinished
from bancada.gui.desk import Desk
from bancada.gui.models.hub import DownloadState, state_words, verdict_words
from bancada.gui.pages.models.hub.downloads import DownloadRow
from bancada.gui.pages.models.hub.view import HubView
from bancada.gui.widgets.ask import Question
from bancada.jobs.spec import JobStatus
from bancada.storage import jobs, models, settings
from gui.hub.conftest import WAIT, open_view
from gui.keys import press
from gui.test_pages_accessible import controls, name_of
from hub_server import CONFIG, Content, Fault, HubServer, safetensors, sparse_safetensors
from tiny_gguf import TinyModel, write_tiny_gguf

REPO = "org/tiny-GGUF"
BIG = "org/big"
SIZE = 6_000_000


def wait(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT)


def question(view: QWidget) -> Question:
    return next(one for one in view.window().findChildren(Question) if one.isVisible())


def state(row: DownloadRow) -> DownloadState:
    assert row.state is not None
    return row.state


def has_come(row: DownloadRow) -> bool:
    """Whether bytes were told of."""
    progress = state(row).progress
    return progress is not None and progress.done > 0


@pytest.fixture
def tiny_repo(hub: HubServer, tmp_path: Path) -> None:
    hub.add(
        REPO,
        {
            "tiny.Q4_0.gguf": write_tiny_gguf(tmp_path / "a.gguf"),
            "tiny.Q8_0.gguf": write_tiny_gguf(tmp_path / "b.gguf", TinyModel(seed=1)),
            "README.md": b"# Card",
            "pytorch_model.bin": b"x",
            "run.py": b"print()",
        },
    )
    hub.add("org/a-tiny-other", {"b.gguf": tmp_path / "b.gguf"})


@pytest.fixture
def big_repo(hub: HubServer, tmp_path: Path) -> str:
    """A repository of one model; returns the hash of its weights."""
    file = sparse_safetensors(tmp_path / "big", SIZE)
    hub.add(BIG, {"model.safetensors": file, "config.json": CONFIG})
    content = hub.repos[BIG].files["model.safetensors"]
    content.told_sha256 = content.sha256()
    return content.told_sha256


def open_repo(view: HubView, repo: str, qtbot: QtBot, **arguments: object) -> None:
    view.shell.navigate("models", view="hub", repo=repo, **arguments)
    wait(qtbot, lambda: view.panel.view is not None and view.panel.view.info.repo == repo)
    wait(qtbot, lambda: view.panel.weighed and not view.shell.background.busy)


def begin(view: HubView, qtbot: QtBot) -> DownloadRow:
    """Press Download; returns the row of the new job."""
    known = set(view.downloads.rows)
    wait(qtbot, view.panel.download_button.isEnabled)
    view.panel.download_button.click()
    wait(qtbot, lambda: set(view.downloads.rows) - known)
    return view.downloads.rows[next(iter(set(view.downloads.rows) - known))]


# -- the seal


def test_a_sealed_network_is_said_and_opened_on_a_word(
    sealed_view: HubView, desk: Desk, qtbot: QtBot
) -> None:
    view = sealed_view
    assert view.sealed_panel.isVisible()
    assert "https://huggingface.co" in view.sealed_panel.what.text()
    assert not view.search_row.button.isEnabled()
    view.field.setText("anything")
    view.search()
    assert not view.asker.busy
    assert desk.context.sessions.sessions() == []
    view.sealed_panel.open_button.click()
    kept = question(view)
    kept.buttons[-1].click()  # the safe answer
    assert view.sealed_panel.isVisible()
    view.sealed_panel.open_button.click()
    opened = question(view)
    opened.buttons[0].click()
    wait(qtbot, lambda: not view.sealed_panel.isVisible() and view.search_row.button.isEnabled())
    assert settings.get(desk.context.database, "network.sealed") is False
    assert desk.status.network.text() == "Network open"
    assert desk.context.sessions.sessions() == []  # nothing was asked by itself
    desk.context.settings.set("network.sealed", True)
    desk.settings.store("network.sealed", True)
    wait(qtbot, view.sealed_panel.isVisible)
    assert desk.status.network.text() == "Sealed"


def test_what_was_wanted_waits_for_the_seal(
    sealed_view: HubView, hub: HubServer, tiny_repo: None, desk: Desk, qtbot: QtBot
) -> None:
    desk.navigate("models", view="hub", repo=REPO, files=("*Q4_0.gguf",))
    assert sealed_view.panel.view is None
    desk.settings.store("hub.endpoint", hub.url)  # an address of this machine is no way out
    wait(qtbot, lambda: sealed_view.panel.view is not None)
    wait(qtbot, lambda: sealed_view.panel.table.selected_ids() == ["tiny.Q4_0.gguf"])


# -- search and look


def test_from_a_name_to_the_library_by_keyboard(
    view: HubView, hub: HubServer, desk: Desk, tiny_repo: None, qtbot: QtBot
) -> None:
    desk.window.activateWindow()
    wait(qtbot, desk.window.isActiveWindow)
    press(desk.window, "Ctrl+F")
    assert QApplication.focusWidget() is view.field
    QTest.keyClicks(view.field, "tiny")
    QTest.keyClick(view.field, Qt.Key.Key_Return)
    wait(qtbot, lambda: view.model.rowCount() == 2 and view.table.isVisible())
    view.table.view.setFocus()
    QTest.keyClick(view.table.view, Qt.Key.Key_Down)
    QTest.keyClick(view.table.view, Qt.Key.Key_Up)
    assert view.table.selected_ids() == [REPO]
    wait(qtbot, lambda: view.panel.weighed)
    assert "choose the file" in view.panel.total.text().lower()
    assert not view.panel.download_button.isEnabled()
    rows = {row.view.path: row for row in view.panel.model.records()}
    assert verdict_words(rows["tiny.Q4_0.gguf"]).startswith("fits")
    assert state_words(rows["run.py"]) == "refused"
    assert "pickle (1), program code (1)" in view.panel.refused.text()
    assert view.panel.commit.text() == hub.repos[REPO].commit
    view.panel.table.view.setFocus()
    QTest.keyClick(view.panel.table.view, Qt.Key.Key_Down)
    wait(qtbot, view.panel.download_button.isEnabled)
    assert view.panel.total.text().startswith("Takes ")
    press(desk.window, "Ctrl+Return")
    wait(qtbot, lambda: models.list_versions(desk.context.database))
    (version,) = models.list_versions(desk.context.database)
    assert version.source.endswith(view.panel.commit.text())
    wait(qtbot, lambda: not view.downloads.isVisible() and desk.notices.shown())
    wait(qtbot, lambda: view.panel.download_button.text() == "Add to the library")
    rows = {row.view.path: row for row in view.panel.model.records()}
    assert state_words(rows["tiny.Q8_0.gguf"]) == "in the library"
    view.panel.show_button.click()
    wait(qtbot, lambda: not view.isVisible())


def test_nothing_found_says_what_to_try(view: HubView, qtbot: QtBot) -> None:
    view.opened(search="no such thing")
    wait(qtbot, lambda: "no such thing" in view.empty.sentence.text())
    assert view.empty.isVisible()


def test_a_model_of_several_files_is_one_choice(view: HubView, hub: HubServer, qtbot: QtBot) -> None:
    parts = {f"{one}.safetensors": safetensors(100_000, seed=ord(one)) for one in "ab"}
    hub.add("org/parts", {**parts, "config.json": CONFIG})
    open_repo(view, "org/parts", qtbot)
    assert view.panel.download_button.isEnabled()
    view.panel.table.select("b.safetensors")
    assert view.panel.download_button.isEnabled()
    row = begin(view, qtbot)
    wait(qtbot, lambda: row.job_id not in view.downloads.rows)
    (version,) = models.list_versions(view.shell.context.database)
    assert {one.path for one in version.files} == {"a.safetensors", "b.safetensors", "config.json"}


def test_names_with_signs_of_patterns_are_taken_as_they_are(
    view: HubView, hub: HubServer, tmp_path: Path, qtbot: QtBot
) -> None:
    model = write_tiny_gguf(tmp_path / "a.gguf")
    hub.add(REPO, {"t[1].Q4_0.gguf": model, "t1.Q4_0.gguf": model})
    open_repo(view, REPO, qtbot)
    view.panel.table.select("t[1].Q4_0.gguf")
    wait(qtbot, view.panel.download_button.isEnabled)
    chosen = [row.view.path for row in view.panel.model.records() if row.view.state == "chosen"]
    assert chosen == ["t[1].Q4_0.gguf"]


def test_what_does_not_fit_on_the_disk_is_said_before(
    view: HubView, hub: HubServer, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "huge.gguf"
    with path.open("wb") as file:
        file.truncate(8 << 40)
    hub.add(REPO, {"huge.Q8_0.gguf": Content(path, told_sha256="a" * 64)})
    open_repo(view, REPO, qtbot)
    assert "not enough room" in view.panel.total.text()
    assert not view.panel.download_button.isEnabled()
    (row,) = view.panel.model.records()
    assert verdict_words(row).startswith("too large")
    view.panel.begin()
    assert not view.downloads.isVisible()


def test_another_revision_is_looked_for_and_named(view: HubView, tiny_repo: None, qtbot: QtBot) -> None:
    open_repo(view, REPO, qtbot)
    view.panel.revision.setText("no-such-branch")
    QTest.keyClick(view.panel.revision, Qt.Key.Key_Return)
    wait(qtbot, view.error.isVisible)
    assert "no such revision" in view.panel.total.text().lower()
    view.panel.again_button.click()
    wait(qtbot, lambda: not view.asker.busy and "choose the file" in view.panel.total.text().lower())


def test_leaving_the_view_ends_the_hubs_worker(
    view: HubView, desk: Desk, tiny_repo: None, qtbot: QtBot
) -> None:
    open_repo(view, REPO, qtbot)
    assert [one.kind for one in desk.context.sessions.sessions()] == ["hub"]
    assert desk.status.engine.text() == "No model loaded"
    desk.navigate("home")
    wait(qtbot, lambda: not desk.context.sessions.sessions())
    desk.navigate("models")
    view.panel.table.select("tiny.Q8_0.gguf")
    wait(qtbot, view.panel.download_button.isEnabled)


def test_a_question_that_was_left_is_asked_again(
    view: HubView, hub: HubServer, desk: Desk, tiny_repo: None, qtbot: QtBot
) -> None:
    view.shell.navigate("models", view="hub", repo=REPO)
    desk.navigate("home")
    assert not view.asker.busy
    desk.navigate("models")
    wait(qtbot, lambda: view.panel.view is not None)


# -- what goes wrong


def test_a_gated_repository_asks_for_a_token(
    view: HubView, hub: HubServer, tiny_repo: None, keys: Path, qtbot: QtBot
) -> None:
    hub.token = "hf_secret_of_mine"
    view.opened(repo=REPO)
    wait(qtbot, view.token_button.isVisible)
    assert view.panel.view is None
    view.token_button.click()
    assert view.token.isVisible()
    assert view.token.field.echoMode() is QLineEdit.EchoMode.Password
    view.token.field.setText("two words")
    view.token.store_button.click()
    wait(qtbot, view.token.problem.isVisible)
    view.token.field.setText(hub.token)
    QTest.keyClick(view.token.field, Qt.Key.Key_Return)
    wait(qtbot, lambda: view.panel.view is not None)  # asked again by itself
    assert not view.token.isVisible()
    assert view.token.field.text() == ""
    assert view.source.token_button.text().startswith("Token: stored")
    assert list(json.loads(keys.read_text()).values()) == [hub.token]
    view.source.token_button.click()
    view.token.forget_button.click()
    wait(qtbot, lambda: view.source.token_button.text().startswith("Token: none"))
    view.source.token_button.click()
    press(view.token.field, "Escape")
    assert not view.token.isVisible()


def test_a_proxy_that_cannot_be_used_leads_to_the_settings(view: HubView, desk: Desk, qtbot: QtBot) -> None:
    settings.set(desk.context.database, "hub.proxy", "http://me:word@proxy:3128")
    view.opened(search="x")
    wait(qtbot, view.settings_button.isVisible)
    assert not view.token_button.isVisible()
    view.settings_button.click()
    assert desk.page_id == "settings"


def test_waiting_for_a_silent_hub_can_be_stopped(view: HubView, desk: Desk, qtbot: QtBot) -> None:
    """Nobody listens there: the worker would come back several times."""
    settings.set(desk.context.database, "hub.endpoint", "http://127.0.0.1:9")
    view.refresh()
    view.opened(search="x")
    wait(qtbot, view.search_row.busy.isVisible)
    view.search_row.stop_button.click()
    assert not view.asker.busy
    assert not view.search_row.busy.isVisible()
    assert not view.error.isVisible()


def test_an_address_that_is_none_is_not_asked(view: HubView, desk: Desk, qtbot: QtBot) -> None:
    desk.settings.store("hub.endpoint", "no address")
    wait(qtbot, lambda: view.endpoint == "no address")
    assert view.sealed_panel.isVisible()
    assert view.source.place.text() == "no usable address"


def test_another_source_forgets_the_hits(view: HubView, desk: Desk, tiny_repo: None, qtbot: QtBot) -> None:
    view.opened(search="tiny")
    wait(qtbot, lambda: view.model.rowCount() == 2)
    desk.settings.store("hub.endpoint", "http://localhost:9")
    wait(qtbot, lambda: view.model.rowCount() == 0)
    assert view.empty.isVisible()


# -- downloads


def test_pause_keeps_the_bytes_and_resume_goes_on(
    view: HubView, hub: HubServer, desk: Desk, big_repo: str, qtbot: QtBot
) -> None:
    hub.bytes_per_s = 2_000_000
    open_repo(view, BIG, qtbot)
    row = begin(view, qtbot)
    wait(qtbot, lambda: state(row).progress is not None and "MB of 6.0 MB" in row.words.text())
    row.pause_button.click()
    wait(qtbot, row.resume_button.isVisible)
    assert row.words.text().startswith("paused")
    have = (desk.context.home.downloads / f"{big_repo}.part").stat().st_size
    assert have > 0
    assert row.bar.value() > 0
    hub.bytes_per_s = 0
    row.resume_button.click()
    wait(qtbot, lambda: not view.downloads.isVisible())
    assert hub.fetched("model.safetensors")[-1].start == have
    assert len(models.list_versions(desk.context.database)) == 1


def test_the_same_download_again_goes_on_with_the_old_one(
    view: HubView, hub: HubServer, desk: Desk, big_repo: str, qtbot: QtBot
) -> None:
    hub.bytes_per_s = 2_000_000
    open_repo(view, BIG, qtbot)
    row = begin(view, qtbot)
    wait(qtbot, lambda: has_come(row))
    row.pause_button.click()
    wait(qtbot, row.resume_button.isVisible)
    hub.bytes_per_s = 0
    view.panel.download_button.click()
    wait(qtbot, lambda: models.list_versions(desk.context.database))
    assert len(jobs.list_page(desk.context.database)) == 1


def test_giving_up_asks_and_frees_the_disk(
    view: HubView, hub: HubServer, desk: Desk, big_repo: str, qtbot: QtBot
) -> None:
    hub.bytes_per_s = 2_000_000
    open_repo(view, BIG, qtbot)
    row = begin(view, qtbot)
    wait(qtbot, lambda: has_come(row))
    row.cancel_button.click()
    question(view).buttons[-1].click()  # Keep it
    assert state(row).runs
    row.cancel_button.click()
    question(view).buttons[0].click()
    wait(qtbot, lambda: not view.downloads.isVisible())
    assert unfinished(desk.context.home) == {}
    assert list(desk.context.home.downloads.iterdir()) == []
    assert jobs.get(desk.context.database, row.job_id).status is JobStatus.CANCELED


def test_a_failed_download_says_why_and_is_tried_again(
    view: HubView, hub: HubServer, desk: Desk, big_repo: str, qtbot: QtBot
) -> None:
    hub.faults["model.safetensors"] = [Fault(times=2, flip_at=3_000_000)]
    open_repo(view, BIG, qtbot)
    row = begin(view, qtbot)
    wait(qtbot, row.problem.isVisible)
    assert "damaged" in row.problem.text()
    assert row.resume_button.text() == "Try again"
    wait(qtbot, lambda: list(view.downloads.bad_rows) == [big_repo])
    assert "model.safetensors" in view.downloads.bad_rows[big_repo].text.text()
    view.downloads.bad_rows[big_repo].button.click()
    wait(qtbot, lambda: not view.downloads.bad_rows)
    assert list(desk.context.home.quarantine.iterdir()) == []
    row.resume_button.click()
    wait(qtbot, lambda: not view.downloads.isVisible())
    assert len(models.list_versions(desk.context.database)) == 1


def test_what_was_interrupted_is_listed_at_the_next_start(
    view: HubView, hub: HubServer, desk: Desk, big_repo: str, qtbot: QtBot
) -> None:
    """A row that another process left behind: nothing of this window knows it."""
    hub.bytes_per_s = 2_000_000
    open_repo(view, BIG, qtbot)
    row = begin(view, qtbot)
    wait(qtbot, lambda: has_come(row))
    desk.context.jobs.close()  # as at the end of the program
    wait(qtbot, lambda: jobs.get(desk.context.database, row.job_id).status is JobStatus.INTERRUPTED)
    view.downloads._mine.clear()
    view.refresh()
    wait(qtbot, lambda: row.words.text().startswith("interrupted"))
    assert "of 6.0 MB kept" in row.words.text()
    hub.bytes_per_s = 0


def test_the_view_is_remembered(view: HubView, desk: Desk, qtbot: QtBot) -> None:
    assert open_view(desk, qtbot) is view


def test_every_control_has_a_name_and_is_reached_by_tab(
    view: HubView, hub: HubServer, desk: Desk, big_repo: str, qtbot: QtBot
) -> None:
    """With all that can be shown at once: a repository, a stopped download, the form for the token."""
    hub.bytes_per_s = 2_000_000
    open_repo(view, BIG, qtbot)
    row = begin(view, qtbot)
    wait(qtbot, lambda: has_come(row))
    row.pause_button.click()
    wait(qtbot, row.resume_button.isVisible)
    view.source.token_button.click()
    with qtbot.waitActive(desk.window):
        desk.window.activateWindow()
    wait(qtbot, lambda: not desk.background.busy and not view.asker.busy)
    wanted = {one for one in controls(view) if one.isEnabled()}
    assert row.resume_button in wanted
    assert [type(one).__name__ for one in wanted if not name_of(one)] == []
    view.setFocus()
    seen: set[QWidget] = set()
    for _ in range(len(wanted) * 3 + 40):
        desk.window.focusNextPrevChild(True)
        focused = QApplication.focusWidget()
        if focused is not None:
            seen.add(focused)
    missed = [name_of(one) for one in wanted if one not in seen and not any(map(one.isAncestorOf, seen))]
    assert missed == []
