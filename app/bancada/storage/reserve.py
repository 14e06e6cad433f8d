"""The reserve: 16 MB on the disk that are given back when it is full.

With them the program can still record what failed, delete, and start. They are given back in two
halves: when something large has eaten the first one and was told so, the second one is still there.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from bancada.storage.files import sync_folder
from bancada.storage.sqlite_errors import free_bytes

log = logging.getLogger(__name__)

RESERVE_BYTES: Final = 16 << 20

#: with less than this free, not even a small transaction is sure to fit
LOW_BYTES: Final = 128 << 10

#: the reserve is made again when the disk has this much besides it: else it would be given back at once
REFILL_BYTES: Final = 2 * RESERVE_BYTES


class Reserve:
    """The reserve file of one workspace."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def release_if_low(self, *, all_of_it: bool = False) -> bool:
        """Give the first half back (or all that is left) when the disk is nearly full; returns whether."""
        if free_bytes(self.path) >= LOW_BYTES or (self._size() <= RESERVE_BYTES // 2 and not all_of_it):
            return False
        return self.release()

    def release(self) -> bool:
        """Give one half back; returns whether there was one."""
        size = self._size()
        try:
            if size > RESERVE_BYTES // 2:
                os.truncate(self.path, RESERVE_BYTES // 2)
            else:
                self.path.unlink()
        except OSError:
            return False
        log.warning("the disk is full: half of the reserve was given back")
        return True

    def refill(self) -> bool:
        """Make the reserve when it is missing and there is room; returns whether it is there."""
        if self._size() >= RESERVE_BYTES:
            return True
        if free_bytes(self.path.parent) < REFILL_BYTES:
            return False
        try:
            self._write()
        except OSError:
            self.path.unlink(missing_ok=True)
            return False
        return True

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def _write(self) -> None:
        # written, not truncated to size: a sparse file would hold no space
        block = bytes(1 << 20)
        with self.path.open("wb") as file:
            for _ in range(RESERVE_BYTES // len(block)):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)
