"""What was made of a model: the table, the chart, and the certificate of the one that is selected."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from bancada.core.errors import BancadaError
from bancada.gui.models.quantize import (
    CertificateLook,
    ResultRow,
    certificate_page,
    load_certificate,
    result_columns,
    verdict_tone,
    verdict_words,
)
from bancada.gui.models.records import RecordModel
from bancada.gui.pages.quantize.variant_chart import VariantChart
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Chip, Label, PlainButton
from bancada.gui.widgets.chip_delegate import ChipDelegate
from bancada.gui.widgets.table import Table
from bancada.quantization.page import divergence_rows, fault_words, speed_rows
from bancada.storage.files import write_durably

_SHOWN_ROWS = 6


class Results(QWidget):
    """``certify_asked`` carries a version; ``play_asked`` one to open in the Playground."""

    certify_asked = Signal(str)
    play_asked = Signal(str)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._rows: list[ResultRow] = []
        self._shown = ""
        self.model = RecordModel[ResultRow](shell.theme, result_columns(), lambda row: row.version_id, self)
        self.table = Table(shell.theme, self.model, self.tr("Variants"), filter_row=False)
        at = next(at for at, one in enumerate(self.model.columns) if one.id == "verdict")
        self.table.view.setItemDelegateForColumn(at, ChipDelegate(shell.theme, self.table.view))
        self.chart = VariantChart(shell.theme)
        self.table.selected.connect(lambda _ids: self._select())
        self.table.opened.connect(self.play_asked)
        self.chart.chosen.connect(self.table.select)
        self._build()

    def show_rows(self, rows: list[ResultRow], wanted: str = "") -> None:
        """Show the variants of a source; ``wanted`` is selected."""
        self._rows = rows
        self.model.set_records(rows)
        if wanted:
            self.table.select(wanted)
        if not self.table.selected_ids() and rows:
            self.table.select(rows[0].version_id)
        self._select()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        upper = Card(self.tr("What was made of it"))
        self.table.view.setMinimumHeight(self._shell.theme.px(130))
        upper.body.addWidget(self.table, 3)
        upper.body.addWidget(self.chart, 4)
        column.addWidget(upper, 3)
        column.addWidget(self._make_certificate(), 2)

    def _make_certificate(self) -> Card:
        self.card = Card(self.tr("Certificate"))
        self.chip = Chip("", "plain")
        self.page_button = PlainButton(self.tr("Save page\N{HORIZONTAL ELLIPSIS}"))
        self.page_button.setToolTip(self.tr("An HTML page that loads nothing from elsewhere, to be printed"))
        self.page_button.clicked.connect(self.save_page)
        self.certify_button = PlainButton(self.tr("Compare"))
        self.certify_button.setToolTip(self.tr("Compare it with its source and make a certificate"))
        self.certify_button.setAccessibleName(self.tr("Compare with the source"))
        self.certify_button.clicked.connect(lambda: self.certify_asked.emit(self._shown))
        self.play_button = PlainButton(self.tr("Ask it"))
        self.play_button.setAccessibleName(self.tr("Open in the Playground"))
        self.play_button.clicked.connect(lambda: self.play_asked.emit(self._shown))
        self.card.header.addWidget(self.chip)
        self.words = Label("", "", wrap=True)
        self.card.body.addWidget(self.words)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        row = QHBoxLayout()
        row.addLayout(self._grid, 1)
        self.card.body.addLayout(row)
        self.signature = Label("", "note", wrap=True)
        self.card.body.addWidget(self.signature)
        self.card.body.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for widget in (self.play_button, self.page_button, self.certify_button):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        self.card.body.addLayout(buttons)
        return self.card

    def _select(self) -> None:
        ids = self.table.selected_ids()
        self._shown = ids[0] if ids else ""
        self.chart.show_rows(self._rows, self._shown)
        row = self.model.record(self._shown) if self._shown else None
        self._clear()
        for button in (self.certify_button, self.page_button, self.play_button):
            button.setVisible(row is not None)
        if row is None:
            self.words.setText(self.tr("Nothing was made of this model yet: choose a type at the left."))
            return
        self.chip.set(verdict_words(row.verdict), verdict_tone(row.verdict) or "plain")
        self.chip.show()
        self.certify_button.setVisible(row.verdict != "source")
        self.page_button.setVisible(bool(row.certificate_id))
        if row.certificate_id:
            context, wanted = self._shell.context, row.certificate_id
            self._shell.background.run(
                lambda: load_certificate(context, wanted), self._show_certificate, self._say_error, owner=self
            )
        elif row.verdict == "source":
            self.words.setText(self.tr("This is the model that all others here were made from."))
        else:
            self.words.setText(
                self.tr(
                    "Nobody has checked what this file lost. Compare it with its source before you use it."
                )
            )

    def _show_certificate(self, look: CertificateLook) -> None:
        row = self.model.record(self._shown) if self._shown else None
        if row is None or row.certificate_id != look.record.id:
            return  # another one was selected meanwhile
        self._clear_grid()
        one = look.certificate
        self.words.setText("\n".join(one.reasons) or self.tr("Nothing speaks against it."))
        rows = divergence_rows(one.divergence)[:_SHOWN_ROWS] if one.divergence else []
        shown = [
            (name, value if not error.strip("\N{EN DASH}") else f"{value} \N{PLUS-MINUS SIGN} {error}")
            for name, value, error in rows
        ]
        if one.speed is not None:
            shown += [
                (name, f"{before} \N{RIGHTWARDS ARROW} {after}")
                for name, before, after in speed_rows(one.speed)[-2:]
            ]
        if one.tasks is not None:
            total = one.tasks.total
            right = self.tr("%1 of %2 right, the source %3")
            for mark, count in (("%1", total.result_right), ("%2", total.count), ("%3", total.source_right)):
                right = right.replace(mark, str(count))
            shown.append((self.tr("Questions"), right))
        if one.tensors is not None:
            shown += [fault_words(fault)[:2] for fault in one.tensors.faults[:_SHOWN_ROWS]]
        for at, (name, value) in enumerate(shown):
            self._grid.addWidget(Label(name, "muted"), at, 0)
            self._grid.addWidget(Label(value, "mono"), at, 1)
        text = f"{one.text.name}, {one.text.tokens:,} tokens. " if one.text else ""
        self.signature.setText(text + look.signature[:1].upper() + look.signature[1:] + ".")

    def save_page(self) -> None:
        """Ask where to, and write the printable page."""
        row = self.model.record(self._shown) if self._shown else None
        if row is None or not row.certificate_id:
            return
        wanted = row.certificate_id
        proposed = f"certificate-{row.name.replace(':', '-')}.html"
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the certificate"), proposed, "HTML (*.html)"
        )
        if path:
            self.write_page(Path(path), wanted)

    def write_page(self, path: Path, certificate_id: str) -> None:
        """Write the printable page in the background; says where it is, or why it is not."""
        context = self._shell.context

        def work() -> None:
            try:
                write_durably(path, certificate_page(context, certificate_id).encode())
            except OSError as error:
                raise BancadaError(
                    "file.unwritable", path=str(path), detail=error.strerror or str(error)
                ) from error

        said = self.tr("Written to %1").replace("%1", str(path))
        self._shell.background.run(
            work, lambda _: self._shell.notify("success", said), self._say_error, owner=self
        )

    def _say_error(self, error: BaseException) -> None:
        self._shell.show_error(error, near=self.page_button)

    def _clear(self) -> None:
        self.chip.hide()
        self.words.clear()
        self.signature.clear()
        self._clear_grid()

    def _clear_grid(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
