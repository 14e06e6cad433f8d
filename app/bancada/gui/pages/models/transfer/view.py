"""The Transfer view: models carried in and out by disk, with the keys that answer for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QFrame,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from bancada.gui.arrangement import Arrangement
from bancada.gui.models.transfer import BundleLook, HistoryRow, Overview, load_overview, usable_keys
from bancada.gui.pages.models.transfer.carry_in import CarryInCard
from bancada.gui.pages.models.transfer.carry_out import CarryOutCard
from bancada.gui.pages.models.transfer.history import HistoryCard
from bancada.gui.pages.models.transfer.keys_card import KeysCard
from bancada.gui.pages.models.transfer.look_sheet import LookSheet
from bancada.gui.pages.models.transfer.making import Making, MakingSheet
from bancada.gui.pages.models.transfer.receipt_sheet import ReceiptSheet
from bancada.gui.pages.models.transfer.running import TransferJobs
from bancada.gui.pages.models.transfer.unlock import Unlock
from bancada.gui.pages.models.views import ModelsView
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.format import bytes_text
from bancada.gui.widgets.states import ErrorPanel
from bancada.storage.signing_keys import KeyRecord

_OVERVIEW, _LOOK, _MAKING = range(3)
#: pixels: below that width there is one column; below that height history and keys get a scroll bar
_NARROW: Final = 900
_LOWEST: Final = 280


class TransferView(ModelsView):
    """Two halves, Carry in and Carry out, with history and keys below; one sheet at a time over them."""

    kinds: ClassVar[frozenset[str]] = frozenset({"model", "bundle", "key", "job"})

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.overview = Overview(1, (), (), ())
        self._wanted = ""  # the row to select as soon as it is listed
        self.jobs = TransferJobs(self)
        self.carry_in, self.carry_out = CarryInCard(shell), CarryOutCard(shell)
        self.history, self.keys = HistoryCard(shell), KeysCard(shell)
        self.sheet, self.making = LookSheet(shell), MakingSheet(shell)
        self.unlock = Unlock(self, shell)
        self.error = ErrorPanel(shell.theme, closable=True)
        self._build()
        self._connect()
        self._add_actions()

    def opened(self, **arguments: object) -> None:
        """``import_path`` looks at a bundle's folder; ``version_ids`` opens the form with these ticked."""
        path, versions = arguments.get("import_path"), arguments.get("version_ids")
        if path:
            self.look_at(Path(str(path)))
        elif isinstance(versions, list | tuple):
            self.begin_making(tuple(map(str, versions)))

    def refresh(self) -> None:
        """Read again what came, went and waits."""
        context = self.shell.context
        self.shell.background.run(lambda: load_overview(context), self._show, self._fail, owner=self)
        self.jobs.follow_running()

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep at once how the view was arranged."""
        super().hideEvent(event)
        self._arrangement.flush()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow, the parts stand one below the other."""
        super().resizeEvent(event)
        narrow = self.width() < _NARROW
        direction = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if self._halves.direction() != direction:
            self._halves.setDirection(direction)
            self._split.setOrientation(Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal)
            self._split.setMinimumHeight(2 * _LOWEST if narrow else _LOWEST)
            self.sheet.set_narrow(narrow)
            self.making.set_narrow(narrow)

    # -- building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.error)
        column.addWidget(self.jobs.strips)
        self.stack = QStackedWidget()
        for widget in (self._build_overview(), _scrolled(self.sheet), _scrolled(self.making)):
            self.stack.addWidget(widget)
        column.addWidget(self.stack, 1)

    def _build_overview(self) -> QWidget:
        inner = QWidget()
        inner.setProperty("role", "scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        self._halves = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._halves.setSpacing(12)
        self._halves.addWidget(self.carry_in, 1)
        self._halves.addWidget(self.carry_out, 1)
        column.addLayout(self._halves)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(12)
        split.setStyleSheet("QSplitter::handle { background: transparent; }")
        split.addWidget(self.history)
        split.addWidget(self.keys)
        split.setStretchFactor(0, 1)
        split.setSizes([680, 344])
        split.setChildrenCollapsible(False)
        split.setMinimumHeight(_LOWEST)
        self._split = split
        column.addWidget(split, 1)
        self._arrangement = Arrangement(
            self.shell,
            "models.transfer",
            self,
            splitters={"keys": split},
            tables={"history": self.history.table},
        )
        return _scrolled(inner)

    def _connect(self) -> None:
        self.jobs.changed.connect(self.refresh)
        self.jobs.admitted.connect(self._admitted)
        self.carry_in.choose.connect(self.choose_bundle)
        self.carry_in.look.connect(self._look_at_record)
        self.carry_in.approve.connect(self.approve)
        self.carry_in.resume.connect(self._resume)
        self.carry_out.begin.connect(self.begin_making)
        self.history.receipt.connect(lambda row: self.show_receipt(row.receipt))
        self.history.look.connect(self._look_at_row)
        self.history.sign.connect(lambda row: self._sign(Path(row.path), row))
        self.keys.changed.connect(self._keys_changed)
        self.sheet.closed.connect(self._home)
        self.sheet.take.connect(self._take)
        self.sheet.approve.connect(self.approve)
        self.sheet.discard.connect(self._ask_discard)
        self.sheet.sign.connect(lambda look: self._sign(look.path, look))
        self.sheet.trust_wanted.connect(self.keys.choose_public)
        self.making.closed.connect(self._home)
        self.making.make.connect(self._make)
        self.making.new_key.connect(self.keys.make_new)
        for failed in (self.jobs.failed, self.keys.failed, self.unlock.failed):
            failed.connect(self._fail)

    def _add_actions(self) -> None:
        for name, text, run, shortcut, icon in (
            ("look", self.tr("Look at a bundle"), self.choose_bundle, "Ctrl+I", "import"),
            ("make", self.tr("Make a bundle"), self.begin_making, "Ctrl+E", "export"),
            (
                "filter",
                self.tr("Filter what came and went"),
                self.history.table.filter.setFocus,
                "Ctrl+F",
                "filter",
            ),
            ("new_key", self.tr("Make a key of your own"), self.keys.make_new, "Ctrl+N", "lock"),
            ("trust", self.tr("Trust somebody's key"), self.keys.choose_public, "", "shield"),
            ("back", self.tr("Back to the overview"), self._escape, "Esc", "chevron-left"),
        ):
            self.shell.actions.add(
                f"transfer.{name}", text, run, shortcut=shortcut, icon=icon, page="models.transfer"
            )

    # -- what is shown

    def _show(self, overview: Overview) -> None:
        self.overview = overview
        can_sign = bool(usable_keys(overview.keys))
        self.carry_in.show_rule(overview.required)
        self.carry_in.show_waiting(overview.waiting, can_sign=can_sign)
        self.carry_out.show_overview(overview)
        self.history.show_rows(overview.history)
        if self._wanted and self.history.model.row_of(self._wanted) >= 0:
            self.history.table.select(self._wanted)  # its receipt is one key away
            self._wanted = ""
        self.keys.show_keys(overview.keys)
        self.making.show_keys(overview.keys)
        self.sheet.show_keys(overview.keys)

    def _fail(self, error: BaseException) -> None:
        self.error.show_error(error)

    def _home(self) -> None:
        self.stack.setCurrentIndex(_OVERVIEW)
        self.carry_in.choose_button.setFocus()

    def _escape(self) -> None:
        if self.stack.currentIndex() != _OVERVIEW:
            self._home()
        else:
            self.error.hide()

    def _keys_changed(self) -> None:
        self.refresh()
        if self.stack.currentIndex() == _LOOK:
            self.sheet.look_again()

    # -- carry in

    def choose_bundle(self) -> None:
        """Ask for the folder of a bundle."""
        dialog = QFileDialog(self, self.tr("Choose the bundle's folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.look_at(Path(path)))
        dialog.open()

    def look_at(self, path: Path) -> None:
        """Open the sheet about a folder."""
        self.stack.setCurrentIndex(_LOOK)
        self.sheet.open_folder(path)

    def _look_at_record(self, look: BundleLook) -> None:
        self.stack.setCurrentIndex(_LOOK)
        self.sheet.open_record(look.id, look.manifest.title or look.id[:12])

    def _look_at_row(self, row: HistoryRow) -> None:
        waiting = next((one for one in self.overview.waiting if one.id == row.bundle_id), None)
        if waiting is not None:
            self._look_at_record(waiting)
        else:
            self.look_at(Path(row.path))

    def _take(self, look: BundleLook) -> None:
        self._home()
        if look.state == "quarantined":
            self.jobs.admit(look)
        else:
            self._resume(look)

    def _resume(self, look: BundleLook) -> None:
        if look.state == "quarantined":
            self.jobs.admit(look)
            return
        self.jobs.take(look.path, look.manifest.title or look.id[:12])

    def _ask_discard(self, look: BundleLook) -> None:
        title = look.manifest.title or look.id[:12]
        words = self.tr("%1 of it were received and are let go. The folder that it came from is not touched.")
        ask(
            self,
            self.tr("Discard %1?").replace("%1", title),
            words.replace("%1", bytes_text(look.received_bytes)),
            (
                Answer(self.tr("Discard %1").replace("%1", title), partial(self._discard, look), "danger"),
                Answer(self.tr("Keep it"), lambda: None),
            ),
        )

    def _discard(self, look: BundleLook) -> None:
        self._home()
        self.jobs.discard(look)

    def approve(self, look: BundleLook) -> None:
        """Add the second signature, with a key that has not signed it yet."""
        signed = {one.key_id for one in look.judgement.signers}
        usable = [one for one in usable_keys(self.overview.keys) if one.id not in signed]
        self._unlock(usable or usable_keys(self.overview.keys), partial(self._approved, look))

    def _approved(self, look: BundleLook, key: KeyRecord, passphrase: str) -> None:
        self._home()
        self.jobs.approve(look, key, passphrase)

    def _admitted(self, receipt: dict[str, Any] | None) -> None:
        if receipt is None:
            return
        self._wanted = f"in-{receipt['bundle']}"

    def show_receipt(self, receipt: dict[str, Any]) -> None:
        """Open a receipt over the window."""
        ReceiptSheet(self.window(), self.shell, receipt).show()

    # -- carry out

    def begin_making(self, version_ids: tuple[str, ...] = ()) -> None:
        """Open the form of a new bundle."""
        self.stack.setCurrentIndex(_MAKING)
        self.making.open(version_ids)

    def _make(self, making: Making) -> None:
        def go(passphrase: str) -> None:
            self._home()
            self.jobs.make(making, passphrase)

        if making.key is None:
            go("")
        else:
            # asked for before the long work, whose end nobody may be there to see
            self.unlock.open(making.key, go)

    def _sign(self, path: Path, what: BundleLook | HistoryRow) -> None:
        issuer = what.manifest.issuer if isinstance(what, BundleLook) else ""
        usable = usable_keys(self.overview.keys)
        usable.sort(key=lambda one: one.id != issuer and one.name != getattr(what, "signed_by", ""))
        self._unlock(usable, partial(self.jobs.sign, path))

    def _unlock(self, usable: list[KeyRecord], then: Callable[[KeyRecord, str], object]) -> None:
        """Open one of the keys; without any, offer to make one."""
        if usable:
            self.unlock.choose(usable, then)
        else:
            self.keys.make_new()


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(widget)
    return area
