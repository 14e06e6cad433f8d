"""The card beside the table: all that is known of one model, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from bancada.gui.models.library import ModelDetail, state_text, state_tone
from bancada.gui.models.model_card import stage_text, stage_tone
from bancada.gui.models.quantize import SOURCES
from bancada.gui.pages.models.library.about_tab import AboutTab
from bancada.gui.pages.models.library.files_tab import FilesTab
from bancada.gui.pages.models.library.history_tab import HistoryTab
from bancada.gui.pages.models.library.memory_tab import MemoryTab
from bancada.gui.pages.models.library.texts_tab import TextsTab
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Chip, IconLabel, Label, LinkButton, PlainButton, PrimaryButton


class DetailPanel(QWidget):
    """Shows one :class:`ModelDetail`. Signals that carry nothing concern the model that is shown."""

    play = Signal()
    benchmark = Signal()
    quantize = Signal()
    verify = Signal()
    reveal = Signal()
    export = Signal()
    compare = Signal()
    remove = Signal()
    trust = Signal()
    relocate = Signal()
    change_stage = Signal()
    change_aliases = Signal()
    tags_edited = Signal(list)
    notes_changed = Signal(str, str)  # model id, notes
    chosen = Signal(str)  # another version

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(self.tr("Details of the model"))
        self.about_tab, self.memory_tab = AboutTab(), MemoryTab(shell)
        self.history_tab, self.files_tab, self.texts_tab = HistoryTab(shell), FilesTab(shell), TextsTab(shell)
        self.memory, self.notes = self.memory_tab.memory, self.about_tab.notes
        self.files, self.licence = self.files_tab.files, self.files_tab.licence
        self.template, self.metadata = self.texts_tab.template, self.texts_tab.metadata
        card = Card()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(card)
        self._build(card)
        self._connect()

    def show_detail(self, detail: ModelDetail) -> None:
        """Show a model; notes that were typed for another one are saved before."""
        version, row = detail.row.version, detail.row
        self._name.setText(version.name)
        self._version.set(self.tr("version %1").replace("%1", str(version.version)), "plain")
        tone = state_tone(row.state)
        self._state.set(state_text(row.state), "plain" if tone == "muted" else tone)
        self._stage.setVisible(row.duty.stage != "none")
        self._stage.set(stage_text(row.duty.stage), stage_tone(row.duty.stage))
        self._show_warnings(detail)
        for tab in (self.about_tab, self.memory_tab, self.history_tab, self.files_tab, self.texts_tab):
            tab.show_detail(detail)
        broken = row.state in ("missing", "damaged")
        for button in (self.play_button, self.benchmark_button, self.export_button, self.quantize_button):
            button.setEnabled(not broken)
        self.quantize_button.setVisible(version.format in SOURCES)
        self.relocate_button.setVisible(broken and len(version.files) == 1)
        self.trust_button.setVisible(row.state == "aside")

    def save_notes(self) -> None:
        """Hand on what was typed and is not saved yet."""
        self.about_tab.save_notes()

    def hideEvent(self, event: QHideEvent) -> None:
        """Lose no notes when the page is left."""
        self.save_notes()
        super().hideEvent(event)

    def _show_warnings(self, detail: ModelDetail) -> None:
        said = list(detail.row.version.warnings)
        if detail.row.state == "aside":
            text = self.tr("Its worker died %1 times. It is not loaded until you trust it again.")
            said.insert(0, text.replace("%1", str(detail.row.version.crashes)))
        elif detail.row.state == "missing":
            said.insert(0, self.tr("Its file is not where it was. Find it again, or remove the model."))
        elif detail.row.state == "damaged":
            said.insert(
                0, self.tr("Its file changed since it was imported: it is not loaded. Find a whole copy.")
            )
        if detail.card.red:
            said.append(self.tr("Its certificate is red: it answers much worse than what it was made from."))
        self._warnings.setText("\n".join(said))
        self._warning_row.setVisible(bool(said))

    # -- building

    def _build(self, card: Card) -> None:
        body = card.body
        body.setSpacing(8)
        self._name = Label("", "subtitle", wrap=True)
        self._name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        body.addWidget(self._name)
        head = QHBoxLayout()
        self._version, self._stage, self._state = Chip(), Chip(), Chip()
        for chip in (self._version, self._stage, self._state):
            head.addWidget(chip)
        head.addStretch(1)
        body.addLayout(head)
        body.addLayout(self._make_actions())
        body.addWidget(self._make_warnings())
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName(self.tr("Parts of the card"))
        self.tabs.tabBar().setAccessibleName(self.tr("Parts of the card"))
        self.tabs.setDocumentMode(True)
        for tab, title in (
            (self.about_tab, self.tr("About")),
            (self.memory_tab, self.tr("Memory")),
            (self.history_tab, self.tr("History")),
            (self.files_tab, self.tr("Files")),
            (self.texts_tab, self.tr("Texts")),
        ):
            self.tabs.addTab(_scrolled(tab, title), title)
        body.addWidget(self.tabs, 1)

    def _make_actions(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        first = QHBoxLayout()
        self.play_button = PrimaryButton(self.tr("Open in Playground"))
        self.benchmark_button = PlainButton(self.tr("Benchmark"))
        first.addWidget(self.play_button)
        first.addWidget(self.benchmark_button)
        self.quantize_button = PlainButton(self.tr("Convert"))
        self.quantize_button.setToolTip(self.tr("Make a smaller file of it, or another format"))
        self.quantize_button.setAccessibleName(self.tr("Convert or quantize the model"))
        first.addWidget(self.quantize_button)
        first.addStretch(1)
        second = QHBoxLayout()
        second.setSpacing(12)
        self.verify_button = LinkButton(self.tr("Verify"))
        self.verify_button.setToolTip(self.tr("Read every file again and compare its hash"))
        self.reveal_button = LinkButton(self.tr("Show file"))
        self.reveal_button.setToolTip(self.tr("Show the model's file in its folder"))
        self.export_button = LinkButton(self.tr("Export\N{HORIZONTAL ELLIPSIS}"))
        self.export_button.setToolTip(self.tr("Copy its files and a card into a folder"))
        self.compare_button = LinkButton(self.tr("Compare\N{HORIZONTAL ELLIPSIS}"))
        self.compare_button.setToolTip(self.tr("Side by side with another model"))
        self.remove_button = LinkButton(self.tr("Remove\N{HORIZONTAL ELLIPSIS}"))
        for button in (
            self.verify_button,
            self.reveal_button,
            self.export_button,
            self.compare_button,
            self.remove_button,
        ):
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
        self.relocate_button = PlainButton(self.tr("Find the file\N{HORIZONTAL ELLIPSIS}"))
        for button in (self.trust_button, self.relocate_button):
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return self._warning_row

    def _connect(self) -> None:
        for button, signal in (
            (self.play_button, self.play),
            (self.benchmark_button, self.benchmark),
            (self.quantize_button, self.quantize),
            (self.verify_button, self.verify),
            (self.reveal_button, self.reveal),
            (self.export_button, self.export),
            (self.compare_button, self.compare),
            (self.remove_button, self.remove),
            (self.trust_button, self.trust),
            (self.relocate_button, self.relocate),
        ):
            button.clicked.connect(signal)
        duty = self.about_tab.duty
        duty.change_stage.connect(self.change_stage)
        duty.change_aliases.connect(self.change_aliases)
        duty.tags_edited.connect(self.tags_edited)
        self.about_tab.notes_changed.connect(self.notes_changed)
        self.history_tab.chosen.connect(self.chosen)


def _scrolled(tab: QWidget, name: str) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setAccessibleName(name)
    tab.setProperty("role", "scrolled")
    area.setWidget(tab)
    return area
