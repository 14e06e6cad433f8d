"""The job kind ``model.download``; its handler runs in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bancada.jobs.spec import JobKind


@dataclass(frozen=True, slots=True)
class DownloadParams:
    """``files`` are patterns as of a shell; none: the only model of the repository.

    ``revision`` is a branch, a tag or a commit. The commit that it means is looked up when the job
    first runs and kept with the partial files, so that a resumed job goes on with the same content.
    An empty ``name``: taken from the model.
    """

    repo: str
    revision: str = "main"
    files: tuple[str, ...] = ()
    name: str = ""


DOWNLOAD: Final = JobKind("model.download", DownloadParams, lane="network")
