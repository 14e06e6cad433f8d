"""Names on a hub: of repositories, revisions and files, checked before they become part of an address."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from bancada.core.errors import BancadaError

#: huggingface_hub's rule (validate_repo_id): one or two words, at most 96 characters each
_REPO: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
_REVISION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}")
COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def check_repo(repo: str) -> str:
    """Return ``repo``; raises BancadaError ``hub.repo_invalid`` unless it is ``name`` or ``owner/name``."""
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo:
        raise BancadaError("hub.repo_invalid", repo=repo[:200])
    return repo


def check_revision(revision: str) -> str:
    """Return ``revision``; raises BancadaError ``hub.revision_invalid`` for what cannot be one."""
    if not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision:
        raise BancadaError("hub.revision_invalid", revision=revision[:200])
    return revision


def file_path(repo: str, commit: str, path: str) -> str:
    """The path of a file's address at a hub."""
    return f"/{repo}/resolve/{quote(commit, safe='')}/{quote(path)}"
