"""Figures and states of answers in words, as they stand under an answer and as a screen reader says them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from bancada.gui.pages.playground.thread import Figures
from bancada.gui.widgets.format import memory_text, milliseconds_text, number, rate_text


def _tr(text: str) -> str:
    return QCoreApplication.translate("playground", text)


def stop_words(reason: str) -> str:
    """Why an answer ended."""
    words = {
        "end": _tr("end of answer"),
        "length": _tr("longest answer reached"),
        "context": _tr("context full"),
        "stop": _tr("stop text found"),
        "canceled": _tr("stopped by you"),
    }
    return words.get(reason, reason)


def figure_words(figures: Figures) -> list[tuple[str, str]]:
    """(figure, explanation) for the line under an answer; what was not measured is left out."""
    found: list[tuple[str, str]] = []
    if figures.ttft_ms is not None:
        tip = _tr("Time to first token: from the worker's receipt of the question to its first token.")
        found.append((_tr("TTFT %1").replace("%1", milliseconds_text(figures.ttft_ms)), tip))
    if figures.prompt_rate is not None:
        tip = _tr("Prompt tokens read per second; %1 of %2 were still there from before.")
        tip = tip.replace("%1", number(figures.cached_tokens or 0)).replace(
            "%2", number(figures.prompt_tokens or 0)
        )
        found.append((_tr("%1 prompt").replace("%1", rate_text(figures.prompt_rate, "tok")), tip))
    if figures.answer_rate is not None:
        tip = _tr("Tokens written per second, from the first token to the last.")
        found.append((_tr("%1 answer").replace("%1", rate_text(figures.answer_rate, "tok")), tip))
    if figures.tokens is not None:
        tip = _tr("Tokens of the answer.")
        if figures.peak_memory:
            tip += " " + _tr("Peak memory of the worker: %1.").replace("%1", memory_text(figures.peak_memory))
        found.append((_tr("%1 tokens").replace("%1", number(figures.tokens)), tip))
    if figures.stop_reason:
        tip = _tr("Why the answer ended.")
        found.append((_tr("stopped: %1").replace("%1", stop_words(figures.stop_reason)), tip))
    if figures.seed is not None:
        tip = _tr("The same seed with the same model, question and parameters gives the same answer.")
        found.append((_tr("seed %1").replace("%1", str(figures.seed)), tip))
    return found


def status_words(status: str) -> str:
    """What became of an answer that did not end by itself; empty for one that did."""
    words = {
        "stopped": _tr("Stopped by you; what came is kept."),
        "interrupted": _tr("Bancada ended while this was being written; what came is kept."),
    }
    return words.get(status, "")


def stage_words(stage: str, seconds: float) -> str:
    """What is being waited for."""
    words = {
        "loading": _tr("Loading the model"),
        "queued": _tr("Waiting for the model"),
        "running": _tr("Reading the question"),
        "stopping": _tr("Stopping"),
    }
    text = words.get(stage, "")
    return (
        f"{text} \N{MIDDLE DOT} {number(seconds, 1)} s" if seconds >= 1 else f"{text}\N{HORIZONTAL ELLIPSIS}"
    )
