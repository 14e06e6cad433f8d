"""Bundles come in by the window: looked at, refused by a rule's name, resumed, approved, receipted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QWidget

from bancada.catalog.bundles.rules import REQUIRED
from bancada.gui.pages.models.transfer.receipt_sheet import ReceiptSheet
from bancada.storage import models, signing_keys
from bancada.storage.signing_keys import KeyRecord
from bundle_office import PASSPHRASE
from gui.keys import press
from gui.transfer.scene import MIB, Scene


def texts(widget: QWidget) -> str:
    """Everything that a person can read in a widget, when what was added to it is laid out."""
    QApplication.processEvents()
    return "\n".join(one.text() for one in widget.findChildren(QLabel) if one.isVisible())


def payload(stick: Path) -> list[Path]:
    return sorted((stick / "files").iterdir())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def test_a_bundle_is_dropped_looked_at_and_imported(
    scene: Scene, qapp: QApplication, alice: KeyRecord, stick: Path, tmp_path: Path
) -> None:
    made = scene.sender.bundle(stick, scene.sender.model("One", seed=1), key=alice, title="For Braga")
    (stick / "autorun.inf").write_text("x")
    view = scene.open()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(stick))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    qapp.sendEvent(scene.desk.window, QDragEnterEvent(QPoint(500, 300), copy, data, left, none))
    assert "transfer bundle" in scene.desk.drops._text.text()
    scene.desk.navigate("home")
    qapp.sendEvent(scene.desk.window, QDropEvent(QPointF(500, 300), copy, data, left, none))
    assert scene.desk.page_id == "models"
    scene.wait(lambda: view.sheet.look is not None)
    said = texts(view.sheet)
    for words in ("For Braga", "may come in", "Alice is trusted here", "Number 1 of Alice", "autorun.inf"):
        assert words in said
    assert "apache-2.0" in view.sheet.content.text.toPlainText()
    assert made.manifest.models[0].sha256 in view.sheet.content.text.toPlainText()
    assert QApplication.focusWidget() is view.sheet.take_button
    QTest.keyClick(view.sheet.take_button, Qt.Key.Key_Space)
    scene.wait(lambda: len(models.list_versions(scene.here.database)) == 1)
    scene.wait(lambda: view.history.current() is not None)
    scene.settle()
    row = view.history.current()
    assert row is not None
    assert (row.state, row.signed_by, row.sequence) == ("admitted", "Alice", 1)
    view.history.receipt_button.click()
    sheet = scene.dialog(ReceiptSheet)
    assert made.id in sheet.text.toPlainText()
    for ending, begin in (("pdf", b"%PDF-1."), ("html", b"<!doctype html>"), ("json", b"{")):
        target = tmp_path / f"receipt.{ending}"
        sheet.save(target)
        scene.wait(target.exists)
        assert target.read_bytes().startswith(begin)
    assert json.loads((tmp_path / "receipt.json").read_bytes())["bundle"] == made.id
    sheet.save(tmp_path / "no such folder" / "receipt.pdf")
    scene.wait(scene.desk._popover.isVisible)
    sheet.close()
    # the very same bundle adds nothing
    scene.look_at(stick)
    assert "all of its" in texts(view.sheet)
    assert "admitted before" in texts(view.sheet)


REFUSALS = {
    "signers": "Rule of known signers",
    "revoked": "whose key was revoked",
    "expiry": "expired on",
    "signatures": "not signed by whoever made it",
    "order": "number 2 was admitted before",
}


def refusable(scene: Scene, alice: KeyRecord, stick: Path, rule: str) -> None:
    """Make a bundle on the stick that one rule refuses."""
    version = scene.sender.model()
    if rule == "signatures":
        scene.sender.bundle(stick, version)
        return
    key = scene.sender.key("Mallory") if rule == "signers" else alice
    scene.sender.bundle(stick, version, key=key, days=0 if rule == "expiry" else None)
    if rule == "order":
        newer = stick.with_name("newer")
        scene.sender.bundle(newer, version, key=alice)
        scene.here.take(newer)
    elif rule == "revoked":
        signing_keys.revoke(scene.here.database, alice.id)


@pytest.mark.parametrize("rule", REFUSALS)
def test_refused_by_the_rules_name(scene: Scene, alice: KeyRecord, stick: Path, rule: str) -> None:
    refusable(scene, alice, stick, rule)
    view = scene.open()
    scene.look_at(stick)
    said = texts(view.sheet)
    assert REFUSALS[rule] in said
    assert "refused by the rule of" in said
    assert not view.sheet.take_button.isEnabled()
    assert view.sheet._problem.isVisible()
    assert view.sheet._trust.isVisible() == (rule == "signers")


def test_an_import_that_a_rule_refuses_is_listed_with_the_reason(scene: Scene, stick: Path) -> None:
    scene.sender.bundle(stick, scene.sender.model(), key=scene.sender.key("Mallory"), title="Gift")
    view = scene.open()
    view.jobs.take(stick, "Gift")
    scene.wait(view.jobs.strips.error.isVisible)
    scene.wait(lambda: [one.state for one in view.history.model.records()] == ["refused"])
    scene.settle()
    assert view.jobs.continue_button.isHidden()
    (row,) = view.history.model.records()
    assert (row.title, row.path) == ("Gift", str(stick))
    assert "signed by a key that is not trusted here" in row.reason
    assert models.list_versions(scene.here.database) == []


def test_four_eyes(scene: Scene, alice: KeyRecord, stick: Path) -> None:
    scene.here.require(2)
    made = scene.sender.bundle(stick, scene.sender.model(), key=alice, title="Letters")
    view = scene.open()
    scene.look_at(stick)
    assert "will wait for a second signature" in texts(view.sheet)
    assert view.sheet.take_button.text() == "Import into quarantine"
    view.sheet.take_button.click()
    scene.wait(lambda: [one.state for one in view.overview.waiting] == ["quarantined"])
    scene.settle()
    assert view.jobs.strips.error.isHidden()
    assert "waits for a second signature" in texts(view.carry_in)
    scene.look_at_waiting()
    # nobody here has a key yet
    assert not view.sheet.approve_button.isEnabled()
    scene.here.key("Bob")
    view.refresh()
    scene.wait(view.sheet.approve_button.isEnabled)
    view.sheet.approve_button.click()
    dialog = scene.type_passphrase("no horse at all")
    scene.wait(dialog.problem.isVisible)
    assert "does not open the key Bob" in dialog.problem.text()
    scene.type_passphrase(PASSPHRASE)
    scene.wait(lambda: len(models.list_versions(scene.here.database)) == 1)
    scene.wait(lambda: view.overview.waiting == ())
    scene.settle()
    row = next(one for one in view.history.model.records() if one.bundle_id == made.id)
    assert row.receipt is not None
    assert {one["name"] for one in row.receipt["signatures"]} == {"Alice", "Bob"}
    assert row.receipt["copied_bytes"] == made.manifest.size_bytes


def test_a_damaged_file_is_named_and_copied_again(scene: Scene, alice: KeyRecord, stick: Path) -> None:
    scene.sender.bundle(
        stick, scene.sender.model("One", seed=1), scene.sender.model("Two", seed=2), key=alice, title="Pair"
    )
    bad = payload(stick)[1]
    flip(bad)
    view = scene.open()
    scene.look_at(stick)
    view.sheet.take_button.click()
    scene.wait(view.jobs.continue_button.isVisible)
    assert f"files/{bad.name}" in view.jobs.strips.error.accessibleName()
    scene.wait(lambda: any(bad.name in one.reason for one in view.overview.history))
    scene.settle()
    assert bad.name in texts(view.carry_in)
    row = next(one for one in view.overview.history if one.state == "refused")
    view.history.table.select(row.id)
    assert bad.name in texts(view.history)
    assert models.list_versions(scene.here.database) == []
    flip(bad)
    view.jobs.continue_button.click()
    scene.wait(lambda: len(models.list_versions(scene.here.database)) == 2)
    scene.settle()
    assert view.jobs.strips.isHidden()


def test_a_pulled_stick_is_continued(scene: Scene, alice: KeyRecord, stick: Path, tmp_path: Path) -> None:
    made = scene.sender.bundle(
        stick, scene.sender.model(hidden=11_000), key=alice, part_bytes=2 * MIB, title="Large"
    )
    pulled = payload(stick)[2]
    pulled.rename(tmp_path / "pulled")
    view = scene.open()
    scene.look_at(stick)
    assert f"1 files are not on this disk, the first is files/{pulled.name}" in texts(view.sheet)
    view.sheet.take_button.click()
    scene.wait(view.jobs.continue_button.isVisible)
    scene.wait(lambda: [one.state for one in view.overview.waiting] == ["receiving"])
    scene.settle()
    waiting = view.overview.waiting[0]
    assert waiting.received_bytes == 4 * MIB
    assert "4.2 MB of" in texts(view.carry_in)
    assert next(one for one in view.overview.history if one.reason).state == "stopped"
    (tmp_path / "pulled").rename(pulled)
    view.carry_in.resume.emit(waiting)
    scene.wait(lambda: len(models.list_versions(scene.here.database)) == 1)
    scene.wait(lambda: any(one.receipt for one in view.overview.history))
    scene.settle()
    row = next(one for one in view.overview.history if one.receipt)
    assert row.receipt is not None
    assert row.receipt["copied_bytes"] == made.manifest.size_bytes - 4 * MIB


def test_what_is_no_bundle_is_said(scene: Scene, tmp_path: Path) -> None:
    view = scene.open()
    press(scene.desk.window, "Ctrl+I")
    chooser = scene.dialog(QFileDialog)
    assert chooser.fileMode() is QFileDialog.FileMode.Directory
    chooser.reject()
    scene.desk.window.activateWindow()
    scene.wait(scene.desk.window.isActiveWindow)
    view.look_at(tmp_path)
    scene.wait(view.sheet.error.isVisible)
    assert "is no transfer bundle" in view.sheet.error.accessibleName()
    assert not view.sheet.take_button.isVisible()
    QTest.keyClick(view.sheet.back, Qt.Key.Key_Escape)
    assert view.stack.currentIndex() == 0


def test_a_hostile_title_is_shown_as_it_is(scene: Scene, stick: Path) -> None:
    title = '<img src="file:///nothing"><b>Gift</b>'
    scene.sender.bundle(stick, scene.sender.model(), key=scene.sender.key("Mallory"), title=title)
    view = scene.open()
    view.jobs.take(stick, title)
    scene.wait(lambda: [one.title for one in view.history.model.records()] == [title])
    scene.settle()
    view.jobs.strips.dismiss()
    index = view.history.table.proxy.index(0, 2)
    assert index.data() == title
    tip = index.data(Qt.ItemDataRole.ToolTipRole)
    assert "<img" not in tip
    assert "&lt;img" in tip
    scene.look_at(stick)
    labels = [one for one in view.sheet.findChildren(QLabel) if one.text() == title]
    assert labels
    assert all(one.textFormat() == Qt.TextFormat.PlainText for one in labels)


def test_discarding_asks_and_frees(scene: Scene, alice: KeyRecord, stick: Path) -> None:
    scene.here.require(2)
    scene.sender.bundle(stick, scene.sender.model(), key=alice, title="Not wanted")
    with pytest.raises(Exception, match="waits in quarantine"):
        scene.here.take(stick)
    shutil.rmtree(stick)
    view = scene.open()
    scene.look_at_waiting()
    view.sheet.discard_button.click()
    scene.answer(0)
    scene.wait(lambda: scene.here.received() == [])
    scene.wait(lambda: view.overview.waiting == ())
    scene.settle()
    assert scene.here.stored() == []
    assert [one.state for one in view.overview.history] == ["discarded"]


def test_the_rule_is_tightened_at_once_and_loosened_after_a_question(scene: Scene) -> None:
    view = scene.open()
    assert view.carry_in.rule.currentIndex() == 1

    def stored() -> object:
        return scene.desk.context.settings.get(REQUIRED)

    view.carry_in.rule.activated.emit(2)
    scene.wait(lambda: stored() == 2)
    view.carry_in.rule.activated.emit(0)
    scene.answer(-1)
    scene.settle()
    assert (stored(), view.carry_in.rule.currentIndex()) == (2, 2)
    view.carry_in.rule.activated.emit(0)
    scene.answer(0)
    scene.wait(lambda: stored() == 0)
    assert view.carry_in.rule.currentIndex() == 0
    assert "a forgery is not" in texts(view.carry_in)
    scene.settle()
