"""Questions to a hub from the window: asked by the hub's worker, answered into the GUI thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from bancada.catalog.hub import browser
from bancada.catalog.hub.browser import (
    HubBrowser,
    RepoView,
    SearchAnswer,
    SearchParams,
    ShowParams,
    WeighParams,
)
from bancada.catalog.hub.needs import Weighing
from bancada.core.errors import Canceled
from bancada.gui.shell import Shell
from bancada.jobs.call import Call
from bancada.jobs.codec import decode

T = TypeVar("T")
Fail = Callable[[BaseException], None]


@dataclass(slots=True)
class _Question:
    """``overtaken``: a newer question of its kind was asked, or the view was left."""

    kind: str
    answer: type
    done: Callable[[Any], None]
    failed: Fail
    call: Call | None = None
    overtaken: bool = False


class HubAsker(QObject):
    """At most one question of each kind is open: a newer one cancels the older, whose answer is dropped."""

    #: something was asked, or the last answer came
    busy_changed = Signal(bool)
    _ended = Signal(object)

    def __init__(self, shell: Shell, parent: QObject) -> None:
        super().__init__(parent)
        self._shell = shell
        self._browser = HubBrowser(shell.context.sessions, shell.context.database)
        self._lock = threading.Lock()
        self._open: dict[str, _Question] = {}
        self._ended.connect(self._take, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._open)

    def search(self, text: str, limit: int, done: Callable[[SearchAnswer], None], failed: Fail) -> None:
        """Look for repositories by name."""
        self._ask(browser.SEARCH, SearchParams(text, limit), SearchAnswer, done, failed)

    def show(
        self,
        repo: str,
        revision: str,
        files: tuple[str, ...],
        done: Callable[[RepoView], None],
        failed: Fail,
    ) -> None:
        """Look into a repository; what it would take of the memory is another question."""
        self.drop(browser.WEIGH)
        self._ask(browser.SHOW, ShowParams(repo, revision, files), RepoView, done, failed)

    def weigh(
        self, repo: str, commit: str, context: int, done: Callable[[Weighing], None], failed: Fail
    ) -> None:
        """Ask what the models of a repository would take of the memory."""
        self._ask(browser.WEIGH, WeighParams(repo, commit, context), Weighing, done, failed)

    def drop(self, kind: str) -> None:
        """Await no answer to the question of a kind any more."""
        question = self._open.pop(kind, None)
        if question is None:
            return
        question.overtaken = True
        if question.call is not None:
            question.call.cancel()
        self._say_busy()

    def stop(self) -> None:
        """Await nothing."""
        for kind in list(self._open):
            self.drop(kind)

    def close(self) -> None:
        """Await nothing, and end the worker in the background."""
        self.stop()
        self._shell.background.run(self._close, lambda _: None, owner=self)

    def _ask(
        self, kind: str, params: object, answer: type[T], done: Callable[[T], None], failed: Fail
    ) -> None:
        self.drop(kind)
        question = self._open[kind] = _Question(kind, answer, done, failed)
        self._say_busy()
        self._shell.background.run(
            lambda: self._send(question, params),
            lambda _: None,
            lambda error: self._fail(question, error),
            owner=self,
        )

    def _send(self, question: _Question, params: object) -> None:
        """On a thread of the background: the first question starts the worker."""
        with self._lock:
            if question.overtaken:
                return
            call = question.call = self._browser.ask(question.kind, params)
        if not self._is_awaited(question):  # it was overtaken while the worker started
            call.cancel()
        call.add_done_callback(lambda _: self._ended.emit(question))

    def _is_awaited(self, question: _Question) -> bool:
        return not question.overtaken

    def _close(self) -> None:
        with self._lock:
            if not self._open:  # else somebody came back and asked before this was done
                self._browser.close()

    def _take(self, question: _Question) -> None:
        """An answer may be long: it is decoded in the background as well."""
        call = question.call
        if question.overtaken or call is None:
            return
        self._shell.background.run(
            lambda: decode(question.answer, call.wait()),
            lambda answer: self._answer(question, answer),
            lambda error: self._fail(question, error),
            owner=self,
        )

    def _answer(self, question: _Question, answer: Any) -> None:
        if self._is_open(question):
            question.done(answer)

    def _fail(self, question: _Question, error: BaseException) -> None:
        if self._is_open(question) and not isinstance(error, Canceled):
            question.failed(error)

    def _is_open(self, question: _Question) -> bool:
        if self._open.get(question.kind) is not question:
            return False
        del self._open[question.kind]
        self._say_busy()
        return True

    def _say_busy(self) -> None:
        self.busy_changed.emit(self.busy)
