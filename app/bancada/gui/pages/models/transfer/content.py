"""The models in a bundle as a list, with licence, origin and papers of the selected one as plain text."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QAbstractItemView, QPlainTextEdit, QVBoxLayout, QWidget

from bancada.catalog.bundles.manifest import BundleModel
from bancada.gui.models.records import Column, RecordModel
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.format import bytes_text, number, parameters_text
from bancada.gui.widgets.table import Table

#: characters of hostile texts that are shown at most
_TEXT_LIMIT = 100_000


def _tr(text: str) -> str:
    return QCoreApplication.translate("Transfer", text)


def size_of(model: BundleModel) -> int:
    """What a model's files take, in bytes."""
    return sum(one.size_bytes for one in model.files)


def _columns() -> list[Column[BundleModel]]:
    return [
        Column("name", _tr("Model"), lambda one: f"{one.name}:{one.version}", stretch=True),
        Column("size", _tr("Size"), size_of, lambda one: bytes_text(size_of(one)), figures=True, width=84),
        Column(
            "license",
            _tr("Licence"),
            lambda one: one.license or _tr("not stated"),
            tone=lambda one: "" if one.license else "warn",
            width=112,
        ),
    ]


class ContentPanel(QWidget):
    """Shows the models of one manifest."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._models: dict[str, BundleModel] = {}
        self.table = Table(
            theme,
            RecordModel[BundleModel](
                theme, _columns(), lambda one: f"{one.sha256} {one.name}:{one.version}", self
            ),
            _tr("Models in the bundle"),
            filter_row=False,
        )
        self.table.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(_tr("Licence, origin and files of the model"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.table, 1)
        column.addWidget(self.text, 1)
        self.table.selected.connect(self._selected)

    def show_models(self, models: tuple[BundleModel, ...]) -> None:
        """Show these and select the first."""
        self.table.model.set_records(
            list({f"{one.sha256} {one.name}:{one.version}": one for one in models}.values())
        )
        self._models = {f"{one.sha256} {one.name}:{one.version}": one for one in models}
        self.table.select(next(iter(self._models)))
        self._selected(self.table.selected_ids())

    def _selected(self, ids: list[str]) -> None:
        model = self._models.get(ids[0]) if ids else None
        self.text.setPlainText("" if model is None else describe_model(model)[:_TEXT_LIMIT])


def describe_model(model: BundleModel) -> str:
    """Everything that the manifest says of a model, as plain text."""
    lines = [
        f"{_tr('Licence')}: {model.license or _tr('not stated')}",
        f"{_tr('Origin')}: {model.source or _tr('not stated')}",
    ]
    if model.produced_by:
        lines.append(f"{_tr('Made by')}: {model.produced_by}")
    for one in model.lineage:
        kind = ", ".join(part for part in (one.format, one.quantization, one.produced_by) if part)
        lines.append(f"{_tr('Made of')}: {one.name}:{one.version} ({kind})")
    facts = [model.format.upper(), model.architecture, model.quantization, parameters_text(model.parameters)]
    if model.context_length:
        facts.append(_tr("context %1").replace("%1", number(model.context_length)))
    lines += [" \N{MIDDLE DOT} ".join(one for one in facts if one), "", _tr("Files:")]
    for file in model.files:
        parts = _tr(" in %1 parts").replace("%1", str(len(file.parts))) if file.parts else ""
        lines += [f"  {file.path}  {bytes_text(file.size_bytes)}{parts}", f"  sha256 {file.sha256}"]
    for name, text in model.papers.items():
        lines += ["", f"{name}:", text]
    return "\n".join(lines)
