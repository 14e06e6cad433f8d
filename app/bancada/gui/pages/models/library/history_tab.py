"""The tab of where a model comes from: the tree of what was made from what, and who changed what and why."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem, QTreeWidgetItemIterator, QVBoxLayout, QWidget

from bancada.catalog import lineage
from bancada.catalog.lineage import Branch
from bancada.gui.models.library import ModelDetail
from bancada.gui.models.model_card import history_text
from bancada.gui.pages.models.library.text_field import TextField
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Label, LinkButton, SectionLabel
from bancada.gui.widgets.format import bytes_text, when_text
from bancada.storage.lineage import Kin

_ID = Qt.ItemDataRole.UserRole


class _Tree(QTreeWidget):
    def sizeHint(self) -> QSize:
        """Low, so that the tab needs no scroll bar beside the tree's own."""
        return QSize(240, 120)


class HistoryTab(QWidget):
    """``chosen`` carries the id of another version that is to be shown."""

    chosen = Signal(str)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._shown = ""
        self._family: tuple[Branch, ...] = ()
        self._kin: dict[str, Kin] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addWidget(SectionLabel(self.tr("Versions and what they were made from")))
        self.tree = _Tree()
        self.tree.setHeaderHidden(True)
        self.tree.setAccessibleName(self.tr("Versions and what they were made from"))
        self.tree.setIndentation(16)
        self.tree.setStyleSheet("QTreeView::item { border-radius: 0; }")
        self.tree.currentItemChanged.connect(lambda *_: self._describe())
        self.tree.itemActivated.connect(lambda *_: self._open())
        column.addWidget(self.tree, 1)
        self.words = Label("", "note", wrap=True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setAccessibleName(self.tr("About the chosen version"))
        column.addWidget(self.words)
        self.open_button = LinkButton(self.tr("Show this version"))
        self.open_button.clicked.connect(self._open)
        column.addWidget(self.open_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(SectionLabel(self.tr("Who changed what, and why")))
        self.history = TextField(self.tr("Who changed what, and why"), mono=False)
        column.addWidget(self.history, 1)

    def show_detail(self, detail: ModelDetail) -> None:
        """Show a model's; the same family keeps its open branches."""
        version_id = detail.row.version.id
        if (version_id, detail.card.family) != (self._shown, self._family):
            self._shown, self._family = version_id, detail.card.family
            self._fill(detail.card.family)
        self.history.fill(history_text(detail.card.history) or self.tr("Nothing was changed yet."))

    def _fill(self, family: Sequence[Branch]) -> None:
        self.tree.clear()
        self._kin = {one.id: one for _, one in lineage.walk(family)}
        for branch in family:
            self.tree.addTopLevelItem(self._item(branch))
        self.tree.expandAll()
        walk = QTreeWidgetItemIterator(self.tree)
        while (item := walk.value()) is not None:
            if item.data(0, _ID) == self._shown:
                self.tree.setCurrentItem(item)
                break
            walk += 1
        self._describe()

    def _item(self, branch: Branch) -> QTreeWidgetItem:
        kin = branch.kin
        item = QTreeWidgetItem([f"{kin.name}:{kin.version}  {kin.quantization}"])
        item.setData(0, _ID, kin.id)
        item.setToolTip(0, _made(self, kin))
        if kin.id == self._shown:
            font = self.tree.font()
            font.setBold(True)
            item.setFont(0, font)
            item.setForeground(0, self._shell.theme.color("accent"))
        for child in branch.children:
            item.addChild(self._item(child))
        return item

    def _current(self) -> Kin | None:
        item = self.tree.currentItem()
        return self._kin.get(str(item.data(0, _ID))) if item is not None else None

    def _describe(self) -> None:
        kin = self._current()
        self.words.setText(_made(self, kin) if kin is not None else "")
        self.open_button.setVisible(kin is not None and kin.id != self._shown)

    def _open(self) -> None:
        kin = self._current()
        if kin is not None and kin.id != self._shown:
            self.chosen.emit(kin.id)


def _made(tab: HistoryTab, kin: Kin) -> str:
    """From what, by which run, when, with which settings."""
    size = bytes_text(kin.size_bytes)
    if not kin.run_kind:
        text = tab.tr("Came from %1, %2, %3")
        return text.replace("%3", size).replace("%2", when_text(kin.created_at)).replace("%1", kin.source)
    text = tab.tr("Made by the run \u201c%1\u201d (%2), %3, %4")
    first = (
        text.replace("%4", size)
        .replace("%3", when_text(kin.run_started_at))
        .replace("%2", kin.run_kind)
        .replace("%1", kin.run_name)
    )
    said = ", ".join(f"{name}: {value}" for name, value in lineage.settings(kin))
    return f"{first}\n{said}" if said else first
