"""What a download will fetch and what it needs, before its first byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bancada.catalog.download.fetch import stored
from bancada.catalog.download.partial import Partial, key_of
from bancada.catalog.hub.choice import FileGroup
from bancada.catalog.hub.records import RepoFile, RepoInfo
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage.blobs import BlobStore
from bancada.storage.sqlite_errors import disk_full, free_bytes

#: left free for the rows and logs that tell of the download
MARGIN_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """Sizes in bytes: of all files, of what the library has already, of what an earlier try has fetched."""

    files: tuple[RepoFile, ...]
    total_bytes: int
    stored_bytes: int
    partial_bytes: int
    free_bytes: int

    @property
    def need_bytes(self) -> int:
        """What the disk must have free."""
        return self.total_bytes - self.stored_bytes - self.partial_bytes

    @property
    def fits(self) -> bool:
        """Whether it has, with something to spare."""
        return not self.need_bytes or self.need_bytes + MARGIN_BYTES <= self.free_bytes


def make_plan(home: Home, blobs: BlobStore, info: RepoInfo, groups: Sequence[FileGroup]) -> DownloadPlan:
    """Compare a choice of files with what is there.

    Raises:
        BancadaError: ``hub.no_hash`` for a file that could not be checked after its download.
    """
    unique = {one.path: one for group in groups for one in group.all_files()}
    have, begun = 0, 0
    for file in unique.values():
        if not (file.sha256 or file.git_oid):
            raise BancadaError("hub.no_hash", path=file.path)
        if stored(blobs, file) is not None:
            have += file.size_bytes
        else:
            part = Partial(home, key_of(file, info.repo, info.commit))
            begun += min(part.there, file.size_bytes)
    total = sum(one.size_bytes for one in unique.values())
    return DownloadPlan(tuple(unique.values()), total, have, begun, free_bytes(home.downloads))


def check_space(home: Home, plan: DownloadPlan) -> None:
    """Raise BancadaError ``disk.full`` with need and have, unless everything will fit."""
    if not plan.fits:
        raise disk_full(home.downloads, plan.need_bytes + MARGIN_BYTES)
