"""What is to be measured: models, a preset or own lengths, repetitions, threads, context."""

from __future__ import annotations

import os
import re
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from bancada.bench import plan
from bancada.bench.plan import PRESETS, BenchParams
from bancada.core.errors import BancadaError
from bancada.gui.pages.benchmark.model_chooser import ModelChooser
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import Label, NumberBox

_LENGTHS: Final = re.compile(r"\s*\d{1,6}(\s*[,; ]\s*\d{1,6})*\s*")
_DEFAULT: Final = "standard"
#: pixels that a field keeps in a narrow window
_NARROWEST: Final = 76
_NARROWEST_WORDS: Final = 106
_ONE_ROW_UP_TO: Final = 1.3
_COLUMNS_OF_LARGE_TEXT: Final = 4
_NO_LIMIT: Final = 16_777_215  # what Qt calls QWIDGETSIZE_MAX
#: of the width, for the names of the models, where the fields have theirs in pixels
_MODELS_SHARE: Final = 200


class SetupBar(QWidget):
    """One field for each parameter, with its name above it. ``changed`` after any change."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._fields: list[tuple[QWidget, QWidget, int]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)
        self.models = ModelChooser(theme)
        self.models.changed.connect(self.changed)
        self.preset = QComboBox()
        self._fill_presets()
        self.prompt, self.answer = self._lengths_field(), self._lengths_field()
        self.repetitions = NumberBox(1, plan.MAX_REPETITIONS)
        self.threads = QComboBox()
        self.threads.addItem(self.tr("self-tuned"), None)
        for count in range(1, (os.cpu_count() or 1) + 1):
            self.threads.addItem(str(count), count)
        self.context = NumberBox(0, 2 * plan.MAX_TOKENS)
        self.context.setSingleStep(256)
        self.context.setSpecialValueText(self.tr("as needed"))
        for title, widget, width in (
            (self.tr("Models"), self.models, 0),
            (self.tr("Preset"), self.preset, 122),
            (self.tr("Prompt tokens"), self.prompt, 110),
            (self.tr("Answer tokens"), self.answer, 96),
            (self.tr("Repetitions"), self.repetitions, 84),
            (self.tr("Threads"), self.threads, 132),
            (self.tr("Context"), self.context, 112),
        ):
            self._add(title, widget, width)
        for spin in (self.repetitions, self.context):
            spin.setKeyboardTracking(True)  # Ctrl+Return starts with what has just been typed
        theme.changed.connect(self._take_theme)
        self._take_theme()
        self.preset.currentIndexChanged.connect(self._take_preset)
        for signal in (self.prompt.textEdited, self.answer.textEdited, self.repetitions.valueChanged):
            signal.connect(self._customized)
        self.threads.currentIndexChanged.connect(self.changed)
        self.context.valueChanged.connect(self.changed)
        self._take_preset()

    def params(self, version_id: str) -> BenchParams:
        """The parameters as they stand, checked.

        Raises:
            BancadaError: ``bench.*`` naming what cannot be measured.
        """
        preset = str(self.preset.currentData() or "")
        return plan.check(
            BenchParams(
                version_id=version_id,
                prompt_tokens=_lengths(self.prompt.text()),
                answer_tokens=_lengths(self.answer.text()),
                repetitions=self.repetitions.value(),
                context=self.context.value() or None,
                threads=self.threads.currentData(),
                preset=preset,
            )
        )

    @property
    def total(self) -> int:
        """How many generations are measured for each model; 0 while a length cannot be read."""
        try:
            return sum(1 for _ in plan.repetitions(self.params("-")))
        except BancadaError:
            return 0

    def _add(self, title: str, widget: QWidget, width: int) -> None:
        label = Label(title, "note")
        label.setBuddy(widget)
        widget.setAccessibleName(title)
        field = QWidget()
        field.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(field)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(label)
        column.addWidget(widget)
        self._fields.append((field, widget, width))

    def _take_theme(self) -> None:
        """One row, or several where the text is large; one height for all, as borders differ by theme."""
        columns = len(self._fields) if self._theme.scale <= _ONE_ROW_UP_TO else _COLUMNS_OF_LARGE_TEXT
        for at, (field, widget, width) in enumerate(self._fields):
            if width:
                words = isinstance(widget, QComboBox)
                narrowest = min(width, _NARROWEST_WORDS if words else _NARROWEST)
                widget.setMinimumWidth(self._theme.px(narrowest))
                widget.setMaximumWidth(self._theme.px(width) if columns == len(self._fields) else _NO_LIMIT)
            self._grid.addWidget(field, at // columns, at % columns)
            self._grid.setColumnStretch(at, (width or _MODELS_SHARE) if at < columns else 0)
        for spin in (self.repetitions, self.context):
            spin.setFixedHeight(self.preset.sizeHint().height())

    def _lengths_field(self) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText("512")
        field.setToolTip(self.tr("One or several lengths in tokens, separated by commas"))
        return field

    def _fill_presets(self) -> None:
        names = {
            "quick": self.tr("Quick"),
            "standard": self.tr("Standard"),
            "chat": self.tr("Chat"),
            "retrieval": self.tr("Retrieval"),
            "summary": self.tr("Summary"),
            "long": self.tr("Long prompts"),
        }
        for key, preset in PRESETS.items():
            self.preset.addItem(names.get(key, key), key)
            self.preset.setItemData(self.preset.count() - 1, preset.description, Qt.ItemDataRole.ToolTipRole)
        self.preset.addItem(self.tr("Own"), "")
        self.preset.setCurrentIndex(self.preset.findData(_DEFAULT))

    def _take_preset(self) -> None:
        preset = PRESETS.get(str(self.preset.currentData() or ""))
        if preset is not None:
            self.repetitions.blockSignals(True)  # noqa: FBT003 - Qt's
            self.prompt.setText(", ".join(str(one) for one in preset.prompt_tokens))
            self.answer.setText(", ".join(str(one) for one in preset.answer_tokens))
            self.repetitions.setValue(preset.repetitions)
            self.repetitions.blockSignals(False)  # noqa: FBT003
        self.changed.emit()

    def _customized(self) -> None:
        own = self.preset.findData("")
        if self.preset.currentIndex() != own:
            self.preset.setCurrentIndex(own)
        else:
            self.changed.emit()


def _lengths(text: str) -> tuple[int, ...]:
    """``"128, 512"`` as numbers; what cannot be read becomes none, which the check refuses by name."""
    if not _LENGTHS.fullmatch(text):
        return ()
    return tuple(dict.fromkeys(int(one) for one in re.findall(r"\d+", text)))
