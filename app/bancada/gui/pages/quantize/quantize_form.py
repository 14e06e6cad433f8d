"""Make a model smaller: which type, or several, with what each would give before it is made."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.gui.models.quantize import TypeRow, TypesLook, load_types, type_columns
from bancada.gui.models.records import RecordModel
from bancada.gui.pages.models.fold import Fold
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Label, LinkButton, PlainButton, PrimaryButton
from bancada.gui.widgets.states import ErrorPanel
from bancada.gui.widgets.table import Table
from bancada.jobs.spec import JobKind
from bancada.quantization import plan
from bancada.quantization.jobs import QUANTIZE, SWEEP, QuantizeParams, SweepParams
from bancada.quantization.sweep import GOALS
from bancada.storage.matrices import MatrixRecord
from bancada.storage.models import VersionRecord

#: the type that most people want, selected at first
_FIRST = "Q4_K_M"
_TYPING_MS = 500


class QuantizeForm(QWidget):
    """``begun`` carries the kind of job, its parameters and a title; ``matrix_asked`` wants a matrix."""

    begun = Signal(object, object, str)
    matrix_asked = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._source: VersionRecord | None = None
        self._look: TypesLook | None = None
        self._asked = 0
        self.model = RecordModel[TypeRow](shell.theme, type_columns(), lambda row: row.name, self)
        self.table = Table(shell.theme, self.model, self.tr("Types"), filter_row=False)
        self.table.selected.connect(lambda _ids: self._show_choice())
        self.error = ErrorPanel(shell.theme)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self._ask)
        self._build()

    def show_source(self, source: VersionRecord | None) -> None:
        """Ask what the types would give for another model."""
        if source == self._source:
            return
        self._source = source
        self.requantize.setChecked(False)
        self.model.set_records([])
        self._look = None
        self._ask()

    def show_matrices(self, records: Sequence[MatrixRecord]) -> None:
        """Offer these importance matrices."""
        kept = self.matrix.currentData()
        self.matrix.blockSignals(True)  # noqa: FBT003 - Qt's
        self.matrix.clear()
        self.matrix.addItem(self.tr("none"), "")
        for one in records:
            self.matrix.addItem(one.name, one.id)
        self.matrix.setCurrentIndex(max(0, self.matrix.findData(kept)))
        self.matrix.blockSignals(False)  # noqa: FBT003

    def start(self) -> None:
        """Make what is selected."""
        chosen, source = self.table.selected_ids(), self._source
        if source is None or not chosen or not self.button.isEnabled():
            return
        matrix = str(self.matrix.currentData() or "")
        if len(chosen) == 1:
            params: object = QuantizeParams(
                source.id,
                chosen[0],
                matrix_id=matrix,
                overrides=self._overrides(),
                requantize=self.requantize.isChecked(),
                name=self.name.text().strip(),
                certify=self.certify.isChecked(),
            )
            kind: JobKind = QUANTIZE
            title = self.tr("Quantize %1 to %2").replace("%1", source.name).replace("%2", chosen[0])
        else:
            params = SweepParams(
                source.id,
                tuple(chosen),
                goal=str(self.goal.currentData()),
                matrix_id=matrix,
                requantize=self.requantize.isChecked(),
            )
            kind = SWEEP
            title = self.tr("Variants of %1").replace("%1", source.name)
        self.begun.emit(kind, params, title)

    # -- building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        within = QHBoxLayout()
        within.setSpacing(8)
        self.largest = QLineEdit(placeholderText="600 MB")
        self.largest.setAccessibleName(self.tr("Largest size of the file"))
        self.largest.setMaximumWidth(self._shell.theme.px(110))
        self.largest.returnPressed.connect(self.choose_within)
        find = PlainButton(self.tr("Choose"))
        find.setAccessibleName(self.tr("Choose the best type within the size"))
        find.clicked.connect(self.choose_within)
        within.addWidget(Label(self.tr("Best type within"), "muted"))
        within.addWidget(self.largest)
        within.addWidget(find)
        within.addStretch(1)
        self.all_types = QCheckBox(self.tr("All types"))
        self.all_types.toggled.connect(lambda _on: self._show_rows())
        within.addWidget(self.all_types)
        column.addLayout(within)
        column.addWidget(self.error)
        self.table.view.setMinimumHeight(self._shell.theme.px(180))
        column.addWidget(self.table, 1)
        self.words = Label("", "note", wrap=True)
        column.addWidget(self.words)
        column.addLayout(self._make_options())
        column.addWidget(Fold(self._shell.theme, self.tr("More"), self._make_more()))
        row = QHBoxLayout()
        self.plan = Label("", "muted", wrap=True)
        row.addWidget(self.plan, 1)
        self.button = PrimaryButton(self.tr("Make it"))
        self.button.setEnabled(False)
        self.button.clicked.connect(self.start)
        row.addWidget(self.button)
        column.addLayout(row)

    def _make_options(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.matrix = QComboBox()
        self.matrix.setAccessibleName(self.tr("Importance matrix"))
        self.matrix.setToolTip(
            self.tr("It says which columns of the weights matter for a text, and spares those")
        )
        self.matrix.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.matrix.setMinimumContentsLength(14)
        self.matrix.currentIndexChanged.connect(lambda _at: self._ask())
        self.show_matrices(())
        make = LinkButton(self.tr("Compute one\N{HORIZONTAL ELLIPSIS}"))
        make.setAccessibleName(self.tr("Compute an importance matrix"))
        make.clicked.connect(self.matrix_asked)
        self.goal_label = Label(self.tr("Recommend by"), "muted")
        self.goal = QComboBox()
        self.goal.setAccessibleName(self.tr("What to recommend by"))
        words = {"quality": self.tr("quality"), "size": self.tr("size"), "speed": self.tr("speed")}
        for one in GOALS:
            self.goal.addItem(words[one], one)
        for widget in (Label(self.tr("Importance matrix"), "muted"), self.matrix, make):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.goal_label)
        row.addWidget(self.goal)
        return row

    def _make_more(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.certify = QCheckBox(self.tr("Compare the result with its source and make a certificate"))
        self.certify.setChecked(True)
        self.requantize = QCheckBox(
            self.tr("Take a source that is quantized already: losses come on top of losses")
        )
        self.requantize.toggled.connect(lambda _on: self._show_choice())
        self.name = QLineEdit(placeholderText=self.tr("Name of the result: proposed from the source"))
        self.name.setAccessibleName(self.tr("Name of the result"))
        self.overrides = QLineEdit(placeholderText=self.tr("Other types for some tensors: ffn_down=Q8_0"))
        self.overrides.setAccessibleName(self.tr("Other types for some tensors, separated by spaces"))
        self.overrides.textEdited.connect(lambda _text: self._typing.start())
        for widget in (self.certify, self.requantize, self.name, self.overrides):
            column.addWidget(widget)
        return box

    # -- what is shown

    def choose_within(self) -> None:
        """Select the best type that is no larger than the size that was typed."""
        if self._look is None:
            return
        try:
            target = plan.size_of(self.largest.text())
            matrix = bool(self.matrix.currentData())
            found = plan.choose([one.variant for one in self._look.rows], target, matrix=matrix)
        except BancadaError as error:
            self.error.show_error(error)
            return
        self.error.hide()
        self.all_types.setChecked(self.all_types.isChecked() or not _row(self._look, found.type).usual)
        self.table.select(found.type)

    def _overrides(self) -> tuple[str, ...]:
        return tuple(self.overrides.text().split())

    def _ask(self) -> None:
        source = self._source
        self._asked += 1
        self.error.hide()
        if source is None or source.format != "gguf":
            self._show_choice()
            return
        asked, context = self._asked, self._shell.context
        matrix, overrides = bool(self.matrix.currentData()), self._overrides()
        self.words.setText(self.tr("Working out what each type would give\N{HORIZONTAL ELLIPSIS}"))

        def show(look: TypesLook) -> None:
            if asked == self._asked:
                self._look = look
                self._show_rows()

        def fail(error: BaseException) -> None:
            if asked == self._asked:
                self.words.clear()
                self.error.show_error(error)

        self._shell.background.run(
            lambda: load_types(context, source.id, matrix=matrix, overrides=overrides), show, fail, owner=self
        )

    def _show_rows(self) -> None:
        if self._look is None:
            return
        everything = self.all_types.isChecked()
        self.model.set_records([one for one in self._look.rows if everything or one.usual])
        if not self.table.selected_ids():
            self.table.sort_by("type")
            self.table.select(_FIRST)
        self._show_choice()

    def _show_choice(self) -> None:
        """Say what would be made, and what to mind about it."""
        chosen = set(self.table.selected_ids())
        rows = [one for one in self._look.rows if one.name in chosen] if self._look else []
        needs = any(one.variant.needs_matrix for one in rows) and not self.matrix.currentData()
        quantized = bool(self._look and self._look.quantized) and not self.requantize.isChecked()
        total = sum(one.variant.size_bytes for one in rows)
        short = self._look is not None and total > self._look.free_disk
        self.goal.setVisible(len(rows) > 1)
        self.goal_label.setVisible(len(rows) > 1)
        self.words.setText(self._advice(rows, needs=needs))
        self.plan.setText(self._needs(rows, total, short=short, quantized=quantized))
        self.button.setEnabled(bool(rows) and not needs and not short and not quantized)
        if len(rows) > 1:
            text = self.tr("Make %1 variants and compare").replace("%1", str(len(rows)))
        else:
            text = self.tr("Make %1").replace("%1", rows[0].name) if rows else self.tr("Make it")
        self.button.setText(text)

    def _advice(self, rows: Sequence[TypeRow], *, needs: bool) -> str:
        if needs:
            return self.tr("This type needs an importance matrix: choose or compute one.")
        if len(rows) == 1:
            return "\n".join(rows[0].advice)
        if rows:
            return self.tr(
                "Each of them is compared with the source; those that are there are not made again."
            )
        return self.tr("Select one type, or several with Ctrl or Shift to compare them.")

    def _needs(self, rows: Sequence[TypeRow], total: int, *, short: bool, quantized: bool) -> str:
        if quantized and self._look is not None:
            return self.tr(
                "The source is quantized already (%1). To take it all the same, tick the box under More."
            ).replace("%1", self._look.quantized)
        if not rows or self._look is None:
            return ""
        words = (
            self.tr("%1 on the disk, of %2 free")
            if not short
            else self.tr("Needs %1 on the disk, only %2 are free")
        )
        return words.replace("%1", bytes_text(total)).replace("%2", bytes_text(self._look.free_disk))


def _row(look: TypesLook, name: str) -> TypeRow:
    return next(one for one in look.rows if one.name == name)
