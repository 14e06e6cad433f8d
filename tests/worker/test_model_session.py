"""Model sessions on the scripted backend: answers, records, crashes, what is kept and what is closed."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from bancada.core.errors import BancadaError
from bancada.core.events import Changed, EventBus
from bancada.inference.session import ModelSessions
from bancada.inference.types import GenerationRequest, LoadReport, LoadSpec, Message, Sampling, StopReason
from bancada.jobs.sessions import SessionManager
from bancada.storage import devices, memory, requests, samples, settings
from bancada.storage import models as library
from bancada.storage.database import Database
from bancada.worker.handlers.memory_record import MemoryRecord
from worker.trials import WAIT_S, until

Scripts = Callable[..., LoadSpec]
HELLO = GenerationRequest(messages=(Message("user", "hello there"),))


def stored_version(database: Database) -> str:
    with database.transaction() as handle:
        handle.execute("INSERT INTO models (id, name, created_at) VALUES ('m', 'scripted', '')")
        handle.execute(
            "INSERT INTO model_versions (id, model_id, version, format, architecture, quantization,"
            " parameters, bits_per_weight, layers, context_length, license, size_bytes, sha256, metadata,"
            " source, created_at)"
            " VALUES ('v', 'm', 1, 'scripted', '', '', 0, 0, 0, 0, '', 0, '', '{}', '', '')"
        )
    return "v"


def test_an_answer_streams_ends_and_is_recorded(
    models: ModelSessions, database: Database, script: Scripts, events: EventBus
) -> None:
    version = stored_version(database)
    changes: list[Changed] = []
    events.subscribe(Changed, changes.append)
    session = models.open(script(delay_ms=1), model_version_id=version)
    assert session.report.engine == "scripted"
    assert session.report.rss_bytes > 0
    generation = session.generate(HELLO, purpose="test")
    states, seen = [], 0
    while generation.snapshot().state in ("queued", "running"):
        snapshot = generation.snapshot(seen)
        seen += len(snapshot.tokens)
        states.append(snapshot.state)
        time.sleep(0.002)
    result = generation.wait(WAIT_S)
    snapshot = generation.snapshot()
    assert snapshot.state == "finished"
    assert snapshot.result == result
    assert snapshot.text == result.text == "".join(one.text for one in snapshot.tokens)
    assert tuple(one.id for one in snapshot.tokens) == result.token_ids
    stamps = [one.t_ns for one in snapshot.tokens]
    assert stamps == sorted(stamps)
    assert result.request_id == generation.id
    record = requests.get(database, generation.id)
    assert (record.purpose, record.outcome, record.model_version_id) == ("test", "finished", version)
    assert record.completion_tokens == len(result.token_ids)
    assert record.ttft_ms == result.timings.ttft_ms
    assert 0 <= result.timings.queue_ms <= result.timings.ttft_ms <= result.timings.total_ms
    assert record.peak_memory_bytes == result.peak_memory_bytes > 1_000_000
    assert "hello" not in str(record.params)
    until(lambda: Changed("request", (generation.id,)) in changes)
    done: list[object] = []
    generation.add_done_callback(done.append)
    assert done == [generation]
    assert session.state == "ready"
    session.close()
    assert samples.curve(database, session.id)


def test_the_same_seed_gives_the_same_tokens_and_prefixes_are_reused(
    models: ModelSessions, script: Scripts
) -> None:
    session = models.open(script(), model_version_id="")
    asked = dataclasses.replace(HELLO, sampling=Sampling(temperature=1.0, seed=7))
    results = [session.generate(asked, purpose="test").wait(WAIT_S) for _ in range(5)]
    assert len({one.token_ids for one in results}) == 1
    assert {one.seed for one in results} == {7}
    other = dataclasses.replace(asked, sampling=Sampling(temperature=1.0, seed=8))
    assert session.generate(other, purpose="test").wait(WAIT_S).token_ids != results[0].token_ids
    assert results[0].timings.cached_tokens == 0
    assert results[1].timings.cached_tokens == results[1].timings.prompt_tokens - 1
    assert session.count(HELLO.messages).tokens == results[0].timings.prompt_tokens
    assert len(session.tokenize("one two three")) == 3


@pytest.mark.parametrize(
    ("values", "asked", "reason"),
    [
        ({}, {}, StopReason.END),
        ({"tokens": 100}, {"max_tokens": 3}, StopReason.LENGTH),
        ({"tokens": 100}, {"prompt": "a b c", "messages": ()}, StopReason.CONTEXT),
        ({"answer": "one two three four"}, {"stop": ("ree",)}, StopReason.STOP),
    ],
)
def test_why_an_answer_ends(
    models: ModelSessions, script: Scripts, values: dict[str, Any], asked: dict[str, Any], reason: StopReason
) -> None:
    context = 20 if reason is StopReason.CONTEXT else 4096
    session = models.open(script(context=context, **values), model_version_id="")
    result = session.generate(dataclasses.replace(HELLO, **asked), purpose="test").wait(WAIT_S)
    assert result.stop_reason is reason
    if reason is StopReason.STOP:
        assert result.text == "one two th"


def test_probabilities_come_when_asked(models: ModelSessions, script: Scripts) -> None:
    session = models.open(script(), model_version_id="")
    generation = session.generate(dataclasses.replace(HELLO, logprobs=3), purpose="test")
    generation.wait(WAIT_S)
    for token in generation.snapshot().tokens:
        assert token.logprob is not None
        assert token.logprob < 0
        assert token.alternatives[0].id == token.id
        assert len(token.alternatives) == 3


@pytest.mark.parametrize("slow", [{"delay_ms": 20}, {"prefill_ms": 60_000}])
def test_cancel_keeps_what_there_is(
    models: ModelSessions, database: Database, script: Scripts, slow: dict[str, Any]
) -> None:
    session = models.open(script(tokens=10_000, **slow), model_version_id="")
    generation = session.generate(HELLO, purpose="test")
    waiting = session.generate(HELLO, purpose="test")
    assert waiting.snapshot().state == "queued"
    until(lambda: generation.snapshot().state == "running")
    if "delay_ms" in slow:
        until(lambda: generation.snapshot().tokens)
    generation.cancel()
    waiting.cancel()
    for one in (generation, waiting):
        result = one.wait(WAIT_S)
        assert result.stop_reason is StopReason.CANCELED
        assert requests.get(database, one.id).outcome == "canceled"
    assert bool(generation.wait().text) == ("delay_ms" in slow)


def test_a_request_that_fails_is_recorded_with_its_cause(
    models: ModelSessions, database: Database, script: Scripts
) -> None:
    session = models.open(script(context=16), model_version_id="")
    for asked in (
        dataclasses.replace(HELLO, grammar="root ::= x"),
        GenerationRequest(prompt="word " * 100),
    ):
        generation = session.generate(asked, purpose="test")
        with pytest.raises(BancadaError) as caught:
            generation.wait(WAIT_S)
        assert generation.snapshot().state == "failed"
        assert generation.snapshot().error is caught.value
        record = requests.get(database, generation.id)
        assert record.outcome == "failed"
        assert record.error == caught.value.to_json()
    assert session.generate(HELLO, purpose="test").wait(WAIT_S).text


def test_loading_that_fails_says_why(models: ModelSessions, script: Scripts) -> None:
    with pytest.raises(BancadaError) as caught:
        models.open(script(fail_load="model.put_aside"), model_version_id="")
    assert caught.value.code == "model.put_aside"
    missing = dataclasses.replace(script(), path=script().path + ".not")
    with pytest.raises(BancadaError) as caught:
        models.open(missing, model_version_id="")
    assert caught.value.code == "model.file_missing"
    with pytest.raises(BancadaError, match="not"):
        models.open(script(no_such_key=1), model_version_id="")
    with pytest.raises(BancadaError, match="No engine runs"):
        models.open(dataclasses.replace(script(), format="unheard"), model_version_id="")


def test_a_live_session_is_used_again_and_a_closed_one_is_not(models: ModelSessions, script: Scripts) -> None:
    one = models.open(script("a"), model_version_id="")
    assert models.open(script("a"), model_version_id="") is one
    other = models.open(script("b"), model_version_id="")
    assert other is not one
    assert models.current("") is other
    assert models.current("nothing") is None
    one.close()
    with pytest.raises(BancadaError, match="closed"):
        one.count(HELLO.messages)
    again = models.open(script("a"), model_version_id="")
    assert again is not one
    models.close_all()
    assert models.current("") is None


def test_two_openings_at_once_load_once(
    models: ModelSessions, sessions: SessionManager, script: Scripts
) -> None:
    spec = script(load_ms=100)
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(models.open(spec, model_version_id="")))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(found)) == 1
    assert len(sessions.sessions()) == 1


def test_an_idle_model_is_closed(models: ModelSessions, database: Database, script: Scripts) -> None:
    session = models.open(script(tokens=5, delay_ms=1), model_version_id="")
    assert models.close_idle() == 0
    session.session.last_used -= 16 * 60
    settings.set(database, "chat.idle_minutes", 0)
    assert models.close_idle() == 0
    settings.set(database, "chat.idle_minutes", 15)
    models.close_idle()
    until(lambda: session.state == "closed")
    assert models.current("") is None


@pytest.mark.parametrize(("die", "counts"), [("abort", 1), ("exit", 1)])
def test_crashes_are_counted_with_the_version(
    models: ModelSessions, database: Database, script: Scripts, die: str, counts: int
) -> None:
    version = stored_version(database)
    session = models.open(script(die_at=3, die=die), model_version_id=version)
    generation = session.generate(HELLO, purpose="test")
    with pytest.raises(BancadaError) as caught:
        generation.wait(WAIT_S)
    assert caught.value.code in ("worker.crashed", "worker.no_result")
    assert generation.snapshot().state == "failed"
    assert len(generation.snapshot().tokens) >= 1
    assert library.get_version(database, version).crashes == counts
    library.remove_version(database, version)
    orphan = models.open(script("other", die_at=0), model_version_id=version)
    with pytest.raises(BancadaError):
        orphan.generate(HELLO, purpose="test").wait(WAIT_S)
    kept = models.open(script("good"), model_version_id=version).generate(HELLO, purpose="test")
    kept.wait(WAIT_S)
    assert requests.get(database, kept.id).model_version_id is None


def test_a_model_that_does_not_listen_is_ended_and_keeps_its_text(
    models: ModelSessions, script: Scripts
) -> None:
    session = models.open(script(die_at=5, die="hang"), model_version_id="")
    generation = session.generate(HELLO, purpose="test")
    until(lambda: generation.snapshot().tokens)
    generation.cancel()
    result = generation.wait(WAIT_S)
    assert result.stop_reason is StopReason.CANCELED
    assert result.text
    assert result.timings.completion_tokens == len(result.token_ids) == len(generation.snapshot().tokens)


def test_fifty_kills_during_answers(models: ModelSessions, database: Database, script: Scripts) -> None:
    """F15 and the issue's list: whatever was acknowledged is there, every failure is in words."""
    chance = random.Random(7)
    spec = script(delay_ms=0.3, tokens=40)
    acknowledged: list[str] = []
    session = models.open(spec, model_version_id="")
    for _ in range(50):
        process = session.session.process
        assert process is not None
        timer = threading.Timer(chance.uniform(0.0, 0.12), process.kill)
        timer.start()
        with pytest.raises(BancadaError, match=r"ended from outside|out of memory|was closed"):  # noqa: PT012
            while True:
                acknowledged.append(session.generate(HELLO, purpose="test").wait(WAIT_S).request_id)
        timer.join()
        session = models.open(spec, model_version_id="")
    known = {one.id for one in requests.list_page(database, limit=100_000)}
    assert acknowledged
    assert set(acknowledged) <= known
    assert database.row("PRAGMA integrity_check") == {"integrity_check": "ok"}


