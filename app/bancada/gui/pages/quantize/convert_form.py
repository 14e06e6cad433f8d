"""Another format: GGUF, ONNX or Hugging Face's layout, with what it needs."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bancada.core.errors import BancadaError, describe
from bancada.core.sizes import bytes_text
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Label, PrimaryButton
from bancada.quantization import conversion
from bancada.quantization.conversion import PROVIDERS, TARGETS, TYPES, Source
from bancada.quantization.jobs import CONVERT, ConvertParams
from bancada.quantization.tools import require_tools
from bancada.storage.models import VersionRecord
from bancada.storage.sqlite_errors import free_bytes


class ConvertForm(QWidget):
    """``begun`` carries the kind of job, its parameters and a title."""

    begun = Signal(object, object, str)

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._source: VersionRecord | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        self.target, self.kind, self.device = QComboBox(), QComboBox(), QComboBox()
        titles = {
            "gguf": self.tr("GGUF, for llama.cpp"),
            "onnx": self.tr("ONNX, for ONNX Runtime"),
            "hf": self.tr("Hugging Face folder, as a source for other tools"),
        }
        for one in TARGETS:
            self.target.addItem(titles[one], one)
        devices = {"cpu": self.tr("processor"), "cuda": "CUDA (NVIDIA)", "dml": "DirectML (Windows)"}
        for one in PROVIDERS:
            self.device.addItem(devices[one], one)
        self.name = QLineEdit(placeholderText=self.tr("proposed from the source"))
        self.ignore_code = QCheckBox(self.tr("Without the program code that the model asks for"))
        self.ignore_code.setToolTip(self.tr("Code that comes with a model is never run"))
        for text, widget in (
            (self.tr("Format"), self.target),
            (self.tr("Numbers"), self.kind),
            (self.tr("Device"), self.device),
            (self.tr("Name"), self.name),
        ):
            widget.setAccessibleName(text)
            form.addRow(Label(text, "muted"), widget)
        self._device_label = form.labelForField(self.device)
        column.addLayout(form)
        column.addWidget(self.ignore_code)
        self.words = Label("", "note", wrap=True)
        column.addWidget(self.words)
        column.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        self.button = PrimaryButton(self.tr("Convert"))
        self.button.clicked.connect(self.start)
        row.addWidget(self.button)
        column.addLayout(row)
        self.target.currentIndexChanged.connect(lambda _at: self._fill_kinds())
        self.device.currentIndexChanged.connect(lambda _at: self._fill_kinds())
        self.kind.currentIndexChanged.connect(lambda _at: self._weigh())
        self._fill_kinds()

    def show_source(self, source: VersionRecord | None) -> None:
        """Weigh the conversion of another model."""
        self._source = source
        self.ignore_code.setVisible(source is not None and source.format == "hf")
        self._weigh()

    def start(self) -> None:
        """Convert."""
        source = self._source
        if source is None or not self.button.isEnabled():
            return
        params = ConvertParams(
            target=str(self.target.currentData()),
            version_id=source.id,
            type=str(self.kind.currentData() or ""),
            name=self.name.text().strip(),
            provider=str(self.device.currentData()),
            ignore_code=self.ignore_code.isChecked(),
        )
        title = self.tr("Convert %1 to %2").replace("%1", source.name).replace("%2", params.target.upper())
        self.begun.emit(CONVERT, params, title)

    def _fill_kinds(self) -> None:
        target = str(self.target.currentData())
        onnx = target == "onnx"
        self.device.setVisible(onnx)
        self._device_label.setVisible(onnx)
        self.kind.blockSignals(True)  # noqa: FBT003 - Qt's
        self.kind.clear()
        for one in PROVIDERS[str(self.device.currentData())] if onnx else TYPES[target]:
            self.kind.addItem(one.upper() if not onnx else one, one)
        self.kind.blockSignals(False)  # noqa: FBT003
        self._weigh()

    def _weigh(self) -> None:
        """Say what it needs, or why it cannot be."""
        version = self._source
        if version is None:
            self.words.clear()
            self.button.setEnabled(False)
            return
        classes = conversion.classes_in(version.metadata)
        source = Source(version.name, version.format, version.parameters, classes)
        try:
            require_tools(str(self.target.currentData()))
            plan = conversion.plan(
                source,
                str(self.target.currentData()),
                str(self.kind.currentData() or ""),
                str(self.device.currentData()),
            )
        except BancadaError as error:
            words = describe(error.code, error.params)
            self.words.setText(f"{words.what} {words.remedy}")
            self.button.setEnabled(False)
            return
        free = free_bytes(self._shell.context.home.temporary)
        text = self.tr(
            "The result takes about %1. On the way %2 of the disk (%3 free) and %4 of memory are needed."
        )
        for mark, value in (
            ("%1", plan.result_bytes),
            ("%2", plan.disk_bytes),
            ("%3", free),
            ("%4", plan.memory_bytes),
        ):
            text = text.replace(mark, bytes_text(value))
        self.words.setText(text)
        self.button.setEnabled(free > plan.disk_bytes)
