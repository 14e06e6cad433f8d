"""The Models page: the library, and the ways on which models come and go, each a view of its own."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QVBoxLayout

from bancada.core.registry import resolve
from bancada.gui.pages.models.views import VIEWS, ModelsView, view_title
from bancada.gui.pages.page import Page
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import PageHeader
from bancada.gui.widgets.segments import Segments

_LIBRARY: Final = "library"
_SETTING: Final = "window.models_view"


class ModelsPage(Page):
    """Shows one view at a time; each is built at its first visit, and the last one is remembered."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._stale = False  # the views query by themselves
        self._specs = {spec.id: spec for spec in VIEWS}
        self.views: dict[str, ModelsView] = {}
        self.view_id = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(12)
        self._header = PageHeader(self.tr("Models"))
        column.addWidget(self._header)
        self.segments = Segments(
            self.tr("Views of the models"), [(spec.id, view_title(spec)) for spec in VIEWS]
        )
        self.segments.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        column.addWidget(self.segments)
        self.segments.setVisible(len(VIEWS) > 1)
        self._stack = QStackedWidget()
        column.addWidget(self._stack, 1)
        self.segments.chosen.connect(self.show_view)
        self._add_actions()

    def opened(self, **arguments: object) -> None:
        """``view`` names a view; the other arguments are the view's own, the library's without ``view``."""
        wanted = str(arguments.pop("view", "") or (_LIBRARY if arguments else self.view_id or self._kept()))
        self.show_view(wanted)
        self.views[wanted].opened(**arguments)

    def view(self, view_id: str) -> ModelsView:
        """The view, built now if it was not yet. Raises KeyError for an unknown id."""
        if view_id not in self.views:
            made: ModelsView = resolve(self._specs[view_id].target)(self.shell)
            self.views[view_id] = made
            self._stack.addWidget(made)
            if made.tools is not None:
                self._header.add(made.tools)
        return self.views[view_id]

    def show_view(self, view_id: str) -> None:
        """Show a view; the focus stays where it is."""
        # first, as actions that a view adds while it is built are awake or asleep by it
        self.shell.actions.set_page(f"models.{view_id}")
        shown = self.view(view_id)
        self._stack.setCurrentWidget(shown)
        for one in self.views.values():
            if one.tools is not None:
                one.tools.setVisible(one is shown)
        self.segments.show_choice(view_id)
        if self.view_id not in ("", view_id):
            self._keep(view_id)
        self.view_id = view_id

    def refresh(self) -> None:
        """F5 reads again what is shown."""
        if self.view_id:
            self.views[self.view_id].refresh()

    @property
    def foot(self) -> int:
        """What the view uses at the bottom."""
        return self.views[self.view_id].foot if self.view_id else 0

    def _kept(self) -> str:
        kept: str = self.shell.context.settings.get(_SETTING)
        return kept if kept in self._specs else _LIBRARY

    def _keep(self, view_id: str) -> None:
        context = self.shell.context
        if not context.database.read_only:
            store = partial(context.settings.set, _SETTING, view_id)
            self.shell.background.run(store, lambda _: None, owner=self)

    def _add_actions(self) -> None:
        add = self.shell.actions.add
        go = partial(self.opened, view=_LIBRARY)
        for action_id, text, run, shortcut, icon in (
            ("import_file", self.tr("Import a model file"), "choose_import", "Ctrl+O", "import"),
            ("import_folder", self.tr("Import a folder"), "choose_folder", "Ctrl+Shift+O", "folder"),
        ):
            add(
                f"models.{action_id}",
                text,
                partial(go, **{run: True}),
                shortcut=shortcut,
                icon=icon,
                page="models",
            )
        if len(VIEWS) > 1:
            for spec in VIEWS:
                text = self.tr("Models: %1").replace("%1", view_title(spec))
                add(
                    f"models.view.{spec.id}",
                    text,
                    partial(self.show_view, spec.id),
                    icon="cube",
                    page="models",
                )
            for action_id, text, by, shortcut in (
                ("next_view", self.tr("Next view of the models"), 1, "Ctrl+PgDown"),
                ("previous_view", self.tr("Previous view of the models"), -1, "Ctrl+PgUp"),
            ):
                add(f"models.{action_id}", text, partial(self._move, by), shortcut=shortcut, page="models")

    def _move(self, by: int) -> None:
        ids = list(self._specs)
        self.show_view(ids[(ids.index(self.view_id) + by) % len(ids)])
