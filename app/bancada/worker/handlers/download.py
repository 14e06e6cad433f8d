"""The job ``model.download``: from a hub to the library, going on where an earlier try stopped."""

from __future__ import annotations

import threading
from typing import Any, Final

from bancada.catalog import collecting
from bancada.catalog.download import partial
from bancada.catalog.download.fetch import FileFetcher
from bancada.catalog.download.jobs import DownloadParams
from bancada.catalog.download.leftovers import has_ended
from bancada.catalog.download.limiter import Limiter
from bancada.catalog.download.parallel import Tally, fetch_all
from bancada.catalog.download.pin import Pin, all_pins, read_pin
from bancada.catalog.download.plan import DownloadPlan, check_space, make_plan
from bancada.catalog.download.snapshot import add_version
from bancada.catalog.hub.choice import FileGroup, choose, refusals
from bancada.catalog.hub.client import HubClient
from bancada.catalog.hub.connection import HubConnection
from bancada.catalog.hub.credentials import hub_token
from bancada.catalog.hub.records import RepoInfo
from bancada.catalog.hub.rules import HubRules, read_rules
from bancada.catalog.names import chosen_name
from bancada.core.errors import BancadaError
from bancada.jobs.job_context import JobContext
from bancada.storage import audit
from bancada.storage.blobs import Blob

#: failures that say something about the server, and belong into the audit log
_DISTRUSTED: Final = ("download.damaged", "download.disguised", "download.changed")


def run(ctx: JobContext, params: DownloadParams) -> dict[str, Any]:
    """Fetch the chosen files of a repository and put them into the library.

    Returns:
        ``repo``, ``commit``, ``versions`` (as an import returns each), ``fetched_bytes``,
        ``reused_bytes`` and ``refused`` (the files that were not taken for their kind).

    Raises:
        BancadaError: ``network.*``, ``hub.*``, ``download.*``, ``model.*``, ``disk.full`` before the
            first byte.
        Canceled: what came until then is kept for the next try.
    """
    return download(ctx, params, read_rules(ctx.database))


def download(ctx: JobContext, params: DownloadParams, rules: HubRules) -> dict[str, Any]:
    """The job by given rules."""
    if params.name:
        chosen_name(params.name)
    stop = threading.Event()
    partial.prune(ctx.home)
    with HubConnection(rules, hub_token(rules.endpoint), lambda: ctx.canceled or stop.is_set()) as connection:
        ctx.progress("asking the hub", 0)
        pin = read_pin(ctx.home, ctx.job_id) or Pin(ctx.job_id)
        info = HubClient(connection).repo(params.repo, pin.commit or params.revision)
        groups = choose(info, params.files)
        plan = make_plan(ctx.home, ctx.blobs, info, groups)
        keys = [partial.key_of(one, info.repo, info.commit) for one in plan.files]
        pin = Pin(ctx.job_id, info.commit).planned(keys, plan.total_bytes)
        pin.write(ctx.home)
        check_space(ctx.home, plan)
        with collecting.importing(ctx.home, ctx.job_id):
            found = _fetch(ctx, connection, info, plan, stop)
            versions = [
                _add(ctx, one, found, endpoint=rules.endpoint, info=info, name=params.name) for one in groups
            ]
    _tidy(ctx, info, plan, pin)
    return {
        "repo": info.repo,
        "commit": info.commit,
        "versions": versions,
        "fetched_bytes": plan.need_bytes,
        "reused_bytes": plan.stored_bytes,
        "refused": [{"path": one.path, "kind": one.kind} for one in refusals(info)],
    }


def _fetch(
    ctx: JobContext, connection: HubConnection, info: RepoInfo, plan: DownloadPlan, stop: threading.Event
) -> dict[str, Blob]:
    rules = connection.rules
    came = Tally(lambda done: ctx.progress("downloading", done, plan.total_bytes, "bytes"))
    fetcher = FileFetcher(
        ctx.home,
        ctx.blobs,
        connection,
        info,
        limiter=Limiter(rules.bytes_per_s, connection.should_stop),
        on_bytes=came.add,
    )
    try:
        found = fetch_all(fetcher.fetch, plan.files, at_once=rules.parallel_files, stop=stop)
    except BancadaError as error:
        if error.code in _DISTRUSTED:
            source = f"{rules.endpoint}/{info.repo}@{info.commit}"
            audit.append(ctx.database, "user", "download.refused", source, error.to_json())
        raise
    ctx.check_canceled()
    return found


def _add(
    ctx: JobContext, group: FileGroup, found: dict[str, Blob], *, endpoint: str, info: RepoInfo, name: str
) -> dict[str, Any]:
    ctx.progress("checking", 0)
    version, existing = add_version(
        ctx.database,
        ctx.blobs,
        group,
        found,
        endpoint=endpoint,
        info=info,
        name=name,
        job_id=ctx.job_id,
    )
    return {
        "version_id": version.id,
        "name": version.name,
        "version": version.version,
        "existing": existing,
        "size_bytes": version.size_bytes,
        "sha256": version.sha256,
        "warnings": list(version.warnings),
    }


def _tidy(ctx: JobContext, info: RepoInfo, plan: DownloadPlan, pin: Pin) -> None:
    """What only served the download goes: second names, papers that no version has as files."""
    for file in plan.files:
        partial.Partial(ctx.home, partial.key_of(file, info.repo, info.commit)).kept.unlink(missing_ok=True)
    pin.remove(ctx.home)
    for other in all_pins(ctx.home):
        # an earlier job that was stopped has nothing left to go on with
        if set(other.keys) <= set(pin.keys) and has_ended(ctx.database, other.job_id):
            other.remove(ctx.home)
    collecting.collect(ctx.home, ctx.blobs)
