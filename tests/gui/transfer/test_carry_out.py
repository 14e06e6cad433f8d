"""Bundles go out by the window: models ticked, cut for the stick, signed; keys made, compared, revoked."""

from __future__ import annotations

import json
from pathlib import Path

import keyring
import pytest
from keyring.core import load_keyring
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QScrollArea, QWidget

from bancada.catalog.bundles import keys
from bancada.catalog.bundles.creating import create
from bancada.catalog.bundles.folder import read_folder
from bancada.catalog.bundles.jobs import BundleCreateParams
from bancada.catalog.bundles.manifest import FAT32_PART_BYTES, MAX_FILE_BYTES
from bancada.gui.models import transfer
from bancada.gui.pages.models.transfer.key_dialogs import NewKeyDialog, TrustDialog
from bancada.gui.pages.models.transfer.unlock import KeyChoiceDialog, PassphraseDialog
from bancada.gui.theme.tokens import THEMES
from bancada.storage import signing_keys
from bundle_office import PASSPHRASE
from gui.test_pages_accessible import controls, name_of
from gui.transfer.scene import Scene


def test_made_by_keyboard_and_signed_with_a_typed_passphrase(scene: Scene, tmp_path: Path) -> None:
    scene.here.model("Large", seed=1, hidden=11_000)
    scene.here.model("Small", seed=2)
    bob = scene.here.key("Bob")
    view = scene.open()
    assert "Signed with Bob; the next bundle gets number 1." in view.carry_out._key.text()
    scene.open_form()
    form = view.making
    assert not form.go.isEnabled()
    form.filter.setText("large")
    shown = [at for at in range(form.models.count()) if not form.models.item(at).isHidden()]
    assert len(shown) == 1
    form.models.setCurrentRow(shown[0])
    form.models.setFocus()
    QTest.keyClick(form.models, Qt.Key.Key_Space)
    assert [one.name for one in form.chosen()] == ["Large"]
    assert "1 of 2 models" in form._sum.text()
    form.set_folder(tmp_path)
    scene.wait(form.go.isEnabled)
    assert "free" in form._room.text()
    form.title_field.setText("For Lisbon")
    form.name.setText("../elsewhere")
    assert not form.go.isEnabled()
    form.name.setText("out")
    form.parts.setCurrentIndex(2)
    form.part_size.setValue(2)
    assert "5 parts" in form._part_words.text()
    assert "Number 1 of this key" in form._key_words.text()
    form.go.click()
    dialog = scene.dialog(PassphraseDialog)
    dialog.field.setText(PASSPHRASE)
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    target = tmp_path / "out"
    scene.wait((target / "signatures.json").is_file)
    scene.wait(lambda: any(one.outgoing for one in view.overview.history))
    scene.settle()
    folder = read_folder(target)
    assert (folder.manifest.title, folder.manifest.issuer, folder.manifest.sequence) == (
        "For Lisbon",
        bob.id,
        1,
    )
    assert [one.key_id for one in folder.signatures] == [bob.id]
    assert len(list((target / "files").iterdir())) == 5
    (row,) = view.overview.history
    assert (row.outgoing, row.signed, row.title) == (True, True, "For Lisbon")
    assert "number 2" in view.carry_out._key.text()
    scene.sender.trust(bob)
    assert len(scene.sender.take(target)["version_ids"]) == 1
    # the passphrase went nowhere
    written = b"".join(one.read_bytes() for one in scene.here.home.root.rglob("*") if one.is_file())
    assert PASSPHRASE.encode() not in written


def test_an_unsigned_one_is_signed_later_with_a_chosen_key(scene: Scene, tmp_path: Path) -> None:
    bob = scene.here.key("Bob")
    scene.here.key("Carla")
    version = scene.here.model()
    # made, and the window was closed before it was signed
    worker_made = scene.here.bundle(tmp_path / "out", version, key=None, title="Draft")
    assert worker_made.manifest.issuer == ""

    create(scene.here.worker(), BundleCreateParams(str(tmp_path / "late"), (version,), "Late", bob.id))
    view = scene.open()
    row = next(one for one in view.overview.history if one.title == "Late")
    assert not row.signed
    view.history.table.select(row.id)
    assert view.history.sign_button.isVisible()
    view.history.sign_button.click()
    choice = scene.dialog(KeyChoiceDialog)
    # the key that made it comes first
    assert choice.choice.currentText() == "Bob"
    choice.go.click()
    scene.type_passphrase(PASSPHRASE)
    scene.wait(lambda: all(one.signed for one in view.overview.history if one.title == "Late"))
    scene.settle()
    assert [one.key_id for one in read_folder(tmp_path / "late").signatures] == [bob.id]


