"""Convert & quantize: from a source to other files of the same model, each with its certificate."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from bancada.catalog.certificate_signing import sign_if_possible
from bancada.core.events import Changed
from bancada.gui.arrangement import Arrangement
from bancada.gui.models.quantize import ResultRow, load_matrices, load_results, load_sources, source_text
from bancada.gui.pages.models.job_strips import JobStrips
from bancada.gui.pages.page import Page
from bancada.gui.pages.quantize.convert_form import ConvertForm
from bancada.gui.pages.quantize.matrix_form import MatrixForm
from bancada.gui.pages.quantize.quantize_form import QuantizeForm
from bancada.gui.pages.quantize.results import Results
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Label, PageHeader
from bancada.gui.widgets.segments import Segments
from bancada.gui.widgets.states import EmptyState, ErrorPanel
from bancada.jobs.spec import JobRecord, JobStatus
from bancada.quantization.jobs import CERTIFY, CertifyParams
from bancada.storage import matrices
from bancada.storage.matrices import MatrixRecord
from bancada.storage.models import VersionRecord


class QuantizePage(Page):
    """The source above, what to make of it at the left, what was made of it at the right."""

    kinds: ClassVar[frozenset[str]] = frozenset({"model", "certificate", "matrix"})

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._sources: dict[str, VersionRecord] = {}
        self._wanted = ""  # the source to choose as soon as it is listed
        self._made = ""  # the result to select as soon as it is listed
        self.source = QComboBox()
        self.strips = JobStrips(shell)
        self.error = ErrorPanel(shell.theme, closable=True)
        self.quantize = QuantizeForm(shell)
        self.convert = ConvertForm(shell)
        self.matrix = MatrixForm(shell)
        self.results = Results(shell)
        self._build()
        self._connect()

    def opened(self, **arguments: object) -> None:
        """``version_id`` chooses the source; ``task`` is ``quantize``, ``convert`` or ``matrix``."""
        task = str(arguments.get("task") or "")
        if task in self._forms:
            self.show_task(task)
        version_id = arguments.get("version_id")
        if version_id:
            self._wanted = str(version_id)
            self._choose_wanted()

    def refresh(self) -> None:
        """Read sources and matrices again, in the background."""
        context = self.shell.context
        self.shell.background.run(
            lambda: (load_sources(context), load_matrices(context)), self._show, self._fail, owner=self
        )

    def show_task(self, task: str) -> None:
        """Show one of the forms."""
        self.segments.show_choice(task)
        self._stack.setCurrentWidget(self._forms[task])

    @property
    def current(self) -> VersionRecord | None:
        """The chosen source."""
        return self._sources.get(str(self.source.currentData() or ""))

    # -- building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(12)
        column.addWidget(PageHeader(self.tr("Convert & quantize")))
        self._pages = QStackedWidget()
        self._pages.addWidget(QWidget())
        self._pages.addWidget(
            EmptyState(
                self.shell.theme,
                "layers",
                self.tr("No model to start from"),
                self.tr("Go to the models"),
                lambda: self.shell.navigate("models"),
                self.tr("Import a GGUF file or a Hugging Face folder first, best in 16 bits."),
            )
        )
        self._pages.addWidget(self._make_body())
        column.addWidget(self._pages, 1)

    def _make_body(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        row = QHBoxLayout()
        row.setSpacing(8)
        label = Label(self.tr("Source"), "muted")
        label.setBuddy(self.source)
        self.source.setAccessibleName(self.tr("Source: the model to start from"))
        self.source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.source.setMinimumContentsLength(30)
        row.addWidget(label)
        row.addWidget(self.source, 1)
        column.addLayout(row)
        column.addWidget(self.error)
        column.addWidget(self.strips)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(12)
        split.setStyleSheet("QSplitter::handle { background: transparent; }")
        split.setChildrenCollapsible(False)
        split.addWidget(self._make_left())
        split.addWidget(_scrolled(self.results))
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        split.setSizes([520, 520])
        self._arrangement = Arrangement(
            self.shell,
            "quantize",
            self,
            splitters={"halves": split},
            tables={"types": self.quantize.table, "variants": self.results.table},
        )
        column.addWidget(split, 1)
        return body

    def _make_left(self) -> QWidget:
        card = Card()
        self.segments = Segments(
            self.tr("What to make"),
            [
                ("quantize", self.tr("Smaller")),
                ("convert", self.tr("Another format")),
                ("matrix", self.tr("Importance matrix")),
            ],
        )
        card.header.insertWidget(0, self.segments)
        self._stack = QStackedWidget()
        self._forms: dict[str, QuantizeForm | ConvertForm | MatrixForm] = {
            "quantize": self.quantize,
            "convert": self.convert,
            "matrix": self.matrix,
        }
        for form in self._forms.values():
            self._stack.addWidget(form)
        card.body.addWidget(self._stack, 1)
        self.segments.show_choice("quantize")
        return _scrolled(card)

    def _connect(self) -> None:
        self.segments.chosen.connect(self.show_task)
        self.source.currentIndexChanged.connect(lambda _at: self._show_source())
        self.strips.ended.connect(self._job_ended)
        for form in (self.quantize, self.convert, self.matrix):
            form.begun.connect(self.strips.begin)
        self.quantize.matrix_asked.connect(lambda: self.show_task("matrix"))
        self.matrix.removed.connect(self._remove_matrix)
        self.results.certify_asked.connect(self.certify)
        self.results.play_asked.connect(lambda one: self.shell.navigate("playground", version_id=one))
        add = self.shell.actions.add
        for action_id, text, run, shortcut in (
            ("quantize.start", self.tr("Start what is prepared"), self.start, "Ctrl+Return"),
            ("quantize.smaller", self.tr("Make a model smaller"), lambda: self.show_task("quantize"), ""),
            ("quantize.convert", self.tr("Convert to another format"), lambda: self.show_task("convert"), ""),
            ("quantize.matrix", self.tr("Importance matrices"), lambda: self.show_task("matrix"), ""),
            ("quantize.page", self.tr("Save the certificate as a page"), self.results.save_page, "Ctrl+E"),
        ):
            add(action_id, text, run, shortcut=shortcut, icon="layers", page="quantize")

    # -- what is shown

    def start(self) -> None:
        """Begin what the form that is shown says."""
        self._forms[self.segments.current].start()

    def certify(self, version_id: str) -> None:
        """Compare a variant with the source again, or for the first time."""
        source = self.current
        if source is not None:
            name = self.results.model.record(version_id)
            title = self.tr("Certificate of %1").replace("%1", name.name if name else "")
            self.strips.begin(CERTIFY, CertifyParams(version_id, source.id), title)

    def _show(self, found: tuple[list[VersionRecord], list[MatrixRecord]]) -> None:
        sources, known = found
        self._sources = {one.id: one for one in sources}
        self.quantize.show_matrices(known)
        self.matrix.show_matrices(known)
        kept = self.source.currentData()
        self.source.blockSignals(True)  # noqa: FBT003 - Qt's
        self.source.clear()
        for one in sources:
            self.source.addItem(source_text(one), one.id)
        self.source.setCurrentIndex(max(0, self.source.findData(kept)))
        self.source.blockSignals(False)  # noqa: FBT003
        self._pages.setCurrentIndex(2 if sources else 1)
        self._choose_wanted()
        self._show_source()

    def _choose_wanted(self) -> None:
        at = self.source.findData(self._wanted) if self._wanted else -1
        if at >= 0:
            self._wanted = ""
            self.source.setCurrentIndex(at)

    def _show_source(self) -> None:
        source = self.current
        for form in self._forms.values():
            form.show_source(source)
        if source is None:
            return
        context = self.shell.context
        self.shell.background.run(
            lambda: load_results(context, source.id),
            lambda rows: self._show_results(source, rows),
            self._fail,
            owner=self,
        )

    def _show_results(self, source: VersionRecord, rows: list[ResultRow]) -> None:
        if source == self.current:
            self.results.show_rows(rows, self._made)
            self._made = ""

    def _job_ended(self, record: JobRecord) -> None:
        result = record.result or {}
        if record.status is not JobStatus.SUCCEEDED:
            self.refresh()
            return
        self._made = str(result.get("version_id", ""))
        chosen = result.get("recommendation")
        if chosen:
            self._made = str(chosen["version_id"])
            self.shell.notify("success", self.tr("Recommended: %1").replace("%1", str(chosen["reason"])))
        context = self.shell.context
        made = [result, *result.get("made", [])]
        ids = [one["certificate"]["certificate_id"] for one in made if one.get("certificate")]
        ids += [result["certificate_id"]] if "certificate_id" in result else []

        def sign() -> None:
            for one in ids:
                sign_if_possible(context.home, context.database, one)

        def done(_: object) -> None:
            for kind in ("model", "certificate", "matrix"):
                context.events.publish(Changed(kind))

        self.shell.background.run(sign, done, self._fail, owner=self)

    def _remove_matrix(self, matrix_id: str) -> None:
        context = self.shell.context
        self.shell.background.run(
            lambda: matrices.remove(context.database, matrix_id),
            lambda _: context.events.publish(Changed("matrix")),
            self._fail,
            owner=self,
        )

    def _fail(self, error: BaseException) -> None:
        self.error.show_error(error)


def _scrolled(widget: QWidget) -> QScrollArea:
    """In a small window, or with large text, it scrolls instead of being squeezed."""
    area = QScrollArea(widgetResizable=True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(widget)
    return area
