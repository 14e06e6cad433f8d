"""A worker's memory and processor curve, taken from outside, so that a crash keeps it."""

from __future__ import annotations

import threading
import time
from typing import Final

import psutil

from bancada.core.events import WorkerSample
from bancada.jobs.memory import child_pids, process_memory
from bancada.storage.samples import SamplePoint

#: seconds between samples while the worker is young, and after that
_EARLY_S: Final = 0.1
_LATER_S: Final = 0.25
_YOUNG_S: Final = 5.0
#: in memory the last ten minutes or so; stored for ever is at most one a second after the first ten
_KEPT: Final = 2_400
_DENSE_S: Final = 10.0
_SPARSE_S: Final = 1.0


class Sampler:
    """Samples of one process. :meth:`tick` is called by one thread, the rest by any."""

    def __init__(self, pid: int, owner_id: str) -> None:
        self._owner_id = owner_id
        self._lock = threading.Lock()
        self._samples: list[WorkerSample] = []
        self._unsaved: list[SamplePoint] = []
        self._next = 0.0
        self._next_stored = 0.0
        self._children: dict[int, psutil.Process] = {}
        self.peak_bytes = self.resident_bytes = 0
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
            self._process.cpu_percent(None)
        except psutil.Error:
            self._process = None

    def tick(self, age_s: float) -> WorkerSample | None:
        """Take a sample when it is time; ``age_s`` is the worker's age in seconds."""
        if self._process is None or age_s < self._next:
            return None
        self._next = age_s + (_EARLY_S if age_s < _YOUNG_S else _LATER_S)
        try:
            resident, peak = process_memory(self._process.pid)
            percent = self._process.cpu_percent(None)
            below, busy = self._sample_children(self._process.pid)
            resident, percent = resident + below, percent + busy
        except (psutil.Error, OSError, ValueError, IndexError):
            return None
        if resident == 0:
            return None  # a zombie has no memory
        sample = WorkerSample(self._owner_id, time.perf_counter_ns(), resident, percent)
        with self._lock:
            self.resident_bytes = resident
            self.peak_bytes = max(self.peak_bytes, peak, resident)
            self._samples.append(sample)
            if len(self._samples) > _KEPT + _KEPT // 4:
                del self._samples[:-_KEPT]
            if age_s < _DENSE_S or age_s >= self._next_stored:
                self._next_stored = age_s + _SPARSE_S
                self._unsaved.append(SamplePoint(int(age_s * 1000), resident, percent))
        return sample

    def _sample_children(self, pid: int) -> tuple[int, float]:
        """Resident bytes and processor use of the programs that the worker's work has started."""
        known, self._children = self._children, {}
        resident, percent = 0, 0.0
        for child in child_pids(pid):
            try:
                process = known.get(child) or psutil.Process(child)
                resident += process_memory(child)[0]
                percent += process.cpu_percent(None)
            except (psutil.Error, OSError):
                continue  # it has just ended
            self._children[child] = process
        return resident, percent

    def samples(self) -> list[WorkerSample]:
        """The latest samples, oldest first."""
        with self._lock:
            return list(self._samples)

    def take_unsaved(self, offset_ms: int = 0) -> list[SamplePoint]:
        """Points that were not stored yet, moved by ``offset_ms``; they are handed out once."""
        with self._lock:
            points, self._unsaved = self._unsaved, []
        return [SamplePoint(one.elapsed_ms + offset_ms, one.rss_bytes, one.cpu_percent) for one in points]
