"""Looking around at a hub from the window or the command line: the questions are asked by a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.catalog.hub.needs import Weighing
from bancada.catalog.hub.records import RepoInfo, RepoSummary
from bancada.core.errors import BancadaError
from bancada.jobs.call import Call
from bancada.jobs.codec import decode
from bancada.jobs.sessions import Session, SessionManager
from bancada.storage import settings
from bancada.storage.connection import Database

KIND: Final = "hub"
SEARCH: Final = "search"
SHOW: Final = "show"
WEIGH: Final = "weigh"


@dataclass(frozen=True, slots=True)
class HubParams:
    """``sealed`` is how the network was when the worker began: what it sealed stays so."""

    sealed: bool


@dataclass(frozen=True, slots=True)
class SearchParams:
    """``limit``: hits at most."""

    text: str
    limit: int = 20


@dataclass(frozen=True, slots=True)
class ShowParams:
    """``files``: patterns as :class:`DownloadParams` has them."""

    repo: str
    revision: str = "main"
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeighParams:
    """What the models of a repository at a commit would take of the memory; ``context`` in tokens."""

    repo: str
    commit: str
    context: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The hits."""

    hits: tuple[RepoSummary, ...]


@dataclass(frozen=True, slots=True)
class FileView:
    """A file and what would become of it.

    ``kind`` is one of :mod:`bancada.catalog.hub.file_policy`; ``state`` is ``chosen``, ``stored``
    (chosen, and in the library already), ``left``, or ``refused``. ``quantization`` is what its name says.
    """

    path: str
    size_bytes: int
    sha256: str
    kind: str
    state: str
    quantization: str = ""


@dataclass(frozen=True, slots=True)
class RepoView:
    """A repository at a commit, and what a download of it would take; sizes in bytes.

    ``problem`` is why it cannot be downloaded as asked, as an error's JSON form; ``fits``: whether the
    disk has room for it, with something to spare.
    """

    info: RepoInfo
    files: tuple[FileView, ...]
    models: tuple[str, ...]
    total_bytes: int
    need_bytes: int
    free_bytes: int
    problem: dict[str, object] | None = None
    fits: bool = True

    @property
    def error(self) -> BancadaError | None:
        """The problem as an error."""
        return None if self.problem is None else BancadaError.from_json(self.problem)


class HubBrowser:
    """Asks a hub; the worker is started with the first question and lives until :meth:`close`."""

    def __init__(self, sessions: SessionManager, database: Database) -> None:
        self._sessions = sessions
        self._database = database
        self._session: Session | None = None

    def search(self, text: str, limit: int = 20) -> tuple[RepoSummary, ...]:
        """Repositories that fit a text.

        Raises:
            BancadaError: ``network.*`` (``network.sealed`` while nothing may leave this machine), ``hub.*``.
            Canceled: the session was closed meanwhile.
        """
        answer = self.ask(SEARCH, SearchParams(text, limit)).wait()
        return decode(SearchAnswer, answer).hits

    def show(self, repo: str, revision: str = "main", files: tuple[str, ...] = ()) -> RepoView:
        """What a repository holds, and what a download of it would take; raises as :meth:`search`."""
        return decode(RepoView, self.ask(SHOW, ShowParams(repo, revision, files)).wait())

    def weigh(self, repo: str, commit: str, context: int) -> Weighing:
        """What its models would take of the memory; raises as :meth:`search`."""
        return decode(Weighing, self.ask(WEIGH, WeighParams(repo, commit, context)).wait())

    def ask(self, name: str, params: object) -> Call:
        """The same without waiting: a call to be canceled, or given a callback."""
        opening = HubParams(bool(settings.get(self._database, "network.sealed")))
        if self._session is not None and self._session.params != opening:
            self.close()
        if self._session is None or not self._session.alive:
            self._session = self._sessions.open(KIND, opening)
        return self._session.call(name, params)

    def close(self) -> None:
        """End the worker."""
        if self._session is not None:
            self._session.close()
            self._session = None
