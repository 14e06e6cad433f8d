"""One file from a hub: continued where it stopped, checked before it counts."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Final

import httpx

from bancada.catalog.download.limiter import Limiter
from bancada.catalog.download.partial import Partial, key_of
from bancada.catalog.file_kind import read_head, recognise
from bancada.catalog.hub.connection import HubConnection, Setback
from bancada.catalog.hub.file_policy import ONNX_DATA, TEXT, kind_of
from bancada.catalog.hub.names import file_path
from bancada.catalog.hub.records import RepoFile, RepoInfo
from bancada.catalog.hub.rules import origin_of
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home
from bancada.core.sizes import bytes_text
from bancada.storage.blobs import Blob, BlobStore
from bancada.storage.files import sync_file

log = logging.getLogger(__name__)

#: a wrong file is fetched anew once: a bit may flip on the way, twice is no accident
_FULL_TRIES: Final = 2
_LOCK_POLL_S: Final = 0.2
_BLOCK: Final = 4 << 20
_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_HEX: Final = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")


class _NoParts(Exception):
    """The server does not continue the file; it has to be fetched whole."""

    def __init__(self, setback: Setback) -> None:
        super().__init__()
        self.setback = setback


class FileFetcher:
    """Fetches files of one repository at one commit into the blob store. Safe from several threads.

    Args:
        on_bytes: told how many bytes came (or, negative, had to be thrown away).
    """

    def __init__(
        self,
        home: Home,
        blobs: BlobStore,
        connection: HubConnection,
        info: RepoInfo,
        *,
        limiter: Limiter,
        on_bytes: Callable[[int], None],
    ) -> None:
        self._home = home
        self._blobs = blobs
        self._connection = connection
        self._info = info
        self._limiter = limiter
        self._on_bytes = on_bytes

    def fetch(self, file: RepoFile) -> Blob:
        """Bring a file into the store.

        Raises:
            BancadaError: ``download.damaged`` (it is in quarantine), ``download.disguised``,
                ``download.changed``, ``download.short``, ``disk.full``, ``hub.*``, ``network.*``.
            Canceled: what came until then is kept.
        """
        with Partial(self._home, key_of(file, self._info.repo, self._info.commit)) as part:
            while not part.try_lock():
                self._pause()
            known = self._known(file, part)
            if known is not None:
                self._on_bytes(file.size_bytes)
                return known
            for left in reversed(range(_FULL_TRIES)):
                self._download(file, part)
                blob = self._take(file, part, last=left == 0)
                if blob is not None:
                    part.keep(self._blobs.path(blob.sha256))
                    return blob
                self._on_bytes(-file.size_bytes)
        raise AssertionError

    def _known(self, file: RepoFile, part: Partial) -> Blob | None:
        """The file as another job has just stored it, or as this one kept it before it was killed."""
        known = stored(self._blobs, file)
        if known is None and part.kept.exists():
            part.kept.replace(part.path)  # it is checked again on its way into the store
        return known

    def _pause(self) -> None:
        if self._connection.should_stop():
            raise Canceled
        time.sleep(_LOCK_POLL_S)

    # -- bytes

    def _download(self, file: RepoFile, part: Partial) -> None:
        """Fetch until all bytes are there; they may still be wrong."""
        if part.size > file.size_bytes:
            part.restart()
        self._on_bytes(part.size)
        whole = False  # the server cannot be asked for a part
        farthest = part.size

        def attempt() -> None:
            nonlocal whole
            if part.size == file.size_bytes and part.path.exists():
                return
            if whole:
                self._restart(part)
            try:
                self._attempt(file, part)
            except _NoParts as refusal:
                whole = True
                raise refusal.setback from refusal

        def moved() -> int:
            # starting again from nothing achieves nothing until it is farther than before
            nonlocal farthest
            farthest = max(farthest, part.size)
            return farthest

        self._connection.persist(attempt, moved=moved)
        part.close()

    def _attempt(self, file: RepoFile, part: Partial) -> None:
        """One request, for what is missing."""
        url = self._connection.rules.endpoint + file_path(self._info.repo, self._info.commit, file.path)
        start = part.size
        with self._connection.open(url, self._headers(part, url, start)) as (first, response):
            self._check_same(file, first)
            origin, etag = origin_of(str(response.url)), _strong_etag(response.headers)
            if response.status_code == 416 or (start and response.status_code == 206):
                known = part.etag(origin)
                if not _continues(response, start, file.size_bytes) or (known and etag and known != etag):
                    detail = "it gives another part of the file than the one asked for"
                    raise _NoParts(Setback(self._bad(file, detail)))
            elif start:
                log.info("%s: the server sends it from the start", file.path)
                self._restart(part)
                start = 0
            self._check_length(file, response, start)
            part.begin(origin, etag)
            self._receive(file, part, response)
        if part.size < file.size_bytes:
            have = bytes_text(part.size)
            raise Setback(
                BancadaError("download.short", path=file.path, have=have, need=bytes_text(file.size_bytes))
            )

    def _headers(self, part: Partial, url: str, start: int) -> Mapping[str, str]:
        if not start:
            return {}
        etag = part.etag(origin_of(url))
        # the other content of a changed file comes whole then; behind a redirect its hash guards it
        return {"Range": f"bytes={start}-", **({"If-Range": etag} if etag else {})}

    def _receive(self, file: RepoFile, part: Partial, response: httpx.Response) -> None:
        """Write what comes as it comes: what was received is on the disk when the process dies."""
        if not part.path.exists():
            part.append(b"")
        size = part.size
        for chunk in response.iter_raw():
            if self._connection.should_stop():
                raise Canceled
            if size + len(chunk) > file.size_bytes:
                self._restart(part)
                raise self._changed(file, "it is longer than it was said to be")
            part.append(chunk)
            size += len(chunk)
            self._on_bytes(len(chunk))
            self._limiter.take(len(chunk))

    def _restart(self, part: Partial) -> None:
        self._on_bytes(-part.size)
        part.restart()

    # -- what the server says of it

    def _check_same(self, file: RepoFile, first: httpx.Response) -> None:
        """The hub's own answer tells the content's hash: X-Linked-Etag, or ETag where it is no link."""
        etag = first.headers.get("X-Linked-Etag") or first.headers.get("ETag", "")
        told = etag.removeprefix("W/").strip('"').lower()
        expected = file.sha256 or file.git_oid
        if _HEX.fullmatch(told) and len(told) == len(expected) and told != expected:
            raise self._changed(file, f"the server's tag is {told}, the hub's list says {expected}")

    def _check_length(self, file: RepoFile, response: httpx.Response, start: int) -> None:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise self._bad(file, f"it comes encoded as {encoding[:40]}")
        length = response.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit() and int(length) + start > file.size_bytes:
            detail = f"{int(length) + start} bytes instead of {file.size_bytes}"
            raise self._changed(file, detail)

    def _changed(self, file: RepoFile, detail: str) -> BancadaError:
        return BancadaError("download.changed", path=file.path, detail=detail)

    def _bad(self, file: RepoFile, detail: str) -> BancadaError:
        host = self._connection.rules.endpoint
        return BancadaError("hub.bad_answer", host=host, detail=f"{file.path}: {detail}")

    # -- the finished file

    def _take(self, file: RepoFile, part: Partial, *, last: bool) -> Blob | None:
        """Check what came and move it into the store; None: it was wrong and is in quarantine.

        Raises:
            BancadaError: ``download.damaged`` when it was the ``last`` try; ``download.disguised``.
        """
        if file.size_bytes and kind_of(file.path) != ONNX_DATA:  # raw weights may begin like anything
            self._check_kind(file, part)
        try:
            sha256 = file.sha256 or self._check_oid(file, part)
            blob = self._blobs.adopt(part.path, sha256, should_stop=self._connection.should_stop)
        except BancadaError as error:
            if error.code != "model.file_differs":
                raise
            found, wanted = str(error.params["found"]), str(error.params["sha256"])
            place = part.quarantine(
                self._home, self._reason(file, wanted, found, "its content is not what it should be")
            )
            log.warning("%s: hash %s instead of %s", file.path, found, wanted)
            if last:
                raise BancadaError(
                    "download.damaged", path=file.path, found=found, wanted=wanted, place=str(place)
                ) from error
            return None
        part.restart()
        return blob

    def _check_oid(self, file: RepoFile, part: Partial) -> str:
        """Compare with git's own hash of a small file, and return its sha256.

        Source: git-scm.com/book, Git Internals: sha1 of ``blob <size>``, a zero byte, the content.
        """
        sync_file(part.path)
        git = hashlib.sha1(f"blob {file.size_bytes}\0".encode(), usedforsecurity=False)
        sha256 = hashlib.sha256()
        with part.path.open("rb") as content:
            while block := content.read(_BLOCK):
                git.update(block)
                sha256.update(block)
        if git.hexdigest() != file.git_oid:
            raise BancadaError(
                "model.file_differs", path=file.path, sha256=file.git_oid, found=git.hexdigest()
            )
        return sha256.hexdigest()

    def _check_kind(self, file: RepoFile, part: Partial) -> None:
        """What counts is the content: a pickle, program or archive under another name is put aside."""
        kind = kind_of(file.path)
        found = recognise(read_head(part.path))
        wrong = found not in ("gguf", "safetensors", "a JSON text", "a file of an unknown kind")
        if kind in ("gguf", "safetensors"):
            wrong = found != kind
        elif kind == TEXT:
            page = found.startswith("a web page") and PurePosixPath(file.path).suffix != ".json"
            wrong = wrong and not page
        if wrong:
            wanted = file.sha256 or file.git_oid
            place = part.quarantine(self._home, self._reason(file, wanted, "", f"it is {found}"))
            raise BancadaError("download.disguised", path=file.path, kind=found, place=str(place))

    def _reason(self, file: RepoFile, wanted: str, found: str, why: str) -> dict[str, str]:
        source = f"{self._connection.rules.endpoint}/{self._info.repo}@{self._info.commit}"
        return {"path": file.path, "wanted": wanted, "found": found, "reason": why, "source": source}


def stored(blobs: BlobStore, file: RepoFile) -> Blob | None:
    """The file as the store has it, whole and checked; None where it has to be fetched."""
    if not file.sha256 or not blobs.path(file.sha256).exists():
        return None
    try:
        path = blobs.ensure_intact(file.sha256)
    except BancadaError as error:
        if error.code not in ("model.file_missing", "model.file_damaged"):
            raise
        return None
    return Blob(file.sha256, path.stat().st_size)


def _continues(response: httpx.Response, start: int, size: int) -> bool:
    """Whether the answer is the rest of the file from ``start``."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code != 206 or found is None:
        return False
    return (int(found[1]), int(found[2]), int(found[3])) == (start, size - 1, size)


def _strong_etag(headers: httpx.Headers) -> str:
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') and etag.endswith('"') and len(etag) <= 200 else ""
