"""The end of a worker in words, from its exit status and the evidence."""

from __future__ import annotations

import dataclasses
import signal
from typing import Any

import pytest

from bancada.core.errors import describe
from bancada.jobs.outcome import Cause, Evidence, judge, memory_low, oom_kills

PLAIN = Evidence(0, None, "tail", 5_000_000, 0, low_memory=False, silent_s=0.0, address_space_bytes=None)


@pytest.mark.parametrize(
    ("changes", "code", "crashed"),
    [
        ({"code": 0}, "worker.no_result", True),
        ({"code": 1}, "worker.no_result", True),
        ({"code": -signal.SIGABRT}, "worker.crashed", True),
        ({"code": -signal.SIGSEGV}, "worker.crashed", True),
        ({"code": -signal.SIGILL}, "worker.crashed", True),
        ({"code": -signal.SIGBUS}, "worker.crashed", True),
        ({"code": 128 + signal.SIGSEGV}, "worker.crashed", True),
        ({"code": 0xC0000005}, "worker.crashed", True),
        ({"code": 0xC0000005 - 2**32}, "worker.crashed", True),
        ({"code": 0xC0000017}, "worker.out_of_memory", False),
        ({"code": -signal.SIGKILL}, "worker.killed", False),
        ({"code": -signal.SIGTERM}, "worker.killed", False),
        ({"code": -signal.SIGKILL, "oom_kills": 1}, "worker.out_of_memory", False),
        ({"code": 137, "oom_kills": 1}, "worker.out_of_memory", False),
        ({"code": -signal.SIGKILL, "low_memory": True}, "worker.out_of_memory", False),
        ({"code": -signal.SIGABRT, "tail": "terminate: std::bad_alloc"}, "worker.out_of_memory", False),
        ({"code": 1, "tail": "MemoryError"}, "worker.out_of_memory", False),
        ({"code": -signal.SIGKILL, "cause": Cause.HUNG, "silent_s": 31.0}, "worker.hung", False),
        ({"code": -signal.SIGKILL, "cause": Cause.START}, "worker.start_timeout", False),
    ],
)
def test_every_end_has_its_words(changes: dict[str, Any], code: str, crashed: bool) -> None:
    outcome = judge(dataclasses.replace(PLAIN, **changes))
    assert outcome.error is not None
    assert outcome.error.code == code
    assert outcome.crashed is crashed
    text = describe(outcome.error.code, outcome.error.params)
    assert "(" not in text.what.replace("(exit code", "").replace("(SIG", "").replace("(access", "")
    assert outcome.peak_memory_bytes == 5_000_000


@pytest.mark.parametrize("cause", [Cause.CANCEL, Cause.CLOSE])
def test_what_we_ended_is_no_error(cause: Cause) -> None:
    outcome = judge(dataclasses.replace(PLAIN, code=-signal.SIGKILL, cause=cause))
    assert outcome.error is None
    assert not outcome.crashed


def test_the_machine_can_be_asked() -> None:
    assert oom_kills() >= 0
    assert memory_low() in (True, False)
