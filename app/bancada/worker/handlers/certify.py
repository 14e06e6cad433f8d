"""The job ``model.certify``: a file compared with the one it was made from, and the certificate of it."""

from __future__ import annotations

import dataclasses
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from bancada import __version__
from bancada.bench.machine import OthersLoad
from bancada.bench.measure import Measurement, Metric
from bancada.bench.plan import BenchParams, context_needed
from bancada.catalog.forecaster import forecaster
from bancada.catalog.library import Library
from bancada.core.errors import BancadaError, Canceled
from bancada.core.registry import resolve
from bancada.engines.llama_backend import prepare_environment
from bancada.engines.process_memory import forget_peak, peak_resident_bytes
from bancada.inference.backend import BACKENDS, Backend
from bancada.inference.types import LoadSpec
from bancada.jobs.codec import encode
from bancada.jobs.job_context import JobContext
from bancada.quantization.certificate import (
    FORMAT,
    RUN_KIND,
    VERSION,
    Certificate,
    FileFacts,
    SpeedFacts,
    SpeedFindings,
    TensorFindings,
    TextFacts,
    to_text,
)
from bancada.quantization.jobs import CertifyParams
from bancada.quantization.questions import questions
from bancada.quantization.texts import EvaluationText, evaluation_text
from bancada.quantization.verdict import judge, thresholds
from bancada.storage import certificates, models, runs
from bancada.storage.certificates import CertificateRecord, NewCertificate
from bancada.storage.database import Database
from bancada.storage.models import VersionRecord
from bancada.worker.handlers.model_session import Calibrations

#: imported with the first file, because they load the engine's library, which reads its environment then
_CHECK: Final = "bancada.engines.tensor_check:check_tensors"
_COMPARE: Final = "bancada.engines.llama_comparison:compare_files"
_COMPARE_ONNX: Final = "bancada.engines.onnx_comparison:compare_with_gguf"
#: chunks evaluated together, and the room for logits, beside what one model takes alone
_TOGETHER: Final = 4
_LOGITS: Final = 4 * (56 << 20)
#: a short prompt and answer, measured a few times: enough to tell a change from noise
_SPEED: Final = BenchParams(version_id="", prompt_tokens=(128,), answer_tokens=(32,), repetitions=3, warmup=1)


def memory_needed(database: Database, params: CertifyParams) -> int:
    """Bytes that the job will need: both files, their caches and the logits of one step."""
    forecasts = forecaster(database)
    total = _LOGITS
    for version_id in (params.version_id, params.source_version_id):
        version = models.get_version(database, version_id)
        if version.format in BACKENDS:
            context = max(16, _TOGETHER * params.context)
            total += forecasts.forecast(version, context, "f16", flash_attention=True).corrected_bytes
    return total


def run(ctx: JobContext, params: CertifyParams) -> dict[str, Any]:
    """Compare, judge and store the certificate.

    Returns:
        ``certificate_id``, ``run_id``, ``verdict`` and the main figures.

    Raises:
        BancadaError: ``model.*`` for files that are missing or damaged, ``certificate.same_file``,
            ``certificate.*`` for a text that cannot be used, ``engine.*``.
        Canceled: nothing of it is left but the canceled run.
    """
    version = models.get_version(ctx.database, params.version_id)
    source = models.get_version(ctx.database, params.source_version_id)
    if version.sha256 == source.sha256:
        # it would always be green, and outshine what a real comparison found
        raise BancadaError("certificate.same_file", name=version.name, source=source.name)
    text = evaluation_text(params.text)
    ctx.progress("checking the files", 0)
    work = _Work(ctx, params, version, source, text)
    name = f"{version.name}:{version.version} against {source.name}:{source.version}"
    before = runs.of_job(ctx.database, ctx.job_id)
    # a job that makes several variants certifies each of them
    if before is None or (before.kind, before.params) != (RUN_KIND, encode(params)):
        run_id = runs.start(ctx.database, RUN_KIND, name, encode(params), work.environment, job_id=ctx.job_id)
    else:
        run_id = before.id
        runs.reopen(ctx.database, run_id)
    try:
        certificate = work.certificate()
        record = _store(ctx, params, run_id, certificate)
    except Canceled:
        runs.finish(ctx.database, run_id, "canceled", {})
        raise
    except BaseException:
        runs.finish(ctx.database, run_id, "failed", {})
        raise
    return {"run_id": run_id, "certificate_id": record.id, **main_figures(certificate)}


def main_figures(certificate: Certificate) -> dict[str, Any]:
    """What a program asks a certificate first."""
    divergence = certificate.divergence
    figures: dict[str, Any] = {
        "verdict": certificate.verdict,
        "reasons": list(certificate.reasons),
        "perplexity": divergence.perplexity if divergence else None,
        "perplexity_ratio": divergence.ratio if divergence else None,
        "kl_divergence": divergence.kl_mean if divergence else None,
        "same_top_token": divergence.same_top if divergence else None,
        "damaged_tensors": [one.name for one in certificate.tensors.faults] if certificate.tensors else [],
    }
    return figures


def _store(
    ctx: JobContext, params: CertifyParams, run_id: str, certificate: Certificate
) -> CertificateRecord:
    with ctx.database.transaction():
        ctx.check_canceled()
        record = certificates.add(
            ctx.database,
            NewCertificate(
                version_id=params.version_id,
                source_version_id=params.source_version_id,
                version_sha256=certificate.subject.sha256,
                source_sha256=certificate.source.sha256,
                verdict=certificate.verdict,
                report=to_text(certificate),
                run_id=run_id,
            ),
        )
        runs.finish(ctx.database, run_id, "finished", main_figures(certificate))
    return record


