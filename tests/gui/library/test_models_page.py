"""The Models page with real files, real jobs and a real window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from bancada.catalog.forecaster import this_machine
from bancada.catalog.jobs import ImportParams
from bancada.context import AppContext
from bancada.gui.desk import Desk
from bancada.gui.models.library import ModelRow, columns, look_at, verdict_text
from bancada.gui.pages.models.library import care
from bancada.gui.pages.models.library.memory_bar import MemoryPanel
from bancada.gui.pages.models.library.view import LibraryView
from bancada.gui.widgets.ask import Question
from bancada.gui.widgets.states import ErrorPanel
from bancada.jobs.spec import JobStatus
from bancada.storage import conversations, devices, jobs, memory, models
from bancada.storage.memory import MemoryMeasurement
from bancada.storage.models import FileRecord, NewVersion
from gui.library.conftest import WAIT, settle
from tiny_gguf import TinyModel, write_tiny_gguf


def test_who_comes_to_import_finds_the_file_dialog(desk: Desk, page: LibraryView, qtbot: QtBot) -> None:
    desk.navigate("models", choose_import=True)
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    assert dialog.isVisible()
    assert dialog.fileMode() is QFileDialog.FileMode.ExistingFile
    dialog.reject()
    qtbot.waitUntil(lambda: page.findChild(QFileDialog) is None)


def question(page: QWidget) -> Question:
    """The question that is open."""
    return next(one for one in page.window().findChildren(Question) if one.isVisible())


def test_an_empty_library_says_what_to_do(page: LibraryView) -> None:
    texts = [one.text() for one in page.findChildren(QWidget) if one.isVisible() and hasattr(one, "text")]
    assert "No model yet" in texts
    page.choose_file()
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.close()


def test_import_by_the_sheet_with_all_that_is_said(
    page: LibraryView, qtbot: QtBot, take: Callable[..., ModelRow], tmp_path: Path
) -> None:
    path = write_tiny_gguf(tmp_path / "tiny model.gguf")
    row = take(path)
    assert row.version.name == "Tiny"
    assert row.state == "ready"
    assert page.table.selected_ids() == [row.version.id]
    assert page.detail._name.text() == "Tiny"
    assert row.version.files[0].sha256 in page.detail.files.toPlainText()
    assert "general.architecture: llama" in page.detail.metadata.toPlainText()
    assert "<|im_start|>" in page.detail.template.toPlainText()
    assert verdict_text(row).startswith("fits")
    # the same content again is not a second model
    page.opened(import_path=path)
    qtbot.waitUntil(page.sheet.go.isEnabled, timeout=WAIT)
    page.sheet.go.click()
    qtbot.waitUntil(lambda: not page.strips.isHidden(), timeout=WAIT)
    settle(page, qtbot)
    assert len(page.model.records()) == 1


def test_a_bad_file_is_explained_beside_its_cause(page: LibraryView, qtbot: QtBot, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"")
    page.opened(import_path=bad)
    qtbot.waitUntil(page.sheet.error.isVisible, timeout=WAIT)
    assert not page.sheet.go.isEnabled()
    assert "empty" in page.sheet.error.accessibleName().lower()
    page.sheet.close_sheet()
    assert not page.sheet.isVisible()


def test_the_sheet_needs_a_name_and_room(page: LibraryView, qtbot: QtBot, tmp_path: Path) -> None:
    page.opened(import_path=write_tiny_gguf(tmp_path / "a.gguf"))
    qtbot.waitUntil(page.sheet.go.isEnabled, timeout=WAIT)
    page.sheet.link.setChecked(True)
    assert "no space" in page.sheet._space.text()
    page.sheet.copy.setChecked(True)
    assert "kB" in page.sheet._space.text()
    page.sheet.name.clear()
    assert not page.sheet.go.isEnabled()


def test_a_failed_import_says_why_where_it_was_begun(page: LibraryView, qtbot: QtBot, tmp_path: Path) -> None:
    gone = tmp_path / "gone.gguf"
    page._import(ImportParams(str(gone), "Gone", link=False))
    qtbot.waitUntil(page.strips.error.isVisible, timeout=WAIT)
    assert page.strips.isVisible()
    page.strips.error.close_button.click()
    assert page.strips.isHidden()


def test_an_import_can_be_canceled(
    page: LibraryView, qtbot: QtBot, tmp_path: Path, context: AppContext
) -> None:
    big = write_tiny_gguf(tmp_path / "big.gguf")
    with big.open("ab") as file:
        file.truncate(300_000_000)
    page._import(ImportParams(str(big), "Big", link=False))
    qtbot.waitUntil(lambda: bool(page.strips._strips), timeout=WAIT)
    job_id, (_, _, strip) = next(iter(page.strips._strips.items()))
    strip.cancel.click()
    qtbot.waitUntil(lambda: jobs.get(context.database, job_id).status.ended, timeout=WAIT)
    settle(page, qtbot)
    assert jobs.get(context.database, job_id).status in (JobStatus.CANCELED, JobStatus.FAILED)
    assert page.model.records() == []


def test_verify_finds_damage_and_a_whole_file_heals_it(
    page: LibraryView, qtbot: QtBot, take: Callable[..., ModelRow], tmp_path: Path, context: AppContext
) -> None:
    path = write_tiny_gguf(tmp_path / "tiny.gguf")
    row = take(path)
    blob = context.blobs.path(row.version.files[0].sha256)
    blob.chmod(0o600)
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    page.detail.verify_button.click()
    qtbot.waitUntil(lambda: page.model.records()[0].state == "damaged", timeout=WAIT)
    qtbot.waitUntil(page.detail.relocate_button.isVisible, timeout=WAIT)
    assert not page.detail.play_button.isEnabled()
    assert not page.detail.benchmark_button.isEnabled()
    page.care.choose_whole_file(page.model.records()[0])
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(path))
    dialog.close()
    qtbot.waitUntil(lambda: page.model.records()[0].state == "ready", timeout=WAIT)
    settle(page, qtbot)
    # another file is refused by its content
    page.care.relocate(page.model.records()[0], write_tiny_gguf(tmp_path / "other.gguf", TinyModel(seed=9)))
    qtbot.waitUntil(page.error.isVisible, timeout=WAIT)


def test_a_missing_file_is_seen(
    page: LibraryView, qtbot: QtBot, take: Callable[..., ModelRow], tmp_path: Path, context: AppContext
) -> None:
    row = take(write_tiny_gguf(tmp_path / "tiny.gguf"))
    context.blobs.path(row.version.files[0].sha256).unlink()
    page.care.verify(row)
    qtbot.waitUntil(lambda: page.model.records()[0].state == "missing", timeout=WAIT)


def test_removal_asks_with_the_name_and_frees_the_files(
    page: LibraryView, qtbot: QtBot, take: Callable[..., ModelRow], tmp_path: Path, context: AppContext
) -> None:
    row = take(write_tiny_gguf(tmp_path / "tiny.gguf"))
    conversations.create(context.database, "Talk", model_version_id=row.version.id)
    uses = models.uses(context.database, row.version.id)
    assert (uses.conversations, uses.children, uses.own_bytes) == (1, 0, row.version.size_bytes)
    page.detail.remove_button.click()
    qtbot.waitUntil(
        lambda: any(one.isVisible() for one in page.window().findChildren(Question)), timeout=WAIT
    )
    asked = question(page)
    assert asked.accessibleName() == "Remove Tiny:1?"
    assert "Conversations that use it: 1" in asked.accessibleDescription()
    assert asked.buttons[-1].isDefault()
    asked.buttons[-1].click()
    assert len(page.model.records()) == 1
    page.detail.remove_button.click()
    qtbot.waitUntil(
        lambda: any(one.isVisible() for one in page.window().findChildren(Question)), timeout=WAIT
    )
    question(page).buttons[0].click()
    qtbot.waitUntil(lambda: page.model.records() == [], timeout=WAIT)
    assert not context.blobs.path(row.version.files[0].sha256).exists()


def test_a_model_that_crashed_is_put_aside_until_it_is_trusted_again(
    page: LibraryView, qtbot: QtBot, take: Callable[..., ModelRow], tmp_path: Path, context: AppContext
) -> None:
    row = take(write_tiny_gguf(tmp_path / "tiny.gguf"))
    for _ in range(3):
        models.count_crash(context.database, row.version.id)
    page.refresh()
    qtbot.waitUntil(page.detail.trust_button.isVisible, timeout=WAIT)
    page.detail.trust_button.click()
    qtbot.waitUntil(lambda: page.model.records()[0].state == "ready", timeout=WAIT)


def test_notes_are_saved_while_one_types_and_when_one_leaves(
    page: LibraryView, qtbot: QtBot, take: Callable[..., ModelRow], tmp_path: Path, context: AppContext
) -> None:
    row = take(write_tiny_gguf(tmp_path / "tiny.gguf"))
    page.detail.notes.setPlainText("<b>good</b> for letters")
    page.detail.save_notes()
    qtbot.waitUntil(
        lambda: models.get_model(context.database, row.version.model_id).notes == "<b>good</b> for letters",
        timeout=WAIT,
    )
    page.refresh()
    settle(page, qtbot)
    assert page.detail.notes.toPlainText() == "<b>good</b> for letters"


def test_the_memory_forecast_follows_the_slider(
    page: LibraryView, qtbot: QtBot, take: Callable[..., ModelRow], tmp_path: Path
) -> None:
    take(write_tiny_gguf(tmp_path / "tiny.gguf", TinyModel(context=2_048)))
    panel = page.detail.memory
    panel.slider.setValue(panel.slider.minimum())
    small = panel.total.text()
    assert panel.context == 256
    panel.slider.setValue(panel.slider.maximum())
    assert panel.context == 2_048
    assert panel.total.text() != small
    assert "2,048" in panel.slider.accessibleDescription() or "2048" in panel.slider.accessibleDescription()
    assert panel.verdict.text().startswith("Fits")


def test_a_model_that_does_not_fit_says_so(
    qtbot: QtBot, desk: Desk, take: Callable[..., ModelRow], tmp_path: Path
) -> None:
    row = take(write_tiny_gguf(tmp_path / "tiny.gguf"))
    poor = ModelRow(row.version, row.state, row.need, 1_000_000)
    assert poor.verdict == "large"
    panel = MemoryPanel(desk.theme)
    qtbot.addWidget(panel)
    panel.show_model(poor, 512)
    panel.show()
    panel.grab()
    assert panel.verdict.text().startswith("Too large")


def test_the_errors_of_earlier_loads_are_told(
    page: LibraryView, qtbot: QtBot, take: Callable[..., ModelRow], tmp_path: Path, context: AppContext
) -> None:
    row = take(write_tiny_gguf(tmp_path / "tiny.gguf"))
    panel = page.detail.memory
    assert panel.errors.isHidden()
    device = devices.ensure_device(context.database, this_machine().facts())
    for at in range(2):
        load = MemoryMeasurement(
            session_id=f"s{at}",
            device_id=device,
            engine="llama 1",
            format="gguf",
            model_sha256=row.version.sha256,
            context=512,
            cache_type="f16",
            flash_attention=True,
            items={"weights": 103_000_000},
            forecast_bytes=103_000_000,
            corrected_bytes=103_000_000,
            measured_bytes=100_000_000,
            filled_tokens=500,
        )
        memory.store(context.database, load)
        page.refresh()
        settle(page, qtbot)
        assert panel.errors.text().startswith("Last load" if at == 0 else "Last 2 loads")
        assert "3.0 %" in panel.errors.text()
    assert panel.errors.toolTip().count("measured") == 2


def test_reveal_opens_the_folder(
    page: LibraryView, take: Callable[..., ModelRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = take(write_tiny_gguf(tmp_path / "tiny.gguf"))
    opened: list[Path] = []

    def answer(url: QUrl) -> bool:
        opened.append(Path(url.toLocalFile()))
        return len(opened) == 1

    # the desktop's file manager is no part of us
    monkeypatch.setattr(care, "QDesktopServices", SimpleNamespace(openUrl=answer))
    page.detail.reveal_button.click()
    assert opened == [tmp_path]
    assert row.version.source.endswith("tiny.gguf")
    (tmp_path / "tiny.gguf").unlink()
    page.detail.reveal_button.click()
    assert opened[1].name == row.version.files[0].sha256[:2]
    panels = page.window().findChildren(ErrorPanel)
    assert any("No program answered" in one.accessibleName() for one in panels if one.isVisible())


def test_filter_selection_and_the_way_to_other_pages(
    desk: Desk,
    page: LibraryView,
    take: Callable[..., ModelRow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = take(write_tiny_gguf(tmp_path / "a.gguf", TinyModel(name="Alpha")))
    second = take(write_tiny_gguf(tmp_path / "b.gguf", TinyModel(name="Beta", seed=2, chat_template=None)))
    page.table.filter.setText("alpha")
    assert page.table.proxy.rowCount() == 1
    page.opened(version_id=second.version.id)
    assert page.table.filter.text() == ""
    assert page.table.selected_ids() == [second.version.id]
    page.opened(version_id=first.version.id)
    went: list[tuple[str, object]] = []
    monkeypatch.setattr(desk, "navigate", lambda to, **what: went.append((to, what)))
    page.play()
    page.benchmark()
    assert went == [
        ("playground", {"version_id": first.version.id}),
        ("benchmark", {"version_id": first.version.id}),
    ]


def test_every_control_has_a_name(page: LibraryView, take: Callable[..., ModelRow], tmp_path: Path) -> None:
    take(write_tiny_gguf(tmp_path / "a.gguf"))
    nameless = [
        one
        for one in page.findChildren(QWidget)
        if one.focusPolicy().value & 1
        and one.isVisible()
        and one.focusProxy() is None
        and not (one.accessibleName() or getattr(one, "text", lambda: "")())
        and type(one).__name__ not in ("QScrollBar", "QHeaderView", "QSplitter", "QTableCornerButton")
    ]
    assert nameless == []


def test_two_thousand_models_stay_a_table(page: LibraryView, qtbot: QtBot, context: AppContext) -> None:
    with context.database.transaction():
        for at in range(2_000):
            sha256 = f"{at:064x}"
            models.add_version(
                context.database,
                f"Model {at:04d}",
                NewVersion(
                    "gguf", "llama", "Q4_0", 1_000_000, 4.5, 4, 2_048, "MIT", 1_000, sha256, "/nowhere"
                ),
                [],
            )
    page.refresh()
    qtbot.waitUntil(lambda: len(page.model.records()) == 2_000, timeout=WAIT)
    assert page.table.proxy.rowCount() == 2_000
    page.table.filter.setText("0999")
    assert page.table.proxy.rowCount() == 1
    page.table.filter.clear()
    page.table.sort_by("name", descending=True)
    assert page.table.proxy.index(0, 0).data() == "Model 1999"


def test_file_states_tell_what_is_on_the_disk(
    take: Callable[..., ModelRow], tmp_path: Path, context: AppContext
) -> None:
    row = take(write_tiny_gguf(tmp_path / "a.gguf"))
    file: FileRecord = row.version.files[0]
    assert models.file_states(context.database) == {file.sha256: "present"}
    assert look_at(context, tmp_path / "a.gguf").can_link
    assert {one.id for one in columns()} >= {"name", "bits", "template", "license", "state", "verdict"}
