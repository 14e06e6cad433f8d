"""One repository of a hub: its files with verdicts, the pinned revision, and what a download would take."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QLineEdit, QStackedWidget

from bancada.catalog.hub.browser import RepoView
from bancada.catalog.hub.needs import Weighing
from bancada.core.errors import BancadaError, describe
from bancada.core.hardware import available_memory
from bancada.gui.models.hub import (
    FileRow,
    file_columns,
    file_rows,
    patterns_for,
    refused_words,
    repo_facts,
    total_words,
    weights_are_here,
)
from bancada.gui.models.records import RecordModel
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Card, Chip, ElidedLabel, Label, LinkButton, PrimaryButton, set_look
from bancada.gui.widgets.table import Table
from bancada.storage import models

_MAIN = "main"


class RepoPanel(QStackedWidget):
    """Shows one :class:`RepoView`.

    ``asked`` carries repository, revision and patterns whose sizes are wanted; ``download`` the patterns
    to fetch of what is shown, at the commit that is shown.
    """

    asked = Signal(str, str, tuple)
    download = Signal(str, str, tuple)
    failed = Signal(object)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.view: RepoView | None = None
        self._rows: list[FileRow] = []
        self._weighing: Weighing | None = None
        self._patterns: tuple[str, ...] = ()
        self._pending: tuple[str, ...] | None = None  # asked about and not answered yet
        self.hint = Label("", "muted", wrap=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.addWidget(self.hint)
        self.card = Card()
        self.addWidget(self.card)
        self._build()
        self.say(self.tr("Choose a repository to see its files."))

    def say(self, words: str) -> None:
        """Show a sentence instead of a repository."""
        self.view = None
        self.hint.setText(words)
        self.setCurrentIndex(0)

    def show_repo(self, view: RepoView, patterns: tuple[str, ...] = ()) -> None:
        """Show a repository, or what a choice of its files takes; ``patterns`` are what was asked with."""
        same = self.view is not None and (self.view.info.repo, self.view.info.commit) == (
            view.info.repo,
            view.info.commit,
        )
        if not same:
            self._weighing = None
        self.view, self._patterns, self._pending = view, patterns, None
        info = view.info
        self.name.setText(info.repo)
        self.gated.setVisible(info.gated)
        self.facts.setText(
            " \N{MIDDLE DOT} ".join(f"{name}: {value}" for name, value in repo_facts(view).items())
        )
        if not self.revision.hasFocus():
            self.revision.setText("" if info.requested in (_MAIN, info.commit) else info.requested)
        self.commit.setText(info.commit)
        self._show_rows()
        self.setCurrentIndex(1)
        if not same:
            self._choose_at_first(patterns)
        self._show_choice()

    def show_weighing(self, weighing: Weighing) -> None:
        """Add what the models would take of the memory."""
        self._weighing = weighing
        self._show_rows()

    @property
    def weighed(self) -> bool:
        """Whether the verdicts are there."""
        return self._weighing is not None

    def begin(self) -> None:
        """Download what is chosen, if it can be."""
        if self.view is not None and self.download_button.isEnabled():
            self.download.emit(self.view.info.repo, self.view.info.commit, self._patterns)

    # -- building

    def _build(self) -> None:
        body = self.card.body
        head = QHBoxLayout()
        head.setSpacing(8)
        self.name = ElidedLabel("", "subtitle")
        self.name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        head.addWidget(self.name, 1)
        self.gated = Chip(self.tr("gated"), "warn")
        self.gated.setToolTip(self.tr("Its owner lets people in one by one: a token is needed."))
        head.addWidget(self.gated)
        body.addLayout(head)
        self.facts = Label("", "muted", wrap=True)
        body.addWidget(self.facts)
        body.addLayout(self._make_revision())
        self.model = RecordModel[FileRow](self._shell.theme, file_columns(), lambda row: row.view.path, self)
        self.table = Table(self._shell.theme, self.model, self.tr("Files"))
        self.table.sort_by("path")
        self.table.view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.selected.connect(self._selected)
        self.table.opened.connect(lambda _path: self.begin())
        body.addWidget(self.table, 1)
        self.refused = Label("", "note", wrap=True)
        set_look(self.refused, tone="warn")
        body.addWidget(self.refused)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.total = Label("", wrap=True)
        row.addWidget(self.total, 1)
        self.show_button = LinkButton(self.tr("Show in the library"))
        self.show_button.clicked.connect(self._show_in_library)
        row.addWidget(self.show_button, 0, Qt.AlignmentFlag.AlignBottom)
        self.download_button = PrimaryButton(self.tr("Download"))
        self.download_button.clicked.connect(self.begin)
        row.addWidget(self.download_button, 0, Qt.AlignmentFlag.AlignBottom)
        body.addLayout(row)

    def _make_revision(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(Label(self.tr("Revision"), "muted"))
        self.revision = QLineEdit()
        self.revision.setPlaceholderText(_MAIN)
        self.revision.setAccessibleName(self.tr("Revision: a branch, a tag or a commit"))
        self.revision.setMaxLength(200)
        self.revision.setFixedWidth(self._shell.theme.px(120))
        self.revision.returnPressed.connect(self._other_revision)
        row.addWidget(self.revision)
        row.addWidget(Label(self.tr("pinned at"), "muted"))
        self.commit = ElidedLabel("", "mono")
        self.commit.setAccessibleName(self.tr("Commit"))
        self.commit.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.commit.setToolTip(
            self.tr("A download is made of this very commit, also when it is resumed later.")
        )
        row.addWidget(self.commit, 1)
        self.again_button = LinkButton(self.tr("Newest"))
        self.again_button.setAccessibleName(self.tr("Look for the newest commit"))
        self.again_button.clicked.connect(self._newest)
        row.addWidget(self.again_button)
        return row

    # -- what is shown

    def _show_rows(self) -> None:
        if self.view is None:
            return
        self._rows = file_rows(self.view, self._weighing, available_memory())
        self.model.set_records(self._rows)
        words = refused_words(self._rows)
        self.refused.setText(words)
        self.refused.setVisible(bool(words))

    def _choose_at_first(self, patterns: tuple[str, ...]) -> None:
        """Select what comes with the question that was asked, without asking again."""
        chosen = [
            row.view.path for row in self._rows if row.is_weights and row.view.state in ("chosen", "stored")
        ]
        self.table.view.clearSelection()
        if chosen and (patterns or (self.view is not None and self.view.error is None)):
            self.table.select(chosen[0])

    def _selected(self, paths: list[str]) -> None:
        wanted = patterns_for(self._rows, paths)
        if self.view is None or wanted == self._patterns or not wanted:
            self._show_choice()
            return
        covered = {row.view.path for row in self._rows if row.view.state in ("chosen", "stored")}
        if not self._patterns and self.view.error is None and set(paths) <= covered:
            self._show_choice()  # the only model there is was asked about already
            return
        self.download_button.setEnabled(False)
        self.total.setText(self.tr("Asking for the size\N{HORIZONTAL ELLIPSIS}"))
        self._pending = wanted
        self.ask_again()

    def ask_again(self) -> None:
        """Ask once more for what was not answered."""
        if self.view is not None and self._pending is not None:
            self.asked.emit(self.view.info.repo, self.view.info.commit, self._pending)

    def _show_choice(self) -> None:
        view = self.view
        if view is None:
            return
        error = view.error
        ready = error is None and bool(view.models)
        tone = ""
        if error is not None and error.code == "hub.choose_file":
            self.total.setText(
                self.tr("Choose the file that you want; its size is asked before anything is fetched.")
            )
        elif error is not None:
            words = describe(error.code, error.params)
            self.total.setText(f"{words.what} {words.meaning}")
            tone = "bad"
        else:
            self.total.setText(total_words(view))
            ready = ready and view.fits
            if not ready:
                self.total.setText(
                    self.tr("%1 There is not enough room on the disk.").replace("%1", total_words(view))
                )
                tone = "bad"
        set_look(self.total, tone=tone)
        self.show_button.setVisible(ready and weights_are_here(view))
        self.download_button.setEnabled(ready)
        self.download_button.setText(
            self.tr("Add to the library") if ready and weights_are_here(view) else self.tr("Download")
        )

    def _show_in_library(self) -> None:
        stored = {row.view.sha256 for row in self._rows if row.is_weights and row.view.state == "stored"}
        database = self._shell.context.database

        def find() -> str:
            versions = reversed(models.list_versions(database))
            return next((one.id for one in versions if stored & {file.sha256 for file in one.files}), "")

        def show(version_id: str) -> None:
            self._shell.navigate("models", view="library", version_id=version_id)

        self._shell.background.run(find, show, self.failed.emit, owner=self)

    def _other_revision(self) -> None:
        if self.view is not None:
            self.asked.emit(self.view.info.repo, self.revision.text().strip() or _MAIN, ())

    def _newest(self) -> None:
        self.revision.clear()
        self._other_revision()

    def show_problem(self, error: BaseException) -> None:
        """The size could not be asked for; what is shown stays."""
        self._pending = None
        words = describe(error.code, error.params) if isinstance(error, BancadaError) else None
        self.total.setText(words.what if words else str(error))
        set_look(self.total, tone="bad")
        self.download_button.setEnabled(False)