class _Work:
    """One certificate in the making; also who is told how far the engines are."""

    def __init__(
        self,
        ctx: JobContext,
        params: CertifyParams,
        version: VersionRecord,
        source: VersionRecord,
        text: EvaluationText,
    ) -> None:
        """Check that both files are whole.

        Raises:
            BancadaError: ``model.file_missing``, ``model.file_damaged``, ``model.put_aside``.
        """
        self._ctx, self._params, self._text = ctx, params, text
        self._version, self._source = version, source
        library = Library(ctx.database, ctx.blobs)
        self._spec = library.load_spec(version.id, context=_context(version), force=True)
        self._source_spec = library.load_spec(source.id, context=_context(source), force=True)
        self._engine = ""
        self._peak = 0
        self.environment = {
            "bancada": __version__,
            "system": f"{platform.system()} {platform.release()}",
            "machine": platform.machine(),
            "cores_logical": psutil.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
        }

    # -- the engines' watcher

    def progress(self, stage: str, done: float, total: float, unit: str) -> None:
        """Hand on how far it is."""
        self._ctx.progress(stage, done, total, unit)

    def stopped(self) -> bool:
        """Whether the job was canceled."""
        return self._ctx.canceled

    # -- the parts

    def certificate(self) -> Certificate:
        """Measure everything that was asked for, and judge."""
        prepare_environment(passive=False)
        both = self._version.format == self._source.format == "gguf"
        tensors = self._tensors(with_source=both) if self._version.format == "gguf" else None
        speed = self._speeds() if self._params.speed else None
        compared = self._compare()
        reason = compared.reason if compared else self._not_compared()
        text = None
        if compared is not None and compared.divergence is not None:
            text = TextFacts(
                self._text.name, self._text.sha256, self._params.context, compared.chunks, compared.tokens
            )
        divergence = compared.divergence if compared else None
        tasks = compared.tasks if compared else None
        verdict, reasons = judge(
            tensors, divergence, tasks, reason, broken=compared is not None and compared.broken
        )
        return Certificate(
            format=FORMAT,
            version=VERSION,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            made_by=f"bancada {__version__}",
            engine=self._engine,
            machine=f"{self.environment['system']}, {self.environment['machine']}, "
            f"{self.environment['cores_logical']} logical cores",
            subject=_facts(self._version),
            source=_facts(self._source),
            verdict=verdict,
            reasons=reasons,
            thresholds=thresholds(),
            not_compared=reason,
            tensors=tensors,
            text=text,
            divergence=divergence,
            tasks=tasks,
            speed=speed,
        )

    def _compare(self) -> Any:
        """The predictions of both (the engines' ``Compared``); None where there is no way to compare them."""
        files = (self._spec.path, self._source_spec.path, self._text.content)
        measure = {"context": self._params.context, "chunks": self._params.chunks, "watcher": self}
        formats = (self._version.format, self._source.format)
        if formats == ("gguf", "gguf"):
            asked = questions() if self._params.tasks else ()
            return resolve(_COMPARE)(*files, questions=asked, **measure)
        if formats == ("onnx", "gguf"):
            return resolve(_COMPARE_ONNX)(*files, **measure)
        return None

    def _not_compared(self) -> str:
        return (
            f"Predictions of {self._version.format.upper()} and {self._source.format.upper()} files are "
            "not compared yet: nothing is known of what this file lost."
        )

    def _tensors(self, *, with_source: bool) -> TensorFindings:
        def on_bytes(done: int, total: int) -> None:
            self._ctx.progress("reading the tensors", done, total, "bytes")

        source = Path(self._source_spec.path) if with_source else None
        found: TensorFindings = resolve(_CHECK)(Path(self._spec.path), source, on_bytes, self.stopped)
        return found

    def _speeds(self) -> SpeedFindings | None:
        """Loading, speed and memory of both, one after the other; None where one cannot be run."""
        if not {self._version.format, self._source.format} <= set(BACKENDS):
            return None
        load = OthersLoad()
        try:
            source = self._speed(self._source_spec, 0)
            result = self._speed(self._spec, 1)
        except BancadaError as error:
            # a damaged model may not even write; that is said by the rest of the certificate
            self._ctx.log.warning("speed was not measured: %s", error)
            return None
        return SpeedFindings(source, result, load.cores())

    def _speed(self, spec: LoadSpec, number: int) -> SpeedFacts:
        self._ctx.progress("measuring speed", number, 2, "files")
        forget_peak()
        backend: Backend = resolve(BACKENDS[spec.format])(Calibrations(self._ctx.database))
        try:
            loaded = backend.load(spec)
            self._engine = f"{loaded.engine} {loaded.engine_version}"
            measurement = Measurement(backend, _SPEED, self.stopped)
            measurement.prepare(lambda _number: None)
            metrics = [one for measured in measurement.run(()) for one in measured.metrics]
        finally:
            backend.close()
        peak = peak_resident_bytes()
        return SpeedFacts(
            load_ms=loaded.load_ms,
            ttft_ms=_median(metrics, "ttft_ms"),
            prefill_tokens_per_s=_median(metrics, "prefill_tokens_per_s"),
            decode_tokens_per_s=_median(metrics, "decode_tokens_per_s"),
            peak_memory_bytes=peak,
        )


def _context(version: VersionRecord) -> int:
    return min(context_needed(_SPEED), version.context_length)


def _median(metrics: list[Metric], key: str) -> float | None:
    values = [value for name, _, value in metrics if name == key]
    return statistics.median(values) if values else None


def _facts(version: VersionRecord) -> FileFacts:
    names = {one.name for one in dataclasses.fields(FileFacts)}
    return FileFacts(**{name: getattr(version, name) for name in names})
