"""The mirror's answers to questions of the hub's API, as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bancada.catalog.mirror.shelf import Revision, ShelfFile, ShelfRepo

_MAX_HITS: Final = 100


def hits(shelf: Mapping[str, ShelfRepo], search: str, limit: str) -> list[dict[str, Any]]:
    """The repositories whose names hold every word of ``search``."""
    words = search.lower().split()
    found = [one for name, one in sorted(shelf.items()) if all(word in name.lower() for word in words)]
    count = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 6 else _MAX_HITS
    return [repository(one, one.newest, blobs=False) for one in found[: min(count, _MAX_HITS)]]


def repository(repo: ShelfRepo, revision: Revision, *, blobs: bool) -> dict[str, Any]:
    """One repository at one revision; with ``blobs`` each file with its size and hash."""
    tags = [*sorted(revision.formats), *([f"license:{revision.license}"] if revision.license else [])]
    card = {"license": revision.license or None, "base_model": revision.base_model or None}
    return {
        "id": repo.repo,
        "modelId": repo.repo,
        "sha": revision.commit,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "usedStorage": sum(one.size_bytes for one in revision.files.values()),
        "tags": tags,
        "library_name": tags[0] if tags else "",
        "pipeline_tag": "text-generation",
        "createdAt": _time(revision),
        "lastModified": _time(revision),
        "cardData": {key: value for key, value in card.items() if value},
        "siblings": [_sibling(one, blobs=blobs) for one in _ordered(revision)],
    }


def tree(revision: Revision) -> list[dict[str, Any]]:
    """All files of a revision."""
    return [
        {"type": "file", "path": one.path, "size": one.size_bytes, "oid": one.sha256[:40], "lfs": _lfs(one)}
        for one in _ordered(revision)
    ]


def _sibling(file: ShelfFile, *, blobs: bool) -> dict[str, Any]:
    more = {"size": file.size_bytes, "blobId": file.sha256[:40], "lfs": _lfs(file)} if blobs else {}
    return {"rfilename": file.path, **more}


def _lfs(file: ShelfFile) -> dict[str, Any]:
    return {"oid": file.sha256, "sha256": file.sha256, "size": file.size_bytes, "pointerSize": 0}


def _ordered(revision: Revision) -> Iterable[ShelfFile]:
    return (revision.files[path] for path in sorted(revision.files))


def _time(revision: Revision) -> str:
    """As the hub writes it, in UTC with a Z."""
    return revision.created_at.replace("+00:00", "Z")
