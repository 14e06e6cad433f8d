"""The library: what is in it, what each model is, and how models come and go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from bancada.catalog.jobs import EXPORT, IMPORT, ImportParams
from bancada.core.events import Changed, SessionState
from bancada.gui.arrangement import Arrangement
from bancada.gui.models.library import ModelDetail, ModelRow, columns, load_detail, load_rows
from bancada.gui.models.records import ID_ROLE, RecordModel
from bancada.gui.pages.models.job_strips import JobStrips
from bancada.gui.pages.models.library.care import ModelCare
from bancada.gui.pages.models.library.compare_sheet import CompareSheet
from bancada.gui.pages.models.library.detail import DetailPanel
from bancada.gui.pages.models.library.duty_dialogs import AliasDialog, StageDialog
from bancada.gui.pages.models.library.import_sheet import ImportSheet
from bancada.gui.pages.models.library.storage_sheet import StorageSheet
from bancada.gui.pages.models.views import ModelsView
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Chip, Label, PlainButton, PrimaryButton
from bancada.gui.widgets.format import number
from bancada.gui.widgets.states import EmptyState, ErrorPanel
from bancada.gui.widgets.table import Table
from bancada.jobs.spec import JobRecord, JobStatus


class LibraryView(ModelsView):
    """Table and detail, with the import sheet and running imports above them."""

    kinds: ClassVar[frozenset[str]] = frozenset({"model", "job"})

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._rows: list[ModelRow] = []
        self._wanted = ""  # the version to select as soon as it is listed
        self._shown = ""
        self._detail: ModelDetail | None = None
        self.model = RecordModel[ModelRow](shell.theme, columns(), lambda row: row.version.id, self)
        self.table = Table(shell.theme, self.model, self.tr("Models"))
        self.detail = DetailPanel(shell)
        self.sheet = ImportSheet(shell)
        self.strips = JobStrips(shell)
        self.error = ErrorPanel(shell.theme, closable=True)
        self.care = ModelCare(self, self.strips, self.detail.reveal_button)
        self._build()
        self._add_actions()
        self._connect()

    def opened(self, **arguments: object) -> None:
        """``import_path`` opens the import sheet; ``version_id`` selects a model.

        ``choose_import`` and ``choose_folder`` open the dialog for a file and for a folder.
        """
        path, version_id = arguments.get("import_path"), arguments.get("version_id")
        if path:
            self.sheet.open_path(Path(str(path)))
        elif arguments.get("choose_import"):
            self.choose_file()
        elif arguments.get("choose_folder"):
            self.choose_folder()
        if version_id:
            self._wanted = str(version_id)
            self._select_wanted()

    def refresh(self) -> None:
        """Read the library again, in the background."""
        context = self.shell.context
        self.shell.background.run(lambda: load_rows(context), self._show_rows, self._fail, owner=self)

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep at once how the page was arranged."""
        super().hideEvent(event)
        self._arrangement.flush()

    # -- building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        self.tools = self._make_tools()
        for widget in (self.error, self.sheet, self.strips):
            column.addWidget(widget)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._make_loading())
        self._stack.addWidget(
            EmptyState(
                self.shell.theme,
                "cube",
                self.tr("No model yet"),
                self.tr("Import a GGUF file\N{HORIZONTAL ELLIPSIS}"),
                self.choose_file,
                self.tr(
                    "Choose a .gguf file or drop it on this window. It stays on this machine; nothing is "
                    "downloaded. A folder of an ONNX model works as well."
                ),
            )
        )
        self._stack.addWidget(self._make_split())
        column.addWidget(self._stack, 1)

    def _make_tools(self) -> QWidget:
        tools = QWidget()
        row = QHBoxLayout(tools)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self._count = Chip("", "plain")
        self._count.hide()
        self.folder_button = PlainButton(self.tr("Import folder\N{HORIZONTAL ELLIPSIS}"))
        self.folder_button.setToolTip(self.tr("An ONNX model is a folder of files"))
        self.file_button = PrimaryButton(self.tr("Import file\N{HORIZONTAL ELLIPSIS}"))
        self.file_button.setToolTip(self.tr("A GGUF file; dropping it on the window does the same (Ctrl+O)"))
        self.storage_button = PlainButton(self.tr("Storage\N{HORIZONTAL ELLIPSIS}"))
        self.storage_button.setToolTip(self.tr("What takes how much of the disk, and what of it can go"))
        for widget in (self._count, self.storage_button, self.folder_button, self.file_button):
            row.addWidget(widget)
        return tools

    def _make_loading(self) -> Label:
        label = Label(self.tr("Reading the library\N{HORIZONTAL ELLIPSIS}"), "muted")
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        return label

    def _make_split(self) -> QSplitter:
        self.table.sort_by("name")
        frame = QFrame()
        frame.setProperty("role", "card")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(8, 8, 8, 8)
        inside.addWidget(self.table)
        self._side = QStackedWidget()
        hint = Label(self.tr("Select a model to see what it is and what it needs."), "muted", wrap=True)
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._side.addWidget(hint)
        self._side.addWidget(self.detail)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(12)
        split.setStyleSheet("QSplitter::handle { background: transparent; }")
        split.addWidget(frame)
        split.addWidget(self._side)
        split.setStretchFactor(0, 1)
        split.setSizes([624, 400])
        split.setChildrenCollapsible(False)
        self._arrangement = Arrangement(
            self.shell, "models", self, splitters={"detail": split}, tables={"models": self.table}
        )
        return split

    def _add_actions(self) -> None:
        verify, reveal, remove, export = (
            partial(self._with_current, one)
            for one in (self.care.verify, self.care.reveal, self.care.remove, self.care.export)
        )
        for signal, slot in (
            (self.detail.verify, verify),
            (self.detail.reveal, reveal),
            (self.detail.remove, remove),
            (self.detail.export, export),
            (self.detail.trust, partial(self._with_current, self.care.trust)),
            (self.detail.relocate, partial(self._with_current, self.care.choose_whole_file)),
        ):
            signal.connect(slot)
        for action_id, text, run, shortcut, icon in (
            ("models.filter", self.tr("Filter the models"), self.table.filter.setFocus, "Ctrl+F", "filter"),
            ("models.play", self.tr("Open the model in the Playground"), self.play, "Ctrl+Return", "chat"),
            ("models.benchmark", self.tr("Benchmark the model"), self.benchmark, "Ctrl+B", "gauge"),
            ("models.quantize", self.tr("Convert or quantize the model"), self.quantize, "", "layers"),
            ("models.verify", self.tr("Verify the model's files"), verify, "", "shield"),
            ("models.reveal", self.tr("Show the model in its folder"), reveal, "", "folder"),
            ("models.export", self.tr("Export the model"), export, "Ctrl+E", "export"),
            ("models.compare", self.tr("Compare two models"), self.compare, "Ctrl+D", "columns"),
            ("models.stage", self.tr("Set the model's stage"), self.change_stage, "", "check"),
            ("models.aliases", self.tr("Change the model's aliases"), self.change_aliases, "", "bookmark"),
            ("models.storage", self.tr("Storage and clean-up"), self.show_storage, "", "archive"),
            ("models.remove", self.tr("Remove the model"), remove, "Del", "trash"),
        ):
            self.shell.actions.add(action_id, text, run, shortcut=shortcut, icon=icon, page="models.library")

    def _connect(self) -> None:
        self.file_button.clicked.connect(self.choose_file)
        self.folder_button.clicked.connect(self.choose_folder)
        self.table.selected.connect(self._selected)
        self.table.opened.connect(lambda _id: self.play())
        self.sheet.accepted.connect(self._import)
        self.strips.ended.connect(self._job_ended)
        self.detail.play.connect(self.play)
        self.detail.benchmark.connect(self.benchmark)
        self.detail.quantize.connect(self.quantize)
        self.detail.notes_changed.connect(self.care.save_notes)
        self.detail.compare.connect(self.compare)
        self.detail.change_stage.connect(self.change_stage)
        self.detail.change_aliases.connect(self.change_aliases)
        self.detail.tags_edited.connect(self._set_tags)
        self.detail.chosen.connect(lambda version_id: self.opened(version_id=version_id))
        self.storage_button.clicked.connect(self.show_storage)
        self.care.failed.connect(self._fail)
        self.care.changed.connect(self.refresh)
        self.shell.bridge.session_state.connect(self._session_changed)

    # -- what is shown

    def _show_rows(self, rows: list[ModelRow]) -> None:
        self._rows = rows
        self.model.set_records(rows)
        self._count.setText(number(len(rows)))
        self._count.setVisible(bool(rows))
        self._stack.setCurrentIndex(2 if rows else 1)
        self._select_wanted()
        if rows and not self.table.selected_ids():
            self.table.select(str(self.table.proxy.index(0, 0).data(ID_ROLE)))
        self._selected(self.table.selected_ids())

    def _select_wanted(self) -> None:
        if self._wanted and self.model.row_of(self._wanted) >= 0:
            self.table.filter.clear()
            self.table.select(self._wanted)
            self._wanted = ""

    def _selected(self, ids: list[str]) -> None:
        version_id = self._shown = ids[0] if ids else ""
        self._detail = None
        if not version_id:
            self._side.setCurrentIndex(0)
            return
        context = self.shell.context
        self.shell.background.run(
            lambda: load_detail(context, version_id), self._show_detail, lambda _error: None, owner=self
        )

    def _show_detail(self, detail: ModelDetail) -> None:
        if detail.row.version.id == self._shown:
            self._detail = detail
            self.detail.show_detail(detail)
            self._side.setCurrentIndex(1)

    def _session_changed(self, state: SessionState) -> None:
        if state.state in ("ready", "closed", "failed"):
            self._kind_changed("model", [])

    def _fail(self, error: BaseException) -> None:
        self.error.show_error(error)

    def _current(self) -> ModelRow | None:
        return self.model.record(self._shown) if self._shown else None

    # -- importing

    def choose_file(self) -> None:
        """Ask for a GGUF file, then open the import sheet."""
        dialog = QFileDialog(self, self.tr("Import a model file"))
        dialog.setNameFilters([self.tr("GGUF models (*.gguf)"), self.tr("All files (*)")])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._open_dialog(dialog)

    def choose_folder(self) -> None:
        """Ask for an ONNX model's folder, then open the import sheet."""
        dialog = QFileDialog(self, self.tr("Import a model folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._open_dialog(dialog)

    def _open_dialog(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.sheet.open_path(Path(path)))
        dialog.open()

    def _import(self, params: ImportParams) -> None:
        self.strips.begin(IMPORT, params, self.tr("Import %1").replace("%1", params.name))

    def _job_ended(self, record: JobRecord) -> None:
        if record.status is not JobStatus.SUCCEEDED:
            self.refresh()
            return
        result = record.result or {}
        if record.kind == IMPORT.name:
            self._wanted = str(result.get("version_id", ""))
            if result.get("existing"):
                text = self.tr("%1 was in the library already.").replace("%1", str(result.get("name", "")))
                self.shell.notify("info", text)
        elif record.kind == EXPORT.name:
            folder = Path(str(result.get("path", "")))
            text = self.tr("Exported to %1.").replace("%1", str(folder))
            show = partial(self.care.show_folder, folder)
            self.shell.notify("success", text, action_text=self.tr("Show"), action=show)
            return
        elif not result.get("ok", True):
            bad = [f"{one['name']}: {one['path']}" for one in result["files"] if one["state"] != "present"]
            self.shell.notify("error", self.tr("Not whole: %1").replace("%1", ", ".join(bad)))
        self.shell.context.events.publish(Changed("model"))

    # -- what can be done with a model

    def play(self) -> None:
        """Open the selected model in the Playground."""
        if self._current() is not None:
            self.shell.navigate("playground", version_id=self._shown)

    def benchmark(self) -> None:
        """Open the Benchmark page with the selected model."""
        if self._current() is not None:
            self.shell.navigate("benchmark", version_id=self._shown)

    def quantize(self) -> None:
        """Open the page Convert & quantize with the selected model as the source."""
        if self._current() is not None:
            self.shell.navigate("quantize", version_id=self._shown)

    def compare(self) -> None:
        """Put the selected models side by side; the second one can be chosen in the sheet."""
        chosen = self.table.selected_ids()
        if len(self._rows) < 2 or not chosen:
            self.shell.notify("info", self.tr("There is no second model to compare with."))
            return
        at = next(place for place, row in enumerate(self._rows) if row.version.id == chosen[0])
        near = self._rows[at + 1 if at + 1 < len(self._rows) else at - 1].version.id
        other = chosen[1] if len(chosen) > 1 else near
        CompareSheet(self.window(), self.shell, self._rows, chosen[0], other).show()

    def change_stage(self) -> None:
        """Ask for the shown version's stage, and why."""
        if self._detail is not None:
            dialog = StageDialog(self, self.shell, self._detail)
            dialog.changed.connect(self._duty_changed)
            dialog.open()

    def change_aliases(self) -> None:
        """Show the model's aliases, and ask for a new one."""
        if self._detail is not None:
            dialog = AliasDialog(self, self.shell, self._detail)
            dialog.changed.connect(self._duty_changed)
            dialog.open()

    def show_storage(self) -> None:
        """What takes how much of the disk."""
        StorageSheet(self.window(), self.shell).show()

    def _set_tags(self, tags: list[str]) -> None:
        self._with_current(lambda row: self.care.set_tags(row, tags))

    def _duty_changed(self) -> None:
        self.shell.context.events.publish(Changed("model", (self._shown,)))

    def _with_current(self, action: Callable[[ModelRow], None]) -> None:
        row = self._current()
        if row is not None:
            action(row)
