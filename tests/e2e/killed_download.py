"""A download by the command line that is killed again and again, from a server that misbehaves meanwhile.

By hand, as large as it should be: ``python tests/e2e/killed_download.py 1000 20`` (megabytes, kills).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [path for path in (str(ROOT / "app"), str(ROOT / "tests")) if path not in sys.path]

import psutil  # noqa: E402

from hub_server import CONFIG, Fault, HubServer, hub_server, sparse_safetensors  # noqa: E402

WEIGHTS = "model.safetensors"
REPO = "org/big"
#: what a kill may cost
ALLOWED = 1 << 20
PATIENCE_S = 120.0


@dataclass
class Outcome:
    """Bytes lost at each kill (sent by the server, and not on the disk afterwards), and what was seen."""

    size: int
    lost: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    sent: int = 0
    attempts: int = 0
    seconds: float = 0.0
    right_hash: bool = False
    early: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    quarantined: int = 0


class Watch:
    """Looks for the final name all the time: what has it must have the right content, from the start."""

    def __init__(self, final: Path, size: int, outcome: Outcome) -> None:
        self._final, self._size, self._outcome = final, size, outcome
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.001):
            try:
                with self._final.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                continue
            if content != self._final.name:
                self._outcome.early.append(content)
            return


class Trial:
    """One workspace, one server, one download."""

    def __init__(self, folder: Path, hub: HubServer, size: int, *, seed: int = 0) -> None:
        self.home, self.hub = folder / "home", hub
        file = sparse_safetensors(folder / "big", size)
        hub.add(REPO, {WEIGHTS: file, "config.json": CONFIG})
        content = hub.repos[REPO].files[WEIGHTS]
        self.sha256 = content.told_sha256 = content.sha256()
        self.outcome = Outcome(file.stat().st_size)
        self.part = self.home / "downloads" / f"{self.sha256}.part"
        self.final = self.home / "blobs" / self.sha256[:2] / self.sha256
        # the server sends no more ahead of the disk than a kill may cost: a client that kept more in its
        # memory before writing it would never get on
        hub.on_disk = self.there
        hub.ahead = ALLOWED - (64 << 10)
        self._random = random.Random(seed)

    def there(self) -> int:
        """Bytes on the disk."""
        try:
            return self.part.stat().st_size
        except FileNotFoundError:
            return 0

    def run(self, kills: int) -> Outcome:
        """Kill the program or its worker ``kills`` times on the way, then let it finish."""
        self._bancada("settings", "set", "hub.endpoint", self.hub.url)
        size, outcome = self.outcome.size, self.outcome
        self.hub.bytes_per_s = min(max(size // 2, 8_000_000), 100_000_000)
        # the first content is wrong, which can only be seen at its end: it is fetched once more
        self.hub.faults[WEIGHTS] = [Fault(flip_at=size // (kills + 1) // 2)]
        watch, begun = Watch(self.final, size, outcome), time.monotonic()
        try:
            for turn in range(1, kills + 1):
                self._kill(self._start(), size * turn // (kills + 1), worker=bool(turn % 2))
                self.hub.faults[WEIGHTS] = self._trouble()
            self.hub.bytes_per_s = 0
            self.hub.faults[WEIGHTS] = []
            last = self._start()
            out, _ = last.communicate(timeout=900)
            assert last.returncode == 0, out
        finally:
            watch.close()
        outcome.seconds = time.monotonic() - begun
        with self.final.open("rb") as file:
            outcome.right_hash = hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        outcome.attempts = len(self.hub.fetched(WEIGHTS))
        outcome.sent = sum(one.sent for one in self.hub.fetched(WEIGHTS))
        outcome.left_over = sorted(one.name for one in (self.home / "downloads").iterdir())
        quarantine = self.home / "quarantine"
        outcome.quarantined = len(list(quarantine.glob("*.bad"))) if quarantine.is_dir() else 0
        return outcome

    def _kill(self, program: subprocess.Popen[bytes], goal: int, *, worker: bool) -> None:
        _until(lambda: self.there() >= goal or program.poll() is not None, "the next piece")
        assert program.poll() is None, program.communicate()
        children = psutil.Process(program.pid).children(recursive=True)
        victims = [one.pid for one in children] if worker else [program.pid]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        program.communicate(timeout=PATIENCE_S)
        _until(lambda: not any(one.is_running() and one.status() != "zombie" for one in children), "its end")
        kept = self.there()
        latest = self.hub.fetched(WEIGHTS)[-1]
        self.outcome.kept.append(kept)
        self.outcome.lost.append(max(0, latest.start + latest.sent - kept))
        assert not self.final.exists()

    def _trouble(self) -> list[Fault]:
        """What the server does with the next request: nothing bad, or something that passes."""
        cut = self._random.randrange(100_000, 3_000_000)
        return self._random.choice(
            [[], [Fault(cut_after=cut)], [Fault(status=503, retry_after="0")], [Fault(short_length=cut)]]
        )

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "bancada", "--home", str(self.home), "download", REPO, "--json"],
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _bancada(self, *words: str) -> None:
        command = [sys.executable, "-m", "bancada", "--home", str(self.home), *words]
        subprocess.run(command, env=_environment(), check=True, capture_output=True)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "app")}


def _until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.002)


def trial(folder: Path, size: int, kills: int) -> Outcome:
    """Do it all; raises AssertionError where something does not go on."""
    with hub_server() as hub:
        return Trial(folder, hub, size).run(kills)


def main() -> None:
    megabytes, kills = (int(one) for one in (*sys.argv[1:], "1000", "20")[:2])
    with tempfile.TemporaryDirectory() as folder:
        outcome = trial(Path(folder), megabytes * 1_000_000, kills)
    print(json.dumps(vars(outcome), indent=1))
    print(f"{kills} kills of {outcome.size} bytes: at most {max(outcome.lost)} bytes lost at one")


if __name__ == "__main__":
    main()
