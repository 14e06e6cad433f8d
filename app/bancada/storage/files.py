"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` durable (a no-op where folders cannot be opened, as on Windows)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass  # some network file systems refuse it; the rename itself was done
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Write the file's content through to the disk."""
    # Windows flushes only what is open for writing; elsewhere a file that may only be read can be synced
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, content: bytes) -> None:
    """Write ``content`` under a temporary name, sync, rename: ``path`` never holds a part of it."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    publish(part, path)


def publish(part: Path, path: Path) -> None:
    """Give the finished file ``part`` its final name, durably, in place of what was there."""
    sync_file(part)
    part.replace(path)
    sync_folder(path.parent)


def make_private(path: Path) -> None:
    """Make an empty file that only its owner may read; raises OSError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def keep_private(path: Path) -> None:
    """Take a file's rights from everyone but its owner, where it is there and ours."""
    # never opened for this: closing any descriptor of a database gives up the process's locks on it
    with suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


# names that Windows gives to devices, with whatever extension
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}
)


def is_safe_relative(name: str) -> bool:
    """True for a relative path with forward slashes that stays below its folder on every platform."""
    if not name or any(character in name for character in "\\:\0"):
        return False
    parts = name.split("/")
    return all(
        part not in ("", ".", "..") and part.split(".")[0].strip().lower() not in _DEVICES for part in parts
    )
