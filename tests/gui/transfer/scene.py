"""What every test of the Transfer view has at hand: two offices, a window, and patience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from bancada.gui.desk import Desk
from bancada.gui.pages.models.page import ModelsPage
from bancada.gui.pages.models.transfer.unlock import PassphraseDialog
from bancada.gui.pages.models.transfer.view import TransferView
from bancada.gui.widgets.ask import Question
from bundle_office import Office
from gui.keys import press

WAIT_MS = 60_000
MIB = 1 << 20
W = TypeVar("W", bound=QWidget)


@dataclass(frozen=True)
class Scene:
    """``here`` is the office of the window, ``sender`` the other one."""

    desk: Desk
    here: Office
    sender: Office
    qtbot: QtBot

    @property
    def view(self) -> TransferView:
        """The view, built if it was not yet."""
        page = self.desk.page("models")
        assert isinstance(page, ModelsPage)
        view = page.view("transfer")
        assert isinstance(view, TransferView)
        return view

    def open(self) -> TransferView:
        """Show the view, when the workspace is as the test wants it."""
        self.desk.window.resize(1280, 800)
        with self.qtbot.waitActive(self.desk.window):
            self.desk.window.show()
            self.desk.window.activateWindow()
        self.desk.navigate("models", view="transfer")
        self.settle()
        return self.view

    def wait(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)

    def settle(self) -> None:
        """Wait until nothing is asked in the background, no job runs, and nothing is to be read again."""
        view = self.view
        self.wait(
            lambda: (
                not (
                    self.desk.background.busy
                    or self.desk.settings.busy
                    or view.jobs.strips.followed
                    or view._stale
                    or view._refresh_timer.isActive()
                )
            )
        )

    def look_at(self, path: Path) -> None:
        """Open the sheet about a folder and wait for what it says."""
        self.view.look_at(path)
        self.wait(lambda: self.view.sheet.look is not None)

    def look_at_waiting(self) -> None:
        """Open the sheet about the first bundle that waits."""
        self.view.carry_in.look.emit(self.view.overview.waiting[0])
        self.wait(lambda: self.view.sheet.look is not None and self.view.sheet.look.state != "")

    def open_form(self) -> None:
        """Open the form by its keys and wait for its models."""
        press(self.desk.window, "Ctrl+E")
        self.wait(lambda: self.view.making.models.count() > 0 and not self.desk.background.busy)

    def dialog(self, kind: type[W]) -> W:
        """The dialog of a kind, as soon as it is open."""
        self.wait(lambda: self._dialogs(kind))
        return self._dialogs(kind)[0]

    def type_passphrase(self, passphrase: str) -> PassphraseDialog:
        dialog = self.dialog(PassphraseDialog)
        dialog.field.setText(passphrase)
        dialog.go.click()
        return dialog

    def answer(self, at: int) -> None:
        """Choose one of the answers of the open question; the last one must be the default."""
        question = self.dialog(Question)
        assert question.buttons[-1].isDefault()
        question.buttons[at].click()
        self.wait(lambda: not self._dialogs(Question))

    def _dialogs(self, kind: type[W]) -> list[W]:
        return [one for one in self.desk.window.findChildren(kind) if one.isVisible()]