def test_a_refused_target_is_explained_and_can_be_begun_again(scene: Scene, tmp_path: Path) -> None:
    scene.here.model()
    target = tmp_path / "busy"
    target.mkdir()
    (target / "photo.jpg").touch()
    view = scene.open()
    scene.open_form()
    form = view.making
    form.models.item(0).setCheckState(Qt.CheckState.Checked)
    form.set_folder(tmp_path)
    form.name.setText("busy")
    scene.wait(form.go.isEnabled)
    assert "unsigned" in form.key.currentText()
    form.go.click()
    scene.wait(view.jobs.continue_button.isVisible)
    assert "is not empty" in view.jobs.strips.error.accessibleName()
    (target / "photo.jpg").unlink()
    view.jobs.continue_button.click()
    scene.wait((target / "manifest.json").is_file)
    scene.settle()
    assert view.jobs.strips.isHidden()


def test_large_files_on_a_fat_stick(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = scene.open()
    form = view.making
    form._system = "vfat"
    assert form.part_bytes == FAT32_PART_BYTES
    assert form._show_parts(5 << 30)
    assert "2 parts" in form._part_words.text()
    form.parts.setCurrentIndex(1)
    assert form.part_bytes == MAX_FILE_BYTES
    assert not form._show_parts(5 << 30)
    assert "This stick is FAT32" in form._part_words.text()
    assert form._show_parts(3 << 30)
    free, system = transfer.place_of(tmp_path / "not" / "there")
    assert free > 0
    assert system == system.lower() != ""


def test_a_key_of_ones_own(scene: Scene) -> None:
    view = scene.open()
    assert "You have no key yet" in view.carry_out._key.text()
    view.keys.new_button.click()
    dialog = scene.dialog(NewKeyDialog)
    assert not dialog.go.isEnabled()
    dialog.name.setText("Bob")
    assert dialog.go.isEnabled()
    # this system has no keyring: the dialog says so and asks for a passphrase
    dialog.go.click()
    scene.wait(dialog.typed.isChecked)
    assert "no keyring" in dialog.problem.text()
    dialog.first.setText("short")
    assert "At least 8" in dialog.problem.text()
    dialog.first.setText(PASSPHRASE)
    dialog.second.setText("horse buttery")
    assert "not the same" in dialog.problem.text()
    assert not dialog.go.isEnabled()
    dialog.second.setText(PASSPHRASE)
    dialog.days.setValue(365)
    dialog.go.click()
    scene.wait(lambda: len(view.keys.model.records()) == 1)
    scene.settle()
    (row,) = view.keys.model.records()
    assert (row.record.name, row.usable) == ("Bob", True)
    assert row.record.expires_at is not None
    digits = view.keys.fingerprint.text().split()
    assert "".join(digits) == row.record.id[:32]
    assert len(digits) == 8
    # the form signs with it, though nobody could sign when it was built
    assert view.making.key.currentText() == "Bob"
    # a name is taken once
    view.keys.make_new()
    dialog = next(one for one in view.window().findChildren(NewKeyDialog) if one.isVisible())
    dialog.name.setText("Bob")
    dialog.typed.setChecked(True)
    dialog.first.setText(PASSPHRASE)
    dialog.second.setText(PASSPHRASE)
    dialog.go.click()
    scene.wait(dialog.problem.isVisible)
    assert "another key with the name Bob" in dialog.problem.text()
    dialog.close()


def test_the_keyring_keeps_a_key_open(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "ring.json"))
    keyring.set_keyring(load_keyring("file_keyring.FileKeyring"))
    view = scene.open()
    view.keys.make_new()
    dialog = scene.dialog(NewKeyDialog)
    dialog.name.setText("Bob")
    dialog.go.click()
    scene.wait(lambda: len(view.keys.model.records()) == 1)
    scene.settle()
    got: list[str] = []
    view.unlock.open(view.keys.model.records()[0].record, got.append)
    scene.wait(lambda: bool(got))
    (kept,) = json.loads((tmp_path / "ring.json").read_text()).values()
    assert got == [kept]
    assert not scene.desk.window.findChildren(PassphraseDialog)


