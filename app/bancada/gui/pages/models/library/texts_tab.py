"""The tab of what a model's file carries: the chat template with a preview, the metadata with a search."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from bancada.core.errors import BancadaError, describe
from bancada.gui.models.library import ModelDetail
from bancada.gui.pages.models.library.text_field import TextField
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import Label, SectionLabel
from bancada.gui.widgets.segments import Segments
from bancada.inference.preview import Preview


class TextsTab(QWidget):
    """The preview is asked of a worker when somebody wants to see it, and kept for the model shown."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._version_id = ""
        self._asked = ""  # the version whose preview was asked for
        self._preview: Preview | None = None
        self._template = ""
        self._metadata: list[str] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(SectionLabel(self.tr("Chat template")))
        head.addStretch(1)
        self.choice = Segments(
            self.tr("What is shown of the chat template"),
            [("preview", self.tr("Example")), ("source", self.tr("Source"))],
        )
        self.choice.show_choice("source")
        self.choice.chosen.connect(lambda _: self._show_template())
        head.addWidget(self.choice)
        column.addLayout(head)
        self.note = Label("", "note", wrap=True)
        column.addWidget(self.note)
        self.template = TextField(self.tr("Chat template"))
        column.addWidget(self.template, 1)
        second = QHBoxLayout()
        second.addWidget(SectionLabel(self.tr("Metadata")))
        self.search = QLineEdit(placeholderText=self.tr("Find in the metadata"), clearButtonEnabled=True)
        self.search.setAccessibleName(self.tr("Find in the metadata"))
        self.search.textChanged.connect(self._show_metadata)
        second.addWidget(self.search, 1)
        column.addLayout(second)
        self.metadata = TextField(self.tr("Metadata"))
        column.addWidget(self.metadata, 1)

    def show_detail(self, detail: ModelDetail) -> None:
        """Show a model's."""
        version = detail.row.version
        if version.id != self._version_id:
            self._version_id, self._asked, self._preview = version.id, "", None
        self._template = version.chat_template or ""
        values = version.metadata.get("values", {})
        self._metadata = [f"{key}: {value}" for key, value in values.items()]
        self._show_metadata()
        self.choice.setVisible(bool(self._template))
        self._show_template()

    def _show_metadata(self) -> None:
        words = self.search.text().casefold().split()
        kept = [one for one in self._metadata if all(word in one.casefold() for word in words)]
        self.metadata.fill("\n".join(kept) or self.tr("Nothing fits."))

    def _show_template(self) -> None:
        if not self._template:
            self.template.fill("")
            self._say(self.tr("It has none: the model continues a text, but holds no conversation."))
        elif self.choice.current == "source":
            self.template.fill(self._template)
            self._say("")
        elif self._preview is not None:
            self._show_preview(self._preview)
        elif self._asked != self._version_id:
            self._asked = self._version_id
            self.template.fill("")
            self._say(self.tr("Filling it in\N{HORIZONTAL ELLIPSIS}"))
            context, version_id = self._shell.context, self._version_id
            self._shell.background.run(
                lambda: context.preview_template(version_id),
                partial(self._take_preview, version_id),
                partial(self._fail, version_id),
                owner=self,
            )

    def _take_preview(self, version_id: str, found: Preview) -> None:
        if version_id == self._version_id:
            self._preview = found
            self._show_template()

    def _show_preview(self, found: Preview) -> None:
        self.template.fill(found.text)
        said = [self.tr("What the model is given for an example conversation.")]
        if found.without_system:
            said.append(self.tr("The template takes no system prompt, so the example goes without."))
        if found.cut:
            said.append(self.tr("The rest is left out."))
        self._say(" ".join(said))

    def _fail(self, version_id: str, error: BaseException) -> None:
        if version_id == self._version_id and self.choice.current == "preview":
            self._asked = ""  # so that choosing it again asks again
            words = describe(error.code, error.params) if isinstance(error, BancadaError) else None
            self._say(f"{words.what} {words.meaning}" if words else str(error))

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
