"""What takes how much of the disk, and the clean-up of each part: it says first exactly what goes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from bancada.catalog.storage_care import CLEANED, Area, Reclaimed, StorageCare
from bancada.core.events import Changed
from bancada.gui.sheets import Sheet
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.basics import GRID, Label, Line, PlainButton
from bancada.gui.widgets.format import bytes_text, number
from bancada.gui.widgets.states import ErrorPanel

#: names that a question lists; the rest is counted
_LISTED = 12


def _tr(text: str) -> str:
    return QCoreApplication.translate("Library", text)


def area_words(area_id: str) -> tuple[str, str]:
    """The name of an area, and what is in it."""
    return {
        "models": (_tr("Models"), _tr("The files of all versions, each content once.")),
        "results": (_tr("Results"), _tr("Files of runs, importance matrices, bundles that wait.")),
        "unused": (_tr("Unused files"), _tr("Nothing refers to them any more.")),
        "downloads": (_tr("Unfinished downloads"), _tr("They go on where they stopped, unless they go.")),
        "quarantine": (_tr("Quarantine"), _tr("Downloads that were not what they should be.")),
        "backups": (_tr("Copies of the database"), _tr("The newest two and those made by hand stay.")),
        "logs": (_tr("Logs"), _tr("For finding out what went wrong. Current ones stay.")),
        "caches": (_tr("Temporary files"), _tr("They are made again when they are needed.")),
        "database": (_tr("Database"), _tr("Conversations, runs, settings, the audit log.")),
    }[area_id]


class StorageSheet(Sheet):
    """One line for each area; ``clean_buttons`` clean, by the area's id."""

    def __init__(self, parent: QWidget, shell: Shell) -> None:
        super().__init__(parent, shell.theme.tr("Storage"), 720, 620)
        self._shell = shell
        self._care = StorageCare(shell.context.database, shell.context.blobs)
        self.clean_buttons: dict[str, PlainButton] = {}
        self.sizes: dict[str, Label] = {}
        self._notes: dict[str, Label] = {}
        self._rows: dict[str, tuple[QWidget, ...]] = {}  # what is hidden while there is nothing
        self.summary = Label(self.tr("Looking\N{HORIZONTAL ELLIPSIS}"), "muted", wrap=True)
        self.body.addWidget(self.summary)
        self.error = ErrorPanel(shell.theme, closable=True)
        self.body.addWidget(self.error)
        area = QScrollArea(widgetResizable=True)
        area.setAccessibleName(self.tr("What takes how much"))
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inner = QWidget()
        inner.setProperty("role", "scrolled")
        self._grid = QGridLayout()
        self._grid.setColumnStretch(0, 1)
        self._grid.setHorizontalSpacing(2 * GRID)
        self._grid.setVerticalSpacing(6)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, GRID, 0)
        column.addLayout(self._grid)
        column.addStretch(1)
        area.setWidget(inner)
        self.body.addWidget(area, 1)
        self._look()

    def _look(self) -> None:
        self._shell.background.run(self._care.overview, self._show, self.error.show_error, owner=self)

    def _show(self, areas: Sequence[Area]) -> None:
        if not self.sizes:
            for area in areas:
                self._add_row(area.id)
        for area in areas:
            for widget in self._rows[area.id]:
                widget.setVisible(area.count > 0)
            self.sizes[area.id].setText(bytes_text(area.bytes))
            if area.id in self.clean_buttons:
                button = self.clean_buttons[area.id]
                text = self.tr("Free %1\N{HORIZONTAL ELLIPSIS}")
                button.setText(text.replace("%1", bytes_text(area.removable_bytes)))
                button.setVisible(bool(area.items))
        models = next(one for one in areas if one.id == "models")
        self._notes["models"].setText(self._models_words(models))
        going = sum(one.removable_bytes for one in areas)
        total = self.tr("%1 in all. %2 can go.")
        self.summary.setText(
            total.replace("%2", bytes_text(going)).replace("%1", bytes_text(sum(one.bytes for one in areas)))
        )

    def _models_words(self, area: Area) -> str:
        if not area.saved_bytes:
            return area_words("models")[1]
        text = self.tr("Versions: %1. %2 belong to several of them, which saves %3.")
        return (
            text.replace("%3", bytes_text(area.saved_bytes))
            .replace("%2", bytes_text(area.shared_bytes))
            .replace("%1", number(area.count))
        )

    def _add_row(self, area_id: str) -> None:
        row = self._grid.rowCount()
        name, words = area_words(area_id)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        self._notes[area_id] = Label(words, "note", wrap=True)
        title, line = Label(name, "strong"), Line()
        texts.addWidget(title)
        texts.addWidget(self._notes[area_id])
        self._grid.addLayout(texts, row, 0)
        size = Label("", "mono")
        size.setAccessibleName(name)
        self.sizes[area_id] = size
        self._grid.addWidget(size, row, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if area_id in CLEANED:
            button = PlainButton("")
            button.setAccessibleName(self.tr("Clean up: %1").replace("%1", name))
            button.clicked.connect(partial(self._ask, area_id))
            self.clean_buttons[area_id] = button
            self._grid.addWidget(button, row, 2)
        self._grid.addWidget(line, row + 1, 0, 1, 3)
        self._rows[area_id] = (title, self._notes[area_id], size, line)

    def _ask(self, area_id: str, _checked: object = None) -> None:
        # what is listed is what is there now, not when the sheet was opened
        look = partial(self._care.area, area_id)
        self._shell.background.run(look, self._ask_about, self.error.show_error, owner=self)

    def _ask_about(self, area: Area) -> None:
        if not area.items:
            self._look()
            return
        lines = [f"{one.name}  {bytes_text(one.bytes)}" for one in area.items[:_LISTED]]
        if len(area.items) > _LISTED:
            lines.append(self.tr("and %1 more").replace("%1", number(len(area.items) - _LISTED)))
        size = bytes_text(area.removable_bytes)
        ask(
            self,
            self.tr("%1: free %2?").replace("%2", size).replace("%1", area_words(area.id)[0]),
            self.tr("These go for good:") + "\n" + "\n".join(lines),
            (
                Answer(
                    self.tr("Remove %1").replace("%1", number(len(area.items))),
                    partial(self._clean, area.id),
                    "danger",
                ),
                Answer(self.tr("Keep them"), lambda: None),
            ),
        )

    def _clean(self, area_id: str) -> None:
        work = partial(self._care.clean, area_id)
        self._shell.background.run(work, self._cleaned, self.error.show_error, owner=self)

    def _cleaned(self, done: Reclaimed) -> None:
        text = self.tr("%1 are free again.").replace("%1", bytes_text(done.bytes))
        self._shell.notify("success", text)
        self._shell.context.events.publish(Changed("model"))
        self._look()
