"""A hub as the Models page shows it: hits, a repository's files, verdicts, and downloads with their words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from PySide6.QtCore import QCoreApplication

from bancada.catalog.download.jobs import DOWNLOAD
from bancada.catalog.download.leftovers import Quarantined, Unfinished, quarantined, unfinished
from bancada.catalog.hub.browser import FileView, RepoView
from bancada.catalog.hub.file_policy import CODE, GGUF, ONNX, ONNX_DATA, PICKLE, SAFETENSORS, UNSAFE_NAME
from bancada.catalog.hub.needs import Weighing, verdict
from bancada.catalog.hub.records import RepoSummary
from bancada.catalog.hub.rules import host_of
from bancada.context import AppContext
from bancada.core.events import JobProgress
from bancada.core.seal import is_loopback
from bancada.gui.models.records import Column
from bancada.gui.widgets.format import (
    UNKNOWN,
    bytes_text,
    duration_text,
    memory_text,
    number,
    percent_text,
    rate_text,
)
from bancada.jobs.spec import JobRecord, JobStatus
from bancada.storage import jobs

WEIGHTS: Final = (GGUF, SAFETENSORS, ONNX, ONNX_DATA)
_LISTED: Final = 500
_SPECIAL: Final = re.compile(r"([*?[])")
_CONTEXT: Final = "Hub"


def _tr(text: str) -> str:
    return QCoreApplication.translate(_CONTEXT, text)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the repository that is shown. ``need`` is the memory for its model in bytes, if known."""

    view: FileView
    need: int | None = None
    free: int = 0
    exact: bool = True

    @property
    def is_weights(self) -> bool:
        """Whether it can be chosen for a download."""
        return self.view.kind in WEIGHTS and self.view.state != "refused"

    @property
    def verdict(self) -> str:
        """``fits``, ``tight``, ``large``, or "" while it is not known."""
        return "" if self.need is None else verdict(self.need, self.free)


@dataclass(frozen=True, slots=True)
class DownloadState:
    """A download that has not succeeded: its job, what it has kept, and its latest progress."""

    record: JobRecord
    left: Unfinished | None = None
    progress: JobProgress | None = field(default=None, compare=False)

    @property
    def runs(self) -> bool:
        return not self.record.status.ended


@dataclass(frozen=True, slots=True)
class Downloads:
    """What is under way or left over."""

    states: tuple[DownloadState, ...]
    bad: tuple[Quarantined, ...]


def load_downloads(context: AppContext, also: frozenset[str] = frozenset()) -> Downloads:
    """Downloads that wait, run, or stopped with something kept; ``also``: ids of jobs to be shown anyway."""
    left = unfinished(context.home)
    wanted = [one for one in JobStatus if one is not JobStatus.SUCCEEDED]
    records = [
        one
        for one in jobs.list_page(context.database, wanted, limit=_LISTED)
        if one.kind == DOWNLOAD.name and (not one.status.ended or one.id in left or one.id in also)
    ]
    states = (
        DownloadState(
            one,
            left.get(one.id),
            context.jobs.progress(one.id) if one.status is JobStatus.RUNNING else None,
        )
        for one in records
    )
    return Downloads(tuple(states), tuple(quarantined(context.home)))


def file_rows(view: RepoView, weighing: Weighing | None, free: int) -> list[FileRow]:
    """The files of a repository, the weights first."""
    needs = {} if weighing is None else {one.path: one.need_bytes for one in weighing.needs}
    exact = weighing is not None and weighing.exact
    rows = [FileRow(one, needs.get(one.path), free, exact) for one in view.files]
    return sorted(rows, key=lambda row: (not row.is_weights, row.view.state == "refused", row.view.path))


def patterns_for(rows: Sequence[FileRow], chosen: Sequence[str]) -> tuple[str, ...]:
    """What to ask for so that the chosen weights come: GGUF files alone, others with their folder."""
    by_path = {row.view.path: row for row in rows}
    paths: list[str] = []
    for path in chosen:
        row = by_path.get(path)
        if row is None or not row.is_weights:
            continue
        if row.view.kind == GGUF:
            paths.append(path)
            continue
        folder, kinds = path.rpartition("/")[0], _family(row.view.kind)
        paths += [
            one.view.path
            for one in rows
            if one.is_weights and one.view.kind in kinds and one.view.path.rpartition("/")[0] == folder
        ]
    return tuple(_SPECIAL.sub(r"[\1]", one) for one in dict.fromkeys(paths))


def as_patterns(files: object) -> tuple[str, ...]:
    """Patterns as another page hands them over: one, several, or none."""
    if isinstance(files, str):
        return (files,) if files else ()
    return tuple(str(one) for one in files) if isinstance(files, Iterable) else ()


