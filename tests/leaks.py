"""What a test must not leave behind: threads, child processes, descriptors.

In a folder's conftest: ``from leaks import no_leaks`` and, to have it everywhere there,
``pytestmark``/``usefixtures`` or an autouse fixture that asks for it.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

#: seconds that an end already under way is given
_PATIENCE_S: Final = 10.0


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail when a thread, a child process or a descriptor outlives the test."""
    looks: tuple[tuple[str, Callable[[], dict[object, str]]], ...] = (
        ("thread", threads),
        ("child process", children),
        ("descriptor", descriptors),
    )
    before = [set(look()) for _, look in looks]
    yield
    until = time.monotonic() + _PATIENCE_S
    while True:
        left = [
            f"{name}: {text}"
            for (name, look), known in zip(looks, before, strict=True)
            for key, text in look().items()
            if key not in known
        ]
        if not left or time.monotonic() > until:
            break
        gc.collect()
        time.sleep(0.02)
    assert not left, f"left behind: {left}"


def threads() -> dict[object, str]:
    """The living threads."""
    return {one: one.name for one in threading.enumerate()}


def children() -> dict[object, str]:
    """The living children of this process, and theirs."""
    found: dict[object, str] = {}
    for one in psutil.Process().children(recursive=True):
        try:
            if one.status() != psutil.STATUS_ZOMBIE:
                found[one.pid] = " ".join(one.cmdline())[:200]
        except psutil.Error:
            continue
    return found


def descriptors() -> dict[object, str]:
    """What this process has open, where the system tells (Linux)."""
    found: dict[object, str] = {}
    folder = Path("/proc/self/fd")
    for name in os.listdir(folder) if folder.is_dir() else ():  # noqa: PTH208 - names only
        try:
            target = (folder / name).readlink()
        except OSError:
            continue
        if not str(target).startswith("/proc/"):
            found[name, str(target)] = f"{name} -> {target}"
    return found
