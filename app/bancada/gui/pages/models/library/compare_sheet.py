"""Two models side by side in a sheet over the window."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QWidget

from bancada.catalog import comparing
from bancada.catalog.comparing import Comparison
from bancada.gui.models.comparing import CompareRow, compare_columns, compare_rows
from bancada.gui.models.library import ModelRow
from bancada.gui.models.records import RecordModel
from bancada.gui.sheets import Sheet
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Label
from bancada.gui.widgets.format import bytes_text, number
from bancada.gui.widgets.states import ErrorPanel
from bancada.gui.widgets.table import Table


class CompareSheet(Sheet):
    """Both models can be chosen; the table shows what differs, or everything."""

    def __init__(
        self, parent: QWidget, shell: Shell, rows: Sequence[ModelRow], left: str, right: str
    ) -> None:
        super().__init__(parent, shell.theme.tr("Compare two models"), 900, 640)
        self._shell = shell
        self._found: Comparison | None = None
        head = QHBoxLayout()
        self.left, self.right = QComboBox(), QComboBox()
        for box, name, chosen in (
            (self.left, self.tr("The one model"), left),
            (self.right, self.tr("The other model"), right),
        ):
            box.setAccessibleName(name)
            for row in rows:
                box.addItem(f"{row.title}  {row.version.quantization}", row.version.id)
            box.setCurrentIndex(max(0, box.findData(chosen)))
            box.setMinimumWidth(240)
            box.currentIndexChanged.connect(self._ask)
            head.addWidget(box, 1)
        self.all_check = QCheckBox(self.tr("Show also what is the same"))
        self.all_check.toggled.connect(self._show)
        self.body.addLayout(head)
        self.error = ErrorPanel(shell.theme, closable=True)
        self.body.addWidget(self.error)
        self.summary = Label("", "muted", wrap=True)
        self.body.addWidget(self.summary)
        self.model = RecordModel[CompareRow](
            shell.theme, compare_columns(self.tr("The one"), self.tr("The other")), lambda one: one.key, self
        )
        self.table = Table(shell.theme, self.model, self.tr("The two models side by side"))
        self.table.view.setSortingEnabled(False)
        self.table.proxy.sort(-1)  # what a model is, who answers for it, what it needs, what was measured
        self.table.bar.insertWidget(1, self.all_check)
        self.body.addWidget(self.table, 1)
        self._ask()

    def _ask(self) -> None:
        context = self._shell.context
        chosen = [str(box.currentData()) for box in (self.left, self.right)]

        def work() -> Comparison:
            one, other = (context.library.find(version_id) for version_id in chosen)
            usual = int(context.settings.get("chat.context"))
            return comparing.compare(context.database, one, other, context.library.forecaster(), usual)

        def done(found: Comparison) -> None:
            if [found.left.id, found.right.id] == [str(box.currentData()) for box in (self.left, self.right)]:
                self._found = found
                self._show()

        self._shell.background.run(work, done, self.error.show_error, owner=self)

    def _show(self) -> None:
        if self._found is None:
            return
        differing = sum(one.differs for one in self._found.pairs)
        text = (
            self.tr("They differ in %1 points.").replace("%1", number(differing))
            if differing
            else self.tr("They do not differ.")
        )
        if self._found.shared_bytes:
            shared = self.tr("%1 of files belong to both.")
            text = f"{text} {shared.replace('%1', bytes_text(self._found.shared_bytes))}"
        self.summary.setText(text)
        titles = [f"{one.name}:{one.version}" for one in (self._found.left, self._found.right)]
        self.model.columns = compare_columns(*titles)
        self.model.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.model.columns) - 1)
        self.model.set_records(compare_rows(self._found, all_of_them=self.all_check.isChecked()))