def _family(kind: str) -> tuple[str, ...]:
    return (SAFETENSORS,) if kind == SAFETENSORS else (ONNX, ONNX_DATA)


def place_of(endpoint: str) -> str:
    """What kind of source an address is, for people."""
    host = host_of(endpoint)
    if not host:
        return _tr("no usable address")
    if is_loopback(host):
        return _tr("on this machine")
    if host == "huggingface.co" or host.endswith(".huggingface.co"):
        return _tr("public hub")
    return _tr("office mirror or another hub")


# -- words


def verdict_words(row: FileRow) -> str:
    """Whether the model would fit into the memory that is free now, and what it takes."""
    if row.need is None:
        return UNKNOWN if row.is_weights else ""
    words = {"fits": _tr("fits"), "tight": _tr("tight"), "large": _tr("too large")}[row.verdict]
    need = memory_text(row.need) if row.exact else _tr("at least %1").replace("%1", memory_text(row.need))
    return f"{words} \N{MIDDLE DOT} {need}"


def verdict_tone(row: FileRow) -> str:
    return {"fits": "good", "tight": "warn", "large": "bad"}.get(row.verdict, "")


def state_words(row: FileRow) -> str:
    """What would become of the file."""
    return {
        "refused": _tr("refused"),
        "chosen": _tr("chosen") if row.is_weights else _tr("comes too"),
        "stored": _tr("in the library"),
    }.get(row.view.state, "")


def state_tone(row: FileRow) -> str:
    return {"refused": "bad", "stored": "good", "chosen": "accent"}.get(row.view.state, "")


def kind_words(kind: str) -> str:
    """A kind of file as a person says it."""
    return {
        GGUF: "GGUF",
        SAFETENSORS: "safetensors",
        ONNX: "ONNX",
        ONNX_DATA: _tr("ONNX weights"),
        PICKLE: _tr("pickle"),
        CODE: _tr("program code"),
        UNSAFE_NAME: _tr("unsafe name"),
        "text": _tr("text"),
    }.get(kind, _tr("other"))


def refusal_reason(kind: str) -> str:
    """Why files of a kind are not taken."""
    return {
        PICKLE: _tr("A pickle can run any program on this machine when it is opened. It is never fetched."),
        CODE: _tr("Program code of a repository is never fetched and never run."),
        UNSAFE_NAME: _tr("Its name could reach outside its folder. It is never fetched."),
    }.get(kind, "")


def refused_words(rows: Sequence[FileRow]) -> str:
    """One sentence on what of a repository is refused, "" when nothing is."""
    kinds = Counter(row.view.kind for row in rows if row.view.state == "refused")
    if not kinds:
        return ""
    parts = ", ".join(f"{kind_words(kind)} ({number(count)})" for kind, count in sorted(kinds.items()))
    return _tr("Refused and never fetched: %1. Such files could run programs on this machine.").replace(
        "%1", parts
    )


def total_words(view: RepoView) -> str:
    """What a download takes and whether there is room."""
    words = _tr("Takes %1, %2 of it to be fetched; %3 are free on the disk.")
    if weights_are_here(view):
        words = _tr("Its weights are on this machine already; %2 are to be fetched.")
    return (
        words.replace("%1", bytes_text(view.total_bytes))
        .replace("%2", bytes_text(view.need_bytes))
        .replace("%3", bytes_text(view.free_bytes))
    )


def weights_are_here(view: RepoView) -> bool:
    """Whether a download would bring no weights, as the library has them."""
    states = {one.state for one in view.files if one.kind in WEIGHTS and one.state in ("chosen", "stored")}
    return states == {"stored"}


def download_words(state: DownloadState) -> str:
    """How far a download is, or what it kept."""
    record, progress, left = state.record, state.progress, state.left
    if record.status is JobStatus.QUEUED:
        return _tr("waits for other downloads")
    if record.status is JobStatus.CANCELING:
        return _tr("stopping; what has come is kept")
    if state.runs:
        return _running_words(progress)
    kept = ""
    if left is not None and left.total_bytes:
        kept = _tr("%1 of %2 kept")
        kept = kept.replace("%1", bytes_text(left.kept_bytes)).replace("%2", bytes_text(left.total_bytes))
    how = {
        JobStatus.CANCELED: _tr("paused"),
        JobStatus.INTERRUPTED: _tr("interrupted"),
    }.get(record.status, _tr("failed"))
    return " \N{MIDDLE DOT} ".join(one for one in (how, kept) if one)


