"""What a worker starts counts as its own."""

from __future__ import annotations

import subprocess
import sys

from bancada.jobs.memory import child_pids, process_memory
from bancada.jobs.sampler import Sampler

#: holds 60 MB, says so, and waits
_HOLDER = "import sys; block = bytearray(60_000_000); print('ready', flush=True); sys.stdin.read()"
#: starts such a one below itself
_PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_HOLDER!r}])"


def test_memory_of_children_is_in_the_curve() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        (child,) = child_pids(parent.pid)
        sampler = Sampler(parent.pid, "job")
        sample = sampler.tick(0.0)
        parent.stdin.close()
        assert sample is not None
        assert sample.rss_bytes >= process_memory(parent.pid)[0] + 60_000_000
        assert sampler.peak_bytes >= sample.rss_bytes
        assert child != parent.pid
