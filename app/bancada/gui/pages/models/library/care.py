"""What is done to a model in the library: verify, reveal, export, remove, trust again, find its file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from bancada.catalog import lifecycle
from bancada.catalog.jobs import EXPORT, VERIFY, ExportParams, VerifyParams
from bancada.catalog.names import clean_name
from bancada.core.errors import BancadaError
from bancada.core.events import Changed
from bancada.gui.models.library import ModelDetail, ModelRow, load_detail
from bancada.gui.pages.models.job_strips import JobStrips
from bancada.gui.pages.page import Page
from bancada.gui.widgets.ask import Answer, ask
from bancada.gui.widgets.format import bytes_text, number
from bancada.storage import models


class ModelCare(QObject):
    """Acts on the row that it is given; ``failed`` carries an error, ``changed`` asks to read again."""

    failed = Signal(object)
    changed = Signal()

    def __init__(self, page: Page, strips: JobStrips, reveal_button: QWidget) -> None:
        super().__init__(page)
        self._page, self._strips, self._reveal_button = page, strips, reveal_button
        self._shell = page.shell

    def verify(self, row: ModelRow) -> None:
        """Hash the model's files again, as a job."""
        title = self.tr("Verify %1").replace("%1", row.title)
        self._strips.begin(VERIFY, VerifyParams((row.version.id,)), title)

    def reveal(self, row: ModelRow) -> None:
        """Open the folder of the model's file in the file manager: where it came from, else the store."""
        source = Path(row.version.source)
        stored = self._shell.context.blobs.path(row.version.files[0].sha256)
        self.show_folder(source.parent if source.exists() else stored.parent)

    def export(self, row: ModelRow) -> None:
        """Ask for the place, then copy the model's files and a card into a new folder there."""
        dialog = QFileDialog(self._page, self.tr("Where shall the folder with the model go?"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.export_to(row, Path(path)))
        dialog.open()

    def export_to(self, row: ModelRow, place: Path) -> None:
        """Export into a folder of the model's name in ``place``; what is there already is not touched."""
        name = clean_name(f"{row.version.name} v{row.version.version}").replace(" ", "-")
        params = ExportParams(row.version.id, str(place / name))
        self._strips.begin(EXPORT, params, self.tr("Export %1").replace("%1", row.title))

    def set_tags(self, row: ModelRow, tags: list[str]) -> None:
        """Store a model's tags."""
        database, model_id = self._shell.context.database, row.version.model_id
        self._run(lambda: lifecycle.set_tags(database, model_id, tags))

    def show_folder(self, folder: Path) -> None:
        """Open a folder in the file manager."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            error = BancadaError("models.no_file_manager", path=str(folder))
            self._shell.show_error(error, near=self._reveal_button)

    def remove(self, row: ModelRow) -> None:
        """Ask before what nobody can undo, saying what would break and what it frees."""
        context, version_id = self._shell.context, row.version.id
        self._shell.background.run(
            lambda: load_detail(context, version_id), self._ask_removal, self.failed.emit, owner=self
        )

    def trust(self, row: ModelRow) -> None:
        """Forget the crashes for which the model was put aside."""
        library, version_id = self._shell.context.library, row.version.id
        self._run(lambda: library.trust_again(version_id))

    def choose_whole_file(self, row: ModelRow) -> None:
        """Ask where the model's file is now."""
        dialog = QFileDialog(self._page, self.tr("Find the model's file"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.relocate(row, Path(path)))
        dialog.open()

    def relocate(self, row: ModelRow, path: Path) -> None:
        """Bring the model's file back from ``path``, if it has the same content."""
        blobs, sha256 = self._shell.context.blobs, row.version.files[0].sha256
        self._run(lambda: blobs.relocate(sha256, path))

    def save_notes(self, model_id: str, notes: str) -> None:
        """Store what was typed."""
        database = self._shell.context.database
        self._shell.background.run(
            lambda: models.set_notes(database, model_id, notes), lambda _: None, self.failed.emit, owner=self
        )

    def _run(self, work: Callable[[], object]) -> None:
        self._shell.background.run(work, lambda _: self.changed.emit(), self.failed.emit, owner=self)

    def _ask_removal(self, detail: ModelDetail) -> None:
        title, uses = detail.row.title, detail.uses
        if uses.own_bytes:
            lines = [self.tr("This frees %1 on the disk.").replace("%1", bytes_text(uses.own_bytes))]
        else:
            lines = [self.tr("It frees nothing: another model shares its files.")]
        if uses.conversations:
            text = self.tr(
                "Conversations that use it: %1. Their texts stay, but need another model to go on."
            )
            lines.append(text.replace("%1", number(uses.conversations)))
        if uses.children:
            text = self.tr("Versions made of it: %1. They stay, without their origin.")
            lines.append(text.replace("%1", number(uses.children)))
        if uses.aliases:
            text = self.tr("Aliases that lead to it, and go with it: %1.")
            lines.append(text.replace("%1", ", ".join(f"@{one}" for one in uses.aliases)))
        if uses.compared:
            text = self.tr("Certificates that compare other versions with it: %1. They stay.")
            lines.append(text.replace("%1", number(uses.compared)))
        if uses.bundles:
            text = self.tr("Bundles in quarantine that hold files of it: %1. Those files stay.")
            lines.append(text.replace("%1", number(uses.bundles)))
        if detail.row.state == "loaded":
            lines.append(self.tr("It is loaded now and will be closed."))
        lines.append(self.tr("A file outside the library that it was imported from is not touched."))
        ask(
            self._page,
            self.tr("Remove %1?").replace("%1", title),
            "\n".join(lines),
            (
                Answer(self.tr("Remove %1").replace("%1", title), partial(self._remove, detail), "danger"),
                Answer(self.tr("Keep it"), lambda: None),
            ),
        )

    def _remove(self, detail: ModelDetail) -> None:
        context, version_id, title = self._shell.context, detail.row.version.id, detail.row.title

        def work() -> int:
            session = context.models.current(version_id)
            if session is not None:
                session.close()
            return context.library.remove(version_id)

        def done(freed: int) -> None:
            text = self.tr("%1 is removed. %2 are free again.").replace("%1", title)
            self._shell.notify("success", text.replace("%2", bytes_text(freed)))
            context.events.publish(Changed("model", (version_id,)))

        self._shell.background.run(work, done, self.failed.emit, owner=self)
