"""Several files at once: the first failure stops the others, and what they have stays for the next try."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from bancada.catalog.hub.records import RepoFile
from bancada.core.errors import Canceled
from bancada.storage.blobs import Blob


class Tally:
    """Bytes done, added up by several threads."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._done = 0

    def add(self, count: int) -> None:
        """Count bytes; negative ones were thrown away."""
        with self._lock:
            self._done += count
            self._report(max(0, self._done))


def fetch_all(
    fetch: Callable[[RepoFile], Blob], files: Sequence[RepoFile], *, at_once: int, stop: threading.Event
) -> dict[str, Blob]:
    """Fetch every file, the largest first.

    ``stop`` is set when one failed, so that the others end soon.

    Returns:
        The stored contents by path.

    Raises:
        BancadaError: the first failure.
        Canceled: it was canceled and nothing failed.
    """
    ordered = sorted(files, key=lambda one: -one.size_bytes)
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="fetch") as pool:
        futures = {one.path: pool.submit(fetch, one) for one in ordered}
        _, left = wait(futures.values(), return_when=FIRST_EXCEPTION)
        if left:
            stop.set()
            for one in left:
                one.cancel()
    failures = [one.exception() for one in futures.values() if not one.cancelled()]
    real = [one for one in failures if one is not None and not isinstance(one, Canceled)]
    if real:
        raise real[0]
    if any(failures) or any(one.cancelled() for one in futures.values()):
        raise Canceled
    return {path: one.result() for path, one in futures.items()}