def test_what_a_load_took_is_kept_beside_its_forecast(
    models: ModelSessions, database: Database, script: Scripts
) -> None:
    version = stored_version(database)
    session = models.open(script(), model_version_id=version)
    device = devices.list_all(database)[0].id
    (loaded,) = memory.latest(database, device)
    assert (loaded.session_id, loaded.format, loaded.context) == (session.id, "scripted", 4096)
    assert loaded.engine.startswith("scripted")
    assert loaded.filled_tokens == 1
    assert loaded.measured_bytes > 0
    assert loaded.forecast_bytes == sum(loaded.items.values())
    session.generate(HELLO, purpose="test").wait(WAIT_S)
    (answered,) = memory.latest(database, device)
    assert answered.measured_bytes >= loaded.measured_bytes
    session.close()
    models.open(script("other"), model_version_id=version).close()
    assert len(memory.latest(database, device)) == 2


def test_a_model_that_is_not_in_the_library_leaves_no_measurement(
    models: ModelSessions, database: Database, script: Scripts
) -> None:
    models.open(script(), model_version_id="gone").close()
    models.open(script(), model_version_id="").close()
    assert devices.list_all(database) == []


def test_a_measurement_that_cannot_be_made_is_logged_and_harms_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    version = stored_version(database)
    report = LoadReport(
        engine="scripted",
        engine_version="1",
        device="CPU",
        cpu_features=(),
        layers=3,
        gpu_layers=0,
        device_reason="",
        context=256,
        threads=1,
        threads_batch=1,
        flash_attention=False,
        passive_wait=False,
        has_chat_template=True,
        vocabulary=9,
        load_ms=1.0,
        rss_bytes=1,
    )
    record = MemoryRecord(database, "s", version, LoadSpec("", "scripted", cache_type="q9"), report)
    record.take(10**8, 5)
    assert "not recorded" in caplog.text
    on_gpu = dataclasses.replace(report, gpu_layers=3)
    MemoryRecord(database, "t", version, LoadSpec("", "scripted"), on_gpu).take(10**8, 5)
    (device,) = devices.list_all(database)
    assert memory.latest(database, device.id) == []
