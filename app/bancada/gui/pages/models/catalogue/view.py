"""The catalogue: what could be fetched, what of it fits this machine, and what its licence asks for."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from bancada.catalog.catalogue.looking import Look
from bancada.catalog.catalogue.searching import values_of
from bancada.gui.arrangement import Arrangement
from bancada.gui.models.catalogue import CatalogueRow, columns, files_wanted, load_look, rows_of
from bancada.gui.models.records import RecordModel
from bancada.gui.pages.models.catalogue.card import EntryCard
from bancada.gui.pages.models.catalogue.facets import FacetRow
from bancada.gui.pages.models.views import ModelsView
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Chip, Label
from bancada.gui.widgets.chip_delegate import ChipDelegate
from bancada.gui.widgets.format import number
from bancada.gui.widgets.states import EmptyState, ErrorPanel
from bancada.gui.widgets.table import Table


class CatalogueView(ModelsView):
    """Search and facets above, the table at the left, the card at the right; no network is needed."""

    kinds: ClassVar[frozenset[str]] = frozenset({"model"})

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._look: Look | None = None
        self._wanted = ""  # the entry to select as soon as it is listed
        self.model = RecordModel[CatalogueRow](shell.theme, columns(), lambda row: row.entry.id, self)
        self.table = Table(shell.theme, self.model, self.tr("Catalogue"))
        self.search = self.table.filter
        self.facets = FacetRow(shell.theme)
        self.card = EntryCard(shell)
        self.error = ErrorPanel(shell.theme, closable=True)
        self._build()
        self._add_actions()
        self._connect()

    def opened(self, **arguments: object) -> None:
        """``entry`` selects a model by its id; ``search`` looks for a text, with every facet open."""
        entry, text = arguments.get("entry"), arguments.get("search")
        if isinstance(text, str):
            self.show_all()
            self.search.setText(text)
        if isinstance(entry, str) and entry:
            self._wanted = entry
            self._select_wanted()

    def refresh(self) -> None:
        """Read and weigh the catalogue again, in the background."""
        context = self.shell.context
        self.shell.background.run(lambda: load_look(context), self._show, self._fail, owner=self)

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep at once how the view was arranged."""
        super().hideEvent(event)
        self._arrangement.flush()

    def show_all(self) -> None:
        """No word and no facet narrows the table."""
        self.search.clear()
        self.facets.clear()

    def find_on_hub(self) -> None:
        """Open the repository of the selected model, with the files that fit best."""
        row = self._current()
        if row is not None:
            repo, files = files_wanted(row)
            self.shell.navigate("models", view="hub", repo=repo, files=files)

    # -- building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        self.count = Chip("", "plain")
        self.count.hide()
        self.tools = self.count
        column.addWidget(self.error)
        column.addWidget(self._make_search())
        self._stack = QStackedWidget()
        loading = Label(self.tr("Reading the catalogue\N{HORIZONTAL ELLIPSIS}"), "muted")
        loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(loading)
        self._stack.addWidget(self._make_split())
        column.addWidget(self._stack, 1)

    def _make_search(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.search.setPlaceholderText(
            self.tr("Search by name, publisher, language or use, such as Italian 7B or code")
        )
        self.search.setAccessibleName(self.tr("Search the catalogue"))
        row.addWidget(self.search, 1)
        row.addWidget(self.table.menu_button)
        column.addLayout(row)
        column.addWidget(self.facets)
        return box

    def _make_split(self) -> QSplitter:
        self.table.sort_by("verdict")
        at = next(at for at, one in enumerate(self.model.columns) if one.id == "verdict")
        self.table.view.setItemDelegateForColumn(at, ChipDelegate(self.shell.theme, self.table.view))
        frame = QFrame()
        frame.setProperty("role", "card")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(8, 8, 8, 8)
        self.results = QStackedWidget()
        self.results.addWidget(self.table)
        self.nothing = EmptyState(
            self.shell.theme,
            "search",
            self.tr("No model answers that"),
            self.tr("Show all models"),
            self.show_all,
            self.tr("Take a word away, or choose another value in one of the boxes above."),
        )
        self.nothing.sentence.setWordWrap(False)
        self.results.addWidget(self.nothing)
        inside.addWidget(self.results)
        self._side = QStackedWidget()
        hint = Label(
            self.tr("Select a model to see what it needs and what its licence asks for."), "muted", wrap=True
        )
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._side.addWidget(hint)
        self._side.addWidget(self.card)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(12)
        split.setStyleSheet("QSplitter::handle { background: transparent; }")
        split.addWidget(frame)
        split.addWidget(self._side)
        split.setStretchFactor(0, 1)
        split.setSizes([616, 408])
        split.setChildrenCollapsible(False)
        self._arrangement = Arrangement(
            self.shell, "models.catalogue", self, splitters={"card": split}, tables={"catalogue": self.table}
        )
        return split

    def _add_actions(self) -> None:
        for action_id, text, run, shortcut, icon in (
            ("catalogue.search", self.tr("Search the catalogue"), self._focus_search, "Ctrl+F", "search"),
            ("catalogue.hub", self.tr("Find the model on the hub"), self.find_on_hub, "Ctrl+Return", "link"),
            ("catalogue.all", self.tr("Show all models of the catalogue"), self.show_all, "Esc", "list"),
        ):
            self.shell.actions.add(
                action_id, text, run, shortcut=shortcut, icon=icon, page="models.catalogue"
            )

    def _connect(self) -> None:
        self.facets.changed.connect(self._narrow)
        self.table.selected.connect(self._selected)
        self.table.opened.connect(lambda _id: self.find_on_hub())
        self.table.proxy.layoutChanged.connect(self._count)
        self.card.wanted.connect(self.find_on_hub)
        self.card.open_library.connect(lambda version: self.shell.navigate("models", version_id=version))

    # -- what is shown

    def _show(self, seen: Look) -> None:
        self._look = seen
        rows = rows_of(seen)
        self.facets.show_counts(seen.catalogue, rows)
        self.model.set_records(rows)
        self._stack.setCurrentIndex(1)
        self._narrow()
        if seen.current.problem is not None:
            self.error.show_error(seen.current.problem)
        self._select_wanted()
        if self.table.selected_ids():
            self._selected(self.table.selected_ids())
        elif self.table.proxy.rowCount():
            self.table.select(self.model.at(self._first()).entry.id)

    def _first(self) -> int:
        return self.table.proxy.mapToSource(self.table.proxy.index(0, 0)).row()

    def _narrow(self) -> None:
        """Show the entries with the chosen values."""
        chosen, seen = self.facets.values, self._look
        if seen is None:
            return
        catalogue = seen.catalogue

        def keep(row: CatalogueRow) -> bool:
            return all(value in values_of(catalogue, row.found, facet) for facet, value in chosen.items())

        self.table.proxy.set_keep(keep if chosen else None)
        self._count()

    def _count(self) -> None:
        if self._look is None:
            return
        shown, every = self.table.proxy.rowCount(), len(self._look.found)
        text = self.tr("%1 models") if shown == every else self.tr("%1 of %2 models")
        self.count.setText(text.replace("%1", number(shown)).replace("%2", number(every)))
        edition = self.tr("Edition %1 of %2").replace("%1", number(self._look.catalogue.edition))
        self.count.setToolTip(edition.replace("%2", self._look.catalogue.date))
        self.results.setCurrentIndex(0 if shown else 1)

    def _select_wanted(self) -> None:
        if self._wanted and self.model.record(self._wanted) is not None:
            self.table.select(self._wanted)
            self._wanted = ""

    def _selected(self, ids: list[str]) -> None:
        row = self.model.record(ids[0]) if ids else None
        if row is not None and self._look is not None:
            self.card.show_row(row, self._look.place)
        self._side.setCurrentIndex(0 if row is None else 1)

    def _current(self) -> CatalogueRow | None:
        ids = self.table.selected_ids()
        return self.model.record(ids[0]) if ids else None

    def _focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _fail(self, error: BaseException) -> None:
        self.error.show_error(error)
