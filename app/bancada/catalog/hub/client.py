"""Asking a hub: search, and what a repository holds at one commit.

The addresses are those of the Hugging Face Hub's documented API (hf.co/docs/hub/api), which mirrors
of other makers speak as well. Whatever comes back is checked: a hub is a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bancada.catalog.hub.connection import HubConnection
from bancada.catalog.hub.names import COMMIT, check_repo, check_revision
from bancada.catalog.hub.records import RepoFile, RepoInfo, RepoSummary
from bancada.core.errors import BancadaError
from bancada.storage.connection import storable

MAX_HITS: Final = 100
MAX_FILES: Final = 20_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MAX_SIZE: Final = 1 << 50


class HubClient:
    """Questions to the hub of a connection."""

    def __init__(self, connection: HubConnection) -> None:
        self._connection = connection

    def search(self, text: str, limit: int = 20) -> list[RepoSummary]:
        """Repositories whose name holds ``text``, the most downloaded first.

        Raises:
            BancadaError: ``hub.*`` or ``network.*``.
        """
        limit = max(1, min(limit, MAX_HITS))
        hits = self._connection.get_json(
            "/api/models",
            {"search": text[:200], "limit": limit, "sort": "downloads", "direction": -1, "full": "true"},
        )
        if not isinstance(hits, list):
            raise self._odd("a search gives no list")
        return [_summary(one) for one in hits[:limit] if isinstance(one, dict) and _is_repo(one.get("id"))]

    def repo(self, repo: str, revision: str = "main") -> RepoInfo:
        """A repository as it is at a branch, tag or commit; from here on the commit is what counts.

        Raises:
            BancadaError: ``hub.repo_invalid``, ``hub.revision_invalid``, ``hub.not_found``,
                ``hub.revision_not_found``, ``hub.bad_answer`` and the others of ``hub`` and ``network``.
        """
        check_repo(repo)
        check_revision(revision)
        answer = self._connection.get_json(
            f"/api/models/{repo}/revision/{quote(revision, safe='')}", {"blobs": "true"}
        )
        if not isinstance(answer, dict):
            raise self._odd("a repository is no object")
        commit, siblings = answer.get("sha"), answer.get("siblings")
        if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
            raise self._odd("it names no commit")
        if COMMIT.fullmatch(revision) and commit != revision:
            raise self._odd("it answers with another commit than the one asked for")
        if not isinstance(siblings, list) or len(siblings) > MAX_FILES:
            raise self._odd("it gives no list of files")
        card = answer.get("cardData")
        card = card if isinstance(card, dict) else {}
        tags = _texts(answer.get("tags"))
        return RepoInfo(
            repo=repo,
            commit=commit,
            requested=revision,
            files=tuple(self._file(one) for one in siblings),
            license=_first(card.get("license")) or _tagged(tags, "license:"),
            base_model=_first(card.get("base_model")),
            updated_at=_text(answer.get("lastModified")),
            tags=tags,
            gated=_gated(answer),
        )

    def _file(self, entry: Any) -> RepoFile:
        fields: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
        path, size, lfs = fields.get("rfilename"), fields.get("size"), fields.get("lfs")
        if not isinstance(path, str) or not path or len(path) > 1_000 or storable(path) != path:
            raise self._odd("a file has no usable name")
        if isinstance(lfs, dict) and size is None:
            size = lfs.get("size")
        if type(size) is not int or not 0 <= size < _MAX_SIZE:
            raise self._odd(f"it does not say the size of {path[:100]}")
        sha256 = lfs.get("sha256") if isinstance(lfs, dict) else ""
        oid = fields.get("blobId")
        return RepoFile(
            path=path,
            size_bytes=size,
            sha256=sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else "",
            # of a file in LFS it is the hash of the pointer, which is nothing to us
            git_oid=oid if not lfs and isinstance(oid, str) and COMMIT.fullmatch(oid) else "",
        )

    def _odd(self, detail: str) -> BancadaError:
        return BancadaError("hub.bad_answer", host=self._connection.rules.endpoint, detail=detail)


def _summary(entry: Mapping[str, Any]) -> RepoSummary:
    tags = _texts(entry.get("tags"))
    return RepoSummary(
        repo=str(entry["id"]),
        downloads=_count(entry.get("downloads")),
        likes=_count(entry.get("likes")),
        updated_at=_text(entry.get("lastModified")),
        license=_tagged(tags, "license:"),
        library=_text(entry.get("library_name")),
        task=_text(entry.get("pipeline_tag")),
        tags=tags,
        gated=_gated(entry),
        size_bytes=_count(entry.get("usedStorage")) or None,
    )


def _is_repo(name: Any) -> bool:
    try:
        return isinstance(name, str) and bool(check_repo(name))
    except BancadaError:
        return False


def _gated(entry: Mapping[str, Any]) -> bool:
    return entry.get("gated") not in (None, False)


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 1 << 53 else 0


def _text(value: Any) -> str:
    return storable(value)[:200] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(one) for one in value[:100] if isinstance(one, str)) if isinstance(value, list) else ()


def _first(value: Any) -> str:
    """A text, or the first of a list of them: model cards have both."""
    return _text(value[0] if isinstance(value, list) and value else value)


def _tagged(tags: tuple[str, ...], prefix: str) -> str:
    return next((one.removeprefix(prefix) for one in tags if one.startswith(prefix)), "")
