"""What a hub tells, as records; they cross process borders as JSON."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RepoSummary:
    """One hit of a search. ``gated``: its files need a token and the owner's consent.

    ``size_bytes`` is None where the hub's list does not say it.
    """

    repo: str
    downloads: int = 0
    likes: int = 0
    updated_at: str = ""
    license: str = ""
    library: str = ""
    task: str = ""
    tags: tuple[str, ...] = ()
    gated: bool = False
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RepoFile:
    """One file of a revision. ``sha256`` is known of large files (LFS), ``git_oid`` of the others."""

    path: str
    size_bytes: int
    sha256: str = ""
    git_oid: str = ""


@dataclass(frozen=True, slots=True)
class RepoInfo:
    """A repository at one commit, whatever branch or tag it was asked for by."""

    repo: str
    commit: str
    requested: str
    files: tuple[RepoFile, ...]
    license: str = ""
    base_model: str = ""
    updated_at: str = ""
    tags: tuple[str, ...] = ()
    gated: bool = False
