"""What was measured of late."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout

from bancada.bench.statistics import Statistics
from bancada.gui.pages.home.facts import ANSWERS, Facts
from bancada.gui.widgets.basics import (
    Card,
    Label,
)
from bancada.gui.widgets.format import (
    UNKNOWN,
    milliseconds_text,
    number,
    when_text,
)
from bancada.storage.requests import RequestRecord


class MeasuredCard(Card):
    """Medians of the latest answers, and the last ones singly."""

    def __init__(self) -> None:
        super().__init__("")
        self.title.set_title(self.tr("Measured lately"))
        self.title.show()
        self._note = Label("", "note")
        self.header.addWidget(self._note)
        figures = QGridLayout()
        figures.setHorizontalSpacing(24)
        figures.setVerticalSpacing(2)
        self.figures: dict[str, Label] = {}
        for at, (key, name) in enumerate(
            (
                ("ttft", self.tr("Time to first token")),
                ("prefill", self.tr("Prompt, tokens/s")),
                ("decode", self.tr("Answer, tokens/s")),
            )
        ):
            figure = Label(UNKNOWN, "figure")
            figure.setAccessibleName(name)
            self.figures[key] = figure
            figures.addWidget(figure, 0, at)
            figures.addWidget(Label(name, "note"), 1, at)
            figures.setColumnStretch(at, 1)
        self.body.addLayout(figures)
        self._empty = Label(
            self.tr("Every answer is measured; the figures appear here after the first one."),
            "muted",
            wrap=True,
        )
        self.body.addWidget(self._empty)
        self.body.addSpacing(4)
        self.body.addLayout(self._make_rows())
        self.body.addStretch(1)

    def _make_rows(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self._heads = [
            Label(text, "note")
            for text in (
                self.tr("When"),
                self.tr("Model"),
                self.tr("Tokens"),
                self.tr("First token"),
                self.tr("Tokens/s"),
            )
        ]
        self._cells = [[Label("", "mono" if at > 1 else "") for at in range(5)] for _ in range(ANSWERS)]
        for row, labels in enumerate([self._heads, *self._cells]):
            for at, label in enumerate(labels):
                if at > 1:
                    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                label.hide()
                grid.addWidget(label, row, at)
        return grid

    def show_facts(self, facts: Facts) -> None:
        self._set("ttft", facts.ttft, milliseconds_text)
        for key, one in (("prefill", facts.prefill), ("decode", facts.decode)):
            self._set(key, one, _rate)
        count = len(facts.answers)
        self._note.setText(
            self.tr("medians \N{MIDDLE DOT} n = %1").replace("%1", number(count)) if count else ""
        )
        self._empty.setVisible(not count)
        names = {one.id: one.name for one in facts.versions}
        for label in self._heads:
            label.setVisible(bool(count))
        for at, cells in enumerate(self._cells):
            record = facts.answers[at] if at < count else None
            texts = ("",) * len(cells) if record is None else self._texts(record, names)
            for label, text in zip(cells, texts, strict=True):
                label.setVisible(record is not None)
                label.setText(text)

    def _texts(self, record: RequestRecord, names: dict[str, str]) -> tuple[str, ...]:
        return (
            when_text(record.started_at),
            names.get(record.model_version_id or "", self.tr("a model that was removed")),
            UNKNOWN if record.completion_tokens is None else number(record.completion_tokens),
            milliseconds_text(record.ttft_ms),
            _rate(record.decode_tokens_per_s),
        )

    def _set(self, key: str, value: Statistics | None, words: Callable[[float | None], str]) -> None:
        label = self.figures[key]
        label.setText(UNKNOWN if value is None else words(value.p50))
        if value is not None and value.median_low is not None:
            low, high = words(value.median_low), words(value.median_high)
            label.setToolTip(
                self.tr("95 % interval of the median: %1 to %2 (n = %3)")
                .replace("%1", low)
                .replace("%2", high)
                .replace("%3", str(value.n))
            )


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else number(value, 0 if value >= 100 else 1)