def _running_words(progress: JobProgress | None) -> str:
    if progress is None:
        return _tr("starting")
    if not progress.total:
        return {"asking the hub": _tr("asking the hub"), "checking": _tr("checking what came")}.get(
            progress.stage, progress.stage
        )
    words = [
        _tr("%1 of %2").replace("%1", bytes_text(progress.done)).replace("%2", bytes_text(progress.total)),
        percent_text(progress.done, progress.total),
    ]
    if progress.per_second:
        words.append(rate_text(progress.per_second, "bytes"))
    if progress.remaining_s is not None:
        words.append(_tr("%1 left").replace("%1", duration_text(progress.remaining_s)))
    return " \N{MIDDLE DOT} ".join(words)


def share_of(state: DownloadState) -> float | None:
    """How much of it is there, 0 to 1; None where that is not known."""
    if state.runs:
        progress = state.progress
        return progress.done / progress.total if progress is not None and progress.total else None
    left = state.left
    return left.kept_bytes / left.total_bytes if left is not None and left.total_bytes else 0.0


def with_progress(state: DownloadState, progress: JobProgress) -> DownloadState:
    return replace(state, progress=progress)


# -- tables


def hit_columns() -> tuple[Column[RepoSummary], ...]:
    """The columns of the hits of a search. What is hidden stands in each hit's second line."""
    return (
        Column("repo", _tr("Repository"), lambda one: one.repo.casefold(), lambda one: one.repo,
               tip=lambda one: f"{one.repo}\n{hit_words(one)}", stretch=True),
        Column("downloads", _tr("Downloads"), lambda one: one.downloads,
               lambda one: number(one.downloads), figures=True, width=92, hidden=True),
        Column("license", _tr("Licence"), lambda one: one.license.casefold(),
               lambda one: one.license or _tr("not stated"), width=92, hidden=True),
        Column("access", _tr("Access"), lambda one: one.gated,
               lambda one: _tr("gated") if one.gated else _tr("open"), width=72, hidden=True),
        Column("size", _tr("Size"), lambda one: one.size_bytes, lambda one: bytes_text(one.size_bytes),
               figures=True, width=82, hidden=True),
        Column("likes", _tr("Likes"), lambda one: one.likes, lambda one: number(one.likes), figures=True,
               width=70, hidden=True),
        Column("task", _tr("Task"), lambda one: one.task, width=120, hidden=True),
        Column("updated", _tr("Updated"), lambda one: one.updated_at, lambda one: one.updated_at[:10],
               width=96, hidden=True),
    )  # fmt: skip


def hit_words(hit: RepoSummary) -> str:
    """What is known of a hit, in one line: access, licence, size where the hub says it, downloads."""
    downloads = _tr("%1 downloads").replace("%1", number(hit.downloads))
    size = bytes_text(hit.size_bytes) if hit.size_bytes else ""
    parts = (
        _tr("gated") if hit.gated else "",
        hit.license or _tr("licence not stated"),
        size,
        downloads if hit.downloads else "",
    )
    return " \N{MIDDLE DOT} ".join(one for one in parts if one)


def file_columns() -> tuple[Column[FileRow], ...]:
    """The columns of a repository's files."""
    return (
        # what can be chosen comes first
        Column("path", _tr("File"), lambda row: (not row.is_weights, row.view.path),
               lambda row: row.view.path,
               tip=lambda row: row.view.path, stretch=True),
        Column("kind", _tr("Kind"), lambda row: (row.view.quantization, row.view.kind),
               lambda row: row.view.quantization or kind_words(row.view.kind),
               tone=lambda row: "bad" if row.view.state == "refused" else "",
               tip=lambda row: refusal_reason(row.view.kind) or kind_words(row.view.kind), width=98),
        Column("size", _tr("Size"), lambda row: row.view.size_bytes,
               lambda row: bytes_text(row.view.size_bytes), figures=True, width=86),
        Column("memory", _tr("Memory"), lambda row: row.need, verdict_words, tone=verdict_tone,
               tip=_memory_tip, width=152),
        Column("state", _tr("State"), lambda row: row.view.state, state_words, tone=state_tone,
               tip=lambda row: refusal_reason(row.view.kind) if row.view.state == "refused" else "",
               width=88),
    )  # fmt: skip


def _memory_tip(row: FileRow) -> str:
    if row.need is None:
        return ""
    words = _tr("Forecast at the usual context; %1 of memory are free now")
    return words.replace("%1", memory_text(row.free))


def repo_facts(view: RepoView) -> Mapping[str, str]:
    """Licence and origin, in the order of reading."""
    info = view.info
    facts = {_tr("Licence"): info.license or _tr("not stated")}
    if info.base_model:
        facts[_tr("Made from")] = info.base_model
    if info.updated_at:
        facts[_tr("Updated")] = info.updated_at[:10]
    return facts
