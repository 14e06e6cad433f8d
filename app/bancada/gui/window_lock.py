"""One window for one workspace: the lock that says who has it."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile

from bancada.core.paths import Home, private_folder

if sys.platform != "win32":
    import fcntl

#: someone else has the lock; any other error means that there are no locks here
_TAKEN: Final = (errno.EWOULDBLOCK, errno.EACCES)


class WindowLock:
    """Held by the process that has the window; the system ends it with the process, however that ends.

    A file with a process number in it would not do: after a crash the number may be another program's.
    (On Windows the file cannot be removed while its process lives, so Qt's lock does it there.)
    """

    def __init__(self, home: Path) -> None:
        folder = Home(home).locks
        try:
            private_folder(folder)
        except OSError:
            pass  # opening the workspace will say what is wrong with the place
        self._path = folder / "window.lock"
        self._descriptor = -1
        self._file: QLockFile | None = None

    def acquire(self) -> bool:
        """Take the lock; also True where no lock can be written: then nothing else can be either."""
        if sys.platform == "win32":
            self._file = QLockFile(str(self._path))
            self._file.setStaleLockTime(0)
            return self._file.tryLock(0) or self._file.error() != QLockFile.LockError.LockFailedError
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            taken = self._descriptor >= 0 and error.errno in _TAKEN
            if taken:
                self.release()
            return not taken
        return True

    def release(self) -> None:
        """Let it go."""
        if self._file is not None:
            self._file.unlock()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
