"""``bancada download``: from a hub or an office mirror into the library."""

from __future__ import annotations

from typing import Any

from bancada.catalog.download.jobs import DOWNLOAD, DownloadParams
from bancada.catalog.hub.names import check_repo, check_revision
from bancada.catalog.names import chosen_name
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns, add_detach, clean
from bancada.cli.hub import add_repo
from bancada.cli.models import row_of
from bancada.cli.work import run_job
from bancada.core.sizes import bytes_text


def add(nouns: Nouns) -> None:
    """Add the command to the grammar."""
    parser = nouns.command(
        "download", "fetch a model into the library; run again, it goes on where it stopped", _download
    )
    add_repo(parser)
    parser.add_argument("--name", type=clean, default="", help="the model's name (default: from the file)")
    add_detach(parser)


def _download(invocation: Invocation) -> int:
    options = invocation.options
    repo, revision = check_repo(options.repo), check_revision(options.revision)
    name = chosen_name(options.name) if options.name else ""
    params = DownloadParams(repo, revision, tuple(options.file), name)
    with invocation.workspace() as context:
        result = run_job(invocation, context, DOWNLOAD, params, title=f"Download {repo}").result
        versions = [context.library.find(one["version_id"]) for one in result["versions"]]
    invocation.console.document({**result, "versions": [row_of(one) for one in versions]})
    for told, version in zip(result["versions"], versions, strict=True):
        words = "Already there" if told["existing"] else "Downloaded"
        label = text.printable(f"{version.name}:{version.version}")
        invocation.console.say(f"{words}: {label}, {bytes_text(version.size_bytes)}, from {version.source}")
    _tell_refused(invocation, result)
    return DONE


def _tell_refused(invocation: Invocation, result: dict[str, Any]) -> None:
    for one in result["refused"][:20]:
        invocation.console.note(f"Note: {one['path']} was left out: {one['kind']}.")
