"""Sessions with real workers: calls, cancel, how they end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bancada.core.errors import BancadaError, Canceled
from bancada.core.events import EventBus, SessionState, WorkerSample
from bancada.jobs.process import WorkerRules
from bancada.jobs.sessions import Session, SessionManager
from bancada.worker.handlers.trial import TrialParams
from worker.trials import WAIT_S, runs_now, until


def open_trial(sessions: SessionManager, action: str = "sleep", **values: Any) -> Session:
    return sessions.open("trial", TrialParams(action, **values), timeout_s=WAIT_S)


def test_a_session_serves_calls_in_order_and_closes(sessions: SessionManager, events: EventBus) -> None:
    states: list[SessionState] = []
    sampled: list[WorkerSample] = []
    events.subscribe(SessionState, states.append)
    events.subscribe(WorkerSample, sampled.append)
    session = open_trial(sessions)
    assert session.report == {"action": "sleep", "value": 1}
    assert sessions.sessions() == [session]
    pieces: list[Any] = []
    calls = [session.call("echo", {"n": n, "text": "\ud800 \u202e é"}, pieces.append) for n in range(5)]
    assert [one.wait(WAIT_S)["n"] for one in calls] == [0, 1, 2, 3, 4]
    assert [one["n"] for one in pieces] == [0, 1, 2, 3, 4]
    assert pieces[0]["text"] == "\ud800 \u202e é"
    assert calls[0].done
    late: list[object] = []
    calls[0].add_done_callback(late.append)
    assert late == [calls[0]]
    until(lambda: sampled)
    assert session.peak_memory_bytes > 0
    assert session.samples()
    pid = session.pid
    session.close()
    session.close()
    assert not runs_now(pid)
    assert session.state == "closed"
    assert session.outcome is not None
    assert session.outcome.error is None
    assert sessions.sessions() == []
    with pytest.raises(BancadaError, match="closed"):
        session.call("echo", None)
    assert [one.state for one in states] == ["starting", "ready", "busy", "ready", "closed"]


def test_a_call_fails_alone(sessions: SessionManager) -> None:
    session = open_trial(sessions)
    with pytest.raises(BancadaError, match="on purpose"):
        session.call("fail", {}).wait(WAIT_S)
    with pytest.raises(BancadaError, match="does not know"):
        session.call("nonsense", {}).wait(WAIT_S)
    with pytest.raises(BancadaError, match="larger than"):
        session.call("echo", "x" * (65 * 1024 * 1024))
    with pytest.raises(BancadaError, match="larger than"):
        session.call("return", {"count": 9 * 1024 * 1024}).wait(WAIT_S)
    assert session.call("echo", 1).wait(WAIT_S) == 1
    assert session.state == "ready"


def test_cancel_of_running_and_waiting_calls(sessions: SessionManager) -> None:
    session = open_trial(sessions)
    running, waiting = session.call("sleep", 600), session.call("sleep", 600)
    with pytest.raises(TimeoutError):
        running.wait(0.05)
    waiting.cancel()
    running.cancel()
    running.cancel()
    assert running.wait(WAIT_S) == {"canceled": True}
    assert waiting.wait(WAIT_S) == {"canceled": True}
    assert session.call("echo", 2).wait(WAIT_S) == 2
    session.call("echo", 3).wait(WAIT_S)
    running.cancel()


def test_a_call_that_does_not_listen_ends_with_its_worker(sessions: SessionManager) -> None:
    session = open_trial(sessions)
    deaf = session.call("hang", {"seconds": 600})
    deaf.cancel()
    with pytest.raises(Canceled):
        deaf.wait(WAIT_S)
    assert session.state == "closed"
    assert open_trial(sessions).call("echo", 1).wait(WAIT_S) == 1


@pytest.mark.parametrize("action", ["abort", "segfault", "exit"])
def test_a_crash_fails_the_calls_and_the_next_session_opens(sessions: SessionManager, action: str) -> None:
    session = open_trial(sessions)
    ended: list[Any] = []
    sessions.at_end(lambda one, outcome: ended.append((one.id, outcome.crashed)))
    with pytest.raises(BancadaError, match=r"crashed|without a result"):
        session.call(action, {"count": 0}).wait(WAIT_S)
    assert session.state == "failed"
    assert ended == [(session.id, True)]
    with pytest.raises(BancadaError):
        session.call("echo", 1)
    assert open_trial(sessions).call("echo", 1).wait(WAIT_S) == 1


@pytest.mark.parametrize(
    ("action", "words"), [("fail", "on purpose"), ("abort", "crashed"), ("exit", "result")]
)
def test_opening_that_fails_says_why(sessions: SessionManager, action: str, words: str) -> None:
    ended: list[bool] = []
    sessions.at_end(lambda _one, outcome: ended.append(outcome.crashed))
    with pytest.raises(BancadaError, match=words):
        open_trial(sessions, action, count=0)
    assert ended == [action != "fail"]
    assert sessions.sessions() == []
    with pytest.raises(BancadaError, match="does not know"):
        sessions.open("nonsense", TrialParams("sleep"))


def test_opening_that_takes_too_long_is_ended(sessions: SessionManager) -> None:
    with pytest.raises(BancadaError, match="in time"):
        sessions.open("trial", TrialParams("sleep", 1, 600.0), timeout_s=0.2)
    assert sessions.sessions() == []


def test_a_session_can_be_closed_while_it_opens(sessions: SessionManager) -> None:
    raised: list[BaseException] = []

    def opening() -> None:
        try:
            open_trial(sessions, "sleep", seconds=600.0)
        except (BancadaError, Canceled) as error:
            raised.append(error)

    thread = threading.Thread(target=opening)
    thread.start()
    until(sessions.sessions)
    sessions.sessions()[0].close()
    thread.join(WAIT_S)
    assert [type(one) for one in raised] == [Canceled]


def test_closing_all_ends_calls_as_canceled(make_sessions: Callable[..., SessionManager]) -> None:
    sessions = make_sessions()
    one, two = open_trial(sessions), open_trial(sessions)
    call, deaf = one.call("sleep", 600), two.call("hang", {"seconds": 600})
    sessions.close_all()
    assert call.wait(WAIT_S) == {"canceled": True}
    with pytest.raises(Canceled):
        deaf.wait(WAIT_S)
    with pytest.raises(BancadaError, match="closed"):
        open_trial(sessions)


def test_a_stopped_session_is_called_hung(make_sessions: Callable[..., SessionManager]) -> None:
    sessions = make_sessions(WorkerRules(heartbeat_timeout_s=3.0, terminate_after_s=0.3, kill_after_s=0.3))
    session = open_trial(sessions)
    os.kill(session.pid, signal.SIGSTOP)
    call = session.call("echo", "x" * 20_000_000)
    with pytest.raises(BancadaError, match="no sign of life"):
        call.wait(WAIT_S)


def test_a_session_can_be_closed_by_a_callback_of_its_own(sessions: SessionManager) -> None:
    session = open_trial(sessions)
    session.call("echo", 1).add_done_callback(lambda _: session.close())
    until(lambda: session.state == "closed")


def test_a_listener_that_fails_harms_nothing(sessions: SessionManager) -> None:
    session = open_trial(sessions)

    def bad(*_: object) -> None:
        raise ValueError("listener")

    sessions.every_second(bad)
    sessions.at_end(bad)
    call = session.call("echo", 1, bad)
    call.add_done_callback(bad)
    assert call.wait(WAIT_S) == 1
    assert session.call("echo", 2).wait(WAIT_S) == 2
    session.close()
    assert session.state == "closed"
