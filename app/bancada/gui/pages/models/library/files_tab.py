"""The tab of a model's files with their hashes, and of its licence."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from bancada.gui.models.library import ModelDetail, state_text
from bancada.gui.models.model_card import licence_text
from bancada.gui.pages.models.library.text_field import TextField
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import LinkButton, SectionLabel
from bancada.gui.widgets.format import bytes_text


class FilesTab(QWidget):
    """Hashes can be copied as ``sha256sum`` writes them, so that it can check them."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._sums = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(SectionLabel(self.tr("Files and hashes")))
        head.addStretch(1)
        self.copy_button = LinkButton(self.tr("Copy the hashes"))
        self.copy_button.setToolTip(self.tr("As sha256sum --check reads them"))
        self.copy_button.clicked.connect(self._copy)
        head.addWidget(self.copy_button)
        column.addLayout(head)
        self.files = TextField(self.tr("Files and hashes"))
        column.addWidget(self.files, 1)
        column.addWidget(SectionLabel(self.tr("Licence")))
        self.licence = TextField(self.tr("Licence"), mono=False)
        column.addWidget(self.licence, 2)

    def show_detail(self, detail: ModelDetail) -> None:
        """Show a model's."""
        version = detail.row.version
        self.files.fill(
            "\n\n".join(
                f"{one.path}  {bytes_text(one.size_bytes)}  {state_text(detail.files[one.sha256])}\n"
                f"{one.sha256}"
                for one in version.files
            )
        )
        self._sums = "".join(f"{one.sha256}  {one.path}\n" for one in version.files)
        self.licence.fill(licence_text(version))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._sums)
        self._shell.notify("info", self.tr("The hashes are on the clipboard."))
