"""Events become signals: few, in the GUI thread, the latest of each."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, QThread, Signal
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bancada.core.events import Changed, EventBus, JobProgress, Notice, SessionState, WorkerSample
from bancada.gui.bridge import Bridge


@pytest.fixture
def events() -> EventBus:
    return EventBus()


@pytest.fixture
def bridge(qapp: QApplication, events: EventBus) -> Iterator[Bridge]:
    made = Bridge(events)
    yield made
    made.close()


class Emitter(QObject):
    happened = Signal(int)
    said = Signal(str, list)


def test_ten_thousand_emits_do_not_end_the_process(qapp: QApplication) -> None:
    """PySide 6.12.0 on Python 3.11 dies after some thousand: see docs/decisions."""
    emitter = Emitter()
    got: list[int] = []
    emitter.happened.connect(got.append)
    emitter.said.connect(lambda text, ids: got.append(len(text) + len(ids)))
    for at in range(10_000):
        emitter.happened.emit(at)
        emitter.said.emit("x", [at])
        emitter.setObjectName("again")
    assert len(got) == 20_000


def test_progress_of_a_burst_is_the_latest(bridge: Bridge, events: EventBus, qtbot: QtBot) -> None:
    got: list[JobProgress] = []
    bridge.job_progress.connect(got.append)
    for at in range(10_000):
        events.publish(JobProgress("job-a", "copying", at, 10_000, "bytes"))
        events.publish(JobProgress("job-b", "hashing", at, 10_000, "bytes"))
    qtbot.waitUntil(lambda: len(got) >= 2)
    assert {(one.job_id, one.done) for one in got[-2:]} == {("job-a", 9_999), ("job-b", 9_999)}
    assert len(got) < 10


def test_changes_are_one_signal_per_kind(bridge: Bridge, events: EventBus, qtbot: QtBot) -> None:
    got: list[tuple[str, list[str]]] = []
    bridge.changed.connect(lambda kind, ids: got.append((kind, ids)))
    events.publish(Changed("model", ("b",)))
    events.publish(Changed("model", ("a", "b")))
    events.publish(Changed("job", ("j",)))
    events.publish(Changed("job"))
    events.publish(Changed("job", ("k",)))
    qtbot.waitUntil(lambda: len(got) == 2)
    assert dict(got) == {"model": ["a", "b"], "job": []}


def test_other_events_keep_their_order(bridge: Bridge, events: EventBus, qtbot: QtBot) -> None:
    got: list[object] = []
    for signal in (bridge.session_state, bridge.sample, bridge.notice):
        signal.connect(got.append)
    sent = [
        SessionState("s", "starting"),
        WorkerSample("s", 1, 2, 3.0),
        SessionState("s", "ready"),
        Notice("info", "internal.error", {"detail": "x"}),
    ]
    for one in sent:
        events.publish(one)
    qtbot.waitUntil(lambda: len(got) == len(sent))
    assert got == sent


def test_signals_come_in_the_gui_thread(bridge: Bridge, events: EventBus, qtbot: QtBot) -> None:
    threads: list[QThread] = []
    bridge.changed.connect(lambda *_: threads.append(QThread.currentThread()))

    def publish() -> None:
        for at in range(500):
            events.publish(Changed("request", (str(at),)))

    workers = [threading.Thread(target=publish) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    qtbot.waitUntil(lambda: bool(threads))
    assert all(one is QThread.currentThread() for one in threads)


def test_a_closed_bridge_says_nothing(bridge: Bridge, events: EventBus, qapp: QApplication) -> None:
    got: list[object] = []
    bridge.changed.connect(lambda *_: got.append(1))
    events.publish(Changed("model"))
    bridge.close()
    events.publish(Changed("model"))
    bridge.flush()
    qapp.processEvents()
    assert not got