def test_a_public_key_is_compared_trusted_exported_and_revoked(scene: Scene, tmp_path: Path) -> None:
    alice = scene.sender.key("Alice", days=30)
    file = tmp_path / "alice.json"
    keys.export_public(alice, file)
    view = scene.open()
    view.keys.choose_public()
    chooser = scene.dialog(QFileDialog)
    chooser.fileSelected.emit(str(file))
    chooser.close()
    dialog = scene.dialog(TrustDialog)
    assert not dialog.go.isEnabled()
    dialog.compared.click()
    dialog.name.setText("Alice of Lisbon")
    dialog.go.click()
    scene.wait(lambda: len(view.keys.model.records()) == 1)
    scene.settle()
    row = view.keys.current()
    assert row is not None
    assert (row.record.id, row.record.name, row.usable) == (alice.id, "Alice of Lisbon", False)
    view.keys.export(row.record, tmp_path / "again.json")
    scene.wait((tmp_path / "again.json").is_file)
    assert keys.read_public(tmp_path / "again.json").id == alice.id
    view.keys.revoke_button.click()
    scene.answer(0)
    scene.wait(view.keys.restore_button.isVisible)
    assert signing_keys.get(scene.here.database, alice.id).trust == "revoked"
    view.keys.restore_button.click()
    dialog = scene.dialog(TrustDialog)
    dialog.compared.click()
    dialog.go.click()
    scene.wait(view.keys.revoke_button.isVisible)
    assert signing_keys.get(scene.here.database, alice.id).trust == "trusted"
    # what is no key is said
    (tmp_path / "no.json").write_text("{}")
    view.keys.open_public(tmp_path / "no.json")
    scene.wait(view.error.isVisible)
    assert "no key that can be used" in view.error.accessibleName()
    scene.settle()


def test_names_tab_stops_and_themes_of_every_sheet(scene: Scene, tmp_path: Path) -> None:
    scene.here.trust(alice := scene.sender.key("Alice"))
    scene.here.key("Bob")
    scene.here.require(2)
    scene.sender.bundle(tmp_path / "in", scene.sender.model(), key=alice)
    with pytest.raises(Exception, match="waits in quarantine"):
        scene.here.take(tmp_path / "in")
    scene.here.model("Mine", seed=5)
    view = scene.open()
    for index in range(3):
        if index == 1:
            view.look_at(tmp_path / "in")
            scene.wait(lambda: view.sheet.look is not None)
        elif index == 2:
            scene.open_form()
        scene.settle()
        wanted = {one for one in controls(view) if one.isEnabled()}
        assert not [type(one).__name__ for one in wanted if not name_of(one)]
        view.setFocus()
        seen: set[QWidget | None] = set()
        for _ in range(len(wanted) * 3 + 40):
            scene.desk.window.focusNextPrevChild(True)
            seen.add(QApplication.focusWidget())
        missed = [
            name_of(one)
            for one in wanted
            if one not in seen and not any(one.isAncestorOf(other) for other in seen if other is not None)
        ]
        assert not missed
        for theme in THEMES:
            scene.desk.theme.choose(theme)
            image = view.grab().toImage()
            dark_ground = scene.desk.theme.color("background").lightness() < 75
            # steps that no distance of the 8 px grid is a multiple of, or a whole border counts
            light = [
                image.pixelColor(x, y).lightness()
                for x in range(0, image.width(), 13)
                for y in range(0, image.height(), 13)
            ]
            bright, dark = sum(one > 180 for one in light), sum(one < 75 for one in light)
            assert (dark > 10 * bright) if dark_ground else (bright > 10 * dark)
        scene.desk.theme.choose("light")
    # narrow: one column, nothing cut off sideways
    scene.desk.window.resize(800, 600)
    QApplication.processEvents()
    for index in range(3):
        view.stack.setCurrentIndex(index)
        QApplication.processEvents()
        area = view.stack.widget(index)
        assert isinstance(area, QScrollArea)
        inner = area.widget()
        assert inner is not None
        assert inner.minimumSizeHint().width() <= area.viewport().width()
