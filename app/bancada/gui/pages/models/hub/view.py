"""The hub: search, look into a repository, download; or why that is not possible now."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from bancada.catalog.download.jobs import DownloadParams
from bancada.catalog.hub.browser import RepoView, SearchAnswer
from bancada.catalog.hub.records import RepoSummary
from bancada.catalog.hub.rules import host_of
from bancada.core.errors import BancadaError
from bancada.core.seal import is_loopback
from bancada.gui.arrangement import Arrangement
from bancada.gui.models.hub import as_patterns, hit_columns
from bancada.gui.models.records import RecordModel
from bancada.gui.network import ask_to_open
from bancada.gui.pages.models.hub.asking import HubAsker
from bancada.gui.pages.models.hub.downloads import DownloadList
from bancada.gui.pages.models.hub.hit_delegate import HEIGHT, HitDelegate
from bancada.gui.pages.models.hub.repo_panel import RepoPanel
from bancada.gui.pages.models.hub.sealed_panel import SealedPanel
from bancada.gui.pages.models.hub.search_row import SearchRow
from bancada.gui.pages.models.hub.source_bar import SourceBar
from bancada.gui.pages.models.hub.token_form import TokenForm
from bancada.gui.pages.models.views import ModelsView
from bancada.gui.shell import Shell
from bancada.gui.widgets.states import EmptyState, ErrorPanel
from bancada.gui.widgets.table import Table
from bancada.jobs.spec import JobRecord

HITS: Final = 50
_WANTS_TOKEN: Final = ("hub.gated", "hub.token_refused", "hub.not_found")
_WANTS_SETTINGS: Final = (
    "hub.endpoint_invalid",
    "hub.proxy_invalid",
    "hub.ca_file_invalid",
    "network.certificate",
    "network.proxy_refused",
    "network.unreachable",
)
#: after the last move in the list of hits: each look is a question to a stranger's server
_SETTLE_MS: Final = 300


class HubView(ModelsView):
    """Search above, hits at the left, the repository at the right, downloads below."""

    kinds: ClassVar[frozenset[str]] = frozenset({"setting", "job", "model"})

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.endpoint, self.sealed = "", True
        self._wanted: tuple[str, tuple[str, ...]] | None = None  # to be opened as soon as that is possible
        self._repo = ""
        self._files: tuple[str, ...] = ()
        self.asker = HubAsker(shell, self)
        self.source = SourceBar(shell.theme)
        self.token = TokenForm(shell)
        self.search_row = SearchRow()
        self.field = self.search_row.field
        self._token_known = False
        self.error = ErrorPanel(shell.theme, closable=True)
        self.sealed_panel = SealedPanel(shell.theme)
        self.panel = RepoPanel(shell)
        self.downloads = DownloadList(shell)
        self.model = RecordModel[RepoSummary](shell.theme, hit_columns(), lambda hit: hit.repo, self)
        self.table = Table(shell.theme, self.model, self.tr("Repositories"))
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._build()
        self._add_actions()
        self._connect()

    def opened(self, **arguments: object) -> None:
        """``repo`` opens a repository with ``files`` (patterns) chosen; ``search`` looks for a text."""
        repo, files, text = arguments.get("repo"), arguments.get("files"), arguments.get("search")
        if isinstance(repo, str) and repo:
            self._wanted = (repo, as_patterns(files))
            self._open_wanted()
        elif isinstance(text, str):
            self.field.setText(text)
            self.search()

    def refresh(self) -> None:
        """Read the source and the seal, and what is under way."""
        value = self.shell.settings.value
        endpoint, sealed = str(value("hub.endpoint")).strip().rstrip("/"), bool(value("network.sealed"))
        # a hub on this machine is reached although nothing leaves it
        shut = sealed and not is_loopback(host_of(endpoint) or "-")
        if (endpoint, shut) != (self.endpoint, self.sealed):
            self.endpoint, self.sealed = endpoint, shut
            self._source_changed()
        self.source.show_source(endpoint, sealed=sealed)
        self.sealed_panel.show_source(endpoint)
        self.downloads.read()
        self._stack.setCurrentIndex(1 if shut else 0)
        self.field.setEnabled(not shut)
        self.search_row.button.setEnabled(not shut)
        self._open_wanted()

    def showEvent(self, event: QShowEvent) -> None:
        """Ask again what was not answered when the view was left."""
        super().showEvent(event)
        if self.endpoint:
            self.token.look(self.endpoint)
        if self._repo and self.panel.view is None and self.error.isHidden():
            self._open_repo(self._repo, self._files)
        else:
            self.panel.ask_again()

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep how it was arranged, and let the hub's worker go."""
        super().hideEvent(event)
        self._settle.stop()
        self._arrangement.flush()
        self.asker.close()

    def search(self) -> None:
        """Look for repositories by what is typed."""
        text = self.field.text().strip()
        if self.sealed or not text:
            return
        self.error.hide()
        self.panel.say(self.tr("Choose a repository to see its files."))
        self._repo = ""
        self.asker.search(text, HITS, self._show_hits, self._fail)

    def stop(self) -> None:
        """Wait no longer for the hub's answer."""
        self.asker.stop()
        if self.panel.view is None:
            self._repo = ""
            self.panel.say(self.tr("Choose a repository to see its files."))

    def _escape(self) -> None:
        if self.token.isVisible():
            self.token.close_form()
        elif self.asker.busy:
            self.stop()
        else:
            self.error.hide()

    # -- building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.source)
        column.addWidget(self.token)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._make_open())
        self._stack.addWidget(self.sealed_panel)
        column.addWidget(self._stack, 1)
        column.addWidget(self.downloads)

    def _make_open(self) -> QWidget:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.search_row)
        self.token_button = self.error.add_button(
            self.tr("Enter a token\N{HORIZONTAL ELLIPSIS}"), self._open_token
        )
        self.settings_button = self.error.add_button(
            self.tr("Look at the network's settings"), self._change_source
        )
        column.addWidget(self.error)
        self.results = QStackedWidget()
        self.empty = EmptyState(
            self.shell.theme,
            "search",
            self.tr("Search for a model to download"),
            hint=self.tr(
                "GGUF, safetensors and ONNX are taken, every file is checked against its hash. Pickles and"
                " program code are refused. What a model takes of the memory is said before it is fetched."
            ),
        )
        self.results.addWidget(self.empty)
        self.results.addWidget(self._make_split())
        column.addWidget(self.results, 1)
        return inner

    def _make_split(self) -> QSplitter:
        frame = QFrame()
        frame.setProperty("role", "card")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(8, 8, 8, 8)
        inside.addWidget(self.table)
        self.table.sort_by("downloads", descending=True)
        self.table.view.setItemDelegateForColumn(
            0, HitDelegate(self.shell.theme, self.model, self.table.view)
        )
        self._size_rows()
        self.shell.theme.changed.connect(self._size_rows)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(12)
        split.addWidget(frame)
        split.addWidget(self.panel)
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        split.setSizes([368, 660])
        split.setChildrenCollapsible(False)
        self._arrangement = Arrangement(
            self.shell,
            "models.hub",
            self,
            splitters={"repo": split},
            tables={"hits": self.table, "files": self.panel.table},
        )
        # what was filtered for in other hits would hide new ones
        self.table.filter.clear()
        self.panel.table.filter.clear()
        return split

    def _size_rows(self) -> None:
        self.table.view.verticalHeader().setDefaultSectionSize(self.shell.theme.px(HEIGHT))

    def _add_actions(self) -> None:
        for action_id, text, run, shortcut, icon in (
            (
                "hub.search",
                self.tr("Search for models on the hub"),
                self.search_row.focus,
                "Ctrl+F",
                "search",
            ),
            ("hub.download", self.tr("Download the chosen files"), self.panel.begin, "Ctrl+Return", "import"),
            ("hub.escape", self.tr("Stop asking, or close the form"), self._escape, "Esc", "stop"),
            ("hub.token", self.tr("Enter the hub's token"), self._open_token, "", "lock"),
            ("hub.source", self.tr("Change the source of models"), self._change_source, "", "settings"),
        ):
            self.shell.actions.add(action_id, text, run, shortcut=shortcut, icon=icon, page="models.hub")

    def _connect(self) -> None:
        self.search_row.searched.connect(self.search)
        self.search_row.stopped.connect(self.stop)
        self.source.change.connect(self._change_source)
        self.source.token.connect(self._open_token)
        self.token.stored.connect(self._token_looked)
        self.token.kept.connect(self._token_kept)
        self.sealed_panel.opened.connect(lambda: ask_to_open(self, self.shell))
        self.sealed_panel.source.connect(self._change_source)
        self.sealed_panel.file.connect(lambda: self.shell.navigate("models", choose_import=True))
        self.asker.busy_changed.connect(self.search_row.busy.setVisible)
        self.table.selected.connect(lambda _ids: self._settle.start())
        self.table.opened.connect(self._open_repo)
        self._settle.timeout.connect(self._open_selected)
        self.panel.asked.connect(self._ask)
        self.panel.download.connect(self._download)
        self.panel.failed.connect(self._fail)
        self.downloads.done.connect(self._downloaded)
        self.downloads.failed.connect(self._fail)

    # -- the source

    def _source_changed(self) -> None:
        """What was found elsewhere says nothing about this source."""
        self.token.look(self.endpoint)
        self.asker.close()
        self.error.hide()
        self.token.close_form()
        self.model.set_records([])
        self._repo = ""
        self.panel.say(self.tr("Choose a repository to see its files."))
        self.results.setCurrentIndex(0)

    def _change_source(self) -> None:
        self.shell.navigate("settings", setting="hub.endpoint")

    def _open_token(self) -> None:
        self.error.hide()
        self.token.open_form(self.endpoint, known=self._token_known)

    def _token_kept(self) -> None:
        """Try again what was refused without it."""
        if self._repo and self.panel.view is None:
            self._open_repo(self._repo, self._files)
        elif self.results.currentIndex() == 0:
            self.search()

    def _token_looked(self, known: bool) -> None:
        self._token_known = known
        self.source.show_token(known=known)

    # -- hits and repositories

    def _show_hits(self, answer: SearchAnswer) -> None:
        self.table.filter.clear()
        self.table.view.clearSelection()
        self.model.set_records(answer.hits)
        if not answer.hits:
            words = self.tr(
                "Nothing on the hub is called \N{LEFT DOUBLE QUOTATION MARK}%1\N{RIGHT DOUBLE QUOTATION MARK}"
            )
            self.empty.set_text(
                words.replace("%1", self.field.text().strip()),
                self.tr("Try a shorter name, or owner/name of a repository."),
            )
        self.results.setCurrentIndex(1 if answer.hits else 0)
        if len(answer.hits) == 1:
            self.table.select(answer.hits[0].repo)

    def _open_selected(self) -> None:
        ids = self.table.selected_ids()
        if len(ids) == 1 and ids[0] != self._repo:
            self._open_repo(ids[0])

    def _open_wanted(self) -> None:
        if self._wanted is not None and self.endpoint and not self.sealed:
            (repo, files), self._wanted = self._wanted, None
            self.field.setText(repo)
            self.model.set_records([RepoSummary(repo)])
            self.results.setCurrentIndex(1)
            self._open_repo(repo, files)

    def _open_repo(self, repo: str, files: tuple[str, ...] = ()) -> None:
        self.error.hide()
        self._repo, self._files = repo, files
        self.panel.say(self.tr("Asking for %1\N{HORIZONTAL ELLIPSIS}").replace("%1", repo))
        self._ask(repo, "main", files)

    def _ask(self, repo: str, revision: str, files: tuple[str, ...]) -> None:
        self.asker.show(
            repo,
            revision,
            files,
            lambda view: self._show_repo(view, files),
            lambda error: self._lost(repo, error),
        )

    def _show_repo(self, view: RepoView, files: tuple[str, ...]) -> None:
        self.panel.show_repo(view, files)
        self._complete_hit(view)
        if not self.panel.weighed:
            tokens = int(self.shell.context.settings.get("chat.context"))
            info = view.info
            self.asker.weigh(info.repo, info.commit, tokens, self.panel.show_weighing, lambda _error: None)

    def _complete_hit(self, view: RepoView) -> None:
        """What the list of hits did not say."""
        known = self.model.record(view.info.repo)
        if known is not None:
            size = sum(one.size_bytes for one in view.files)
            self.model.update_record(
                replace(
                    known,
                    size_bytes=size,
                    gated=known.gated or view.info.gated,
                    license=known.license or view.info.license,
                )
            )

    def _lost(self, repo: str, error: BaseException) -> None:
        if self.panel.view is None:
            self.panel.say(self.tr("%1 could not be opened.").replace("%1", repo))
        else:
            self.panel.show_problem(error)
        self._fail(error)

    def _fail(self, error: BaseException) -> None:
        code = error.code if isinstance(error, BancadaError) else ""
        self.token_button.setVisible(code in _WANTS_TOKEN)
        self.settings_button.setVisible(code in _WANTS_SETTINGS)
        self.error.show_error(error)
        if code == "network.sealed":
            self.refresh()

    # -- downloads

    def _download(self, repo: str, revision: str, files: tuple[str, ...]) -> None:
        self.downloads.begin(DownloadParams(repo, revision, files))

    def _downloaded(self, record: JobRecord) -> None:
        view = self.panel.view
        if view is not None and view.info.repo == record.params.get("repo"):
            files = tuple(record.params.get("files", ()))
            self._ask(view.info.repo, view.info.commit, files)
