"""The receipt of an admitted bundle: shown, printed, saved as a page, a PDF or for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QBuffer, QCoreApplication, QIODevice, QMarginsF, Qt
from PySide6.QtGui import QFont, QPageLayout, QPageSize, QPdfWriter, QTextDocument
from PySide6.QtWidgets import QDialog, QFileDialog, QTextBrowser, QWidget

from bancada.catalog.bundles.receipt import receipt_json, render_receipt
from bancada.core.errors import BancadaError
from bancada.gui.sheets import Sheet
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import PlainButton, PrimaryButton
from bancada.storage.files import write_durably

#: besides the 20 mm that Qt leaves free around a document with page numbers
_PAGE_MM = 2.0
_DOTS_PER_INCH = 300
#: the part of CSS that Qt's rich text knows; the page in the workspace has a style of its own
_STYLE = """
h1 {{ font-size: 18pt; margin-bottom: 2px; }} h2 {{ font-size: 12pt; margin-top: 14px; margin-bottom: 4px; }}
p.muted, td.muted, th {{ color: {muted}; }} th {{ text-align: left; font-weight: 600; }}
th, td {{ padding: 2px 12px 2px 0; }} td.code {{ font-family: 'JetBrains Mono', monospace; font-size: 8pt; }}
td.signature {{ padding-top: 48px; padding-right: 200px; border-bottom: 1px solid {text}; }}
"""
_INK = {"muted": "#333333", "text": "#000000"}


def receipt_document(receipt: dict[str, Any], parent: QWidget, *, muted: str, text: str) -> QTextDocument:
    """The receipt as a document in the given colours."""
    document = QTextDocument(parent)
    document.setDefaultFont(QFont("Inter", 10))
    document.setDefaultStyleSheet(_STYLE.format(muted=muted, text=text))
    document.setHtml(render_receipt(receipt, styled=False))
    return document


def receipt_pdf(receipt: dict[str, Any], parent: QWidget) -> bytes:
    """The receipt on A4 pages, black on white."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(f"Bancada: receipt {receipt['bundle'][:12]}")
    writer.setResolution(_DOTS_PER_INCH)
    writer.setPageLayout(_layout())
    receipt_document(receipt, parent, **_INK).print_(writer)
    buffer.close()
    return bytes(buffer.data().data())


def _layout() -> QPageLayout:
    margins = QMarginsF(_PAGE_MM, _PAGE_MM, _PAGE_MM, _PAGE_MM)
    size = QPageSize(QPageSize.PageSizeId.A4)
    return QPageLayout(size, QPageLayout.Orientation.Portrait, margins, QPageLayout.Unit.Millimeter)


class ReceiptSheet(Sheet):
    """Shows one receipt over the window."""

    def __init__(self, parent: QWidget, shell: Shell, receipt: dict[str, Any]) -> None:
        super().__init__(parent, QCoreApplication.translate("Transfer", "Receipt"), 820, 720)
        self._shell, self._receipt = shell, receipt
        colors = {"muted": shell.theme.color("muted").name(), "text": shell.theme.color("text").name()}
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.setAccessibleName(self.tr("Receipt of the bundle %1").replace("%1", str(receipt["title"])))
        self.text.setDocument(receipt_document(receipt, self.text, **colors))
        self.body.addWidget(self.text)
        self.print_button = PrimaryButton(self.tr("Print\N{HORIZONTAL ELLIPSIS}"))
        self.print_button.clicked.connect(self.ask_printer)
        self.save_button = PlainButton(self.tr("Save\N{HORIZONTAL ELLIPSIS}"))
        self.save_button.setToolTip(self.tr("As a page (HTML), as PDF, or for programs (JSON)"))
        self.save_button.clicked.connect(self.choose_file)
        for at, button in enumerate((self.print_button, self.save_button)):
            self.buttons.insertWidget(at + 1, button)
        self.print_button.setFocus()

    def choose_file(self) -> None:
        """Ask where to keep it."""
        dialog = QFileDialog(self, self.tr("Save the receipt"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(
            [self.tr("PDF (*.pdf)"), self.tr("Page (*.html)"), self.tr("For programs (*.json)")]
        )
        dialog.setDefaultSuffix("pdf")
        dialog.filterSelected.connect(
            lambda chosen: dialog.setDefaultSuffix(chosen.split("*.")[-1].rstrip(")"))
        )
        dialog.selectFile(f"receipt-{self._receipt['bundle'][:12]}.pdf")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.save(Path(path)))
        dialog.open()

    def save(self, path: Path) -> None:
        """Write it in the form that the file's ending asks for."""
        ending = path.suffix.lower()
        if ending == ".pdf":
            content = receipt_pdf(self._receipt, self)
        elif ending == ".json":
            content = receipt_json(self._receipt)
        else:
            content = render_receipt(self._receipt).encode()
        text = self.tr("The receipt is in %1.").replace("%1", str(path))

        def work() -> None:
            try:
                write_durably(path, content)
            except OSError as error:
                detail = error.strerror or str(error)
                raise BancadaError("bundle.unwritable", path=str(path), detail=detail) from error

        self._shell.background.run(
            work,
            lambda _: self._shell.notify("success", text),
            lambda error: self._shell.show_error(error, near=self.save_button),
            owner=self,
        )

    def ask_printer(self) -> None:
        """Open the desktop's printer dialog."""
        from PySide6.QtPrintSupport import QPrintDialog, QPrinter

        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        printer.setDocName(f"receipt-{self._receipt['bundle'][:12]}")
        printer.setPageLayout(_layout())
        dialog = QPrintDialog(printer, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: receipt_document(self._receipt, self, **_INK).print_(printer))
        QDialog.open(dialog)
