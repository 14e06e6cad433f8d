"""The panel at the right: presets, sampling, the form of the answer, the system prompt, the context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from bancada.gui.pages.playground.answer_form import AnswerForm
from bancada.gui.pages.playground.number_row import NamedField, NumberRow
from bancada.gui.pages.playground.parameters import RANGES, Parameters, stop_strings, stop_text
from bancada.gui.pages.playground.preset_row import PresetRow
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import Label, LinkButton, NumberBox, SectionLabel
from bancada.gui.widgets.format import memory_text, number
from bancada.storage.presets import PresetRecord

CONTEXTS: Final = (1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072)
_SAMPLING: Final = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")
_SETTLE_MS: Final = 400


class ParameterPanel(QFrame):
    """Shows one :class:`Parameters` and a system prompt; ``changed`` follows the user's edits, settled."""

    changed = Signal()
    context_chosen = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._base = Parameters()
        self.setProperty("role", "panel")
        self.setAccessibleName(self.tr("Parameters"))
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self.changed)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setProperty("role", "scrolled")
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(16, 12, 16, 12)
        self._column.setSpacing(6)
        scroll.setWidget(inside)
        outer.addWidget(scroll)
        self._build_head()
        self._build_numbers()
        self._build_rest()
        self.set_values(Parameters(), "")

    # -- values

    @property
    def values(self) -> Parameters:
        """What the panel says now."""
        numbers = {name: row.value for name, row in self._numbers.items()}
        return replace(
            self._base,
            temperature=round(numbers["temperature"], 2),
            top_p=round(numbers["top_p"], 2),
            top_k=int(numbers["top_k"]),
            min_p=round(numbers["min_p"], 2),
            repeat_penalty=round(numbers["repeat_penalty"], 2),
            max_tokens=int(numbers["max_tokens"]),
            seed=self._seed.value() if self._fixed.isChecked() else None,
            stop=stop_strings(self._stop.toPlainText()),
            colored=self._colored.isChecked(),
            form=self._form.form,
            schema=self._form.schema,
            grammar=self._form.grammar,
            context=self._context.currentData() or 0,
        )

    @property
    def system_prompt(self) -> str:
        """The system prompt of this conversation."""
        return self._system.toPlainText()

    def set_values(self, values: Parameters, system_prompt: str) -> None:
        """Show other values; nothing is emitted."""
        self._settle.stop()
        self._base = values
        for name, row in self._numbers.items():
            row.set_value(getattr(values, name))
        blocked = [
            QSignalBlocker(one) for one in (self._fixed, self._seed, self._stop, self._colored, self._system)
        ]
        self._fixed.setChecked(values.seed is not None)
        self._seed.setEnabled(values.seed is not None)
        self._seed.setValue(values.seed or 0)
        self._stop.setPlainText(stop_text(values.stop))
        self._colored.setChecked(values.colored)
        self._form.set_values(values.form, values.schema, values.grammar)
        if self._system.toPlainText() != system_prompt:
            self._system.setPlainText(system_prompt)
        del blocked
        self._choose_context(values.context)
        self.presets.name(self.values)

    def agree_to_drop(self, *, agreed: bool) -> None:
        """Remember whether the oldest turns may be left out of this conversation."""
        self._base = replace(self.values, drop_oldest=agreed)
        self.changed.emit()

    def set_context(self, tokens: int) -> None:
        """Choose a context as if the user had."""
        self._choose_context(tokens)
        self._edited()

    def flush(self) -> None:
        """Tell of an edit that has not settled yet."""
        if self._settle.isActive():
            self._settle.stop()
            self.changed.emit()

    def set_presets(self, records: Sequence[PresetRecord]) -> None:
        """The user's own presets."""
        self.presets.set_presets(records)
        self.presets.name(self.values)

    def set_model(self, usual: int, longest: int, forecast: dict[int, int]) -> None:
        """What the model allows: its usual and longest context, and memory forecasts by context."""
        chosen = self._context.currentData() or 0
        with QSignalBlocker(self._context):
            self._context.clear()
            self._context.addItem(self.tr("%1 tokens (usual)").replace("%1", number(usual)), 0)
            for size in (*(one for one in CONTEXTS if one < longest), longest):
                text = self.tr("%1 tokens").replace("%1", number(size))
                if size in forecast:
                    text += " \N{MIDDLE DOT} " + memory_text(forecast[size])
                self._context.addItem(text, size)
        self._choose_context(chosen)

    # -- parts

    def _build_head(self) -> None:
        head = QHBoxLayout()
        head.addWidget(SectionLabel(self.tr("Parameters")), 1)
        reset = LinkButton(self.tr("Reset"))
        reset.setAccessibleName(self.tr("Reset the parameters to the preset"))
        reset.clicked.connect(self._reset)
        head.addWidget(reset)
        self._column.addLayout(head)
        self.presets = PresetRow(self._theme)
        self.presets.chosen.connect(self._preset_chosen)
        self._column.addWidget(self.presets)

    def _build_numbers(self) -> None:
        rows: tuple[tuple[str, str, str, dict[str, float]], ...] = (
            ("temperature", self.tr("Temperature"), self.tr("0 always takes the likeliest token."), {}),
            ("top_p", self.tr("Top p"), self.tr("Choose among tokens that hold this share together."), {}),
            ("top_k", self.tr("Top k"), self.tr("Choose among this many tokens; 0: all."), {}),
            ("min_p", self.tr("Min p"), self.tr("Drop tokens below this share of the likeliest."), {}),
            ("repeat_penalty", self.tr("Repeat penalty"), self.tr("Above 1 repeats less."), {}),
            (
                "max_tokens",
                self.tr("Longest answer"),
                self.tr("Tokens after which the answer is stopped."),
                {"slider_high": 4_096.0, "power": 2.0},
            ),
        )
        self._numbers: dict[str, NumberRow] = {}
        for key, name, tip, more in rows:
            row = NumberRow(name, tip, RANGES[key], **more)
            row.value_changed.connect(self._edited)
            self._numbers[key] = row
            self._column.addWidget(row)

    def _build_rest(self) -> None:
        row = QHBoxLayout()
        self._fixed = QCheckBox(self.tr("Fixed seed"))
        self._fixed.setToolTip(
            self.tr("The same seed gives the same answer; otherwise one is drawn each time.")
        )
        self._fixed.toggled.connect(self._seed_fixed)
        self._seed = NumberBox(0, int(RANGES["seed"].high))
        self._seed.setGroupSeparatorShown(False)  # it is a name, not a quantity
        self._seed.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._seed.setAccessibleName(self.tr("Seed"))
        self._seed.setFixedWidth(96)
        self._seed.valueChanged.connect(self._edited)
        row.addWidget(self._fixed, 1)
        row.addWidget(self._seed)
        self._column.addLayout(row)
        self._colored = QCheckBox(self.tr("Colour by probability"))
        self._colored.setToolTip(
            self.tr("Shows how sure the model was of each token, and what else it weighed.")
        )
        self._colored.toggled.connect(self._edited)
        self._column.addWidget(self._colored)
        self._form = AnswerForm(self._theme)
        self._form.changed.connect(self._edited)
        self._column.addWidget(self._form)
        self._column.addWidget(SectionLabel(self.tr("System prompt")))
        self._system = QPlainTextEdit()
        self._system.setAccessibleName(self.tr("System prompt of this conversation"))
        self._system.setPlaceholderText(self.tr("Standing instructions, such as: answer in short sentences."))
        self._system.setTabChangesFocus(True)
        self._system.setFixedHeight(76)
        self._system.textChanged.connect(self._edited)
        self._column.addWidget(self._system)
        self._stop = QPlainTextEdit()
        self._stop.setTabChangesFocus(True)
        self._stop.setFixedHeight(48)
        self._stop.setPlaceholderText(self.tr("One on each line"))
        self._stop.textChanged.connect(self._edited)
        self._column.addWidget(NamedField(self.tr("Stop at these texts"), self._stop))
        self._context = QComboBox()
        self._context.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._context.activated.connect(self._context_activated)
        note = Label(self.tr("Another context loads the model again."), "note", wrap=True)
        self._column.addWidget(NamedField(self.tr("Context and its memory"), self._context, note))
        self._column.addStretch(1)

    # -- what the user does

    def _edited(self) -> None:
        self.presets.name(self.values)
        self._settle.start()

    def _seed_fixed(self) -> None:
        self._seed.setEnabled(self._fixed.isChecked())
        self._edited()

    def _context_activated(self) -> None:
        self._edited()
        self.context_chosen.emit(self._context.currentData() or 0)

    def _choose_context(self, tokens: int) -> None:
        with QSignalBlocker(self._context):
            index = self._context.findData(tokens)
            if index < 0 and tokens:
                self._context.addItem(self.tr("%1 tokens").replace("%1", number(tokens)), tokens)
                index = self._context.count() - 1
            self._context.setCurrentIndex(max(index, 0))

    def _preset_chosen(self, key: str) -> None:
        preset = self.presets.values(key)
        if preset is None:
            return
        now, record = self.values, self.presets.record(key)
        if record is not None:
            merged = replace(preset, context=now.context, drop_oldest=now.drop_oldest)
            self.set_values(merged, record.system_prompt or self.system_prompt)
        else:
            sampling = {one: getattr(preset, one) for one in (*_SAMPLING, "seed")}
            self.set_values(replace(now, **sampling), self.system_prompt)
        self.presets.choose(key)
        self._settle.start()

    def _reset(self) -> None:
        key = self.presets.key or "balanced"
        kept = replace(Parameters(), context=self.values.context)
        self.set_values(kept, self.system_prompt)
        self._preset_chosen(key)
