"""The panel beside the table: all that is known of one model, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from bancada.gui.models.library import ModelDetail, facts, state_text, state_tone
from bancada.gui.pages.models.fold import Fold
from bancada.gui.pages.models.library.memory_bar import MemoryPanel
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import (
    Card,
    Chip,
    IconLabel,
    Label,
    LinkButton,
    PlainButton,
    PrimaryButton,
    SectionLabel,
)
from bancada.gui.widgets.format import bytes_text

#: characters of hostile texts that are shown at most
_TEXT_LIMIT = 200_000
_NOTES_MS = 600


class DetailPanel(QScrollArea):
    """Shows one :class:`ModelDetail`. The signals carry nothing: they concern the model that is shown."""

    play = Signal()
    benchmark = Signal()
    verify = Signal()
    reveal = Signal()
    remove = Signal()
    trust = Signal()
    relocate = Signal()
    notes_changed = Signal(str, str)  # model id, notes

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._detail: ModelDetail | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(340)
        self.setAccessibleName(self.tr("Details of the model"))
        self._save = QTimer(self, singleShot=True, interval=_NOTES_MS)
        self._save.timeout.connect(self.save_notes)
        self._card = Card()
        self.setWidget(self._card)
        self._build()

    def show_detail(self, detail: ModelDetail) -> None:
        """Show a model; notes that were typed for another one are saved before."""
        same = self._detail is not None and self._detail.row.version.id == detail.row.version.id
        if not same:
            self.save_notes()
        typed = same and self._save.isActive()
        self._detail = detail
        version, row = detail.row.version, detail.row
        if not self._facts:
            self._make_facts([name for name, _ in facts(version)])
        self._name.setText(version.name)
        self._version.set(self.tr("version %1").replace("%1", str(version.version)), "plain")
        tone = state_tone(row.state)
        self._state.set(state_text(row.state), "plain" if tone == "muted" else tone)
        self._show_warnings(detail)
        self.memory.show_model(row, int(self._shell.context.settings.get("chat.context")), detail.loads)
        for label, (_, value) in zip(self._facts, facts(version), strict=True):
            label.setText(value)
        if not typed and self.notes.toPlainText() != detail.notes:
            self.notes.blockSignals(True)  # noqa: FBT003 - Qt's
            self.notes.setPlainText(detail.notes)
            self.notes.blockSignals(False)  # noqa: FBT003
        files = [
            f"{one.path}  {bytes_text(one.size_bytes)}  {state_text(detail.files[one.sha256])}\n{one.sha256}"
            for one in version.files
        ]
        self._fill(self.files, "\n\n".join(files))
        self._template.setVisible(version.chat_template is not None)
        self._fill(self.template, version.chat_template or "")
        values = version.metadata.get("values", {})
        self._fill(self.metadata, "\n".join(f"{key}: {value}" for key, value in values.items()))
        broken = row.state in ("missing", "damaged")
        self.play_button.setEnabled(not broken)
        self.benchmark_button.setEnabled(not broken)
        self.relocate_button.setVisible(broken and len(version.files) == 1)
        self.trust_button.setVisible(row.state == "aside")

    def save_notes(self) -> None:
        """Hand on what was typed and is not saved yet."""
        if self._save.isActive() and self._detail is not None:
            self._save.stop()
            self._emit_notes()

    def hideEvent(self, event: QHideEvent) -> None:
        """Lose no notes when the page is left."""
        self.save_notes()
        super().hideEvent(event)

    def _emit_notes(self) -> None:
        if self._detail is not None:
            self.notes_changed.emit(self._detail.row.version.model_id, self.notes.toPlainText())

    def _show_warnings(self, detail: ModelDetail) -> None:
        said = list(detail.row.version.warnings)
        if detail.row.state == "aside":
            said.insert(
                0,
                self.tr("Its worker died %1 times. It is not loaded until you trust it again.").replace(
                    "%1", str(detail.row.version.crashes)
                ),
            )
        elif detail.row.state == "missing":
            said.insert(0, self.tr("Its file is not where it was. Find it again, or remove the model."))
        elif detail.row.state == "damaged":
            said.insert(
                0, self.tr("Its file changed since it was imported: it is not loaded. Find a whole copy.")
            )
        self._warnings.setText("\n".join(said))
        self._warning_row.setVisible(bool(said))

    # -- building

    def _build(self) -> None:
        body = self._card.body
        body.setSpacing(12)
        head = QHBoxLayout()
        self._name = Label("", "subtitle", wrap=True)
        self._name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        head.addWidget(self._name, 1)
        self._version, self._state = Chip(), Chip()
        head.addWidget(self._version)
        head.addWidget(self._state)
        body.addLayout(head)
        body.addLayout(self._make_actions())
        body.addWidget(self._make_warnings())
        self.memory = MemoryPanel(self._shell.theme)
        body.addWidget(self.memory)
        body.addWidget(SectionLabel(self.tr("Facts")))
        self._facts: list[Label] = []
        self._fact_grid = QGridLayout()
        body.addLayout(self._fact_grid)
        body.addWidget(SectionLabel(self.tr("Notes")))
        self.notes = QPlainTextEdit()
        self.notes.setPlaceholderText(self.tr("What you know about this model"))
        self.notes.setAccessibleName(self.tr("Notes"))
        self.notes.setTabChangesFocus(True)
        self.notes.setFixedHeight(72)
        self.notes.textChanged.connect(self._save.start)
        body.addWidget(self.notes)
        self.files, self.template, self.metadata = _text(), _text(), _text()
        self._template = Fold(self._shell.theme, self.tr("Chat template"), self.template)
        for fold in (
            Fold(self._shell.theme, self.tr("Files and hashes"), self.files),
            self._template,
            Fold(self._shell.theme, self.tr("Metadata"), self.metadata),
        ):
            fold.content.setAccessibleName(fold.button.text())
            body.addWidget(fold)
        body.addStretch(1)

    def _make_actions(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        first = QHBoxLayout()
        self.play_button = PrimaryButton(self.tr("Open in Playground"))
        self.play_button.clicked.connect(self.play)
        self.benchmark_button = PlainButton(self.tr("Benchmark"))
        self.benchmark_button.clicked.connect(self.benchmark)
        first.addWidget(self.play_button)
        first.addWidget(self.benchmark_button)
        first.addStretch(1)
        second = QHBoxLayout()
        second.setSpacing(12)
        self.verify_button = LinkButton(self.tr("Verify"))
        self.verify_button.setToolTip(self.tr("Read every file again and compare its hash"))
        self.verify_button.clicked.connect(self.verify)
        self.reveal_button = LinkButton(self.tr("Show in folder"))
        self.reveal_button.clicked.connect(self.reveal)
        self.remove_button = LinkButton(self.tr("Remove\N{HORIZONTAL ELLIPSIS}"))
        self.remove_button.clicked.connect(self.remove)
        for button in (self.verify_button, self.reveal_button, self.remove_button):
            second.addWidget(button)
        second.addStretch(1)
        column.addLayout(first)
        column.addLayout(second)
        return column

    def _make_warnings(self) -> QWidget:
        self._warning_row = QWidget()
        column = QVBoxLayout(self._warning_row)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(IconLabel(self._shell.theme, "warning", "warn"), 0, Qt.AlignmentFlag.AlignTop)
        self._warnings = Label("", wrap=True)
        row.addWidget(self._warnings, 1)
        column.addLayout(row)
        self.trust_button = PlainButton(self.tr("Trust it again"))
        self.trust_button.clicked.connect(self.trust)
        self.relocate_button = PlainButton(self.tr("Find the file\N{HORIZONTAL ELLIPSIS}"))
        self.relocate_button.clicked.connect(self.relocate)
        for button in (self.trust_button, self.relocate_button):
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return self._warning_row

    def _make_facts(self, names: list[str]) -> None:
        grid = self._fact_grid
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row, name in enumerate(names):
            label = Label("", wrap=True)
            label.setAccessibleName(name)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(Label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label, row, 1)
            self._facts.append(label)

    @staticmethod
    def _fill(view: QPlainTextEdit, text: str) -> None:
        clipped = text[:_TEXT_LIMIT] + ("\N{HORIZONTAL ELLIPSIS}" if len(text) > _TEXT_LIMIT else "")
        if view.toPlainText() != clipped:
            view.setPlainText(clipped)


def _text() -> QPlainTextEdit:
    """A field that shows hostile text as the characters that it is."""
    view = QPlainTextEdit()
    view.setReadOnly(True)
    view.setProperty("role", "mono")
    view.setTabChangesFocus(True)
    view.setFixedHeight(160)
    return view
