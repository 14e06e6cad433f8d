"""The sheet that says what an import would bring, before anything is written."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QRadioButton,
    QWidget,
)

from bancada.catalog.jobs import ImportParams
from bancada.gui.models.library import ImportLook, look_at
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Chip, IconLabel, Label, PlainButton, PrimaryButton
from bancada.gui.widgets.format import UNKNOWN, bytes_text, number, parameters_text
from bancada.gui.widgets.states import ErrorPanel


class ImportSheet(Card):
    """Inspects one path in the background, then offers name, and link or copy.

    ``accepted`` carries the ImportParams that the user agreed to; ``closed`` says that the sheet is done.
    """

    accepted = Signal(object)
    closed = Signal()

    def __init__(self, shell: Shell) -> None:
        super().__init__(self.tr("Import a model"))
        self._shell = shell
        self._path: Path | None = None
        self._look: ImportLook | None = None
        close = PlainButton(self.tr("Cancel"))
        close.clicked.connect(self.close_sheet)
        self.go = PrimaryButton(self.tr("Import"))
        self.go.clicked.connect(self._accept)
        self.header.addWidget(close)
        self.header.addWidget(self.go)
        self._where = Label("", "note", wrap=True)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName(self.tr("Looking at the file"))
        self.error = ErrorPanel(shell.theme)
        self._found = QWidget()
        self._build_found()
        for widget in (self._where, self._busy, self.error, self._found):
            self.body.addWidget(widget)
        self.hide()

    def open_path(self, path: Path) -> None:
        """Show the sheet and look at ``path``."""
        self._path, self._look = path, None
        self._where.setText(str(path))
        self.error.hide()
        self._found.hide()
        self._busy.show()
        self.go.setEnabled(False)
        self.show()
        self._shell.background.run(
            lambda: look_at(self._shell.context, path),
            lambda look: self._show(path, look),
            lambda error: self._fail(path, error),
            owner=self,
        )

    def close_sheet(self) -> None:
        self._path = None
        self.hide()
        self.closed.emit()

    def _build_found(self) -> None:
        grid = QGridLayout(self._found)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(8)
        self._what = Label("", "subtitle", wrap=True)
        self._facts = Label("", "muted", wrap=True)
        self._warnings = Label("", wrap=True)
        self._warning_icon = IconLabel(self._shell.theme, "warning", "warn")
        grid.addWidget(self._what, 0, 0, 1, 2)
        grid.addWidget(self._facts, 1, 0, 1, 2)
        warnings = QHBoxLayout()
        warnings.addWidget(self._warning_icon, 0, Qt.AlignmentFlag.AlignTop)
        warnings.addWidget(self._warnings, 1)
        grid.addLayout(warnings, 2, 0, 1, 2)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name"))
        self.name.setMaxLength(120)
        self.name.returnPressed.connect(self._accept)
        self.name.textChanged.connect(self._check)
        form.addRow(Label(self.tr("Name")), self.name)
        self.link = QRadioButton()
        self.copy = QRadioButton()
        self._choice = QButtonGroup(self)
        ways = QHBoxLayout()
        ways.setSpacing(16)
        for button in (self.link, self.copy):
            self._choice.addButton(button)
            button.toggled.connect(self._check)
            ways.addWidget(button)
        ways.addStretch(1)
        form.addRow(Label(self.tr("How")), ways)
        self._space = Chip()
        form.addRow(Label(self.tr("Disk")), self._space)
        grid.addLayout(form, 3, 0, 1, 2)
        self.link.setText(self.tr("Link: takes no space"))
        self.link.setToolTip(
            self.tr("The file stays where it is and is shared; changing it would be noticed.")
        )

    def _show(self, path: Path, look: ImportLook) -> None:
        if path != self._path:
            return  # another one was opened meanwhile
        self._look = look
        plan = look.plan
        self._busy.hide()
        self._found.show()
        kinds = {"gguf": self.tr("GGUF model"), "onnx": self.tr("ONNX model folder")}
        self._what.setText(f"{kinds.get(plan.format, plan.format)}, {bytes_text(plan.size_bytes)}")
        template = self.tr("chat template") if plan.chat_template is not None else self.tr("no chat template")
        context = self.tr("context %1").replace("%1", number(plan.context_length))
        parts = [
            plan.architecture,
            plan.quantization or UNKNOWN,
            self.tr("%1 parameters").replace("%1", parameters_text(plan.parameters)),
            self.tr("%1 bits per weight").replace("%1", number(plan.bits_per_weight, 2)),
            context,
            template,
            plan.license or self.tr("licence not stated"),
        ]
        self._facts.setText(" \N{MIDDLE DOT} ".join(parts))
        self._warnings.setText("\n".join(plan.warnings))
        for widget in (self._warnings, self._warning_icon):
            widget.setVisible(bool(plan.warnings))
        self.name.setText(plan.name)
        self.copy.setText(self.tr("Copy: takes %1").replace("%1", bytes_text(plan.size_bytes)))
        self.link.setEnabled(look.can_link)
        if not look.can_link:
            self.link.setToolTip(self.tr("It lies on another disk than the library: it must be copied."))
        wants_link = look.can_link and bool(self._shell.context.settings.get("models.link_on_import"))
        (self.link if wants_link else self.copy).setChecked(True)
        self._check()
        self.name.setFocus()
        self.name.selectAll()

    def _fail(self, path: Path, error: BaseException) -> None:
        if path == self._path:
            self._busy.hide()
            self.error.show_error(error)

    def _check(self) -> None:
        if self._look is None:
            return
        need = 0 if self.link.isChecked() else self._look.plan.size_bytes
        have = self._look.free
        words = self.tr("needs %1, %2 free") if need else self.tr("needs no space, %2 free")
        words = words.replace("%1", bytes_text(need)).replace("%2", bytes_text(have))
        self._space.set(words, "good" if need <= have else "bad")
        self.go.setEnabled(need <= have and bool(self.name.text().strip()))

    def _accept(self) -> None:
        if self._look is None or not self.go.isEnabled():
            return
        params = ImportParams(str(self._look.plan.path), self.name.text().strip(), self.link.isChecked())
        self.close_sheet()
        self.accepted.emit(params)
