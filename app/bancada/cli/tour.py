"""``bancada tour``: the first job on the starter model, without a window; writes a report."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bancada.bench.plan import BENCH, BenchParams
from bancada.bench.report import BenchReport, report
from bancada.catalog.starter import import_starter, installed_starter, starter_in
from bancada.cli import text
from bancada.cli.bench import write_file, write_report
from bancada.cli.checks import has_display
from bancada.cli.command import DONE, Invocation, Nouns, folder
from bancada.cli.generation import answer_document, device_line, measures_line, stream_answer
from bancada.cli.pictures import Pictures, take_pictures
from bancada.cli.tour_report import TourAnswer, TourFindings, render
from bancada.cli.work import follow_job, run_job
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.core.paths import resources
from bancada.inference.session import ModelSession
from bancada.inference.types import GenerationRequest, Message, Sampling
from bancada.jobs.codec import encode
from bancada.storage import samples
from bancada.storage.models import VersionRecord

_CONTEXT: Final = 2048
_SEED: Final = 7
_PROMPT_TOKENS: Final = (128, 512)
_ANSWER_TOKENS: Final = (64,)
_REPETITIONS: Final = 6


@dataclass(frozen=True, slots=True)
class TourPrompt:
    """One question of the tour, from resources."""

    title: str
    system: str
    prompt: str
    max_tokens: int


def add(nouns: Nouns) -> None:
    """Add the command to the grammar."""
    parser = nouns.command("tour", "run the first job on the starter model and write a report", _tour)
    parser.add_argument(
        "--output",
        type=folder,
        metavar="FILE",
        help="the report (default: in the workspace's folder reports)",
    )


def _tour(invocation: Invocation) -> int:
    began = time.monotonic()
    with invocation.workspace() as context:
        version = _starter(invocation, context)
        _step(invocation, f"Two questions to {version.name}")
        session = context.open_model(version.id, context=_CONTEXT)
        answers = [_ask(invocation, session, one) for one in tour_prompts()]
        device = device_line(session.report)
        memory = tuple((one.t_ns, one.rss_bytes) for one in session.samples())
        # two loaded copies of the model would disturb the measurement
        session.close()
        _step(invocation, "A short benchmark")
        bench, bench_memory = _bench(invocation, context, version)
    _step(invocation, "Pictures of the window" + ("" if has_display() else ", drawn without a display"))
    pictures = take_pictures(invocation.home)
    findings = TourFindings(
        version=version,
        device=device,
        load=session.report,
        answers=tuple(answers),
        chat_memory=memory,
        bench=bench,
        bench_memory=bench_memory,
        pictures=pictures,
        made_at=datetime.now(UTC),
        seconds=time.monotonic() - began,
    )
    path = invocation.options.output or _default_path(invocation.home)
    write_file(path, render(findings))
    _tell(invocation, findings, path)
    return DONE


def _starter(invocation: Invocation, context: AppContext) -> VersionRecord:
    version = starter_in(context.library)
    if version is not None:
        return version
    starter = installed_starter()
    if starter is None:
        raise BancadaError("starter.not_installed")
    _step(invocation, f"The starter model {starter.name} comes into the library")
    record = follow_job(invocation, context, import_starter(context.jobs, starter))
    return context.library.find(record.result["version_id"])


def tour_prompts() -> list[TourPrompt]:
    """The questions that the tour asks."""
    data = json.loads((resources() / "prompts" / "tour.json").read_text(encoding="utf-8"))
    return [TourPrompt(**one) for one in data]


def _ask(invocation: Invocation, session: ModelSession, one: TourPrompt) -> TourAnswer:
    invocation.console.say(f"> {one.prompt}")
    request = GenerationRequest(
        messages=(Message("system", one.system), Message("user", one.prompt)),
        sampling=Sampling(temperature=0.0, seed=_SEED),
        max_tokens=one.max_tokens,
    )
    answer = stream_answer(invocation, session, request, purpose="tour")
    invocation.console.say(measures_line(answer.result))
    document = answer_document(session, answer, with_tokens=False)
    return TourAnswer(one.title, one.system, one.prompt, answer, document)


def _bench(
    invocation: Invocation, context: AppContext, version: VersionRecord
) -> tuple[BenchReport, tuple[tuple[int, int], ...]]:
    params = BenchParams(
        version_id=version.id,
        prompt_tokens=_PROMPT_TOKENS,
        answer_tokens=_ANSWER_TOKENS,
        repetitions=_REPETITIONS,
        preset="tour",
    )
    record = run_job(invocation, context, BENCH, params, title=f"Benchmark {version.name} (tour)")
    curve = tuple((one.elapsed_ms, one.rss_bytes) for one in samples.curve(context.database, record.id))
    return report(context.database, record.result["run_id"]), curve


def _default_path(home: Path) -> Path:
    place = home / "reports"
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise BancadaError(
            "cli.cannot_write", path=str(place), reason=error.strerror or str(error)
        ) from error
    return place / f"tour-{datetime.now(UTC):%Y%m%d-%H%M%S}.html"


def _step(invocation: Invocation, words: str) -> None:
    invocation.console.say()
    invocation.console.heading(words)


def _tell(invocation: Invocation, findings: TourFindings, path: Path) -> None:
    console = invocation.console
    console.document(tour_document(findings, path))
    write_report(console, findings.bench)
    console.say(
        f"{len(findings.pictures.files)} pictures" if findings.pictures.files else findings.pictures.reason
    )
    console.say(f"The tour took {text.seconds_text(findings.seconds)}. Report: {path}")


def tour_document(findings: TourFindings, path: Path) -> dict[str, Any]:
    """The tour for programs."""
    pictures: Pictures = findings.pictures
    return {
        "report": str(path),
        "model": {
            "id": findings.version.id,
            "name": findings.version.name,
            "version": findings.version.version,
            "sha256": findings.version.sha256,
        },
        "device": findings.device,
        "answers": [{"title": one.title, "prompt": one.prompt, **one.document} for one in findings.answers],
        "bench": encode(findings.bench),
        "pictures": [name for name, _data in pictures.files],
        "pictures_missing": pictures.reason,
        "seconds": findings.seconds,
    }
