"""The cards of the home page, and the facts that they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout

from bancada.bench.statistics import Statistics
from bancada.catalog.starter import Starter, import_starter
from bancada.core.hardware import Hardware
from bancada.gui.shell import Shell
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import (
    Card,
    ElidedLabel,
    IconLabel,
    Label,
    LinkButton,
    PlainButton,
    PrimaryButton,
)
from bancada.gui.widgets.format import (
    UNKNOWN,
    bytes_text,
    memory_text,
    milliseconds_text,
    number,
    parameters_text,
    when_text,
)
from bancada.storage.conversations import ConversationRecord
from bancada.storage.models import VersionRecord
from bancada.storage.requests import RequestRecord

CONVERSATIONS: Final = 7
ANSWERS: Final = 6


@dataclass(frozen=True)
class Facts:
    """All that the page shows, asked in one go away from the GUI thread."""

    versions: tuple[VersionRecord, ...]
    starter: VersionRecord | None
    installed: Starter | None
    importing: bool
    conversations: tuple[ConversationRecord, ...]
    answers: tuple[RequestRecord, ...]
    ttft: Statistics | None
    prefill: Statistics | None
    decode: Statistics | None
    hardware: Hardware


class StartCard(Card):
    """The one primary action: ask the model that is here, or get one."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._facts: Facts | None = None
        row = QHBoxLayout()
        row.setContentsMargins(4, 4, 4, 2)
        row.setSpacing(16)
        self._icon = IconLabel(shell.theme, "chat", "accent", 32)
        row.addWidget(self._icon)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.headline = Label("", "subtitle", wrap=True)
        self.detail = Label("", "muted", wrap=True)
        words.addWidget(self.headline)
        words.addWidget(self.detail)
        row.addLayout(words, 1)
        self.second = PlainButton("")
        self.second.clicked.connect(self._do_second)
        self.first = PrimaryButton("")
        self.first.clicked.connect(self._do_first)
        row.addWidget(self.second)
        row.addWidget(self.first)
        self.body.addLayout(row)
        self._say(self.tr("Looking at what is here\N{HORIZONTAL ELLIPSIS}"), "", "", "")

    def show_facts(self, facts: Facts) -> None:
        self._facts = facts
        model = self._model(facts)
        if model is not None:
            self._show_ready(facts, model)
        elif facts.importing:
            self._say(
                self.tr("A model is being put into the library"),
                self.tr("It is checked and linked, not copied. This takes some seconds."),
                "",
                "",
            )
        elif facts.installed is not None:
            self._say(
                self.tr("No model is here yet"),
                self.tr("A small starter model came with Bancada. Or import a GGUF file or an ONNX folder."),
                self.tr("Use the starter model"),
                self.tr("Import a model"),
            )
        else:
            self._say(
                self.tr("No model is here yet"),
                self.tr(
                    "Bancada runs GGUF files and ONNX Runtime GenAI folders that are on this computer. Drop"
                    " one on this window, or choose it."
                ),
                self.tr("Import a model"),
                "",
            )

    def _show_ready(self, facts: Facts, model: VersionRecord) -> None:
        parts = [
            model.name,
            model.quantization,
            self.tr("%1 parameters").replace("%1", parameters_text(model.parameters)),
            bytes_text(model.size_bytes),
            self.tr("runs on this machine, without a network"),
        ]
        starter = facts.starter is not None and facts.starter.id == model.id
        self._say(
            self.tr("The starter model is ready") if starter else self.tr("A model is ready"),
            " \N{MIDDLE DOT} ".join(part for part in parts if part),
            self.tr("Ask the starter model") if starter else self.tr("Ask %1").replace("%1", model.name),
            self.tr("Measure it"),
        )

    def _say(self, title: str, detail: str, first: str, second: str) -> None:
        self.headline.setText(title)
        self.detail.setText(detail)
        self.detail.setVisible(bool(detail))
        for button, text in ((self.first, first), (self.second, second)):
            button.setText(text)
            button.setVisible(bool(text))

    @staticmethod
    def _model(facts: Facts) -> VersionRecord | None:
        if facts.starter is not None:
            return facts.starter
        return max(facts.versions, key=lambda one: one.created_at, default=None)

    def _do_first(self) -> None:
        facts = self._facts
        assert facts is not None
        model = self._model(facts)
        if model is not None:
            self._shell.navigate("playground", version_id=model.id)
        elif facts.installed is not None:
            starter, manager = facts.installed, self._shell.context.jobs
            self._shell.background.run(
                lambda: import_starter(manager, starter),
                lambda _: None,
                partial(self._shell.show_error, near=self.first),
                owner=self,
            )
        else:
            self._shell.navigate("models", choose_import=True)

    def _do_second(self) -> None:
        facts = self._facts
        assert facts is not None
        model = self._model(facts)
        if model is not None:
            self._shell.navigate("benchmark", version_id=model.id)
        else:
            self._shell.navigate("models", choose_import=True)


