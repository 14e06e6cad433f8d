"""The way in: ask the model that is here, or get one."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from bancada.catalog.starter import import_starter
from bancada.gui.pages.home.facts import Facts
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import (
    Card,
    IconLabel,
    Label,
    PlainButton,
    PrimaryButton,
)
from bancada.gui.widgets.format import (
    bytes_text,
    parameters_text,
)
from bancada.storage.models import VersionRecord


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
