"""What the figures mean, one click away from them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from bancada.bench.measures import MEASURES
from bancada.gui.widgets.basics import GRID, Label, PrimaryButton


class Definitions(QDialog):
    """Every measure with its unit and formula, and how the statistics are made."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent.window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("What these figures mean"))
        self.setMinimumWidth(620)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(2 * GRID)
        column.addWidget(Label(self.tr("What these figures mean"), "title"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * GRID)
        grid.setVerticalSpacing(GRID)
        grid.setColumnStretch(1, 1)
        rows = [(f"{one.name} ({one.unit})", one.formula) for one in MEASURES.values()]
        rows += [
            (self.tr("Mean ± interval"), self.tr("The 95 % interval of the mean, by Student's t.")),
            (
                self.tr("p50, p95, p99"),
                self.tr("Half, 95 % and 99 % of the values are no greater than this."),
            ),
            (self.tr("n"), self.tr("Repetitions measured; warm-ups are not counted.")),
            (
                self.tr("Quality"),
                self.tr("Disturbed: other programs kept the processor busy, or the values vary too much."),
            ),
        ]
        for at, (name, text) in enumerate(rows):
            grid.addWidget(Label(name, "strong"), at, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(Label(text, wrap=True), at, 1)
        column.addLayout(grid)
        row = QHBoxLayout()
        row.addStretch(1)
        close = PrimaryButton(self.tr("Close"))
        close.clicked.connect(self.close)
        close.setDefault(True)
        row.addWidget(close)
        column.addLayout(row)