class ConversationsCard(Card):
    """The conversations that were touched last."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("")
        self._shell = shell
        self.title.set_title(self.tr("Last conversations"))
        self.title.show()
        self._all = LinkButton(self.tr("All conversations"))
        self._all.clicked.connect(lambda: shell.navigate("playground"))
        self.header.addWidget(self._all)
        self._empty = Label(
            self.tr("Nothing was asked yet. Conversations are kept here, on this machine only."),
            "muted",
            wrap=True,
        )
        self.body.setSpacing(0)
        self.body.addWidget(self._empty)
        self.rows: list[ConversationRow] = []
        for _ in range(CONVERSATIONS):
            row = ConversationRow(shell)
            self.rows.append(row)
            self.body.addWidget(row)
        self.body.addStretch(1)

    def show_records(self, records: tuple[ConversationRecord, ...]) -> None:
        self._empty.setVisible(not records)
        self._all.setVisible(bool(records))
        for at, row in enumerate(self.rows):
            row.setVisible(at < len(records))
            if at < len(records):
                row.show_record(records[at])


class ConversationRow(PlainButton):
    """Title at the left, time at the right; opens the conversation."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("", "row")
        self._id = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        self._title = ElidedLabel()
        self._when = Label("", "note")
        for label in (self._title, self._when):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row.addWidget(self._title, 1)
        row.addWidget(self._when)
        self.setMinimumHeight(shell.theme.px(32))
        self.clicked.connect(lambda: shell.navigate("playground", conversation_id=self._id))
        self.hide()

    def show_record(self, record: ConversationRecord) -> None:
        self._id = record.id
        self._title.setText(record.title.replace("\n", " "))
        self._when.setText(when_text(record.updated_at))
        self.setAccessibleName(f"{record.title}, {when_text(record.updated_at)}")


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


class MachineCard(Card):
    """What this machine brings."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("")
        self.title.set_title(self.tr("This machine"))
        self.title.show()
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self._values: dict[str, Label] = {}
        for at, (key, name) in enumerate(
            (
                ("cpu", self.tr("Processor")),
                ("cores", self.tr("Cores")),
                ("features", self.tr("Instruction sets")),
                ("memory", self.tr("Memory")),
                ("gpu", self.tr("Graphics")),
            )
        ):
            value = Label("", wrap=True)
            self._values[key] = value
            grid.addWidget(Label(name, "muted"), at, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, at, 1)
        self.body.addLayout(grid)
        self.body.addStretch(1)
        self._shell = shell

    def show_hardware(self, hardware: Hardware) -> None:
        cores = self.tr("%1 of %2 usable")
        self._values["cpu"].setText(hardware.cpu)
        self._values["cores"].setText(
            cores.replace("%1", str(hardware.usable_cores)).replace("%2", str(hardware.logical_cores))
        )
        families = list(dict.fromkeys(one.partition("_")[0].upper() for one in hardware.features))
        known = ("AMX", "AVX512F", "AVX2", "NEON", "SVE", "SME")
        named = [one.removesuffix("F") for one in known if one in families]
        self._values["features"].setText(", ".join(named) or "\N{EN DASH}")
        self._values["memory"].setText(memory_text(hardware.memory_bytes))
        gpus = ", ".join(
            f"{one.name} ({memory_text(one.memory_bytes)})" if one.memory_bytes else one.name
            for one in hardware.gpus
        )
        self._values["gpu"].setText(gpus or self.tr("none found: models run on the processor"))


class RowButton(PlainButton):
    """An icon and a text in a line of a card."""

    def __init__(self, theme: Theme, icon: str, text: str) -> None:
        super().__init__(f" {text}", "row")
        self.setAccessibleName(text)
        self._theme, self._icon = theme, icon
        self.setMinimumHeight(theme.px(32))
        theme.changed.connect(self._tint)
        self._tint()

    def _tint(self) -> None:
        self.setIcon(self._theme.icon(self._icon, "muted"))


class NextCard(Card):
    """A few things worth doing, the most useful first."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("")
        self.title.set_title(self.tr("What to do next"))
        self.title.show()
        self.body.setSpacing(0)
        self._compare = self._add(
            shell, "columns", self.tr("Ask two models the same question"), "playground", side_by_side=True
        )
        self._add(shell, "cube", self.tr("Import a model from this computer"), "models", choose_import=True)
        self._measure = self._add(shell, "gauge", self.tr("Measure a model on this machine"), "benchmark")
        self._add(shell, "list", self.tr("See what ran and how it ended"), "jobs")
        self.body.addStretch(1)

    def show_facts(self, facts: Facts) -> None:
        self._compare.setVisible(len(facts.versions) > 1)
        self._measure.setVisible(bool(facts.versions))

    def _add(self, shell: Shell, icon: str, text: str, page: str, **arguments: object) -> PlainButton:
        button = RowButton(shell.theme, icon, text)
        button.clicked.connect(lambda: shell.navigate(page, **arguments))
        self.body.addWidget(button)
        return button


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else number(value, 0 if value >= 100 else 1)
