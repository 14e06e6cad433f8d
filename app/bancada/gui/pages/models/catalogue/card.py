"""The card beside the table: one model, what its licence asks for, and what of it fits this machine."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPlainTextEdit, QScrollArea, QVBoxLayout

from bancada.catalog.catalogue.fitting import Place, QuantizationFit
from bancada.catalog.forecaster import this_machine
from bancada.gui.models.catalogue import (
    TONES,
    CatalogueRow,
    evidence_text,
    facts_of,
    quantization_columns,
    terms_text,
    terms_tone,
    verdict_text,
)
from bancada.gui.models.records import RecordModel
from bancada.gui.pages.models.fold import Fold
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import (
    Card,
    Chip,
    Label,
    PlainButton,
    PrimaryButton,
    SectionLabel,
)
from bancada.gui.widgets.chip_delegate import ChipDelegate
from bancada.gui.widgets.format import memory_text, number
from bancada.gui.widgets.table import Table

_MOST_OBLIGATIONS = 12
_ROWS_HIGH = 7
_HEADING_HIGH = 40


class EntryCard(QScrollArea):
    """Shows one :class:`CatalogueRow`; ``wanted``: on the hub, ``open_library``: the version of an id."""

    wanted = Signal()
    open_library = Signal(str)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._row: CatalogueRow | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(400)
        self.setAccessibleName(self.tr("Details of the model"))
        self._card = Card()
        self.setWidget(self._card)
        self._build()

    def show_row(self, row: CatalogueRow, place: Place) -> None:
        """Show a model; ``place`` is the machine that it was weighed for."""
        other = self._row is None or self._row.entry.id != row.entry.id
        self._row = row
        entry, fit, licence = row.entry, row.found.fit, row.licence
        self.name.setText(entry.name)
        self.verdict.set(verdict_text(fit.verdict), TONES[fit.verdict])
        self.owned.setVisible(bool(row.owned))
        self.owned.setToolTip(", ".join(row.owned))
        self.checked.set(*self._checked(row))
        self.summary.setText(entry.summary)
        self.library_button.setVisible(bool(row.owned))
        self.terms.set(terms_text(licence.terms), terms_tone(licence.terms))
        self.licence.setText(licence.name)
        self.allowed.setText(self._allowed(row))
        self._show_obligations(licence.obligations)
        self.address.setText(licence.url)
        self._show_fit(row, place)
        self._show_facts(facts_of(row))
        self.evidence.setPlainText(evidence_text(entry))
        if other:
            self.verticalScrollBar().setValue(0)

    # -- building

    def _build(self) -> None:
        body = self._card.body
        body.setSpacing(10)
        self.name = Label("", "subtitle", wrap=True)
        self.name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        body.addWidget(self.name)
        chips = QHBoxLayout()
        chips.setSpacing(6)
        self.verdict, self.owned, self.checked = Chip(), Chip(self.tr("In the library"), "accent"), Chip()
        for chip in (self.verdict, self.owned, self.checked):
            chips.addWidget(chip)
        chips.addStretch(1)
        body.addLayout(chips)
        self.summary = Label("", wrap=True)
        body.addWidget(self.summary)
        body.addLayout(self._make_actions())
        body.addWidget(SectionLabel(self.tr("On this machine")))
        body.addLayout(self._make_fit())
        body.addWidget(SectionLabel(self.tr("Licence")))
        body.addLayout(self._make_licence())
        body.addWidget(SectionLabel(self.tr("Facts")))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._facts: list[tuple[Label, Label]] = []
        body.addLayout(self._grid)
        self.evidence = QPlainTextEdit()
        self.evidence.setReadOnly(True)
        self.evidence.setTabChangesFocus(True)
        self.evidence.setAccessibleName(self.tr("Where the facts are from"))
        self.evidence.setFixedHeight(self._shell.theme.px(150))
        self.fold = Fold(self._shell.theme, self.tr("Where the facts are from"), self.evidence)
        body.addWidget(self.fold)
        body.addStretch(1)

    def _make_actions(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.find_button = PrimaryButton(self.tr("Find on the hub"))
        self.find_button.setToolTip(self.tr("Opens its repository, with the files that fit this machine"))
        self.find_button.clicked.connect(self.wanted)
        self.library_button = PlainButton(self.tr("Show in the library"))
        self.library_button.clicked.connect(self._open_library)
        row.addWidget(self.find_button)
        row.addWidget(self.library_button)
        row.addStretch(1)
        return row

    def _make_fit(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        theme = self._shell.theme
        gpu = any(one.memory_bytes for one in this_machine().gpus)
        self.model = RecordModel[QuantizationFit](
            theme, quantization_columns(whole=True, gpu=gpu), lambda one: one.quantization, self
        )
        self.table = Table(theme, self.model, self.tr("Quantizations"), filter_row=False)
        self.table.view.setSortingEnabled(False)
        self.table.proxy.sort(-1)  # the finest first
        at = next(at for at, one in enumerate(self.model.columns) if one.id == "verdict")
        self.table.view.setItemDelegateForColumn(at, ChipDelegate(theme, self.table.view))
        theme.changed.connect(self._size_columns)
        self._size_columns()
        self.table.view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column.addWidget(self.table)
        self.words = Label("", "note", wrap=True)
        column.addWidget(self.words)
        return column

    def _make_licence(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        head = QHBoxLayout()
        self.licence = Label("", "strong", wrap=True)
        self.licence.setAccessibleName(self.tr("Licence"))
        head.addWidget(self.licence, 1)
        self.terms = Chip()
        head.addWidget(self.terms, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(head)
        self.allowed = Label("", wrap=True)
        column.addWidget(self.allowed)
        self.obligations = Label("", wrap=True)
        self.obligations.setAccessibleName(self.tr("What the licence asks for"))
        column.addWidget(self.obligations)
        self.address = Label("", "note", wrap=True)
        self.address.setAccessibleName(self.tr("Address of the licence's text"))
        self.address.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self.address)
        return column

    def _size_columns(self) -> None:
        """Narrower than a table that is sorted, which keeps room for an arrow in each heading."""
        for at, column in enumerate(self.model.columns):
            self.table.view.setColumnWidth(at, self._shell.theme.px(column.width))

    # -- what is shown

    def _checked(self, row: CatalogueRow) -> tuple[str, str]:
        return (self.tr("Checked"), "plain") if row.entry.checked else (self.tr("Not verified"), "warn")

    def _allowed(self, row: CatalogueRow) -> str:
        licence = row.licence
        lines = [
            self.tr("Commercial use: allowed")
            if licence.commercial
            else self.tr("Commercial use: not allowed"),
            self.tr("Use by authorities: allowed")
            if licence.government
            else self.tr("Use by authorities: not allowed"),
        ]
        if row.entry.gated:
            lines.append(self.tr("The hub asks for consent and a token first"))
        return "\n".join(lines)

    def _show_obligations(self, obligations: tuple[str, ...]) -> None:
        shown = obligations[:_MOST_OBLIGATIONS]
        self.obligations.setText("\n".join(f"\N{BULLET} {one}" for one in shown))

    def _show_fit(self, row: CatalogueRow, place: Place) -> None:
        fit = row.found.fit
        self.model.set_records(fit.quantizations)
        self.table.select(fit.best.quantization)
        high = self.table.view.verticalHeader().defaultSectionSize()
        rows = min(len(fit.quantizations), _ROWS_HIGH)
        self.table.view.setFixedHeight(self._shell.theme.px(_HEADING_HIGH) + rows * high)
        text = self.tr("%1 of %2 are free now. Memory at %3 tokens; files of ~ are estimates.")
        if not fit.whole:
            text = self.tr(
                "%1 of %2 are free now. The model's measures are not known: it needs at least its size, "
                "and more for %3 tokens. Files of ~ are estimates."
            )
        for mark, value in (
            ("%1", memory_text(place.free_bytes)),
            ("%2", memory_text(place.total_bytes)),
            ("%3", number(fit.context)),
        ):
            text = text.replace(mark, value)
        self.words.setText(text)

    def _show_facts(self, facts: list[tuple[str, str]]) -> None:
        while len(self._facts) < len(facts):
            name, value = Label("", "muted"), Label("", wrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            at = len(self._facts)
            self._grid.addWidget(name, at, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, at, 1)
            self._facts.append((name, value))
        for at, (name, value) in enumerate(self._facts):
            used = at < len(facts)
            name.setVisible(used)
            value.setVisible(used)
            if used:
                name.setText(facts[at][0])
                value.setText(facts[at][1])
                value.setAccessibleName(facts[at][0])

    def _open_library(self) -> None:
        if self._row is not None and self._row.owned_ids:
            self.open_library.emit(self._row.owned_ids[0])
