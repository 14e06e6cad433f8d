"""Importance matrices: computing one from a text, and those that are here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bancada.gui.models.records import Column, RecordModel
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Label, NumberBox, PlainButton, PrimaryButton
from bancada.gui.widgets.format import number
from bancada.gui.widgets.table import Table
from bancada.quantization.jobs import MATRIX, MatrixParams
from bancada.storage.matrices import MatrixRecord
from bancada.storage.models import VersionRecord


class MatrixForm(QWidget):
    """``begun`` carries the kind of job, its parameters and a title; ``removed`` a matrix's id."""

    begun = Signal(object, object, str)
    removed = Signal(str)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._source: VersionRecord | None = None
        self._build(shell)

    def show_source(self, source: VersionRecord | None) -> None:
        """The model that the next matrix is computed with."""
        self._source = source
        self.button.setEnabled(source is not None and source.format == "gguf")

    def show_matrices(self, records: Sequence[MatrixRecord]) -> None:
        self.model.set_records(records)
        self._choose()

    def start(self) -> None:
        """Compute a matrix."""
        source = self._source
        if source is None or not self.button.isEnabled():
            return
        params = MatrixParams(
            source.id,
            text=self.text.text().strip(),
            name=self.name.text().strip(),
            chunks=self.chunks.value() or None,
        )
        self.begun.emit(MATRIX, params, self.tr("Importance matrix of %1").replace("%1", source.name))

    def _build(self, shell: Shell) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        words = self.tr(
            "The model reads a text, and the columns of its weights that matter for it are noted. "
            "Quantizing with the matrix spares those columns: strong quantization loses much less. "
            "Take texts like those that the model will read; nothing leaves this machine."
        )
        column.addWidget(Label(words, "muted", wrap=True))
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        self.text = QLineEdit(
            placeholderText=self.tr("the neutral text in six languages that comes with Bancada")
        )
        self.name = QLineEdit(placeholderText=self.tr("proposed from model and text"))
        self.chunks = NumberBox(0, 1_000_000)
        self.chunks.setSpecialValueText(self.tr("the whole text"))
        choose = QHBoxLayout()
        choose.setSpacing(8)
        choose.addWidget(self.text, 1)
        for title, folder in (
            (self.tr("File\N{HORIZONTAL ELLIPSIS}"), False),
            (self.tr("Folder\N{HORIZONTAL ELLIPSIS}"), True),
        ):
            button = PlainButton(title)
            button.clicked.connect(lambda _checked=False, folder=folder: self._ask_path(folder=folder))
            choose.addWidget(button)
        for title, row, widget in (
            (self.tr("Text"), choose, self.text),
            (self.tr("Chunks of 512 tokens"), self.chunks, self.chunks),
            (self.tr("Name"), self.name, self.name),
        ):
            widget.setAccessibleName(title)
            form.addRow(Label(title, "muted"), row)
        column.addLayout(form)
        row = QHBoxLayout()
        row.addStretch(1)
        self.button = PrimaryButton(self.tr("Compute"))
        self.button.clicked.connect(self.start)
        self.button.setEnabled(False)
        row.addWidget(self.button)
        column.addLayout(row)
        self.model = RecordModel[MatrixRecord](shell.theme, self._columns(), lambda one: one.id, self)
        self.table = Table(shell.theme, self.model, self.tr("Importance matrices"), filter_row=False)
        self.table.selected.connect(lambda _ids: self._choose())
        column.addWidget(self.table, 1)
        end = QHBoxLayout()
        self.detail = Label("", "note", wrap=True)
        end.addWidget(self.detail, 1)
        self.remove_button = PlainButton(self.tr("Remove"), "danger")
        self.remove_button.setAccessibleName(self.tr("Remove the importance matrix"))
        self.remove_button.clicked.connect(lambda: self.removed.emit(self.table.selected_ids()[0]))
        end.addWidget(self.remove_button)
        column.addLayout(end)
        self._choose()

    def _columns(self) -> Sequence[Column[MatrixRecord]]:
        return (
            Column("name", self.tr("Matrix"), lambda one: one.name, stretch=True),
            Column("text", self.tr("Text"), lambda one: one.text_name, width=150),
            Column(
                "tokens", self.tr("Tokens"), lambda one: one.tokens, lambda one: number(one.tokens),
                figures=True, width=80,
            ),
        )  # fmt: skip

    def _choose(self) -> None:
        """Say what the selected matrix's text reached."""
        chosen = self.table.selected_ids()
        self.remove_button.setEnabled(len(chosen) == 1)
        record = self.model.record(chosen[0]) if chosen else None
        if record is None:
            self.detail.clear()
            return
        covered = record.coverage
        words = self.tr("%1 of %2 tensors were seen.")
        words = words.replace("%1", str(covered["tensors"])).replace("%2", str(covered["tensors_in_model"]))
        if covered["unreached"]:
            words += " " + self.tr("Some experts were never used: take more text.")
        self.detail.setText(words)

    def _ask_path(self, *, folder: bool) -> None:
        dialog = QFileDialog(self, self.tr("The text to read"))
        if folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
            dialog.setNameFilters([self.tr("Texts (*.txt *.md)"), self.tr("All files (*)")])
        dialog.setModal(True)
        dialog.fileSelected.connect(lambda path: self.text.setText(str(Path(path))))
        dialog.open()
