"""What the office mirror offers: the library's models as repositories in the hub's own terms.

A model that came from a hub keeps its repository's name and commit, so that a client finds it under
the name it knows and gets the very revision. Others are ``local/<name>``, with a commit made from
their content's hash.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bancada.catalog.hub.names import COMMIT, check_repo
from bancada.core.errors import BancadaError
from bancada.storage.files import is_safe_relative
from bancada.storage.models import VersionRecord

_FORMATS: Final = ("gguf", "onnx", "hf")
_MAIN: Final = "main"


@dataclass(frozen=True, slots=True)
class ShelfFile:
    """One file; ``content`` is there for small texts that are no blobs."""

    path: str
    sha256: str
    size_bytes: int
    content: bytes | None = None


@dataclass(slots=True)
class Revision:
    """One commit of a repository, with the files of it that the library has."""

    commit: str
    created_at: str
    license: str
    base_model: str
    files: dict[str, ShelfFile] = field(default_factory=dict)
    formats: set[str] = field(default_factory=set)


@dataclass(slots=True)
class ShelfRepo:
    """One repository. ``names`` maps branches, tags and commits to commits."""

    repo: str
    revisions: dict[str, Revision] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def revision(self, name: str) -> Revision | None:
        """What a branch, tag or commit stands for."""
        return self.revisions.get(self.names.get(name, ""))

    @property
    def newest(self) -> Revision:
        """What ``main`` stands for."""
        return self.revisions[self.names[_MAIN]]


def arrange(versions: Iterable[VersionRecord]) -> dict[str, ShelfRepo]:
    """The repositories by name, from the versions of the library."""
    shelf: dict[str, ShelfRepo] = {}
    for version in sorted(versions, key=lambda one: (one.created_at, one.version)):
        if version.format not in _FORMATS:
            continue
        origin = _origin(version)
        name = origin["repo"] if origin else _local_name(version)
        commit = origin["commit"] if origin else version.sha256[:40]
        repo = shelf.setdefault(name, ShelfRepo(name))
        revision = repo.revisions.get(commit)
        if revision is None:
            base = str(origin.get("base_model", "")) if origin else ""
            revision = Revision(commit, version.created_at, version.license, base)
            repo.revisions[commit] = revision
        revision.formats.add(version.format)
        _place(revision, version, origin)
        asked = origin.get("requested", "") if origin else ""
        repo.names |= {commit: commit, _MAIN: commit, f"v{version.version}": commit}
        if isinstance(asked, str) and asked and not COMMIT.fullmatch(asked):
            repo.names[asked] = commit
    return shelf


def _origin(version: VersionRecord) -> Mapping[str, Any] | None:
    """Where the version came from, if that can be told to others as it is."""
    origin = version.metadata.get("origin")
    if not isinstance(origin, dict) or not isinstance(origin.get("files"), dict):
        return None
    try:
        check_repo(str(origin.get("repo")))
    except BancadaError:
        return None
    return origin if COMMIT.fullmatch(str(origin.get("commit"))) else None


def _place(revision: Revision, version: VersionRecord, origin: Mapping[str, Any] | None) -> None:
    names = origin["files"] if origin else {}
    for file in version.files:
        path = names.get(file.path) or _own_path(version, file.path)
        if isinstance(path, str) and is_safe_relative(path):
            revision.files[path] = ShelfFile(path, file.sha256, file.size_bytes)
    papers = version.metadata.get("papers")
    for path, text in papers.items() if isinstance(papers, dict) else ():
        if isinstance(text, str) and is_safe_relative(path) and path not in revision.files:
            content = text.encode()
            sha256 = hashlib.sha256(content).hexdigest()
            revision.files[path] = ShelfFile(path, sha256, len(content), content)


def _own_path(version: VersionRecord, path: str) -> str:
    """A GGUF file is called by its model's name; in the library all of them are ``model.gguf``."""
    return f"{_slug(version.name)}.gguf" if version.format == "gguf" else path


def _local_name(version: VersionRecord) -> str:
    return f"local/{_slug(version.name)}"


def _slug(name: str) -> str:
    """A name that a repository may have, told apart by a hash where something had to be left out."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    slug = re.sub(r"-{2,}", "-", re.sub(r"\.{2,}", ".", slug)).strip("-._")[:80]
    if slug != name:
        slug = f"{slug or 'model'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return slug
