"""The tab of what a model needs and does: forecast, forecasts against measurements, speed, quality."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from bancada.gui.models.library import ModelDetail
from bancada.gui.models.model_card import load_columns, measured_rows
from bancada.gui.models.records import RecordModel
from bancada.gui.pages.models.library.memory_bar import MemoryPanel
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Label, SectionLabel
from bancada.gui.widgets.table import Table
from bancada.storage.memory import MemoryMeasurement

_ROWS_SHOWN = 5


class MemoryTab(QWidget):
    """What was measured stands below what is forecast."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(12)
        self.memory = MemoryPanel(shell.theme)
        column.addWidget(self.memory)
        self._loads_title = SectionLabel(self.tr("Forecasts and measurements"))
        column.addWidget(self._loads_title)
        self.model = RecordModel[MemoryMeasurement](
            shell.theme, load_columns(), lambda one: one.session_id, self
        )
        self.table = Table(
            shell.theme, self.model, self.tr("Loads of the model on this machine"), filter_row=False
        )
        self.table.view.setSortingEnabled(False)
        self.table.proxy.sort(-1)  # as it is told: the newest first
        header = self.table.view.horizontalHeader()
        for at, one in enumerate(self.model.columns):
            width = max(shell.theme.px(one.width), header.sectionSizeHint(at))
            self.table.view.setColumnWidth(at, width)
        column.addWidget(self.table)
        column.addWidget(SectionLabel(self.tr("Measured")))
        self.nothing = Label(
            self.tr("Nothing yet. Ask it something, or run a benchmark: what is measured then stands here."),
            "note",
            wrap=True,
        )
        column.addWidget(self.nothing)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self._labels: list[tuple[Label, Label]] = []
        column.addLayout(self._grid)
        self.basis = Label("", "note", wrap=True)
        column.addWidget(self.basis)
        column.addStretch(1)

    def show_detail(self, detail: ModelDetail) -> None:
        """Show a model's."""
        usual = int(self._shell.context.settings.get("chat.context"))
        self.memory.show_model(detail.row, usual, detail.loads)
        self.model.set_records(detail.loads)
        for part in (self._loads_title, self.table):
            part.setVisible(bool(detail.loads))
        view = self.table.view
        row = view.verticalHeader().defaultSectionSize()
        rows = min(len(detail.loads), _ROWS_SHOWN)
        # room for a horizontal scroll bar as well, as it hides the last row otherwise
        self.table.setFixedHeight(row * rows + view.horizontalHeader().sizeHint().height() + 18)
        found = detail.card.measured
        self._show_rows(measured_rows(found))
        self.nothing.setVisible(found.empty)
        self.basis.setVisible(found.answers > 0)
        text = self.tr("Medians of the last answers: %1") if found.answers != 1 else self.tr("Of %1 answer")
        self.basis.setText(text.replace("%1", str(found.answers)))

    def _show_rows(self, rows: list[tuple[str, str]]) -> None:
        while len(self._labels) < len(rows):
            name, value = Label("", wrap=True), Label("", "mono")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            at = len(self._labels)
            self._grid.addWidget(name, at, 0)
            self._grid.addWidget(value, at, 1, Qt.AlignmentFlag.AlignRight)
            self._labels.append((name, value))
        for at, (name, value) in enumerate(self._labels):
            shown = at < len(rows)
            name.setVisible(shown)
            value.setVisible(shown)
            if shown:
                name.setText(rows[at][0])
                value.setText(rows[at][1])
