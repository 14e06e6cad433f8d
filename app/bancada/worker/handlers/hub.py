"""The session kind ``hub``: questions to a hub, for as long as somebody looks around there."""

from __future__ import annotations

from typing import Any

from bancada.catalog.download.fetch import stored
from bancada.catalog.download.plan import make_plan
from bancada.catalog.forecaster import forecaster
from bancada.catalog.hub import browser
from bancada.catalog.hub.browser import (
    FileView,
    RepoView,
    SearchAnswer,
    SearchParams,
    ShowParams,
    WeighParams,
)
from bancada.catalog.hub.choice import FileGroup, choose
from bancada.catalog.hub.client import HubClient
from bancada.catalog.hub.connection import HubConnection
from bancada.catalog.hub.credentials import hub_token
from bancada.catalog.hub.file_policy import GGUF, REFUSED, kind_of
from bancada.catalog.hub.needs import Weighing, quantization_of
from bancada.catalog.hub.records import RepoFile, RepoInfo
from bancada.catalog.hub.rules import read_rules
from bancada.catalog.hub.weighing import weigh
from bancada.core.errors import BancadaError
from bancada.jobs.codec import decode, encode
from bancada.jobs.job_context import CallContext, JobContext
from bancada.storage.sqlite_errors import free_bytes


class HubHandler:
    """Each question takes the settings as they are then."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def open(self, _params: browser.HubParams) -> dict[str, Any]:
        """Nothing is asked yet."""
        return {}

    def call(self, call: CallContext, name: str, payload: Any) -> Any:
        """Serve one question; raises BancadaError, Canceled."""
        rules = read_rules(self._context.database)
        with HubConnection(rules, hub_token(rules.endpoint), lambda: call.canceled) as connection:
            client = HubClient(connection)
            if name == browser.SEARCH:
                asked = decode(SearchParams, payload)
                return SearchAnswer(tuple(client.search(asked.text, asked.limit)))
            if name == browser.SHOW:
                return self._show(client, decode(ShowParams, payload))
            if name == browser.WEIGH:
                return self._weigh(connection, decode(WeighParams, payload))
        raise BancadaError("message.malformed", field="call", value=name)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _show(self, client: HubClient, asked: ShowParams) -> RepoView:
        info = client.repo(asked.repo, asked.revision)
        context = self._context
        try:
            groups = choose(info, asked.files)
            plan = make_plan(context.home, context.blobs, info, groups)
        except BancadaError as problem:
            free = free_bytes(context.home.downloads)
            return RepoView(info, self._files(info, ()), (), 0, 0, free, encode(problem.to_json()))
        return RepoView(
            info=info,
            files=self._files(info, groups),
            models=tuple(one.name for one in groups),
            total_bytes=plan.total_bytes,
            need_bytes=plan.need_bytes,
            free_bytes=plan.free_bytes,
            fits=plan.fits,
        )

    def _weigh(self, connection: HubConnection, asked: WeighParams) -> Weighing:
        info = HubClient(connection).repo(asked.repo, asked.commit)
        return weigh(connection, info, forecaster(self._context.database), asked.context)

    def _files(self, info: RepoInfo, groups: tuple[FileGroup, ...]) -> tuple[FileView, ...]:
        chosen = {one.path for group in groups for one in group.all_files()}
        return tuple(self._view(one, chosen) for one in info.files)

    def _view(self, file: RepoFile, chosen: set[str]) -> FileView:
        kind = kind_of(file.path)
        state = "refused" if kind in REFUSED else "chosen" if file.path in chosen else "left"
        if state == "chosen" and stored(self._context.blobs, file) is not None:
            state = "stored"
        quantization = quantization_of(file.path) if kind == GGUF else ""
        return FileView(file.path, file.size_bytes, file.sha256, kind, state, quantization)
