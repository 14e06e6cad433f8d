"""What a kind of job is: its name, the type of its parameters, and the lane it runs in."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bancada.storage.jobs import JobRecord, JobStatus

__all__ = ["LANES", "JobKind", "JobRecord", "JobStatus"]

#: lane -> how many jobs of it run together, over all processes that use one home
LANES: Final = MappingProxyType({"compute": 1, "network": 3, "disk": 2})


@dataclass(frozen=True)
class JobKind:
    """One kind of job.

    Args:
        name: the key of its handler in ``bancada.worker.handlers.HANDLERS``.
        params: the frozen dataclass of its parameters.
        lane: a key of :data:`LANES`.
        resumable: running it again continues where it stopped.
        forecast: ``"module:function"``, called as ``function(database, params)``; it returns the
            bytes of memory that the job will need.
    """

    name: str
    params: type
    lane: str
    resumable: bool = True
    forecast: str | None = None
