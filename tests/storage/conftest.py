"""Workspaces on real disks: an ordinary one, a small one, one that cannot be written."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from bancada.core.paths import Home
from bancada.storage.connection import Database
from bancada.storage.database import open_database

_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_REC, _MS_PRIVATE = 1, 32, 0x4000, 0x40000


class MemoryKeyring(KeyringBackend):
    """A keyring that ends with the test."""

    priority = 1

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.passwords.pop((service, username), None) is None:
            raise PasswordDeleteError(username)


class LockedKeyring(MemoryKeyring):
    """A keyring that nobody unlocked."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(username)

    def delete_password(self, service: str, username: str) -> None:
        raise KeyringLocked(username)


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    before, ours = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def db(home: Home) -> Iterator[Database]:
    database = open_database(home)
    yield database
    database.close()


@pytest.fixture
def child() -> Callable[..., subprocess.Popen[str]]:
    """Starts a Python process with our packages: ``child(code, *arguments)``."""

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    return start


class SmallDisk:
    """A tmpfs of its own in a mount namespace of this test process."""

    def __init__(self, libc: ctypes.CDLL, path: Path) -> None:
        self.path = path
        self._libc = libc

    def mount(self, size_bytes: int) -> None:
        options = f"size={size_bytes}".encode()
        if self._libc.mount(b"none", bytes(self.path), b"tmpfs", 0, options) != 0:
            pytest.skip("this system does not allow mounting a small disk")

    def make_read_only(self) -> None:
        assert self._libc.mount(b"none", bytes(self.path), b"tmpfs", _MS_REMOUNT | _MS_RDONLY, None) == 0

    def fill(self, leave_bytes: int = 0) -> Path:
        """Fill the disk up to ``leave_bytes`` with one file, which is returned."""
        ballast = self.path / "ballast"
        free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
        with ballast.open("ab") as file:
            file.write(bytes(max(0, free - leave_bytes)))
        return ballast

    def unmount(self) -> None:
        self._libc.umount2(bytes(self.path), 2)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """An unmounted :class:`SmallDisk`; skips where mounting is not allowed."""
    if sys.platform != "linux":
        pytest.skip("small disks are mounted on Linux alone")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        pytest.skip("this system does not allow mounting a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    one = SmallDisk(libc, place)
    yield one
    one.unmount()
