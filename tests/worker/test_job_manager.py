"""Jobs with real workers: results, failures in words, cancel, lanes, memory, resume."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from bancada.core.errors import BancadaError, describe
from bancada.core.events import Changed, EventBus, JobProgress, WorkerSample
from bancada.core.paths import Home
from bancada.jobs.manager import JobManager
from bancada.jobs.process import WorkerRules
from bancada.jobs.spec import JobKind, JobRecord, JobStatus
from bancada.storage import jobs, runs, samples, settings
from bancada.storage.database import Database
from bancada.worker.handlers.trial import TrialParams
from worker.trials import TRIAL, WAIT_S, log_of, runs_now, until


def run_trial(manager: JobManager, action: str, **values: Any) -> JobRecord:
    job_id = manager.submit(TRIAL, TrialParams(action, **values), title=f"trial {action}")
    return manager.wait(job_id, WAIT_S)


def test_a_job_succeeds_with_progress_result_and_curve(
    manager: JobManager, database: Database, events: EventBus
) -> None:
    progress: list[JobProgress] = []
    sampled: list[WorkerSample] = []
    changes: list[Changed] = []
    events.subscribe(JobProgress, progress.append)
    events.subscribe(WorkerSample, sampled.append)
    events.subscribe(Changed, changes.append)
    record = run_trial(manager, "sleep", count=8, seconds=0.1)
    assert record.status is JobStatus.SUCCEEDED
    assert record.result == {"action": "sleep", "value": 8}
    assert record.attempt == 1
    assert record.failure is None
    assert progress[-1].done == progress[-1].total == 8
    assert any(one.per_second and one.remaining_s is not None for one in progress)
    stored = manager.progress(record.id)
    assert stored is not None
    assert stored.done == 8
    assert sampled
    assert all(one.owner_id == record.id for one in sampled)
    assert record.peak_memory_bytes is not None
    assert record.peak_memory_bytes >= max(one.rss_bytes for one in sampled)
    assert [one.rss_bytes for one in samples.curve(database, record.id)] == [one.rss_bytes for one in sampled]
    assert Changed("job", (record.id,)) in changes


@pytest.mark.parametrize(
    ("action", "values", "code", "words"),
    [
        ("abort", {"text": "last words"}, "worker.crashed", "SIGABRT"),
        ("segfault", {}, "worker.crashed", "SIGSEGV"),
        ("illegal", {"text": "last words"}, "worker.crashed", "SIGILL"),
        ("kill", {"text": "last words"}, "worker.killed", "SIGKILL"),
        ("exit", {"count": 0}, "worker.no_result", "exit code 0"),
        ("exit", {"count": 3}, "worker.no_result", "exit code 3"),
        ("fail", {}, "worker.failed", "ValueError: on purpose"),
        ("fail", {"text": "jobs.closed"}, "jobs.closed", "ending"),
        ("return", {"count": 9 * 1024 * 1024}, "message.too_large", "9,437,"),
        ("unknown", {}, "jobs.unknown_kind", "unknown"),
    ],
)
def test_a_failure_says_itself_in_words_and_the_next_job_runs(
    manager: JobManager, action: str, values: dict[str, Any], code: str, words: str
) -> None:
    record = run_trial(manager, action, **values)
    assert record.status is JobStatus.FAILED
    assert record.failure is not None
    assert record.failure.code == code
    text = describe(record.failure.code, record.failure.params)
    assert words in text.what
    assert text.meaning
    assert text.remedy
    if "text" in values and code.startswith("worker."):
        assert "last words" in record.log_tail
    assert run_trial(manager, "sleep").status is JobStatus.SUCCEEDED


def test_a_traceback_of_a_native_crash_is_in_the_tail(manager: JobManager) -> None:
    record = run_trial(manager, "segfault")
    assert "Segmentation fault" in record.log_tail
    assert "_segfault" in record.log_tail


def test_the_memory_cap_ends_in_words_with_need_and_have(make_manager: Callable[..., JobManager]) -> None:
    manager = make_manager(WorkerRules(address_space_bytes=1_500_000_000))
    record = run_trial(manager, "allocate", count=4_000)
    assert record.failure is not None
    assert record.failure.code == "worker.out_of_memory"
    assert record.failure.params["have"] == "1.5 GB"
    assert "smaller context" in describe(record.failure.code, record.failure.params).remedy
    assert run_trial(manager, "sleep").status is JobStatus.SUCCEEDED


def test_a_worker_that_is_stopped_is_called_hung(make_manager: Callable[..., JobManager]) -> None:
    manager = make_manager(WorkerRules(heartbeat_timeout_s=3.0, terminate_after_s=0.3, kill_after_s=0.3))
    job_id = manager.submit(TRIAL, TrialParams("sleep", 1000, 0.1), title="to be stopped")
    until(lambda: manager.progress(job_id))
    process = manager.process(job_id)
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    record = manager.wait(job_id, WAIT_S)
    assert record.failure is not None
    assert record.failure.code == "worker.hung"
    assert record.failure.params["seconds"] >= 3


def test_prints_of_native_code_do_not_reach_the_channel_and_the_log_is_bounded(
    manager: JobManager, home: Home
) -> None:
    line = "x" * 2_000 + " token=abcdefghijkl"
    record = run_trial(manager, "print", count=4_000, text=line)
    assert record.result == {"action": "print", "value": 4_000}
    paths = list(home.logs.glob(f"worker-job-{record.id}.log*"))
    assert len(paths) == 2
    for path in paths:
        assert path.stat().st_size <= 2_100_000
        assert b"abcdefghijkl" not in path.read_bytes()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")  # noqa: PTH112
def test_garbage_and_oversized_lines_in_the_channel_are_skipped(manager: JobManager, home: Home) -> None:
    record = run_trial(manager, "garbage", count=9 * 1024 * 1024)
    assert record.status is JobStatus.SUCCEEDED
    log = log_of(home, record.id)
    assert "garbage" in log
    assert "surprise" in log
    assert "more than 8388608 bytes" in log


def test_what_a_worker_leaves_behind_is_ended_with_it(manager: JobManager) -> None:
    record = run_trial(manager, "child", seconds=600)
    assert record.status is JobStatus.SUCCEEDED
    until(lambda: not runs_now(record.result["value"]), "end of the child")


# -- cancel


def test_cancel_of_a_running_job_is_no_error(manager: JobManager) -> None:
    job_id = manager.submit(TRIAL, TrialParams("sleep", 10_000, 0.05), title="long")
    until(lambda: manager.progress(job_id))
    manager.cancel(job_id)
    manager.cancel(job_id)
    record = manager.wait(job_id, WAIT_S)
    assert record.status is JobStatus.CANCELED
    assert record.error is None
    manager.cancel(job_id)
    assert manager.wait(job_id).status is JobStatus.CANCELED


@pytest.mark.parametrize("action", ["hang", "hold"])
def test_cancel_of_a_deaf_job_climbs_the_ladder(manager: JobManager, home: Home, action: str) -> None:
    job_id = manager.submit(TRIAL, TrialParams(action, seconds=600), title="deaf")
    until(lambda: "deaf" in log_of(home, job_id) or "holding" in log_of(home, job_id))
    manager.cancel(job_id)
    record = manager.wait(job_id, WAIT_S)
    assert record.status is JobStatus.CANCELED
    assert record.error is None


def test_cancel_says_canceling_while_the_worker_ends(
    make_manager: Callable[..., JobManager], home: Home
) -> None:
    manager = make_manager(WorkerRules(terminate_after_s=1.0, kill_after_s=1.0))
    job_id = manager.submit(TRIAL, TrialParams("hang"), title="deaf")
    until(lambda: "deaf" in log_of(home, job_id))
    manager.cancel(job_id)
    until(lambda: [one.status for one in manager.running()] == [JobStatus.CANCELING])
    assert manager.wait(job_id, WAIT_S).status is JobStatus.CANCELED


def test_cancel_of_a_waiting_job_never_starts_it(manager: JobManager) -> None:
    first = manager.submit(TRIAL, TrialParams("sleep", 1000, 0.05), title="first")
    second = manager.submit(TRIAL, TrialParams("sleep"), title="second")
    until(lambda: manager.progress(first))
    manager.cancel(second)
    record = manager.wait(second, WAIT_S)
    assert (record.status, record.attempt, record.started_at) == (JobStatus.CANCELED, 0, None)
    manager.cancel(first)
    manager.wait(first, WAIT_S)


def test_another_process_cancels_by_the_database(manager: JobManager, database: Database) -> None:
    first = manager.submit(TRIAL, TrialParams("sleep", 10_000, 0.05), title="first")
    second = manager.submit(TRIAL, TrialParams("sleep"), title="second")
    until(lambda: manager.progress(first))
    jobs.request_cancel(database, second)
    jobs.request_cancel(database, first)
    assert manager.wait(first, WAIT_S).status is JobStatus.CANCELED
    assert manager.wait(second, WAIT_S).attempt == 0


# -- lanes and order


def test_a_lane_runs_one_at_a_time_in_order_over_all_managers(
    make_manager: Callable[..., JobManager], database: Database
) -> None:
    one, other = make_manager(), make_manager()
    ids = [one.submit(TRIAL, TrialParams("sleep", 3, 0.02), title=f"{n}") for n in range(3)]
    ids += [other.submit(TRIAL, TrialParams("sleep", 3, 0.02), title=f"other {n}") for n in range(3)]
    most = 0
    while any(not jobs.get(database, job_id).status.ended for job_id in ids):
        most = max(most, len(one.running()))
        time.sleep(0.005)
    assert most == 1
    records = [jobs.get(database, job_id) for job_id in ids]
    assert {record.status for record in records} == {JobStatus.SUCCEEDED}
    for part in (records[:3], records[3:]):
        started = [record.started_at or "" for record in part]
        assert started == sorted(started)


def test_other_lanes_do_not_wait(manager: JobManager) -> None:
    disk = JobKind("trial", TrialParams, "disk")
    first = manager.submit(TRIAL, TrialParams("sleep", 10_000, 0.05), title="compute")
    second = manager.submit(disk, TrialParams("sleep", 2, 0.01), title="disk")
    assert manager.wait(second, WAIT_S).status is JobStatus.SUCCEEDED
    assert not manager.wait(first, 0.01).status.ended
    manager.cancel(first)


# -- memory


def test_a_forecast_beyond_what_is_free_is_refused_with_need_and_have(
    manager: JobManager, database: Database
) -> None:
    kind = JobKind("trial", TrialParams, "compute", forecast="worker.trials:forecast_too_much")
    with pytest.raises(BancadaError) as caught:
        manager.submit(kind, TrialParams("sleep"), title="Too large")
    assert caught.value.code == "jobs.memory_short"
    assert caught.value.params["need"] == "1.0 PB"
    assert caught.value.params["have"]
    assert jobs.list_page(database) == []
    job_id = manager.submit(kind, TrialParams("sleep"), title="All the same", ignore_memory=True)
    assert manager.wait(job_id, WAIT_S).status is JobStatus.SUCCEEDED
    settings.set(database, "jobs.memory_check", value=False)
    job_id = manager.submit(kind, TrialParams("sleep"), title="Not checked")
    assert manager.wait(job_id, WAIT_S).status is JobStatus.SUCCEEDED


def test_a_forecast_that_fits_is_kept_for_the_start(manager: JobManager) -> None:
    kind = JobKind("trial", TrialParams, "compute", forecast="worker.trials:forecast_little")
    job_id = manager.submit(kind, TrialParams("sleep"), title="Small")
    assert manager.wait(job_id, WAIT_S).status is JobStatus.SUCCEEDED


# -- resume and the end of the program


def test_a_job_goes_on_where_it_was(manager: JobManager, database: Database) -> None:
    job_id = manager.submit(TRIAL, TrialParams("rows", 400, 0.005), title="rows")
    until(lambda: (progress := manager.progress(job_id)) and progress.done > 3)
    process = manager.process(job_id)
    assert process is not None
    process.kill()
    record = manager.wait(job_id, WAIT_S)
    assert record.failure is not None
    assert record.failure.code == "worker.killed"
    with pytest.raises(BancadaError, match="cannot be resumed"):
        manager.resume(manager_succeeded(manager))
    run = runs.of_job(database, job_id)
    assert run is not None
    before = len(runs.metrics(database, run.id, "row"))
    manager.resume(job_id)
    record = manager.wait(job_id, WAIT_S)
    assert (record.status, record.attempt, record.error) == (JobStatus.SUCCEEDED, 2, None)
    assert record.result["value"] == 400 - before
    assert len(runs.metrics(database, run.id, "row")) == 400
    elapsed = [one.elapsed_ms for one in samples.curve(database, job_id)]
    assert elapsed == sorted(elapsed)


def manager_succeeded(manager: JobManager) -> str:
    return run_trial(manager, "sleep").id


def test_what_cannot_be_resumed_says_so(
    make_manager: Callable[..., JobManager], database: Database, home: Home, events: EventBus
) -> None:
    manager = make_manager()
    once = JobKind("trial", TrialParams, "compute", resumable=False)
    job_id = manager.submit(once, TrialParams("fail"), title="once")
    manager.wait(job_id, WAIT_S)
    other = JobManager(home, database, events, {"trial": once})
    with pytest.raises(BancadaError, match="cannot be resumed"):
        other.resume(job_id)
    nothing = JobManager(home, database, events, {})
    with pytest.raises(BancadaError, match="does not know"):
        nothing.resume(job_id)
    for call in (manager.resume, manager.cancel, manager.wait, manager.progress):
        with pytest.raises(BancadaError, match="no job nothing"):
            call("nothing")


@pytest.mark.parametrize(("cancel", "status"), [(False, JobStatus.INTERRUPTED), (True, JobStatus.CANCELED)])
def test_close_ends_running_and_waiting_jobs(
    make_manager: Callable[..., JobManager], database: Database, cancel: bool, status: JobStatus
) -> None:
    manager = make_manager()
    first = manager.submit(TRIAL, TrialParams("sleep", 10_000, 0.05), title="first")
    second = manager.submit(TRIAL, TrialParams("sleep"), title="second")
    until(lambda: manager.progress(first))
    manager.close(cancel)
    assert [jobs.get(database, one).status for one in (first, second)] == [status, status]
    with pytest.raises(BancadaError, match="ending"):
        manager.submit(TRIAL, TrialParams("sleep"), title="late")
    manager.close()
    if not cancel:
        again = make_manager()
        again.resume(second)
        assert again.wait(second, WAIT_S).status is JobStatus.SUCCEEDED


def test_a_job_that_starts_while_the_program_closes_does_not_start(
    manager: JobManager, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, closing = threading.Event(), threading.Event()

    def claim_slowly(db: Database, job_id: str, owner: str) -> JobRecord | None:
        record = claim(db, job_id, owner)
        claimed.set()
        assert closing.wait(WAIT_S)
        return record

    def finish(*arguments: Any, **values: Any) -> None:
        store_end(*arguments, **values)
        closing.set()

    claim, store_end = jobs.claim, jobs.finish
    monkeypatch.setattr(jobs, "claim", claim_slowly)
    monkeypatch.setattr(jobs, "finish", finish)
    job_id = manager.submit(TRIAL, TrialParams("sleep", count=1000, seconds=0.05), title="late")
    assert claimed.wait(WAIT_S)
    manager.close()
    assert jobs.get(database, job_id).status is JobStatus.INTERRUPTED
    assert manager.process(job_id) is None, "its worker would live on, watched by nobody"


def test_jobs_of_a_process_that_is_gone_are_marked(
    make_manager: Callable[..., JobManager], database: Database
) -> None:
    gone = "999999999:1-deadbeef"
    for job_id, status in (("a", "queued"), ("b", "running"), ("c", "running")):
        jobs.insert(
            database, job_id=job_id, kind="trial", title=job_id, params={}, lane="compute", owner=gone
        )
        if status == "running":
            assert jobs.claim(database, job_id, gone) is not None
    jobs.request_cancel(database, "c")
    manager = make_manager()
    found = {one.id: one.status for one in jobs.list_page(database)}
    assert found == {"a": JobStatus.INTERRUPTED, "b": JobStatus.INTERRUPTED, "c": JobStatus.CANCELED}
    jobs.insert(database, job_id="d", kind="trial", title="d", params={}, lane="compute", owner=gone)
    assert manager.wait("d", WAIT_S).status is JobStatus.INTERRUPTED


def test_a_message_beyond_the_limit_fails_the_job_alone(manager: JobManager) -> None:
    job_id = manager.submit(TRIAL, TrialParams("sleep", text="x" * (65 * 1024 * 1024)), title="large")
    record = manager.wait(job_id, WAIT_S)
    assert record.failure is not None
    assert record.failure.code == "message.too_large"
    assert run_trial(manager, "sleep").status is JobStatus.SUCCEEDED


def test_wait_returns_what_is_when_time_runs_out(manager: JobManager) -> None:
    job_id = manager.submit(TRIAL, TrialParams("sleep", 10_000, 0.05), title="long")
    assert not manager.wait(job_id, 0.05).status.ended
    threading.Timer(0.1, manager.cancel, (job_id,)).start()
    assert manager.wait(job_id, WAIT_S).status is JobStatus.CANCELED
